//! The head of a request as it is read, from bytes in which nobody can find another one.

use bytes::{Buf as _, Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request, Uri, Version, header};
use memchr::memchr_iter;

use crate::http1::{Decoder, parts, until_empty_line};

/// The head of a request, and what it says about the bytes behind it.
pub(super) struct Head {
    pub parts: Box<Parts>,
    pub decoder: Decoder,
    pub asked: Asked,
}

/// What of a request decides how its answer is written and its body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of the head")]
pub(super) struct Asked {
    pub is_http_11: bool,
    /// `HEAD`: the answer has no body, whatever its headers say.
    pub is_head: bool,
    /// The connection lives longer than the answer (RFC 9112 section 9.3).
    pub is_kept: bool,
    pub takes_trailers: bool,
    /// It waits for `100 Continue` before it sends its body.
    pub waits: bool,
}

/// Takes a head out of `unread` once it is complete.
///
/// It is taken apart by the one form that `framing` lets a line have, so nothing is looked for that cannot be there.
///
/// # Errors
/// It is none. What `framing` lets through always is one.
pub(super) fn take(unread: &mut BytesMut) -> Result<Option<Head>, &'static str> {
    // RFC 9112 section 2.2: an empty line before a request is no part of it.
    while unread.starts_with(b"\r\n") {
        unread.advance(2);
    }
    let Some((ends, length)) = until_empty_line(unread) else {
        return Ok(None);
    };
    parse(&unread.split_to(length).freeze(), &ends).map(Some)
}

fn parse(bytes: &Bytes, ends: &[usize]) -> Result<Head, &'static str> {
    let (mut head, ()) = Request::new(()).into_parts();
    let (first_line, fields) = parts(bytes, ends);
    let is_http_11 = read_first_line(&bytes.slice_ref(first_line), &mut head)?;
    let mut said = Said::new(is_http_11);
    let mut headers = HeaderMap::with_capacity(ends.len());
    for field in fields {
        let (name, value) = field?;
        said.take(&name, value.as_bytes())?;
        headers.append(name, value);
    }
    head.headers = headers;
    let asked = said.asked(head.method == Method::HEAD);
    Ok(Head { parts: Box::new(head), decoder: said.decoder, asked })
}

/// Reads `METHOD SP target SP HTTP/1.x CR`; tells whether it is HTTP/1.1.
fn read_first_line(line: &Bytes, head: &mut Parts) -> Result<bool, &'static str> {
    let mut spaces = memchr_iter(b' ', line);
    let (Some(first), Some(second)) = (spaces.next(), spaces.next()) else {
        return Err("its first line is not that of a request");
    };
    let is_http_11 = match &line[second + 1..] {
        b"HTTP/1.1\r" => true,
        b"HTTP/1.0\r" => false,
        _ => return Err("it is not HTTP/1.1"),
    };
    head.method = Method::from_bytes(&line[..first]).map_err(|_| "its method is malformed")?;
    let target = line.slice(first + 1..second);
    head.uri = Uri::from_maybe_shared(target).map_err(|_| "its target is malformed")?;
    head.version = if is_http_11 { Version::HTTP_11 } else { Version::HTTP_10 };
    Ok(is_http_11)
}

/// What the fields said that are about this connection.
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of the head")]
struct Said {
    is_http_11: bool,
    decoder: Decoder,
    closes: bool,
    keeps: bool,
    takes_trailers: bool,
    waits: bool,
}

impl Said {
    fn new(is_http_11: bool) -> Self {
        Self { is_http_11, decoder: Decoder::END, closes: false, keeps: false, takes_trailers: false, waits: false }
    }

    fn take(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), &'static str> {
        match *name {
            header::CONTENT_LENGTH => {
                let length = str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
                self.decoder = Decoder::length(length.ok_or("its Content-Length is not a number")?);
            }
            header::TRANSFER_ENCODING => self.decoder = Decoder::chunked(),
            header::CONNECTION => {
                self.closes |= lists(value, b"close");
                self.keeps |= lists(value, b"keep-alive");
            }
            header::TE => self.takes_trailers |= lists(value, b"trailers"),
            header::EXPECT => self.waits = self.is_http_11,
            _ => {}
        }
        Ok(())
    }

    fn asked(&self, is_head: bool) -> Asked {
        Asked {
            is_http_11: self.is_http_11,
            is_head,
            is_kept: !self.closes && (self.is_http_11 || self.keeps),
            takes_trailers: self.takes_trailers && self.is_http_11,
            waits: self.waits && !self.decoder.is_end(),
        }
    }
}

fn lists(value: &[u8], wanted: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let mut unread = BytesMut::from(text);
        let head = take(&mut unread).expect("a head").expect("a whole one");
        assert_eq!(&unread[..], b"rest");
        head
    }

    #[test]
    fn a_head_is_taken_once_it_is_whole() {
        let mut unread = BytesMut::from("GET /a?b HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r");
        assert!(take(&mut unread).is_ok_and(|head| head.is_none()));

        unread.extend_from_slice(b"\nGET");
        let Head { parts, decoder, asked } = take(&mut unread).unwrap().unwrap();

        assert_eq!((parts.method, parts.uri.to_string()), (Method::GET, "/a?b".to_owned()));
        assert_eq!(parts.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert!(decoder.is_end() && asked.is_kept && !asked.waits);
        assert_eq!(&unread[..], b"GET");
    }

    #[test]
    fn an_empty_line_before_a_head_is_no_part_of_it() {
        assert_eq!(head("\r\nGET /a HTTP/1.1\r\nhost: x\r\n\r\nrest").parts.uri, "/a");
    }

    #[test]
    fn a_connection_is_kept_unless_its_version_or_an_option_says_otherwise() {
        let is_kept = |version: &str, options: &str| {
            head(&format!("GET / HTTP/{version}\r\nhost: x\r\n{options}\r\nrest")).asked.is_kept
        };

        assert!(is_kept("1.1", ""));
        assert!(is_kept("1.1", "connection: upgrade\r\n"));
        assert!(is_kept("1.0", "connection: x, Keep-Alive\r\n"));
        assert!(!is_kept("1.0", ""));
        assert!(!is_kept("1.1", "connection: Close\r\n"));
        assert!(!is_kept("1.1", "connection: close\r\nconnection: keep-alive\r\n"));
    }

    #[test]
    fn only_a_request_with_a_body_waits_to_be_told_to_go_on() {
        let waits = |fields: &str| head(&format!("POST / HTTP/{fields}\r\n\r\nrest")).asked.waits;

        assert!(waits("1.1\r\nexpect: 100-continue\r\ncontent-length: 9"));
        assert!(waits("1.1\r\nexpect: 100-continue\r\ntransfer-encoding: chunked"));
        assert!(!waits("1.1\r\nexpect: 100-continue\r\ncontent-length: 0"));
        assert!(!waits("1.0\r\nexpect: 100-continue\r\ncontent-length: 9"));
    }
}
