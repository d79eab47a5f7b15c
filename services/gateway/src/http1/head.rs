//! Heads of messages taken apart: lines that end in CR LF, all but the first a field (RFC 9112 section 5).

use std::mem;
use std::ops::Range;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use memchr::{memchr, memchr_iter};
use smallvec::SmallVec;

/// Where the lines of a head end, each at its LF. Most heads have so few that they need no memory of their own.
pub(crate) type Ends = SmallVec<[usize; 16]>;

/// Where the lines before the empty one end, and how long all is with it; nothing before that one has come.
pub(crate) fn until_empty_line(bytes: &[u8]) -> Option<(Ends, usize)> {
    let mut ends = Ends::new();
    let mut begin = 0;
    for end in memchr_iter(b'\n', bytes) {
        if bytes[begin..end] == *b"\r" {
            return Some((ends, end + 1));
        }
        ends.push(end);
        begin = end + 1;
    }
    None
}

/// The first line of a head, with its CR, and its fields.
pub(crate) fn parts<'a>(head: &'a Bytes, ends: &'a [usize]) -> (&'a [u8], impl Iterator<Item = Field> + 'a) {
    let (first, ends) = ends.split_first().unwrap_or((&0, &[]));
    (&head[..*first], fields(head, first + 1, ends))
}

/// The fields in lines of which the first begins at `begin`.
pub(crate) fn fields<'a>(bytes: &'a Bytes, mut begin: usize, ends: &'a [usize]) -> impl Iterator<Item = Field> + 'a {
    ends.iter().map(move |end| field(bytes, mem::replace(&mut begin, end + 1)..*end))
}

/// A field, or why a line is none.
pub(crate) type Field = Result<(HeaderName, HeaderValue), &'static str>;

/// Name and value of a line, without the white space around the value.
fn field(bytes: &Bytes, line: Range<usize>) -> Field {
    let text = bytes[line.clone()].strip_suffix(b"\r").ok_or("a line does not end in CR LF")?;
    let colon = memchr(b':', text).ok_or("it has a field without a colon")?;
    let name = HeaderName::from_bytes(&text[..colon]).map_err(|_| "it has a malformed field name")?;
    let value = text[colon + 1..].trim_ascii_start();
    let begin = line.start + text.len() - value.len();
    let value = bytes.slice(begin..begin + value.trim_ascii_end().len());
    let value = HeaderValue::from_maybe_shared(value).map_err(|_| "it has a field value with control characters")?;
    Ok((name, value))
}
