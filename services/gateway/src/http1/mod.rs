//! What messages of HTTP/1.1 are made of (RFC 9112), whichever side says them.

mod buffers;
mod decoder;
mod head;
mod outgoing;

pub(crate) use buffers::{Buffers, READ};
pub(crate) use decoder::{Decoder, Taken};
pub(crate) use head::{Ends, parts, until_empty_line};
pub(crate) use outgoing::{BodyLength, Outgoing};
