//! The check of the fields behind a chunked body, up to their empty line.

use super::line::{self, Lines};

const LONGEST_TRAILERS: usize = 8 * 1024;
const MOST_FIELDS: u32 = 100;

/// RFC 9110 section 6.5.1: what frames, routes, authenticates or controls a request, or says how to read its body,
/// comes before the body.
const NOT_BEHIND_A_BODY: [&[u8]; 25] = [
    b"authorization",
    b"cache-control",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"keep-alive",
    b"max-forwards",
    b"pragma",
    b"proxy-authorization",
    b"range",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
];

/// What is known of trailers that are not complete.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TrailerCheck {
    lines: Lines,
    count: u32,
}

impl TrailerCheck {
    /// Goes on with trailers that have grown; tells their length, with the empty line, once they are complete.
    pub fn advance(&mut self, section: &[u8]) -> Result<Option<usize>, &'static str> {
        const TOO_LONG: &str = "the trailers are longer than 8 KiB";
        while let Some(line) = self.lines.next(section) {
            if self.lines.start > LONGEST_TRAILERS {
                return Err(TOO_LONG);
            }
            let line = line::without_cr(line)?;
            if line.is_empty() {
                return Ok(Some(self.lines.start));
            }
            self.field(line)?;
        }
        if section.len() > LONGEST_TRAILERS { Err(TOO_LONG) } else { Ok(None) }
    }

    fn field(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let (name, _) = line::field(line)?;
        self.count += 1;
        if self.count > MOST_FIELDS {
            return Err("there are more than 100 trailers");
        }
        if NOT_BEHIND_A_BODY.iter().any(|known| line::is_alike(name, known)) {
            return Err("a trailer is a field that must come before the body");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(section: &str) -> Result<Option<usize>, &'static str> {
        TrailerCheck::default().advance(section.as_bytes())
    }

    #[test]
    fn trailers_end_with_an_empty_line() {
        assert_eq!(check("\r\nGET"), Ok(Some(2)));
        assert_eq!(check("a: b\r\nc:\r\n\r\nGET"), Ok(Some(12)));
        assert_eq!(check("a: b\r\n"), Ok(None));
        assert_eq!(check("\r"), Ok(None));
    }

    #[test]
    fn trailers_are_as_strict_as_a_head() {
        for section in
            ["\n", "a: b\n\r\n", "a : b\r\n\r\n", "a: b\r\n c\r\n\r\n", "a\r\n\r\n", "a: b\rc\r\n\r\n", "X\r\n"]
        {
            assert!(check(section).is_err(), "{section:?}");
        }
    }

    #[test]
    fn a_trailer_is_no_field_of_the_head() {
        for name in ["Content-Length", "content_length", "Transfer-Encoding", "HOST", "Authorization", "te"] {
            assert!(check(&format!("{name}: 1\r\n\r\n")).is_err(), "{name}");
        }
        assert!(check("Server-Timing: a\r\nx-checksum: 1\r\n\r\n").is_ok());
    }

    #[test]
    fn trailers_are_limited() {
        let long = |length: usize| format!("a: {}\r\n\r\n", "b".repeat(length - 7));

        assert_eq!(check(&long(LONGEST_TRAILERS)), Ok(Some(LONGEST_TRAILERS)));
        assert!(check(&long(LONGEST_TRAILERS + 1)).is_err());
        assert!(check(&long(LONGEST_TRAILERS * 2)[..=LONGEST_TRAILERS]).is_err());
        assert!(check(&format!("{}\r\n", "a:b\r\n".repeat(101))).is_err());
    }
}
