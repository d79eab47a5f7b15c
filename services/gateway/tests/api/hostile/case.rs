//! A case of the corpus: what a client writes, and what may come of it.

/// Stands in a case for a token that is good.
pub const TOKEN: &str = "{TOKEN}";

/// 400: what cannot be read in one way.
pub const BAD: &[u16] = &[400];

/// What one client writes on one connection.
pub struct Case {
    /// Says what is wrong with it; shown when it fails.
    pub name: String,
    pub bytes: Vec<u8>,
    pub ending: Ending,
    pub expect: Expect,
    /// Whether it is also written in two pieces, cut at every place there is.
    pub is_cut_everywhere: bool,
}

/// What follows a case on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The request of somebody who could share the connection, asking to close it.
    Victim,
    /// Nothing: the client waits.
    Silence,
    /// The client closes its side.
    Leave,
}

/// The answers to a case, in their order.
#[derive(Debug, Clone)]
pub struct Expect {
    pub answers: Vec<From>,
    pub end: End,
    /// Whether a request may reach the upstream in part: its fault is in its body.
    pub may_break: bool,
    /// The body with which the first request arrives.
    pub body: Option<Vec<u8>>,
    /// The method and target with which the first request arrives.
    pub line: Option<String>,
}

/// Who answers.
#[derive(Debug, Clone, Copy)]
pub enum From {
    Upstream,
    /// The gateway, with one of these statuses.
    Gateway(&'static [u16]),
    /// Either: the request is odd, and harmless.
    Either(&'static [u16]),
    /// The gateway, or nobody.
    Perhaps(&'static [u16]),
}

/// What becomes of the connection after the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The victim is answered.
    GoesOn,
    /// It is closed, and nothing that follows is answered.
    Closes,
    /// One of both.
    MayGoOn,
}

impl Expect {
    fn new(answers: &[From], end: End) -> Self {
        Self { answers: answers.to_vec(), end, may_break: false, body: None, line: None }
    }

    /// Preceded by so many requests that are passed on.
    pub fn after(mut self, count: usize) -> Self {
        self.answers.splice(0..0, vec![From::Upstream; count]);
        self
    }

    /// The first request arrives with this body.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// The first request arrives as this, such as `GET /v1/open/x`.
    pub fn line(mut self, line: &str) -> Self {
        self.line = Some(line.to_owned());
        self
    }
}

/// So many requests are passed on, and the connection can be used again.
pub fn forwarded(count: usize) -> Expect {
    Expect::new(&vec![From::Upstream; count], End::GoesOn)
}

/// So many requests are passed on; then the connection closes as asked.
pub fn last(count: usize) -> Expect {
    Expect::new(&vec![From::Upstream; count], End::Closes)
}

/// The head is refused, and so is all that follows: nobody can know where it ends.
pub fn cut(statuses: &'static [u16]) -> Expect {
    Expect::new(&[From::Gateway(statuses)], End::Closes)
}

/// The body is refused, and so is all that follows; its head may have been passed on.
pub fn cut_in_body(statuses: &'static [u16]) -> Expect {
    Expect { may_break: true, ..cut(statuses) }
}

/// The request is refused, or answered by the gateway itself.
pub fn own(statuses: &'static [u16]) -> Expect {
    Expect::new(&[From::Gateway(statuses)], End::MayGoOn)
}

/// The request is refused or passed on, whichever: it can be read in one way.
pub fn either(statuses: &'static [u16]) -> Expect {
    Expect::new(&[From::Either(statuses)], End::MayGoOn)
}

/// The request never comes to its end: the connection closes, with or without a word.
pub fn given_up(statuses: &'static [u16]) -> Expect {
    Expect { may_break: true, ..Expect::new(&[From::Perhaps(statuses)], End::Closes) }
}

/// These answer, and the connection may go on.
pub fn answers(answers: &[From]) -> Expect {
    Expect::new(answers, End::MayGoOn)
}

impl Case {
    pub fn new(name: impl Into<String>, bytes: impl AsRef<[u8]>, expect: Expect) -> Self {
        let (bytes, ending) = (bytes.as_ref().to_vec(), Ending::Victim);
        Self { name: name.into(), bytes, ending, expect, is_cut_everywhere: false }
    }

    /// Nothing follows it.
    pub fn alone(self) -> Self {
        Self { ending: Ending::Silence, ..self }
    }

    /// The client leaves after it.
    pub fn leaving(self) -> Self {
        Self { ending: Ending::Leave, ..self }
    }

    /// It is tried in all pairs of pieces too.
    pub fn cut_everywhere(self) -> Self {
        Self { is_cut_everywhere: true, ..self }
    }
}

/// A `GET` of a public path with more lines, each with its own end.
pub fn get(lines: &str) -> String {
    format!("GET /v1/open/x HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

/// A `POST` to a public path with more lines, each with its own end, and a body.
pub fn post(lines: &str, body: &str) -> String {
    format!("POST /v1/open/x HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}")
}

/// A `POST` to a public path with a chunked body, as it is sent.
pub fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}
