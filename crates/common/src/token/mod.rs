//! Bearer tokens: RFC 9068 access tokens, checked offline against the issuer's published keys.

mod caller;
mod checked;
mod feed;
mod keys;
mod revocations;
mod verifier;

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

pub use caller::Caller;
pub use revocations::Revocation;
pub use verifier::{GoodToken, TokenError, Verifier};

/// Whose tokens are accepted, and where the issuer publishes what it takes to check them.
#[derive(Debug, Clone, clap::Args)]
pub struct TokenConfig {
    /// The issuer, exactly as tokens name it in `iss`
    #[arg(long, env = "AUTH_ISSUER")]
    pub auth_issuer: String,

    /// The audience a token must be meant for
    #[arg(long, env = "AUTH_AUDIENCE", default_value = "portico")]
    pub auth_audience: String,

    /// Where the issuer publishes its keys (RFC 7517)
    #[arg(long, env = "JWKS_URL")]
    pub jwks_url: Url,

    /// The issuer's feed of revoked sessions, on its internal listener
    #[arg(long, env = "REVOCATIONS_URL")]
    pub revocations_url: Url,
}

/// The claims of an access token (RFC 9068 section 2.2). Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// Whose it is.
    pub sub: Uuid,
    /// For whom it is meant.
    pub aud: String,
    /// When it ends.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// When it begins.
    pub nbf: i64,
    /// Names this token.
    pub jti: String,
    /// The client it was issued to.
    pub client_id: String,
    /// The session it belongs to; revoking the session ends the token.
    pub sid: Uuid,
    /// When the user last proved who they are.
    pub auth_time: i64,
    /// The user's roles.
    pub roles: Vec<String>,
    /// What it allows, separated by spaces (RFC 6749 section 3.3).
    pub scope: String,
    /// The user's address.
    pub email: String,
    /// Whether the address was verified.
    pub email_verified: bool,
    /// The name the user goes by, if one was given.
    pub name: Option<String>,
}

impl Claims {
    /// Whether the token allows `scope`.
    pub fn allows(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }
}
