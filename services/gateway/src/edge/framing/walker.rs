//! The walk through all requests of a connection: how many of the bytes that came may pass.

use std::rc::Rc;

use super::chunks::Chunks;
use super::fields::Body;
use super::head::{Head, HeadCheck};
use super::trailers::TrailerCheck;
use super::wire::{Phase, Refusal, Tunnel, Wire};

/// What the next byte belongs to.
enum State {
    Head(HeadCheck),
    Length(u64),
    Chunks(Chunks),
    Trailers(TrailerCheck),
    /// Behind a head that asks for a tunnel, as long as it is not answered.
    Held,
    Tunnel,
    Refused(Refusal),
    Broken(&'static str),
}

/// Whether there is any use in reading on.
pub(super) enum Gate {
    Open,
    /// Until the service has answered.
    Held,
    /// For good: behind a head that was refused.
    Refused(Refusal),
    /// For good: inside a body.
    Broken(&'static str),
}

/// Knows where in a message the next byte stands.
pub(super) struct Walker {
    state: State,
    wire: Rc<Wire>,
}

impl Walker {
    pub fn new(wire: Rc<Wire>) -> Self {
        let is_unread = wire.tunnel_state() == Tunnel::Open;
        let state = if is_unread { State::Tunnel } else { State::Head(HeadCheck::default()) };
        Self { state, wire }
    }

    pub fn gate(&self) -> Gate {
        match self.state {
            State::Held => Gate::Held,
            State::Refused(refusal) => Gate::Refused(refusal),
            State::Broken(flaw) => Gate::Broken(flaw),
            _ => Gate::Open,
        }
    }

    /// Takes notice of the service's answer; true if bytes that were held back are to be walked now.
    pub fn learn_answer(&mut self) -> bool {
        if !matches!(self.state, State::Held) {
            return false;
        }
        match self.wire.tunnel_state() {
            Tunnel::Asked => return false,
            Tunnel::Open => self.state = State::Tunnel,
            Tunnel::None => self.state = State::Head(HeadCheck::default()),
        }
        true
    }

    /// Tells how many of the bytes may pass. The rest has to come again, with what follows it.
    pub fn walk(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while passed < bytes.len() {
            match self.step(&bytes[passed..]) {
                0 => break,
                more => passed += more,
            }
        }
        passed
    }

    fn step(&mut self, rest: &[u8]) -> usize {
        match &mut self.state {
            State::Head(check) => match check.advance(rest) {
                Ok(Some(head)) => self.begin(head),
                Ok(None) => self.wait_for_head(rest),
                Err(refusal) => self.stop(State::Refused(refusal)),
            },
            State::Length(left) => {
                let passed = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                *left -= passed as u64;
                let is_over = *left == 0;
                self.pass_body(passed, is_over)
            }
            State::Chunks(chunks) => {
                let (passed, result) = chunks.walk(rest);
                if let Err(flaw) = result {
                    self.state = State::Broken(flaw);
                } else if *chunks == Chunks::End {
                    self.state = State::Trailers(TrailerCheck::default());
                }
                self.pass_body(passed, false)
            }
            State::Trailers(check) => match check.advance(rest) {
                Ok(Some(length)) => self.pass_body(length, true),
                Ok(None) => 0,
                Err(flaw) => self.stop(State::Broken(flaw)),
            },
            State::Tunnel => rest.len(),
            State::Held | State::Refused(_) | State::Broken(_) => 0,
        }
    }

    fn begin(&mut self, head: Head) -> usize {
        self.wire.count_request();
        self.wire.set_phase(Phase::Body);
        self.state = match head.body {
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::Chunks(Chunks::START),
            Body::None if head.asks_for_tunnel => {
                self.wire.ask_tunnel();
                State::Held
            }
            Body::None => {
                self.wire.set_phase(Phase::Idle);
                State::Head(HeadCheck::default())
            }
        };
        head.length
    }

    fn wait_for_head(&self, begun: &[u8]) -> usize {
        if !matches!(begun, b"\r" | b"\r\n") {
            self.wire.set_phase(Phase::Head);
        }
        0
    }

    fn pass_body(&mut self, passed: usize, is_over: bool) -> usize {
        if is_over {
            self.wire.set_phase(Phase::Idle);
            self.state = State::Head(HeadCheck::default());
        }
        passed
    }

    fn stop(&mut self, state: State) -> usize {
        self.state = state;
        0
    }
}
