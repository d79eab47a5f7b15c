//! The head of an answer as it is read.
//!
//! Services are trusted with their words, not with their framing: what could be read in two ways, by the gateway or
//! by the client, is no answer.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use httparse::{ParserConfig, Response};

use crate::headers::{ends_here, nominated};
use crate::http1::Decoder;

const LONGEST_HEAD: usize = 64 * 1024;
const MOST_FIELDS: usize = 100;
/// Room for what the gateway adds.
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
}

impl HeadScan {
    /// Takes the head out of `unread` once it is complete.
    ///
    /// # Errors
    /// It is too long, or has a line that does not end in CR LF.
    pub fn take(&mut self, unread: &mut BytesMut) -> Result<Option<Bytes>, &'static str> {
        while let Some(at) = memchr::memchr(b'\n', &unread[self.scanned..]) {
            let end = self.scanned + at;
            let line = &unread[..end];
            if !line.ends_with(b"\r") {
                return Err("a line of its head does not end in CR LF");
            }
            self.scanned = end + 1;
            if line.ends_with(b"\r\n\r") {
                self.scanned = 0;
                return Ok(Some(unread.split_to(end + 1).freeze()));
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
pub(super) fn parse(bytes: &Bytes, method: &Method) -> Result<Parsed, &'static str> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = Response::new(&mut []);
    let read = ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut fields);
    if !read.is_ok_and(|read| read.is_complete()) {
        return Err("its head is not that of HTTP/1.1");
    }
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or("its status is out of range")?;
    let mut framing = Framing { is_kept: parsed.version == Some(1), ..Framing::default() };
    let (mut connection, mut upgrade) = (Vec::new(), None);
    let mut headers = HeaderMap::with_capacity(parsed.headers.len() + OWN_FIELDS);
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| "it has a malformed field name")?;
        framing.take(&name, field.value)?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value))
            .map_err(|_| "it has a field value with control characters")?;
        match name {
            header::CONNECTION => connection.push(field.value),
            header::UPGRADE => upgrade = Some(value),
            name if ends_here(name.as_str()) => {}
            name => {
                headers.append(name, value);
            }
        }
    }
    for name in nominated(connection) {
        headers.remove(name);
    }
    let (decoder, is_kept) = framing.read(status, method)?;
    Ok(Parsed { head: AnswerHead { status, headers, upgrade }, decoder, is_kept })
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
