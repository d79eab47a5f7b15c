//! Lines of a head or of trailers, and the one form a field line may have.

use memchr::memchr;

use super::class::{is_field_text, is_token};

/// Splits a growing section into lines, without looking at a byte twice.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lines {
    /// Where the first line begins that was not given out.
    pub start: usize,
    searched: usize,
}

impl Lines {
    /// The next line as it came, without its LF, if it has one already.
    pub fn next<'a>(&mut self, section: &'a [u8]) -> Option<&'a [u8]> {
        let Some(distance) = memchr(b'\n', &section[self.searched..]) else {
            self.searched = section.len();
            return None;
        };
        let end = self.searched + distance;
        let line = &section[self.start..end];
        self.start = end + 1;
        self.searched = self.start;
        Some(line)
    }
}

/// The line without its CR.
pub(super) fn without_cr(line: &[u8]) -> Result<&[u8], &'static str> {
    line.strip_suffix(b"\r").ok_or("a line ends in LF without CR")
}

/// Name and value (RFC 9112 section 5); the value with the white space around it, for few are looked at.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let end = line.iter().position(|byte| !is_token(*byte)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let Some((b':', value)) = rest.split_first() else {
        return Err(flaw_of_name(name, rest));
    };
    if name.is_empty() {
        return Err("a field has no name");
    }
    if !is_field_text(value) {
        return Err("a field value has a control character");
    }
    Ok((name, value))
}

fn flaw_of_name(name: &[u8], rest: &[u8]) -> &'static str {
    match (name, rest.first()) {
        ([], Some(b' ' | b'\t')) => "a field is folded over two lines",
        (_, Some(b' ' | b'\t')) => "there is white space before a colon",
        (_, None) => "a field has no colon",
        _ => "a field name has a character that is not allowed",
    }
}

/// Without the white space around it.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(start) = value.iter().position(|byte| !is_space(byte)) else {
        return &[];
    };
    let end = value.iter().rposition(|byte| !is_space(byte)).unwrap_or(start);
    &value[start..=end]
}

/// The members of a comma-separated list; lenient about empty ones (RFC 9110 section 5.6.1).
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// Whether a service that makes variables of names, as CGI does, takes both for the same: `Content_Length`.
pub(super) fn is_alike(name: &[u8], known: &[u8]) -> bool {
    let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (*b == b'-' && !a.is_ascii_alphanumeric());
    name.len() == known.len() && name.iter().zip(known).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_line_has_one_form() {
        assert_eq!(field(b"a:b"), Ok((&b"a"[..], &b"b"[..])));
        assert_eq!(field(b"A-1: \t b c\t "), Ok((&b"A-1"[..], &b" \t b c\t "[..])));
        assert_eq!(field(b"a:"), Ok((&b"a"[..], &b""[..])));
        assert_eq!(field(b"a:b:c"), Ok((&b"a"[..], &b"b:c"[..])));
        assert_eq!(field("a:é".as_bytes()), Ok((&b"a"[..], "é".as_bytes())));
        assert_eq!(field(b":b"), Err("a field has no name"));
        assert_eq!(field(b"a"), Err("a field has no colon"));
        assert_eq!(field(b" a: b"), Err("a field is folded over two lines"));
        assert_eq!(field(b"\ta: b"), Err("a field is folded over two lines"));
        assert_eq!(field(b"a : b"), Err("there is white space before a colon"));
        assert_eq!(field(b"a\t: b"), Err("there is white space before a colon"));
        assert_eq!(field(b"a\0: b"), Err("a field name has a character that is not allowed"));
        assert_eq!(field(b"a\r: b"), Err("a field name has a character that is not allowed"));
        assert_eq!(field("é: b".as_bytes()), Err("a field name has a character that is not allowed"));
        for value in [&b"a: b\rc"[..], b"a: b\r", b"a: \0", b"a: \x0b", b"a: \x7f"] {
            assert_eq!(field(value), Err("a field value has a control character"));
        }
    }

    #[test]
    fn white_space_around_a_value_is_not_part_of_it() {
        assert_eq!(trim(b" \t b c\t "), b"b c");
        assert_eq!(trim(b"b"), b"b");
        assert_eq!(trim(b" \t"), b"");
        assert_eq!(trim(b""), b"");
        assert!(members(b"a, ,b\t,").eq([b"a", b"b"]));
    }

    #[test]
    fn a_line_is_given_out_when_it_is_whole() {
        let mut lines = Lines::default();

        assert_eq!(lines.next(b"ab"), None);
        assert_eq!(lines.next(b"abc\r\nd"), Some(&b"abc\r"[..]));
        assert_eq!(lines.next(b"abc\r\nd"), None);
        assert_eq!(lines.next(b"abc\r\nd\n"), Some(&b"d"[..]));
        assert_eq!(lines.start, 7);
    }

    #[test]
    fn names_that_become_the_same_variable_are_alike() {
        for name in [&b"content-length"[..], b"Content_Length", b"CONTENT.LENGTH", b"content~length"] {
            assert!(is_alike(name, b"content-length"));
        }
        for name in [&b"contentxlength"[..], b"content-lengths", b"content-lengt"] {
            assert!(!is_alike(name, b"content-length"));
        }
    }
}
