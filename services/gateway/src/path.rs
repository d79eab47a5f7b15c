//! The one view of a path: what is routed is what is forwarded, and nothing behind can read it differently.

use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;
use portico_common::error::ApiError;

use crate::problems;

const LONGEST_TARGET: usize = 8 * 1024;

/// A path and query of which nothing ambiguous is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target(PathAndQuery);

/// Why a path or query was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("the path and query are longer than {LONGEST_TARGET} bytes")]
    TooLong,
    #[error("the target is not a path")]
    NotAPath,
    #[error("the path has a character that must be percent-encoded, or `;`, which services read differently")]
    PathCharacter,
    #[error("the query has a character that must be percent-encoded")]
    QueryCharacter,
    #[error("the path has a percent sign that is not followed by two hex digits")]
    Escape,
    #[error("the path encodes a slash, a backslash, a control character or something that is not UTF-8")]
    EncodedSpecial,
    #[error("the path has a `.` or `..` segment")]
    DotSegment,
    #[error("the path has an empty segment")]
    EmptySegment,
}

impl From<TargetError> for ApiError {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::TooLong => Self::new(&problems::TARGET_TOO_LONG, error.to_string()),
            TargetError::NotAPath
            | TargetError::PathCharacter
            | TargetError::QueryCharacter
            | TargetError::Escape
            | TargetError::EncodedSpecial
            | TargetError::DotSegment
            | TargetError::EmptySegment => Self::new(&problems::INVALID_TARGET, error.to_string()),
        }
    }
}

impl Target {
    /// Reads the path and query of a request.
    ///
    /// Encoded letters, digits and `-._~` are decoded (RFC 3986 section 6.2.2.2: it is the same path),
    /// because routes are compared with the decoded form; all other escapes stay as they are.
    pub fn parse(uri: &Uri) -> Result<Self, TargetError> {
        let given = uri.path_and_query().ok_or(TargetError::NotAPath)?;
        if given.as_str().len() > LONGEST_TARGET {
            return Err(TargetError::TooLong);
        }
        check_characters(given)?;
        check_segments(given.path().as_bytes())?;
        if !given.path().contains('%') {
            return Ok(Self(given.clone()));
        }
        check_escapes(given.path())?;
        let path = decode_unreserved(given.path());
        let target = match given.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        target.try_into().map(Self).map_err(|_| TargetError::NotAPath)
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The query alone.
    pub fn query(&self) -> Option<&str> {
        self.0.query()
    }

    /// Path and query, as they are forwarded.
    pub fn as_inner(&self) -> &PathAndQuery {
        &self.0
    }

    /// The same, for good.
    pub fn into_inner(self) -> PathAndQuery {
        self.0
    }
}

fn check_characters(given: &PathAndQuery) -> Result<(), TargetError> {
    if !given.path().starts_with('/') {
        return Err(TargetError::NotAPath);
    }
    if !given.path().bytes().all(is_path_character) {
        return Err(TargetError::PathCharacter);
    }
    if !given.query().unwrap_or_default().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TargetError::QueryCharacter);
    }
    Ok(())
}

/// RFC 3986 `pchar` and the slash, without `;`: some servers cut a segment there, others do not.
fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b'%' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'='
        )
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn check_segments(path: &[u8]) -> Result<(), TargetError> {
    // The first slash begins the path; one at the end leaves a last segment that is empty and harmless.
    let inner = &path[1..];
    for segment in inner.strip_suffix(b"/").unwrap_or(inner).split(|byte| *byte == b'/') {
        if segment.is_empty() && path != b"/" {
            return Err(TargetError::EmptySegment);
        }
        check_dots(segment)?;
    }
    Ok(())
}

/// Refuses what only shows once it is decoded, be it by a service that decodes more than once.
fn check_escapes(path: &str) -> Result<(), TargetError> {
    if !every_escape_is_whole(path.as_bytes()) {
        return Err(TargetError::Escape);
    }
    path.split('/').filter(|segment| segment.contains('%')).try_for_each(check_decoded)
}

fn check_decoded(segment: &str) -> Result<(), TargetError> {
    let mut current = segment.to_owned();
    loop {
        let decoded: Vec<u8> = percent_decode_str(&current).collect();
        if decoded.iter().any(|byte| matches!(byte, b'/' | b'\\') || byte.is_ascii_control()) {
            return Err(TargetError::EncodedSpecial);
        }
        check_dots(&decoded)?;
        let decoded = String::from_utf8(decoded).map_err(|_| TargetError::EncodedSpecial)?;
        if decoded == current {
            return Ok(());
        }
        current = decoded;
    }
}

