//! What of a message waits to be written.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use tokio::io::AsyncWrite;

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

/// At most the head and one piece of the body, which is copied only where it is small.
pub(crate) struct Outgoing {
    before: Vec<u8>,
    /// How much of it was written.
    written: usize,
    data: Bytes,
    after: &'static [u8],
    body: BodyLength,
}

impl Outgoing {
    /// A message with this head, as it is written.
    pub fn new(head: Vec<u8>, body: BodyLength) -> Self {
        Self { before: head, written: 0, data: Bytes::new(), after: b"", body }
    }

    pub fn is_empty(&self) -> bool {
        self.written == self.before.len() && self.data.is_empty() && self.after.is_empty()
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
        (self.before, self.written, self.data, self.after) = (Vec::new(), 0, Bytes::new(), b"");
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
                // Writing to a Vec cannot fail.
                let _ = write!(self.before, "{:x}\r\n", data.len());
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
                self.before.extend_from_slice(b"0\r\n");
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

    /// The buffer of the head, if all of it was written.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        if self.before.is_empty() { std::mem::take(&mut self.before) } else { Vec::new() }
    }

    /// Puts a small piece of the body beside the head: to copy it costs less than to hand it over by itself.
    pub fn gather(&mut self) {
        if self.data.len() + self.after.len() <= self.before.capacity() - self.before.len() {
            self.before.extend_from_slice(&self.data);
            self.before.extend_from_slice(self.after);
            (self.data, self.after) = (Bytes::new(), b"");
        }
    }

    /// Writes some of what waits.
    ///
    /// # Errors
    /// `writer` takes no more.
    pub fn poll_write(
        &mut self,
        mut writer: impl AsyncWrite + Unpin,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let before = &self.before[self.written..];
        let writer = Pin::new(&mut writer);
        let taken = if self.data.is_empty() && self.after.is_empty() {
            ready!(writer.poll_write(context, before))?
        } else {
            let pieces = [IoSlice::new(before), IoSlice::new(&self.data), IoSlice::new(self.after)];
            ready!(writer.poll_write_vectored(context, &pieces))?
        };
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(taken);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, taken: usize) {
        let of_before = taken.min(self.before.len() - self.written);
        self.written += of_before;
        if self.written == self.before.len() {
            self.before.clear();
            self.written = 0;
        }
        let of_data = (taken - of_before).min(self.data.len());
        self.data.advance(of_data);
        self.after = &self.after[taken - of_before - of_data..];
    }
}

/// Writes fields that follow a body.
fn write_trailers(trailers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in trailers {
        write_field(name.as_str(), value.as_bytes(), out);
    }
    out.extend_from_slice(b"\r\n");
}

#[derive(Debug, thiserror::Error)]
#[error("the body is not as long as was said")]
pub(crate) struct WrongLength;
