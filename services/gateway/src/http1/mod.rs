//! What messages of HTTP/1.1 are made of (RFC 9112), whichever side says them.

mod decoder;
mod outgoing;

pub(crate) use decoder::{Decoder, Taken};
pub(crate) use outgoing::{BodyLength, Outgoing};
