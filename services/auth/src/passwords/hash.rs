//! Argon2id with a pepper, kept as PHC strings that say how they were made.

use anyhow::{Context as _, anyhow, ensure};
use argon2::{
    Algorithm, Argon2, KeyId, Params, ParamsBuilder, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
};

use crate::config::PasswordConfig;
use crate::crypto;

/// Bounds on the work a stored hash can ask for.
const MAX_STORED_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_STORED_PASSES: u32 = 10;
const MAX_STORED_LANES: u32 = 16;

/// How a password compares with a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and the hash was made with other costs than those of today.
    RightButOutdated,
}

/// Makes and checks hashes; the work is done on the calling thread.
pub(super) struct Hasher {
    pepper: [u8; 32],
    params: Params,
}

impl Hasher {
    pub fn new(config: &PasswordConfig) -> anyhow::Result<Self> {
        let pepper = config.password_pepper.key().context("PASSWORD_PEPPER")?;
        // Tells which pepper a hash was made with, should there ever be a second one.
        let key_id = KeyId::new(&crypto::sha256(&pepper)[..4]).map_err(|error| anyhow!("key id: {error}"))?;
        let params = ParamsBuilder::new()
            .m_cost(config.argon2_memory_kib)
            .t_cost(config.argon2_passes)
            .p_cost(1)
            .keyid(key_id)
            .build()
            .map_err(|error| anyhow!("ARGON2_MEMORY_KIB, ARGON2_PASSES: {error}"))?;
        Ok(Self { pepper, params })
    }

    /// A PHC string with a new salt.
    pub fn hash(&self, password: &[u8]) -> anyhow::Result<String> {
        let salt: [u8; 16] = crypto::random();
        let hash = self.argon2()?.hash_password_with_salt(password, &salt);
        Ok(hash.map_err(|error| anyhow!("hashing: {error}"))?.to_string())
    }

    /// Compares with a stored hash. Without one it does the same work, so that nobody can tell by the clock.
    pub fn verify(&self, password: &[u8], stored: Option<&str>) -> anyhow::Result<Verdict> {
        let Some(stored) = stored else {
            self.hash(password)?;
            return Ok(Verdict::Wrong);
        };
        let parsed = PasswordHash::new(stored).map_err(|error| anyhow!("stored hash: {error}"))?;
        let made_with = Params::try_from(&parsed).map_err(|error| anyhow!("stored hash: {error}"))?;
        ensure!(
            made_with.m_cost() <= MAX_STORED_MEMORY_KIB
                && made_with.t_cost() <= MAX_STORED_PASSES
                && made_with.p_cost() <= MAX_STORED_LANES,
            "stored hash: its costs are beyond reason"
        );
        match self.argon2()?.verify_password(password, &parsed) {
            Ok(()) if self.is_current(&parsed, &made_with) => Ok(Verdict::Right),
            Ok(()) => Ok(Verdict::RightButOutdated),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
            Err(error) => Err(anyhow!("verifying: {error}")),
        }
    }

    fn is_current(&self, hash: &PasswordHash, made_with: &Params) -> bool {
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        hash.algorithm == Algorithm::Argon2id.ident() && costs(made_with) == costs(&self.params)
    }

    fn argon2(&self) -> anyhow::Result<Argon2<'_>> {
        Argon2::new_with_secret(&self.pepper, Algorithm::Argon2id, Version::V0x13, self.params.clone())
            .map_err(|error| anyhow!("argon2: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use portico_common::config::Secret;

    use super::*;

    fn hasher(pepper: &str, memory_kib: u32) -> Hasher {
        let config =
            PasswordConfig { argon2_memory_kib: memory_kib, ..PasswordConfig::with_pepper(Secret::new(pepper)) };
        Hasher::new(&config).unwrap()
    }

    const PEPPER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const OTHER: &str = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    #[test]
    fn a_hash_says_how_it_was_made_and_needs_the_pepper() {
        let hasher_now = hasher(PEPPER, 7_168);

        let hash = hasher_now.hash(b"seldom crooked lantern").unwrap();

        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=2,p=1,keyid="), "{hash}");
        assert_eq!(hasher_now.verify(b"seldom crooked lantern", Some(&hash)).unwrap(), Verdict::Right);
        assert_eq!(hasher_now.verify(b"seldom crooked Lantern", Some(&hash)).unwrap(), Verdict::Wrong);
        assert_eq!(hasher(OTHER, 7_168).verify(b"seldom crooked lantern", Some(&hash)).unwrap(), Verdict::Wrong);
    }

    #[test]
    fn a_hash_made_with_other_costs_is_outdated() {
        let hash = hasher(PEPPER, 7_168).hash(b"seldom crooked lantern").unwrap();

        let verdict = hasher(PEPPER, 8_192).verify(b"seldom crooked lantern", Some(&hash)).unwrap();

        assert_eq!(verdict, Verdict::RightButOutdated);
    }

    #[test]
    fn a_stored_hash_cannot_ask_for_any_amount_of_work() {
        let hash = hasher(PEPPER, 7_168).hash(b"x").unwrap().replace("m=7168", "m=4194304");

        assert!(hasher(PEPPER, 7_168).verify(b"x", Some(&hash)).is_err());
    }

    #[test]
    fn without_a_stored_hash_every_password_is_wrong() {
        assert_eq!(hasher(PEPPER, 7_168).verify(b"x", None).unwrap(), Verdict::Wrong);
    }
}
