//! What of a request waits to be written.

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use http::HeaderMap;

use super::request::{BodyLength, RequestHead, write_trailers};

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
const END_OF_CHUNK: &[u8] = b"\r\n";

/// At most the head and one piece of the body, which is not copied.
pub(super) struct Outgoing {
    before: BytesMut,
    data: Bytes,
    after: &'static [u8],
    body: BodyLength,
}

impl Outgoing {
    pub fn new(head: &RequestHead, body: BodyLength) -> Self {
        let mut before = BytesMut::with_capacity(1024);
        head.write(body, &mut before);
        Self { before, data: Bytes::new(), after: b"", body }
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
        self.body == BodyLength::Known(0)
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

    /// Ends the body. It must have room.
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
            (BodyLength::Chunked, None) => self.after = LAST_CHUNK,
            (BodyLength::None | BodyLength::Known(0), _) => {}
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

#[derive(Debug, thiserror::Error)]
#[error("the body is not as long as was said")]
pub(super) struct WrongLength;
