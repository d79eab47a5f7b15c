//! The check of one head, as far as it has come.

use super::fields::{Body, Fields};
use super::line::{self, Lines};
use super::request_line::{self, RequestLine};
use super::wire::Refusal;

const LONGEST_HEAD: usize = 64 * 1024;
const MOST_FIELDS: u32 = 100;

/// A head that everybody reads in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Up to the end of its empty line.
    pub length: usize,
    pub body: Body,
    /// What comes after it may be of another protocol: `CONNECT`, or `Upgrade` in HTTP/1.1.
    pub asks_for_tunnel: bool,
}

/// What is known of a head that is not complete.
///
/// A refusal depends on the bytes alone, not on the portions in which they come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HeadCheck {
    lines: Lines,
    has_empty_line: bool,
    request: Option<RequestLine>,
    count: u32,
    fields: Fields,
}

impl HeadCheck {
    /// Goes on with a head that has grown; `section` begins where the head begins.
    pub fn advance(&mut self, section: &[u8]) -> Result<Option<Head>, Refusal> {
        while let Some(line) = self.lines.next(section) {
            let Some(request) = self.request else {
                self.request_line(line)?;
                continue;
            };
            if self.lines.start > LONGEST_HEAD {
                return Err(Refusal::HeadTooLarge);
            }
            let line = line::without_cr(line).map_err(Refusal::Framing)?;
            if line.is_empty() {
                return self.finish(request).map(Some).map_err(Refusal::Framing);
            }
            self.field(line)?;
        }
        self.check_unfinished(section).map(|()| None)
    }

    /// RFC 9112 section 2.2: one empty line is forgiven, for there were clients that ended bodies with it.
    fn request_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if line == b"\r" && !self.has_empty_line {
            self.has_empty_line = true;
            return Ok(());
        }
        self.request = Some(request_line::parse(line)?);
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let (name, value) = line::field(line).map_err(Refusal::Framing)?;
        self.count += 1;
        if self.count > MOST_FIELDS {
            return Err(Refusal::TooManyFields);
        }
        self.fields.take(name, value)
    }

    fn check_unfinished(&self, section: &[u8]) -> Result<(), Refusal> {
        if self.request.is_none() {
            return request_line::check_beginning(&section[self.lines.start..]);
        }
        if section.len() > LONGEST_HEAD { Err(Refusal::HeadTooLarge) } else { Ok(()) }
    }

    fn finish(&self, request: RequestLine) -> Result<Head, &'static str> {
        let body = self.fields.body(request.is_http_11)?;
        let asks_for_tunnel = request.is_connect || (request.is_http_11 && self.fields.asks_for_upgrade);
        if asks_for_tunnel && body != Body::None {
            return Err("a request that asks for another protocol has a body");
        }
        Ok(Head { length: self.lines.start, body, asks_for_tunnel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(section: &str) -> Result<Option<Head>, Refusal> {
        HeadCheck::default().advance(section.as_bytes())
    }

    fn is_refused(section: &str) -> bool {
        matches!(check(section), Err(Refusal::Framing(_)))
    }

    #[test]
    fn a_complete_head_is_told_from_what_follows() {
        let head = check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET").unwrap().unwrap();

        assert_eq!(head, Head { length: 47, body: Body::Length(3), asks_for_tunnel: false });
        assert_eq!(check("GET / HTTP/1.1\r\nHost: a\r\n\r"), Ok(None));
        assert_eq!(check(""), Ok(None));
    }

    #[test]
    fn one_empty_line_in_front_is_forgiven() {
        assert_eq!(check("\r\nGET / HTTP/1.1\r\n\r\n").unwrap().unwrap().length, 20);
        assert_eq!(check("\r"), Ok(None));
        assert_eq!(check("\r\n"), Ok(None));
        assert!(is_refused("\r\n\r\nGET / HTTP/1.1\r\n\r\n"));
        assert!(is_refused("\nGET / HTTP/1.1\r\n\r\n"));
        assert!(is_refused("\rGET"));
    }

    #[test]
    fn lines_end_in_cr_lf_only() {
        assert!(is_refused("GET / HTTP/1.1\nHost: a\r\n\r\n"));
        assert!(is_refused("GET / HTTP/1.1\r\nHost: a\n\r\n"));
        assert!(is_refused("GET / HTTP/1.1\r\nHost: a\r\n\n"));
        assert!(is_refused("GET / HTTP/1.1\r\nHost: a\rb: c\r\n\r\n"));
        assert!(is_refused("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"));
        assert!(is_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n"));
        assert!(is_refused("GET / HTTP/1.1\r\na: b\r\n\tc\r\n\r\n"));
    }

    #[test]
    fn fields_are_counted() {
        let head = |fields| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(fields));

        assert!(check(&head(100)).unwrap().is_some());
        assert_eq!(check(&head(101)), Err(Refusal::TooManyFields));
    }

    #[test]
    fn a_head_is_limited_whether_or_not_it_ever_ends() {
        let head = |length: usize| format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(length - 23));
        let longest = head(LONGEST_HEAD);
        let too_long = head(LONGEST_HEAD + 1);

        assert_eq!(check(&longest).unwrap().unwrap().length, LONGEST_HEAD);
        assert_eq!(check(&too_long), Err(Refusal::HeadTooLarge));
        assert_eq!(check(&too_long[..LONGEST_HEAD]), Ok(None));
        assert_eq!(check(&head(2 * LONGEST_HEAD)[..=LONGEST_HEAD]), Err(Refusal::HeadTooLarge));
    }

    #[test]
    fn a_tunnel_is_asked_for_without_a_body() {
        let asks = |head: &str| check(head).map(|head| head.unwrap().asks_for_tunnel);

        assert_eq!(asks("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), Ok(true));
        assert_eq!(asks("GET / HTTP/1.0\r\nUpgrade: websocket\r\n\r\n"), Ok(false));
        assert_eq!(asks("CONNECT a:1 HTTP/1.0\r\ncontent-length: 0\r\n\r\n"), Ok(true));
        assert_eq!(asks("POST / HTTP/1.1\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\n"), Ok(false));
        assert!(is_refused("POST / HTTP/1.1\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n"));
        assert!(is_refused("CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }
}
