//! A stream that comes in portions, and a reader that takes what passes of it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Refusal, StrictIo, Wire};

/// Gives one portion per read, then waits or ends; takes all that is written.
pub(super) struct Portions {
    portions: VecDeque<Vec<u8>>,
    ends: bool,
}

impl Portions {
    /// Waits for more after the last.
    pub fn of(portions: &[&str]) -> Self {
        let portions = portions.iter().map(|portion| portion.as_bytes().to_vec()).collect();
        Self { portions, ends: false }
    }

    /// Cuts at the given places, and ends.
    pub fn cut(bytes: &[u8], cuts: &[usize]) -> Self {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let portions = cuts.windows(2).map(|cut| bytes[cut[0]..cut[1]].to_vec());
        Self { portions: portions.filter(|portion| !portion.is_empty()).collect(), ends: true }
    }

    pub fn push(&mut self, portion: &str) {
        self.portions.push_back(portion.as_bytes().to_vec());
    }
}

impl AsyncRead for Portions {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(portion) = self.portions.front_mut() else {
            return if self.ends { Poll::Ready(Ok(())) } else { Poll::Pending };
        };
        let rest = portion.split_off(portion.len().min(buf.remaining()));
        buf.put_slice(portion);
        *portion = rest;
        if portion.is_empty() {
            self.portions.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Portions {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Why there is nothing more to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Waiting,
    Closed,
    Refused(Refusal),
    Broken(String),
}

/// Reads all that passes, as many bytes at once as told.
pub(super) fn drive_bytes(io: &mut StrictIo<Portions>, at_once: usize) -> (Vec<u8>, End) {
    let mut passed = Vec::new();
    let mut space = vec![0; at_once];
    loop {
        let mut buf = ReadBuf::new(&mut space);
        match Pin::new(&mut *io).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => return (passed, End::Closed),
            Poll::Ready(Ok(())) => passed.extend_from_slice(buf.filled()),
            Poll::Ready(Err(error)) => return (passed, End::Broken(error.to_string())),
            Poll::Pending => return (passed, io.wire.refusal().map_or(End::Waiting, End::Refused)),
        }
    }
}

/// The same, of a connection on which only text passes.
pub(super) fn drive(io: &mut StrictIo<Portions>, at_once: usize) -> (String, End) {
    let (passed, end) = drive_bytes(io, at_once);
    (String::from_utf8(passed).unwrap(), end)
}

/// Waits until a head is refused, looking whenever it can.
pub(super) async fn refused(wire: &Wire) -> Refusal {
    poll_fn(|context| {
        context.waker().wake_by_ref();
        wire.refusal().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
