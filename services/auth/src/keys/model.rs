//! A signing key: how it is made, kept and named.

use anyhow::{Context as _, anyhow, ensure};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};

use crate::config::SigningAlgorithm;
use crate::crypto;

impl SigningAlgorithm {
    /// Its name in JOSE and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    fn from_name(name: &str) -> anyhow::Result<Self> {
        [Self::Es256, Self::EdDsa, Self::Rs256]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| anyhow!("`{name}` is no algorithm of ours"))
    }

    fn jose(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Rs256 => Algorithm::RS256,
        }
    }

    /// A new private key, in the form the JWT library reads.
    fn generate(self) -> anyhow::Result<Vec<u8>> {
        let failed = |_| anyhow!("the key could not be made");
        Ok(match self {
            Self::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
                pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
            }
            Self::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
            }
            Self::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                unwrap_pkcs8(pkcs8.as_ref())?.to_vec()
            }
        })
    }

    fn encoding_key(self, private: &[u8]) -> EncodingKey {
        match self {
            Self::Es256 => EncodingKey::from_ec_der(private),
            Self::EdDsa => EncodingKey::from_ed_der(private),
            Self::Rs256 => EncodingKey::from_rsa_der(private),
        }
    }
}

/// The `RSAPrivateKey` (RFC 8017) inside a `PrivateKeyInfo` (RFC 5208), whose frame has a fixed size for 2048 bits.
fn unwrap_pkcs8(pkcs8: &[u8]) -> anyhow::Result<&[u8]> {
    const FRAME: usize = 26;
    const OCTET_STRING_OF_TWO_BYTE_LENGTH: [u8; 2] = [0x04, 0x82];
    let is_framed = pkcs8.len() > FRAME && pkcs8[FRAME - 4..FRAME - 2] == OCTET_STRING_OF_TWO_BYTE_LENGTH;
    ensure!(is_framed, "the RSA key has an unexpected frame");
    let key = &pkcs8[FRAME..];
    RsaKeyPair::from_der(key).map_err(|error| anyhow!("the RSA key does not read back: {error}"))?;
    Ok(key)
}

/// Encrypts private keys at rest.
#[derive(Clone)]
pub(crate) struct MasterKey([u8; 32]);

impl MasterKey {
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(crypto::derive_key(secret, "signing keys"))
    }
}

/// A key as it is stored.
pub(crate) struct StoredKey {
    pub kid: String,
    pub algorithm: String,
    pub public_jwk: serde_json::Value,
    pub private_sealed: Vec<u8>,
    pub active_from: DateTime<Utc>,
    pub gone_from: Option<DateTime<Utc>>,
}

impl StoredKey {
    /// Makes a key; its id is its RFC 7638 thumbprint, and its private part opens only under that id.
    pub fn generate(
        algorithm: SigningAlgorithm,
        master: &MasterKey,
        active_from: DateTime<Utc>,
    ) -> anyhow::Result<Self> {
        let private = algorithm.generate()?;
        let mut jwk = Jwk::from_encoding_key(&algorithm.encoding_key(&private), algorithm.jose())?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            private_sealed: crypto::seal(&master.0, kid.as_bytes(), &private),
            kid,
            algorithm: algorithm.name().to_owned(),
            public_jwk: serde_json::to_value(jwk)?,
            active_from,
            gone_from: None,
        })
    }
}

/// A key ready for use.
pub(crate) struct SigningKey {
    pub kid: String,
    pub algorithm: Algorithm,
    pub private: EncodingKey,
    pub public: Jwk,
    pub active_from: DateTime<Utc>,
    pub gone_from: Option<DateTime<Utc>>,
}

impl SigningKey {
    pub fn open(stored: StoredKey, master: &MasterKey) -> anyhow::Result<Self> {
        let StoredKey { kid, algorithm, public_jwk, private_sealed, active_from, gone_from } = stored;
        let algorithm = SigningAlgorithm::from_name(&algorithm)?;
        let private = crypto::open(&master.0, kid.as_bytes(), &private_sealed)
            .with_context(|| format!("MASTER_KEY does not open the signing key {kid}"))?;
        Ok(Self {
            kid,
            algorithm: algorithm.jose(),
            private: algorithm.encoding_key(&private),
            public: serde_json::from_value(public_jwk)?,
            active_from,
            gone_from,
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Header, Validation, decode, encode};
    use serde_json::json;

    use super::*;

    const ALL: [SigningAlgorithm; 3] = [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256];

    #[test]
    fn what_a_key_signs_its_published_part_verifies() {
        let master = MasterKey::new(&[7; 32]);
        for algorithm in ALL {
            let stored = StoredKey::generate(algorithm, &master, DateTime::UNIX_EPOCH).unwrap();
            let key = SigningKey::open(stored, &master).unwrap();

            let token = encode(&Header::new(key.algorithm), &json!({ "sub": "ada" }), &key.private).unwrap();

            let mut rules = Validation::new(key.algorithm);
            rules.required_spec_claims.clear();
            rules.validate_exp = false;
            let public = DecodingKey::from_jwk(&key.public).unwrap();
            let claims = decode::<serde_json::Value>(&token, &public, &rules).unwrap().claims;
            assert_eq!(claims["sub"], "ada", "{algorithm:?}");
        }
    }

    #[test]
    fn the_published_part_has_public_members_only() {
        let master = MasterKey::new(&[7; 32]);
        for algorithm in ALL {
            let stored = StoredKey::generate(algorithm, &master, DateTime::UNIX_EPOCH).unwrap();

            let members: Vec<_> = stored.public_jwk.as_object().unwrap().keys().cloned().collect();

            let known = ["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"];
            assert!(members.iter().all(|member| known.contains(&member.as_str())), "{members:?}");
            assert_eq!(stored.public_jwk["kid"], stored.kid);
            assert_eq!(stored.public_jwk["alg"], algorithm.name());
        }
    }

    #[test]
    fn a_key_opens_only_with_its_master_key_and_id() {
        let master = MasterKey::new(&[7; 32]);
        let make = || StoredKey::generate(SigningAlgorithm::Es256, &master, DateTime::UNIX_EPOCH).unwrap();

        assert!(SigningKey::open(make(), &MasterKey::new(&[8; 32])).is_err());
        let renamed = StoredKey { kid: "other".to_owned(), ..make() };
        assert!(SigningKey::open(renamed, &master).is_err());
    }
}
