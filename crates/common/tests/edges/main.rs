//! The server and its middleware, seen from the other end of real sockets.

#![expect(clippy::unwrap_used, reason = "clippy allows it in test functions, and their helpers are tests too")]

mod client;
mod drain;
mod health;
mod limits;
mod middleware;
mod traces;
