//! Counts the frames of a client of HTTP/2 as their bytes pass.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::ClientConnection;

/// RFC 9113 section 4.1.
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
/// What is sent before the first frame.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// A client's connection of which frames are counted; reading fails when too many of them carry nothing.
pub(super) struct CountedIo<S> {
    stream: S,
    frames: Frames,
    client: Rc<ClientConnection>,
}

/// Where in the stream of frames the last byte was.
struct Frames {
    /// Bytes to pass before the next head.
    payload: usize,
    head: [u8; HEAD],
    /// Of which so many have come.
    read: usize,
}

impl<S> CountedIo<S> {
    /// Begins with the preface of HTTP/2.
    pub fn new(stream: S, client: &Rc<ClientConnection>) -> Self {
        Self { stream, frames: Frames::new(), client: Rc::clone(client) }
    }
}

impl Frames {
    fn new() -> Self {
        Self { payload: PREFACE, head: [0; HEAD], read: 0 }
    }

    /// Passes over `bytes`; tells the kind of each frame whose head ends in them.
    fn pass(&mut self, mut bytes: &[u8], mut seen: impl FnMut(u8)) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let passed = self.payload.min(bytes.len());
                self.payload -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let taken = (HEAD - self.read).min(bytes.len());
            self.head[self.read..self.read + taken].copy_from_slice(&bytes[..taken]);
            self.read += taken;
            bytes = &bytes[taken..];
            if self.read == HEAD {
                self.read = 0;
                let [high, middle, low, kind, ..] = self.head;
                self.payload = u32::from_be_bytes([0, high, middle, low]) as usize;
                seen(kind);
            }
        }
    }
}

/// A request, its body and the rest of its headers; of those that are empty the library keeps count.
fn carries_something(kind: u8) -> bool {
    matches!(kind, DATA | HEADERS | CONTINUATION)
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedIo<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let mut is_one_too_many = false;
        this.frames.pass(&buf.filled()[before..], |kind| {
            is_one_too_many |= !carries_something(kind) && this.client.sent_nothing();
        });
        if is_one_too_many {
            return Poll::Ready(Err(io::Error::other("too many frames that carry nothing")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream_of(frames: &[(u8, usize)]) -> Vec<u8> {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for (kind, length) in frames {
            bytes.extend_from_slice(&u32::try_from(*length).expect("a length").to_be_bytes()[1..]);
            bytes.extend_from_slice(&[*kind, 0xff, 0, 0, 0, 1]);
            bytes.resize(bytes.len() + length, *kind);
        }
        bytes
    }

    proptest! {
        #[test]
        fn each_frame_is_seen_once_however_its_bytes_arrive(
            frames in prop::collection::vec((any::<u8>(), 0_usize..70), 0..20),
            pieces in prop::collection::vec(1_usize..40, 1..40),
        ) {
            let bytes = stream_of(&frames);
            let (mut counter, mut seen, mut rest) = (Frames::new(), Vec::new(), &bytes[..]);

            for size in pieces.iter().cycle() {
                let (piece, later) = rest.split_at((*size).min(rest.len()));
                counter.pass(piece, |kind| seen.push(kind));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }

            prop_assert_eq!(seen, frames.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
        }
    }
}
