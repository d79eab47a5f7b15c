//! Refresh tokens: 256 random bits, of which the database has only the SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto;
use crate::sessions::SessionId;

/// Lets scanners for leaked secrets recognise one.
const PREFIX: &str = "prt_";

/// A refresh token as the client holds it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken(String);

impl RefreshToken {
    pub fn new() -> Self {
        let secret: [u8; 32] = crypto::random();
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret)))
    }

    /// Reads a token; what was never one of ours is `None`.
    pub fn parse(raw: &str) -> Option<Self> {
        let secret = URL_SAFE_NO_PAD.decode(raw.strip_prefix(PREFIX)?).ok()?;
        (secret.len() == 32).then(|| Self(raw.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the database knows it by.
    pub fn hash(&self) -> [u8; 32] {
        crypto::sha256(self.0.as_bytes())
    }

    /// Encrypts the token that replaces this one, so that only who still holds this one can read it.
    pub fn seal_successor(&self, session: SessionId, successor: &Self) -> Vec<u8> {
        crypto::seal(&self.successor_key(), session.0.as_bytes(), successor.0.as_bytes())
    }

    /// Reads back what [`seal_successor`](Self::seal_successor) wrote.
    pub fn open_successor(&self, session: SessionId, sealed: &[u8]) -> anyhow::Result<Self> {
        let plain = crypto::open(&self.successor_key(), session.0.as_bytes(), sealed)?;
        let text = String::from_utf8(plain)?;
        Self::parse(&text).ok_or_else(|| anyhow::anyhow!("the sealed successor is no refresh token"))
    }

    fn successor_key(&self) -> [u8; 32] {
        crypto::derive_key(self.0.as_bytes(), "refresh token successor")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_does() {
        let token = RefreshToken::new();

        assert!(RefreshToken::parse(token.as_str()) == Some(token.clone()));
        for raw in ["", "prt_", "prt_AAAA", &token.as_str()[4..], &format!("{}A", token.as_str()), "prt_\u{e4}"] {
            assert!(RefreshToken::parse(raw).is_none(), "{raw}");
        }
    }

    #[test]
    fn only_the_replaced_token_reads_its_successor() {
        let session = SessionId(Uuid::from_u128(1));
        let (old, new) = (RefreshToken::new(), RefreshToken::new());

        let sealed = old.seal_successor(session, &new);

        assert!(old.open_successor(session, &sealed).unwrap() == new);
        assert!(RefreshToken::new().open_successor(session, &sealed).is_err());
        assert!(old.open_successor(SessionId(Uuid::from_u128(2)), &sealed).is_err());
    }
}
