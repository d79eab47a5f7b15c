//! What a request under a key is.

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, TimeDelta, Utc};
use portico_common::error::{ApiError, kinds};

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// What the caller calls one intention; 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Reads the value of the header.
    ///
    /// # Errors
    /// `invalid_parameter`: it is empty, too long, or holds something else than visible ASCII.
    pub fn parse(raw: &[u8]) -> Result<Self, ApiError> {
        let is_allowed = (1..=255).contains(&raw.len()) && raw.iter().all(u8::is_ascii_graphic);
        std::str::from_utf8(raw).ok().filter(|_| is_allowed).map(|key| Self(key.to_owned())).ok_or_else(|| {
            ApiError::new(&kinds::INVALID_PARAMETER, "Idempotency-Key is 1 to 255 visible ASCII characters")
        })
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What tells a request from others under the same key.
pub fn fingerprint(method: &str, address: &str, body: &[u8]) -> Vec<u8> {
    let mut digest = Context::new(&SHA256);
    for part in [method.as_bytes(), address.as_bytes(), body] {
        digest.update(&part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finish().as_ref().to_vec()
}

/// A request that may carry a key, as far as idempotency is concerned.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    /// The key, if the caller sent one.
    pub key: Option<Key>,
    /// What tells it from others under the same key.
    pub fingerprint: Vec<u8>,
    /// The path, which a stored problem names.
    pub path: String,
    /// The request id, which a stored problem names.
    pub request_id: String,
}

/// When an answer given at `now` is forgotten.
pub fn expiry(now: DateTime<Utc>) -> DateTime<Utc> {
    now + KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii() {
        assert!(Key::parse(b"7f3c-\"quoted\"").is_ok());
        for bad in [&b""[..], b"a b", b"\xff", "ü".as_bytes(), &[b'a'; 256]] {
            assert!(Key::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_fingerprint_differs_with_each_part_and_their_borders() {
        let one = fingerprint("POST", "/v1/products", b"{}");

        assert_eq!(one, fingerprint("POST", "/v1/products", b"{}"));
        assert_ne!(one, fingerprint("PUT", "/v1/products", b"{}"));
        assert_ne!(one, fingerprint("POST", "/v1/product", b"s{}"));
        assert_ne!(one, fingerprint("POST", "/v1/products", b"{ }"));
    }
}