fn every_escape_is_whole(segment: &[u8]) -> bool {
    segment
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| segment.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

fn check_dots(segment: &[u8]) -> Result<(), TargetError> {
    let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
    if matches!(name, b"." | b"..") { Err(TargetError::DotSegment) } else { Ok(()) }
}

fn decode_unreserved(path: &str) -> String {
    let mut decoded = String::new();
    let mut rest = path;
    while let Some((byte, at)) = next_unreserved_escape(rest) {
        decoded.push_str(&rest[..at]);
        decoded.push(char::from(byte));
        rest = &rest[at + 3..];
    }
    decoded.push_str(rest);
    decoded
}

fn next_unreserved_escape(path: &str) -> Option<(u8, usize)> {
    path.match_indices('%').find_map(|(at, _)| {
        let byte = u8::from_str_radix(path.get(at + 1..at + 3)?, 16).ok()?;
        is_unreserved(byte).then_some((byte, at))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(target: &str) -> Result<String, TargetError> {
        let uri = Uri::try_from(target).expect("hyper lets it through");
        Target::parse(&uri).map(|target| target.into_inner().to_string())
    }

    #[test]
    fn a_plain_target_is_forwarded_as_it_came() {
        for target in ["/", "/v1/products", "/v1/products/", "/a?b=c&d[]=%2F..//", "/a%20b/c:d@e"] {
            assert_eq!(parse(target).as_deref(), Ok(target));
        }
    }

    #[test]
    fn encoded_letters_are_decoded_before_routing() {
        assert_eq!(parse("/v1/%75ser%73/me?q=%75").as_deref(), Ok("/v1/users/me?q=%75"));
        assert_eq!(parse("/a%2Db%7Ec%25d%C3%BC").as_deref(), Ok("/a-b~c%25d%C3%BC"));
    }

    #[test]
    fn what_others_could_read_differently_is_refused() {
        for (target, reason) in [
            ("*", TargetError::NotAPath),
            ("/a\\b", TargetError::PathCharacter),
            ("/a;b", TargetError::PathCharacter),
            ("/ü", TargetError::PathCharacter),
            ("/a|b", TargetError::PathCharacter),
            ("/a?ü", TargetError::QueryCharacter),
            ("/a%", TargetError::Escape),
            ("/a%2", TargetError::Escape),
            ("/a%u002e", TargetError::Escape),
            ("/a%2fb", TargetError::EncodedSpecial),
            ("/a%252fb", TargetError::EncodedSpecial),
            ("/a%25%32%66b", TargetError::EncodedSpecial),
            ("/a%5Cb", TargetError::EncodedSpecial),
            ("/a%00", TargetError::EncodedSpecial),
            ("/a%0d%0a", TargetError::EncodedSpecial),
            ("/a%c0%af", TargetError::EncodedSpecial),
            ("/a/../b", TargetError::DotSegment),
            ("/a/./b", TargetError::DotSegment),
            ("/a/%2e%2e/b", TargetError::DotSegment),
            ("/a/.%2E", TargetError::DotSegment),
            ("/a/%252e%252e/b", TargetError::DotSegment),
            ("/a/..%3b/b", TargetError::DotSegment),
            ("//a", TargetError::EmptySegment),
            ("/a//b", TargetError::EmptySegment),
            ("/a//", TargetError::EmptySegment),
            ("//", TargetError::EmptySegment),
        ] {
            assert_eq!(parse(target), Err(reason), "{target}");
        }
        assert_eq!(parse(&format!("/{}", "a".repeat(LONGEST_TARGET))), Err(TargetError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_the_same_when_parsed_again(path in "/([a-z%./;2eE5cC0-9]{0,12}/?){0,4}") {
            if let Ok(uri) = Uri::try_from(path)
                && let Ok(target) = Target::parse(&uri)
            {
                let again = Target::parse(&Uri::from(target.clone().into_inner()));
                prop_assert_eq!(again.as_ref(), Ok(&target));
                let decoded: Vec<u8> = percent_decode_str(target.path()).collect();
                let decoded = String::from_utf8(decoded).unwrap();
                prop_assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."));
            }
        }
    }
}
