//! The check of one token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Header, decode, decode_header};

use super::checked::{Checked, CheckedTokens, Digest};
use super::feed::KeySource;
use super::keys::{KeySet, VerifyingKey};
use super::revocations::Revocations;
use super::{Claims, Revocation, TokenConfig};
use crate::clock::Clock;
use crate::error::{ApiError, kinds};
use crate::server::Check;

/// Longer tokens are refused unread: ours are well under 2 KiB.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How credentials that are a bearer token begin, in any case (RFC 6750 section 2.1).
const SCHEME: &[u8; 7] = b"Bearer ";

/// How far the issuer's clock may be ahead of ours or behind it.
const LEEWAY_SECONDS: i64 = 30;

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64url JSON, or longer than any token of ours.
    #[error("the token is not a JWT")]
    Malformed,
    /// `typ` is not `at+jwt`, or the header asks for something we do not do (`crit`).
    #[error("the token is not an access token")]
    WrongKind,
    /// No published key has its `kid`.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// Its algorithm, signature, issuer, audience or claims are not what they must be.
    #[error("the token is not one of ours")]
    Untrusted,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Its session was ended.
    #[error("the token was revoked")]
    Revoked,
}

impl TokenError {
    /// Its name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "jwt_malformed",
            Self::WrongKind => "jwt_wrong_kind",
            Self::UnknownKey => "jwt_unknown_key",
            Self::Untrusted => "jwt_untrusted",
            Self::Expired => "jwt_expired",
            Self::NotYetValid => "jwt_not_yet_valid",
            Self::Revoked => "jwt_revoked",
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{error}\"");
        let challenge = HeaderValue::try_from(challenge).expect("the descriptions are plain ASCII");
        Self::new(&kinds::INVALID_TOKEN, error.to_string())
            .because(error.reason())
            .with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

/// A token that was found good; [`Verifier::is_still_good`] says whether it still is.
pub struct GoodToken(Arc<Checked>);

impl GoodToken {
    /// What it says.
    pub fn claims(&self) -> &Arc<Claims> {
        &self.0.claims
    }

    /// Whether both are the same check of the same token.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Checks access tokens without asking the issuer. Cheap to clone; clones share keys and revocations.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

pub(super) struct Inner {
    issuer: String,
    audience: String,
    clock: Clock,
    keys: ArcSwap<KeySet>,
    checked: CheckedTokens,
    source: Option<KeySource>,
    pub revocations: Revocations,
    pub revocations_known: AtomicBool,
}

impl Verifier {
    /// A verifier that knows no key until [`Verifier::replace_keys`] gives it some.
    pub fn new(issuer: &str, audience: &str, clock: Clock) -> Self {
        Self::build(issuer, audience, clock, None)
    }

    /// A verifier that fetches its keys; [`Verifier::follow`] keeps it up to date.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn remote(config: &TokenConfig, clock: Clock) -> anyhow::Result<Self> {
        let source = KeySource::new(config)?;
        Ok(Self::build(&config.auth_issuer, &config.auth_audience, clock, Some(source)))
    }

