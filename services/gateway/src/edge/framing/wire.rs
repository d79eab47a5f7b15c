//! What the bytes of a connection tell about it, for those who watch its time and for the service.

use std::cell::Cell;
use std::task::{Context, Poll, Waker};

/// Which part of a message the client is sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// Between requests: nothing of a next one has come, but perhaps an empty line.
    #[default]
    Idle,
    /// A head has begun and is not complete.
    Head,
    Body,
    /// The last head asked for a tunnel, and has got one or is not answered yet.
    Tunnel,
}

/// Why a head was not passed on; nothing after it is either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400: somebody could read it in another way.
    Framing(&'static str),
    /// 400: the target is no URI.
    Target,
    /// 414.
    TargetTooLong,
    /// 417.
    Expectation,
    /// 431: more bytes than a head may have.
    HeadTooLarge,
    /// 431: more fields than a head may have.
    TooManyFields,
    /// 505.
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tunnel {
    #[default]
    None,
    Asked,
    Open,
}

/// Shared between the `StrictIo` of a connection and all who look at it, on one thread.
///
/// It holds no time: who wants to know how long something takes samples it.
#[derive(Default)]
pub(crate) struct Wire {
    phase: Cell<Phase>,
    requests: Cell<u64>,
    accepted: Cell<u64>,
    is_read_pending: Cell<bool>,
    written: Cell<u64>,
    is_write_pending: Cell<bool>,
    refusal: Cell<Option<Refusal>>,
    tunnel: Cell<Tunnel>,
    tunnel_waker: Cell<Option<Waker>>,
}

impl Wire {
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Heads passed on so far.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Whether bytes of the client are being waited for; not so while whoever takes the body is the slow one.
    pub fn is_read_pending(&self) -> bool {
        self.is_read_pending.get()
    }

    /// Bytes the socket has taken so far.
    pub fn written(&self) -> u64 {
        self.written.get()
    }

    /// Whether a write or flush waits for the client to take bytes.
    pub fn is_write_pending(&self) -> bool {
        self.is_write_pending.get()
    }

    /// Why nothing more is passed on; set by a read, once everything before has been taken.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal.get()
    }

    /// Counts a request that reaches the service, and tells whether the bytes behind it are held back for its answer.
    ///
    /// To be called once per request, in their order. After a yes, `tunnel` or `no_tunnel` must be called.
    pub fn accept_request(&self) -> bool {
        self.accepted.set(self.accepted.get() + 1);
        self.tunnel.get() == Tunnel::Asked && self.accepted == self.requests
    }

    /// The answer to the request is 101: from now on bytes pass unread.
    pub fn tunnel(&self) {
        self.answer_tunnel(Tunnel::Open);
    }

    /// The answer is another one: what follows is the next request.
    pub fn no_tunnel(&self) {
        self.answer_tunnel(Tunnel::None);
    }

    /// What comes is not HTTP/1: all bytes pass unread, the first ones too. To be said before a `StrictIo` is made.
    pub fn pass_unread(&self) {
        self.tunnel.set(Tunnel::Open);
        self.phase.set(Phase::Tunnel);
    }

    fn answer_tunnel(&self, answer: Tunnel) {
        if self.tunnel.get() != Tunnel::Asked {
            return;
        }
        self.tunnel.set(answer);
        if answer == Tunnel::None {
            self.phase.set(Phase::Idle);
        }
        wake(&self.tunnel_waker);
    }
}

/// For the layer itself.
impl Wire {
    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }

    pub(super) fn count_request(&self) {
        self.requests.set(self.requests.get() + 1);
    }

    pub(super) fn note_read<T>(&self, polled: &Poll<T>) {
        self.is_read_pending.set(polled.is_pending());
    }

    pub(super) fn note_write<E>(&self, polled: &Poll<Result<usize, E>>) {
        self.is_write_pending.set(polled.is_pending());
        if let Poll::Ready(Ok(written)) = polled {
            self.written.set(self.written.get() + *written as u64);
        }
    }

    pub(super) fn note_flush<T>(&self, polled: &Poll<T>) {
        self.is_write_pending.set(polled.is_pending());
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refusal.set(Some(refusal));
    }

    pub(super) fn ask_tunnel(&self) {
        self.tunnel.set(Tunnel::Asked);
        self.phase.set(Phase::Tunnel);
    }

    pub(super) fn tunnel_state(&self) -> Tunnel {
        self.tunnel.get()
    }

    pub(super) fn wake_on_tunnel_answer(&self, cx: &Context<'_>) {
        remember(&self.tunnel_waker, cx);
    }
}

fn remember(place: &Cell<Option<Waker>>, cx: &Context<'_>) {
    let waker = place.take().filter(|waker| waker.will_wake(cx.waker()));
    place.set(Some(waker.unwrap_or_else(|| cx.waker().clone())));
}

fn wake(place: &Cell<Option<Waker>>) {
    if let Some(waker) = place.take() {
        waker.wake();
    }
}
