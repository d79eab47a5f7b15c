//! What of a message waits to be written.

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use http::HeaderMap;

use crate::headers::write_field;

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
const END_OF_CHUNK: &[u8] = b"\r\n";
const END_OF_CHUNK_AND_LAST: &[u8] = b"\r\n0\r\n\r\n";

/// How the end of a body is told (RFC 9112 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    None,
    Known(u64),
    Chunked,
    /// By the end of the connection, to those who know no chunks.
    UntilClose,
}

/// At most the head and one piece of the body, which is not copied.
pub(crate) struct Outgoing {
    before: BytesMut,
    data: Bytes,
    after: &'static [u8],
    body: BodyLength,
}

impl Outgoing {
    /// A message with this head, written already.
    pub fn new(head: BytesMut, body: BodyLength) -> Self {
        Self { before: head, data: Bytes::new(), after: b"", body }
    }

    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.data.is_empty() && self.after.is_empty()
    }

    /// Whether another piece of the body can be taken.
    pub fn has_room(&self) -> bool {
        self.data.is_empty() && self.after.is_empty()
    }

    /// Whether the body is as long as was said, so that nothing can follow.
    pub fn is_complete(&self) -> bool {
        matches!(self.body, BodyLength::None | BodyLength::Known(0))
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        (self.before, self.data, self.after) = (BytesMut::new(), Bytes::new(), b"");
    }

    /// Takes a piece of the body. It must have room.
    ///
    /// # Errors
    /// The body is longer than was said.
    pub fn push(&mut self, data: Bytes) -> Result<(), WrongLength> {
        match &mut self.body {
            BodyLength::None => return if data.is_empty() { Ok(()) } else { Err(WrongLength) },
            BodyLength::Known(left) => *left = left.checked_sub(data.len() as u64).ok_or(WrongLength)?,
            BodyLength::UntilClose => {}
            // An empty chunk would be the last one.
            BodyLength::Chunked if data.is_empty() => {}
            BodyLength::Chunked => {
                self.before.put_slice(format!("{:x}\r\n", data.len()).as_bytes());
                self.after = END_OF_CHUNK;
            }
        }
        self.data = data;
        Ok(())
    }

    /// Ends the body. It must have room, or without trailers be directly behind the last piece.
    ///
    /// # Errors
    /// The body is shorter than was said.
    pub fn end(&mut self, trailers: Option<&HeaderMap>) -> Result<(), WrongLength> {
        match (self.body, trailers) {
            (BodyLength::Known(1..), _) => return Err(WrongLength),
            (BodyLength::Chunked, Some(trailers)) => {
                self.before.put_slice(b"0\r\n");
                write_trailers(trailers, &mut self.before);
            }
            (BodyLength::Chunked, None) if self.after.is_empty() => self.after = LAST_CHUNK,
            (BodyLength::Chunked, None) => self.after = END_OF_CHUNK_AND_LAST,
            (BodyLength::None | BodyLength::Known(0) | BodyLength::UntilClose, _) => {}
        }
        Ok(())
    }

    /// The piece of the body that waits.
    pub fn into_data(self) -> Bytes {
        self.data
    }

    /// All that waits, in its order; what is taken from it is gone.
    pub fn as_buf(&mut self) -> impl Buf {
        (&mut self.before).chain(&mut self.data).chain(&mut self.after)
    }
}

/// Writes fields that follow a body.
fn write_trailers(trailers: &HeaderMap, out: &mut BytesMut) {
    for (name, value) in trailers {
        write_field(name.as_str(), value.as_bytes(), out);
    }
    out.put_slice(b"\r\n");
}

#[derive(Debug, thiserror::Error)]
#[error("the body is not as long as was said")]
pub(crate) struct WrongLength;
