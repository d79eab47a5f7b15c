//! The first line of a request: `METHOD SP target SP HTTP/1.1` and nothing else.

use http::Uri;

use super::class::{is_token, is_uri, is_visible};
use super::line::without_cr;
use super::wire::Refusal;

const LONGEST_METHOD: usize = 32;
const LONGEST_TARGET: usize = 8 * 1024;
const VERSION_LENGTH: usize = "HTTP/1.1".len();

const NO_VERSION: Refusal = Refusal::Framing("the request line has no HTTP version");
const BAD_METHOD: Refusal = Refusal::Framing("the method is not a token of at most 32 characters");
const BAD_TARGET: Refusal = Refusal::Framing("the target is empty or has a character that must be percent-encoded");
const BAD_VERSION: Refusal = Refusal::Framing("the request line does not end in an HTTP version");

/// What of a request line has a say in framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub is_http_11: bool,
    pub is_connect: bool,
}

/// Reads a line that is whole but for its LF.
pub(super) fn parse(line: &[u8]) -> Result<RequestLine, Refusal> {
    let text = line.strip_suffix(b"\r").unwrap_or(line);
    let Some((method, target, version)) = split(text)? else {
        return Err(NO_VERSION);
    };
    let is_http_11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(Refusal::Version);
        }
        _ => return Err(BAD_VERSION),
    };
    if !is_uri_reference(target) {
        return Err(Refusal::Target);
    }
    without_cr(line).map_err(Refusal::Framing)?;
    Ok(RequestLine { is_http_11, is_connect: method == b"CONNECT" })
}

/// Refuses the beginning of a line that `parse` is going to refuse for the same reason, whatever comes.
pub(super) fn check_beginning(line: &[u8]) -> Result<(), Refusal> {
    let text = line.strip_suffix(b"\r").unwrap_or(line);
    match split(text)? {
        Some((_, _, version)) if version.len() > VERSION_LENGTH => Err(BAD_VERSION),
        _ => Ok(()),
    }
}

type Parts<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Method, target and the rest; nothing if the line ends before.
fn split(line: &[u8]) -> Result<Option<Parts<'_>>, Refusal> {
    let Some((method, rest)) = word(line, is_token, LONGEST_METHOD, BAD_METHOD, BAD_METHOD)? else {
        return Ok(None);
    };
    let target = word(rest, is_visible, LONGEST_TARGET, BAD_TARGET, Refusal::TargetTooLong)?;
    Ok(target.map(|(target, version)| (method, target, version)))
}

type Word<'a> = Option<(&'a [u8], &'a [u8])>;

/// What stands before the first space, and what behind; nothing if there is no space yet.
fn word(
    text: &[u8],
    is_allowed: fn(u8) -> bool,
    longest: usize,
    bad: Refusal,
    too_long: Refusal,
) -> Result<Word<'_>, Refusal> {
    let end = text.iter().position(|byte| !is_allowed(*byte)).unwrap_or(text.len());
    if end > longest {
        return Err(too_long);
    }
    match text.get(end) {
        None => Ok(None),
        Some(b' ') if end > 0 => Ok(Some((&text[..end], &text[end + 1..]))),
        Some(_) => Err(bad),
    }
}

/// Whether hyper is going to take it too; what it does not take, it would answer by itself.
fn is_uri_reference(target: &[u8]) -> bool {
    let is_plain_path = target.first() == Some(&b'/') && target.iter().all(|byte| is_uri(*byte));
    is_plain_path || (!target.contains(&b'#') && Uri::try_from(target).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &[u8]) -> Refusal {
        parse(line).unwrap_err()
    }

    #[test]
    fn one_form_is_taken() {
        let http_11 = Ok(RequestLine { is_http_11: true, is_connect: false });

        assert_eq!(parse(b"GET / HTTP/1.1\r"), http_11);
        assert_eq!(parse(b"OPTIONS * HTTP/1.1\r"), http_11);
        assert_eq!(parse(b"get /a%20\"b?c=`{d}[] HTTP/1.1\r"), http_11);
        assert_eq!(parse(b"GET http://a.example:1/x HTTP/1.1\r"), http_11);
        assert_eq!(parse(b"GET / HTTP/1.0\r"), Ok(RequestLine { is_http_11: false, is_connect: false }));
        assert_eq!(parse(b"CONNECT a:1 HTTP/1.1\r"), Ok(RequestLine { is_http_11: true, is_connect: true }));
    }

    #[test]
    fn every_other_form_is_refused() {
        for line in [&b"\r"[..], b" GET / HTTP/1.1\r", b"G@T / HTTP/1.1\r", b"\x16\x03\x01\r", b"GET\t/ HTTP/1.1\r"] {
            assert!(matches!(refusal(line), BAD_METHOD | NO_VERSION), "{line:?}");
        }
        for line in [&b"GET  / HTTP/1.1\r"[..], b"GET /\x01 HTTP/1.1\r", b"GET /\t HTTP/1.1\r", b"GET /\r HTTP/1.1\r"] {
            assert_eq!(refusal(line), BAD_TARGET);
        }
        assert_eq!(refusal("GET /é HTTP/1.1\r".as_bytes()), BAD_TARGET);
        assert_eq!(refusal(b"GET /\r"), NO_VERSION);
        for line in [
            &b"GET / HTTP/1.1 \r"[..],
            b"GET / a HTTP/1.1\r",
            b"GET /  HTTP/1.1\r",
            b"GET / \r",
            b"GET / http/1.1\r",
            b"GET / HTTP/1\r",
            b"GET / HTTP/1.10\r",
            b"GET / HTTP/1.1\r\r",
        ] {
            assert_eq!(refusal(line), BAD_VERSION);
        }
        assert_eq!(refusal(b"GET / HTTP/1.1"), Refusal::Framing("a line ends in LF without CR"));
    }

    #[test]
    fn other_versions_are_told_from_garbage() {
        for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0"] {
            assert_eq!(refusal(format!("PRI * {version}\r").as_bytes()), Refusal::Version);
        }
    }

    #[test]
    fn a_target_that_is_no_uri_is_refused() {
        for target in ["/a#b", "#", "/<a>", "/`", "http://", "http://[::1/", "a/b", "?"] {
            assert_eq!(refusal(format!("GET {target} HTTP/1.1\r").as_bytes()), Refusal::Target, "{target}");
        }
    }

    #[test]
    fn lengths_are_limited_before_the_line_is_whole() {
        let target = |length: usize| format!("GET /{} HTTP/1.1\r", "a".repeat(length - 1));
        let longest = target(LONGEST_TARGET);
        let too_long = target(LONGEST_TARGET + 1);

        assert!(parse(longest.as_bytes()).is_ok());
        assert_eq!(refusal(too_long.as_bytes()), Refusal::TargetTooLong);
        assert_eq!(check_beginning(&too_long.as_bytes()[..4 + LONGEST_TARGET]), Ok(()));
        assert_eq!(check_beginning(&too_long.as_bytes()[..=4 + LONGEST_TARGET]), Err(Refusal::TargetTooLong));
        assert!(parse(format!("{} / HTTP/1.1\r", "M".repeat(32)).as_bytes()).is_ok());
        assert_eq!(check_beginning("M".repeat(33).as_bytes()), Err(BAD_METHOD));
        assert_eq!(check_beginning(b"GET / HTTP/1.1\r"), Ok(()));
        assert_eq!(check_beginning(b"GET / HTTP/1.1abc"), Err(BAD_VERSION));
    }
}
