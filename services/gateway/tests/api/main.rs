//! The gateway over real sockets: real tokens, real services' sockets, and upstreams that count.

mod admin;
mod bodies;
mod compression;
mod cors;
mod endpoints;
mod guests;
mod headers;
mod health;
mod helpers;
mod hostile;
mod http2;
mod keys;
mod limits;
mod logs;
mod metrics;
mod own;
mod paths;
mod reference;
mod reload;
mod requests;
mod routes;
mod slow;
mod tls;
mod tokens;
mod unwell;
mod websockets;
