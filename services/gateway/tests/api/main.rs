//! The gateway over real sockets: real tokens, real services' sockets, and upstreams that count.

mod bodies;
mod guests;
mod headers;
mod helpers;
mod logs;
mod own;
mod paths;
mod reference;
mod requests;
mod routes;
mod slow;
mod tokens;
