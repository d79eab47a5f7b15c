//! HTTP/1.1 to a service (RFC 9112), one exchange at a time on a connection.
//!
//! A connection is driven by whoever waits for its answer, without a task of its own and without handing anything
//! between tasks. A request is written from where it is kept, so that it can be written again (docs/adr/0008).

mod answer;
mod connection;
mod request;
#[cfg(test)]
mod tests;
mod transfer;

pub(crate) use answer::AnswerHead;
pub(crate) use connection::Connection;
pub(crate) use request::RequestHead;
pub(crate) use transfer::{Fault, Transfer};