    fn build(issuer: &str, audience: &str, clock: Clock, source: Option<KeySource>) -> Self {
        Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            clock,
            keys: ArcSwap::default(),
            checked: CheckedTokens::default(),
            revocations_known: AtomicBool::new(source.is_none()),
            source,
            revocations: Revocations::default(),
        }))
    }

    /// Takes over the keys the issuer publishes now; a key that is gone is trusted no more. Tells whether they are others.
    pub fn replace_keys(&self, published: &JwkSet) -> bool {
        let before = self.0.keys.rcu(|held| {
            let replaced = held.replaced_by(published, &self.0.issuer, &self.0.audience);
            replaced.map_or_else(|| Arc::clone(held), Arc::new)
        });
        before.generation != self.0.keys.load().generation
    }

    /// Takes in revocations.
    pub fn revoke(&self, items: &[Revocation]) {
        self.0.revocations.apply(items, self.0.clock.now().timestamp());
    }

    /// Whether it has keys and has read the revocation feed once: before that nothing can be vouched for.
    pub fn is_ready(&self) -> bool {
        !self.0.keys.load().is_empty() && self.0.revocations_known.load(Ordering::Acquire)
    }

    /// The ids of the keys it trusts, in their order.
    pub fn key_ids(&self) -> Vec<String> {
        self.0.keys.load().ids()
    }

    /// The readiness check of a verifier.
    pub fn check(&self) -> Check {
        let verifier = self.clone();
        Check::new("keys", move || {
            let is_ready = verifier.is_ready();
            async move {
                anyhow::ensure!(is_ready, "keys and revocations have not been read yet");
                Ok(())
            }
        })
    }

    /// Keeps keys and revocations up to date; ends only when dropped.
    pub async fn follow(self) {
        if let Some(source) = &self.0.source {
            tokio::join!(source.follow_keys(&self), source.follow_revocations(&self));
        }
    }

    pub(super) fn mark_revocations_known(&self) {
        self.0.revocations_known.store(true, Ordering::Release);
    }

    pub(super) fn knows(&self, key_id: &str) -> bool {
        self.0.keys.load().find(key_id).is_some()
    }

    /// Checks the bearer token of a request: `None` when it carries no credentials.
    ///
    /// # Errors
    /// 401 for credentials that are not one acceptable bearer token.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Arc<Claims>>, ApiError> {
        let Some(token) = bearer(headers)? else {
            return Ok(None);
        };
        let token = str::from_utf8(token).map_err(|_| TokenError::Malformed)?;
        Ok(Some(self.verify(token).await?))
    }

    /// A bearer token that was found good before and still is; never waits.
    ///
    /// `None` says nothing: [`authenticate`](Self::authenticate) does.
    pub fn recall(&self, headers: &HeaderMap) -> Option<GoodToken> {
        let token = bearer(headers).ok()??;
        let good = GoodToken(self.0.checked.find(&Digest::of(token))?);
        self.is_still_good(&good).then_some(good)
    }

    /// Whether a token is as good as it was: keys, time and revocations.
    pub fn is_still_good(&self, good: &GoodToken) -> bool {
        let epoch = self.0.revocations.epoch();
        good.0.generation == self.0.keys.load().generation && self.check_still(&good.0, epoch).is_ok()
    }

    /// Checks a token: kind, key, signature, issuer, audience, times, revocation.
    ///
    /// One that was found good is only compared with what has changed since.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        let digest = Digest::of(token.as_bytes());
        // Read before anything is compared with it, so that a revocation made meanwhile is seen next time.
        let epoch = self.0.revocations.epoch();
        let checked = match self.0.checked.find(&digest) {
            Some(checked) if checked.generation == self.0.keys.load().generation => checked,
            _ => {
                let checked = Arc::new(self.check_signature(token, epoch).await?);
                self.check_time(&checked.claims)?;
                self.0.checked.keep(digest, Arc::clone(&checked));
                return Ok(Arc::clone(&checked.claims));
            }
        };
        if let Err(error) = self.check_still(&checked, epoch) {
            self.0.checked.forget(&digest);
            return Err(error);
        }
        Ok(Arc::clone(&checked.claims))
    }

    fn check_still(&self, checked: &Checked, epoch: u64) -> Result<(), TokenError> {
        self.check_time(&checked.claims)?;
        if checked.is_of(epoch) {
            return Ok(());
        }
        if self.0.revocations.contain(&checked.claims) {
            return Err(TokenError::Revoked);
        }
        checked.stood(epoch);
        Ok(())
    }

    async fn check_signature(&self, token: &str, epoch: u64) -> Result<Checked, TokenError> {
        let key_id = key_id(token)?;
        if !self.knows(&key_id)
            && let Some(source) = &self.0.source
        {
            source.look_for(&key_id, self).await;
        }
        let keys = self.0.keys.load();
        let key = keys.find(&key_id).ok_or(TokenError::UnknownKey)?;
        let claims = check_signature(token, key)?;
        if self.0.revocations.contain(&claims) {
            return Err(TokenError::Revoked);
        }
        Ok(Checked::new(Arc::new(claims), keys.generation, epoch))
    }

    fn check_time(&self, claims: &Claims) -> Result<(), TokenError> {
        let now = self.0.clock.timestamp();
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(TokenError::Expired);
        }
        if claims.nbf.max(claims.iat) > now.saturating_add(LEEWAY_SECONDS) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

/// The one bearer token of a request, if it carries credentials.
fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, TokenError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // With two of them, another reader might pick the one we did not check.
    if values.next().is_some() {
        return Err(TokenError::Malformed);
    }
    let split = value.as_bytes().split_first_chunk::<{ SCHEME.len() }>();
    let bearer = split.filter(|(scheme, token)| scheme.eq_ignore_ascii_case(SCHEME) && token.len() <= MAX_TOKEN_BYTES);
    bearer.map(|(_, token)| Some(token.trim_ascii())).ok_or(TokenError::Malformed)
}

/// Reads the header, which nothing vouches for yet: only its `kid` is used, to look a key up.
fn key_id(token: &str) -> Result<String, TokenError> {
    if token.len() > MAX_TOKEN_BYTES || token.split('.').count() != 3 {
        return Err(TokenError::Malformed);
    }
    let header: Header = decode_header(token).map_err(|_| TokenError::Malformed)?;
    let is_access_token = header
        .typ
        .as_deref()
        .is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt"));
    // RFC 7515 section 4.1.11: an extension that is critical and not understood makes it invalid.
    if !is_access_token || header.crit.is_some() {
        return Err(TokenError::WrongKind);
    }
    header.kid.ok_or(TokenError::UnknownKey)
}

fn check_signature(token: &str, key: &VerifyingKey) -> Result<Claims, TokenError> {
    let data = decode::<Claims>(token, &key.key, &key.rules).map_err(|_| TokenError::Untrusted)?;
    if data.header.alg != key.algorithm {
        return Err(TokenError::Untrusted);
    }
    Ok(data.claims)
}
