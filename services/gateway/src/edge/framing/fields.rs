//! The fields of a head that say where the message ends, and who reads what comes after.

use super::line::{is_alike, members, trim};
use super::wire::Refusal;

/// Where the body of a request ends (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    None,
    /// As many bytes, at least one.
    Length(u64),
    Chunked,
}

/// What was found of them so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields {
    length: Option<u64>,
    is_chunked: bool,
    has_host: bool,
    /// Asks for a protocol other than `h2c`, which is never taken up: RFC 9113 dropped it, and common clients
    /// still send it with every first request, bodies included.
    pub asks_for_upgrade: bool,
}

impl Fields {
    /// Takes notice of a field. Names are told apart by their length first: most are of no interest.
    pub fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.take_host().map_err(Refusal::Framing),
            6 if name.eq_ignore_ascii_case(b"expect") => check_expectation(value),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.asks_for_upgrade |= members(value).any(|protocol| !protocol.eq_ignore_ascii_case(b"h2c"));
                Ok(())
            }
            10 if name.eq_ignore_ascii_case(b"connection") => check_connection(value).map_err(Refusal::Framing),
            14 if is_alike(name, b"content-length") => self.take_length(name, value).map_err(Refusal::Framing),
            17 if is_alike(name, b"transfer-encoding") => self.take_coding(name, value).map_err(Refusal::Framing),
            _ => Ok(()),
        }
    }

    /// What all of them together say.
    pub fn body(&self, is_http_11: bool) -> Result<Body, &'static str> {
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err("there are both Content-Length and Transfer-Encoding"),
            (true, None) if !is_http_11 => Err("HTTP/1.0 has no Transfer-Encoding"),
            (true, None) => Ok(Body::Chunked),
            (false, None | Some(0)) => Ok(Body::None),
            (false, Some(length)) => Ok(Body::Length(length)),
        }
    }

    fn take_host(&mut self) -> Result<(), &'static str> {
        if self.has_host {
            return Err("there is more than one Host");
        }
        self.has_host = true;
        Ok(())
    }

    fn take_length(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if name[7] != b'-' {
            return Err("a field name can be taken for Content-Length");
        }
        if self.length.is_some() {
            return Err("there is more than one Content-Length");
        }
        self.length = Some(length(trim(value)).ok_or("Content-Length is not a number of at most 19 digits")?);
        Ok(())
    }

    fn take_coding(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if name[8] != b'-' {
            return Err("a field name can be taken for Transfer-Encoding");
        }
        if self.is_chunked {
            return Err("there is more than one Transfer-Encoding");
        }
        self.is_chunked = trim(value).eq_ignore_ascii_case(b"chunked");
        if self.is_chunked { Ok(()) } else { Err("Transfer-Encoding is not just `chunked`") }
    }
}

/// Digits only. None to spare in front: there are readers that take `010` for eight.
fn length(value: &[u8]) -> Option<u64> {
    let is_plain = matches!(value, [b'0'] | [b'1'..=b'9', ..]) && value.len() <= 19;
    if !is_plain || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// RFC 9110 section 10.1.1: there is no other expectation than this one.
fn check_expectation(value: &[u8]) -> Result<(), Refusal> {
    if trim(value).eq_ignore_ascii_case(b"100-continue") { Ok(()) } else { Err(Refusal::Expectation) }
}

/// What a connection option names, the next hop drops: with these a request would become another.
fn check_connection(value: &[u8]) -> Result<(), &'static str> {
    let is_framing = |option: &[u8]| {
        [&b"content-length"[..], b"transfer-encoding", b"host", b"authorization"]
            .iter()
            .any(|name| option.eq_ignore_ascii_case(name))
    };
    if members(value).any(is_framing) { Err("Connection names a field that frames the request") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: &[(&str, &str)]) -> Result<Body, Refusal> {
        let mut found = Fields::default();
        for (name, value) in fields {
            found.take(name.as_bytes(), value.as_bytes())?;
        }
        found.body(true).map_err(Refusal::Framing)
    }

    fn is_refused(fields: &[(&str, &str)]) -> bool {
        matches!(body(fields), Err(Refusal::Framing(_)))
    }

    #[test]
    fn a_body_is_as_long_as_its_one_field_says() {
        assert_eq!(body(&[]), Ok(Body::None));
        assert_eq!(body(&[("content-length", "0")]), Ok(Body::None));
        assert_eq!(body(&[("CONTENT-LENGTH", " \t12 ")]), Ok(Body::Length(12)));
        assert_eq!(body(&[("Content-Length", "9999999999999999999")]), Ok(Body::Length(9_999_999_999_999_999_999)));
        assert_eq!(body(&[("Transfer-Encoding", "\tChunked ")]), Ok(Body::Chunked));
    }

    #[test]
    fn a_length_that_is_not_plain_is_refused() {
        for value in ["", "+1", "-1", "0x1", "1_0", "01", "00", "1,1", "1 1", "1.0", "12345678901234567890", "١"] {
            assert!(is_refused(&[("content-length", value)]), "{value}");
        }
    }

    #[test]
    fn a_coding_other_than_chunked_is_refused() {
        for value in
            ["", "gzip", "gzip, chunked", "chunked, chunked", "chunked;a=b", "identity", "xchunked", "chunked,"]
        {
            assert!(is_refused(&[("transfer-encoding", value)]), "{value}");
        }
    }

    #[test]
    fn a_second_say_about_the_length_is_refused() {
        let (length, coding) = (("content-length", "1"), ("transfer-encoding", "chunked"));

        assert!(is_refused(&[length, length]));
        assert!(is_refused(&[coding, coding]));
        assert!(is_refused(&[length, coding]));
        assert!(is_refused(&[("content-length", "0"), coding]));
        assert!(is_refused(&[("host", "a"), ("Host", "a")]));
        let mut found = Fields::default();
        found.take(b"transfer-encoding", b"chunked").unwrap();
        assert!(found.body(false).is_err());
    }

    #[test]
    fn a_name_that_can_be_taken_for_a_framing_one_is_refused() {
        for name in ["content_length", "Content.Length", "content~length", "transfer_encoding", "TRANSFER.ENCODING"] {
            assert!(is_refused(&[(name, "1")]), "{name}");
        }
        assert_eq!(body(&[("contentxlength", "1"), ("transfer-encodings", "x")]), Ok(Body::None));
    }

    #[test]
    fn a_connection_option_cannot_take_framing_away() {
        assert!(is_refused(&[("connection", "close, Content-Length")]));
        assert!(is_refused(&[("connection", "transfer-encoding")]));
        assert!(is_refused(&[("connection", "keep-alive ,\thost")]));
        assert_eq!(body(&[("connection", "keep-alive, upgrade, x-host")]), Ok(Body::None));
    }

    #[test]
    fn one_expectation_can_be_met() {
        assert_eq!(body(&[("expect", " 100-Continue ")]), Ok(Body::None));
        assert_eq!(body(&[("expect", "200-ok")]), Err(Refusal::Expectation));
        assert_eq!(body(&[("expect", "")]), Err(Refusal::Expectation));
    }

    #[test]
    fn h2c_is_not_an_upgrade_that_could_be_taken_up() {
        let asks = |value: &str| {
            let mut found = Fields::default();
            found.take(b"Upgrade", value.as_bytes()).unwrap();
            found.asks_for_upgrade
        };

        assert!(asks("websocket"));
        assert!(asks("h2c, websocket"));
        assert!(!asks("H2C"));
        assert!(!asks(""));
    }
}
