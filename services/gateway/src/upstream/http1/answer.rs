//! The head of an answer as it is read.
//!
//! Services are trusted with their words, not with their framing: what could be read in two ways, by the gateway or
//! by the client, is no answer.

use std::mem::take;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use smallvec::SmallVec;

use crate::headers::{ends_here, nominated};
use crate::http1::{Decoder, Ends, parts};

const LONGEST_HEAD: usize = 64 * 1024;
const MOST_FIELDS: usize = 100;
/// Room for what the gateway adds: the request id, and what limits tell. The first line leaves room for one.
const OWN_FIELDS: usize = 2;

/// What a service answers, but for the body, without the headers that end here.
#[derive(Debug)]
pub(crate) struct AnswerHead {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The protocol it names with `Upgrade`.
    pub upgrade: Option<HeaderValue>,
}

/// A head, and what it says of the bytes behind it.
#[derive(Debug)]
pub(super) struct Parsed {
    pub head: AnswerHead,
    pub decoder: Decoder,
    /// Whether the connection lives longer than the answer.
    pub is_kept: bool,
}

/// Looks for the end of a head in what has come.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    scanned: usize,
    /// Of the lines so far.
    ends: Ends,
}

impl HeadScan {
    /// Takes the head out of `unread` once it is complete; `None` before.
    ///
    /// # Errors
    /// It is too long, has too many lines, or one that does not end in CR LF.
    pub fn take(&mut self, unread: &mut BytesMut) -> Result<Option<(Bytes, Ends)>, &'static str> {
        while let Some(at) = memchr::memchr(b'\n', &unread[self.scanned..]) {
            let end = self.scanned + at;
            let line = &unread[..end];
            if !line.ends_with(b"\r") {
                return Err("a line of its head does not end in CR LF");
            }
            self.scanned = end + 1;
            if line.ends_with(b"\r\n\r") {
                self.scanned = 0;
                return Ok(Some((unread.split_to(end + 1).freeze(), take(&mut self.ends))));
            }
            self.ends.push(end);
            if self.ends.len() > 1 + MOST_FIELDS {
                return Err("it has too many fields");
            }
        }
        self.scanned = unread.len();
        if unread.len() > LONGEST_HEAD { Err("its head is longer than 64 KiB") } else { Ok(None) }
    }
}

/// Reads a complete head of an answer to `method`.
///
/// # Errors
/// It is none, or its framing has more than one reading.
pub(super) fn parse((head, ends): &(Bytes, Ends), method: &Method) -> Result<Parsed, &'static str> {
    let (first_line, fields) = parts(head, ends);
    let (status, is_http_11) = status_line(first_line).ok_or("its head is not that of HTTP/1.1")?;
    let status = StatusCode::from_u16(status).map_err(|_| "its status is out of range")?;
    let mut framing = Framing { is_kept: is_http_11, ..Framing::default() };
    let (mut connection, mut upgrade) = (SmallVec::<[HeaderValue; 1]>::new(), None);
    let mut headers = HeaderMap::with_capacity(ends.len() + OWN_FIELDS);
    for field in fields {
        let (name, value) = field?;
        framing.take(&name, value.as_bytes())?;
        match name {
            header::CONNECTION => connection.push(value),
            header::UPGRADE => upgrade = Some(value),
            name if ends_here(name.as_str()) => {}
            name => {
                headers.append(name, value);
            }
        }
    }
    for name in nominated(connection.iter().map(HeaderValue::as_bytes)) {
        headers.remove(name);
    }
    let (decoder, is_kept) = framing.read(status, method)?;
    Ok(Parsed { head: AnswerHead { status, headers, upgrade }, decoder, is_kept })
}

/// Reads `HTTP/1.x SP 3DIGIT [ SP reason ] CR` (RFC 9112 section 4): the status, and whether it is HTTP/1.1.
fn status_line(line: &[u8]) -> Option<(u16, bool)> {
    let (minor, rest) = line.strip_prefix(b"HTTP/1.")?.strip_suffix(b"\r")?.split_first()?;
    let (status, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
    let is_text = reason.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    let is_line = matches!(minor, b'0' | b'1') && matches!(reason, [] | [b' ', ..]) && is_text;
    let status = decimal(status).filter(|_| is_line)?;
    Some((u16::try_from(status).ok()?, *minor == b'1'))
}

/// The fields that say where an answer ends (RFC 9112 section 6.3).
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    is_chunked: bool,
    is_kept: bool,
}

impl Framing {
    fn take(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), &'static str> {
        if name == header::CONTENT_LENGTH {
            let length = decimal(value).ok_or("its Content-Length is not a number")?;
            if self.length.replace(length).is_some() {
                return Err("it has more than one Content-Length");
            }
        } else if name == header::TRANSFER_ENCODING {
            if self.is_chunked || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err("its Transfer-Encoding is not just `chunked`");
            }
            self.is_chunked = true;
        } else if name == header::CONNECTION {
            let mut options = value.split(|byte| *byte == b',');
            self.is_kept &= !options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
        }
        Ok(())
    }

    fn read(&self, status: StatusCode, method: &Method) -> Result<(Decoder, bool), &'static str> {
        let has_body = !status.is_informational()
            && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            && method != Method::HEAD;
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err("it has both Content-Length and Transfer-Encoding"),
            _ if !has_body => Ok((Decoder::END, self.is_kept)),
            (true, None) => Ok((Decoder::chunked(), self.is_kept)),
            (false, Some(length)) => Ok((Decoder::length(length), self.is_kept)),
            (false, None) => Ok((Decoder::UntilClose, false)),
        }
    }
}

fn decimal(value: &[u8]) -> Option<u64> {
    let is_plain = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    is_plain.then(|| str::from_utf8(value).ok()?.parse().ok())?
}
