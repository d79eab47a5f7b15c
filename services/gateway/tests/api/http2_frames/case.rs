//! What is sent, and what RFC 9113 says must come of it.

use super::frame::{Frame, PROTOCOL_ERROR, get};
use super::session::{Seen, Session};
use crate::helpers::Suite;

/// Frames on a connection of their own.
pub struct Case {
    name: String,
    frames: Vec<Frame>,
    allowed: Vec<Expect>,
    /// The stream that the case is about.
    stream: u32,
    /// How many requests may reach the service.
    arrives: usize,
}

/// A reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The connection ends, with this code if one is told.
    Connection(u32),
    /// The stream is reset with this code, and the connection goes on.
    Stream(u32),
    /// The stream is answered with this status.
    Answer(u16),
    /// Nothing, and the connection goes on.
    Nothing,
}

use Expect::{Answer, Connection, Nothing, Stream};

/// A request on this stream shows that the connection goes on.
const AFTER: u32 = 0x7fff_fff1;

impl Case {
    /// The connection must end. Which code is told matters to nobody but who debugs a client: the library tells
    /// `PROTOCOL_ERROR` for most, and that is allowed.
    pub fn connection_error(name: impl Into<String>, code: u32, frames: impl Into<Vec<Frame>>) -> Self {
        Self::new(name, frames, &[Connection(code), Connection(PROTOCOL_ERROR)])
    }

    /// The stream must be reset; section 5.4.1 allows to end the connection instead.
    pub fn stream_error(name: impl Into<String>, code: u32, frames: impl Into<Vec<Frame>>) -> Self {
        let allowed = [Stream(code), Stream(PROTOCOL_ERROR), Connection(code), Connection(PROTOCOL_ERROR)];
        Self::new(name, frames, &allowed)
    }

    /// A malformed request: a stream error, or 400 (section 8.1.1).
    pub fn malformed(name: impl Into<String>, frames: impl Into<Vec<Frame>>) -> Self {
        let allowed = [Stream(PROTOCOL_ERROR), Connection(PROTOCOL_ERROR), Answer(400)];
        Self::new(name, frames, &allowed)
    }

    /// A good request, which arrives.
    pub fn good(name: impl Into<String>, frames: impl Into<Vec<Frame>>) -> Self {
        Self::new(name, frames, &[Answer(200)]).arriving(1)
    }

    /// Nothing comes of it.
    pub fn ignored(name: impl Into<String>, frames: impl Into<Vec<Frame>>) -> Self {
        Self::new(name, frames, &[Nothing])
    }

    /// One of these must come of it; no request arrives.
    pub fn new(name: impl Into<String>, frames: impl Into<Vec<Frame>>, allowed: &[Expect]) -> Self {
        Self { name: name.into(), frames: frames.into(), allowed: allowed.to_vec(), stream: 1, arrives: 0 }
    }

    /// What else is as good.
    pub fn or(mut self, other: Expect) -> Self {
        self.allowed.push(other);
        self
    }

    /// It is about another stream than the first.
    pub fn on(mut self, stream: u32) -> Self {
        self.stream = stream;
        self
    }

    /// So many requests reach the service, or fewer where the connection ends before.
    pub fn arriving(mut self, arrives: usize) -> Self {
        self.arrives = arrives;
        self
    }

    async fn play(&self, suite: &Suite) -> (Expect, Seen) {
        let mut session = Session::open(suite.gateway.public).await;
        let mut seen = Seen::default();
        // The connection may be closed while it is written to.
        let _closed = session.send(&self.frames).await;
        let _closed = session.send(&[Frame::ping(b"and then"), Frame::request(AFTER, get("/healthz"))]).await;
        session.read_until(&mut seen, |seen| !seen.pongs.is_empty() && seen.answer(AFTER).is_some()).await;
        if !self.allowed.contains(&Nothing) {
            session.read_until(&mut seen, |seen| self.reaction(seen) != Nothing).await;
        }
        (self.reaction(&seen), seen)
    }

    fn reaction(&self, seen: &Seen) -> Expect {
        if seen.is_closed || !seen.farewells.is_empty() {
            // Cut behind what was not read, a connection can lose its farewell.
            let told = seen.farewells.iter().copied().find(|code| *code != 0);
            return Connection(told.unwrap_or(PROTOCOL_ERROR));
        }
        let answer = seen.answer(self.stream).map(Answer);
        answer.or_else(|| seen.reset(self.stream).map(Stream)).unwrap_or(Nothing)
    }
}

/// Plays cases one after the other; tells all that went another way.
pub async fn play(cases: Vec<Case>) {
    let suite = Suite::start().await;
    let mut surprises = Vec::new();
    let count = cases.len();
    let mut may_arrive = 0;
    for case in cases {
        let (reaction, seen) = case.play(&suite).await;
        // In all: the request of a case whose connection was cut may arrive while the next one is played.
        may_arrive += case.arrives;
        let arrived = suite.upstream.hits();
        if !case.allowed.contains(&reaction) {
            surprises.push(format!("{}: {reaction:?}, allowed {:?}, seen {seen:?}", case.name, case.allowed));
        }
        if arrived > may_arrive {
            surprises.push(format!("{}: {arrived} requests arrived by then, {may_arrive} may", case.name));
        }
    }

    assert!(surprises.is_empty(), "{} of {count}:\n{}", surprises.len(), surprises.join("\n"));
    assert_eq!(suite.client().get("/v1/open/echo").await.status, 200);
}
