//! The issuer's public keys, by key id, each pinned to one algorithm.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

/// A key and the only rules a token signed with it is checked by.
pub(super) struct VerifyingKey {
    pub algorithm: Algorithm,
    pub key: DecodingKey,
    pub rules: Validation,
}

/// The keys published now.
#[derive(Default)]
pub(super) struct KeySet {
    keys: BTreeMap<String, VerifyingKey>,
    published: Option<JwkSet>,
    /// Changes with the keys.
    pub generation: u64,
}

impl KeySet {
    /// Takes every signing key of a kind we accept; others are left out, not trusted.
    ///
    /// `None` if nothing has changed.
    pub fn replaced_by(&self, published: &JwkSet, issuer: &str, audience: &str) -> Option<Self> {
        if self.published.as_ref() == Some(published) {
            return None;
        }
        let keys = published.keys.iter().filter_map(|jwk| {
            let id = jwk.common.key_id.clone()?;
            Some((id, verifying_key(jwk, issuer, audience)?))
        });
        Some(Self { keys: keys.collect(), published: Some(published.clone()), generation: self.generation + 1 })
    }

    pub fn find(&self, id: &str) -> Option<&VerifyingKey> {
        self.keys.get(id)
    }

    pub fn ids(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn verifying_key(jwk: &Jwk, issuer: &str, audience: &str) -> Option<VerifyingKey> {
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = Algorithm::try_from(jwk.common.key_algorithm?).ok()?;
    if !matches!(algorithm, Algorithm::ES256 | Algorithm::EdDSA | Algorithm::RS256) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    if key.family() != algorithm.family() {
        return None;
    }
    Some(VerifyingKey { algorithm, key, rules: rules(algorithm, issuer, audience) })
}

fn rules(algorithm: Algorithm, issuer: &str, audience: &str) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The library reads the system's clock; the verifier checks the times against ours.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules
}
