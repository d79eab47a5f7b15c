//! Access tokens: RFC 9068 JWTs.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Header, encode};
use portico_common::token::Claims;
use uuid::Uuid;

use crate::accounts::Account;
use crate::keys::Keyring;
use crate::sessions::Session;

/// The one client there is: the API's own.
const CLIENT: &str = "portico";

/// A signed token and what its holder should know of it.
pub(crate) struct AccessToken {
    pub token: String,
    pub expires_in: i64,
    pub scope: String,
}

/// Signs access tokens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct TokenIssuer {
    issuer: Arc<str>,
    audience: Arc<str>,
    life: TimeDelta,
    keyring: Keyring,
}

impl TokenIssuer {
    pub fn new(issuer: &str, audience: &str, life: TimeDelta, keyring: Keyring) -> Self {
        Self { issuer: issuer.into(), audience: audience.into(), life, keyring }
    }

    /// The `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When a token issued no later than `now` has expired everywhere.
    pub fn all_expired(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        // Verifiers allow for clocks that differ by half a minute, and `iat` may be a second ahead.
        now + self.life + TimeDelta::minutes(1)
    }

    /// Signs a token for a session; it does not outlive the session.
    pub fn sign(&self, account: &Account, session: &Session, now: DateTime<Utc>) -> anyhow::Result<AccessToken> {
        let expires_at = (now + self.life).min(session.expires_at);
        // Right after the rights changed, `now` in whole seconds lies before the moment from which tokens count.
        let issued_at = now.timestamp().max(account.tokens_valid_from.timestamp());
        let scope = account.roles.scope();
        let claims = Claims {
            iss: self.issuer.to_string(),
            sub: account.id.0,
            aud: self.audience.to_string(),
            exp: expires_at.timestamp(),
            iat: issued_at,
            nbf: now.timestamp(),
            jti: Uuid::new_v4().to_string(),
            client_id: CLIENT.to_owned(),
            sid: session.id.0,
            auth_time: session.authenticated_at.timestamp(),
            roles: account.roles.names(),
            scope: scope.clone(),
            email: account.email.to_string(),
            email_verified: account.is_verified(),
            name: account.display_name.clone(),
        };
        let token = self.keyring.with_active(now, |key| {
            let mut header = Header::new(key.algorithm);
            header.typ = Some("at+jwt".to_owned());
            header.kid = Some(key.kid.clone());
            Ok(encode(&header, &claims, &key.private)?)
        })?;
        Ok(AccessToken { token, expires_in: expires_at.timestamp() - now.timestamp(), scope })
    }
}
