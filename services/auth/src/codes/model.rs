//! What a code looks like and what it is good for.

use std::fmt;

use chrono::TimeDelta;
use portico_common::typed_id;

use crate::accounts::{AccountId, Registration};
use crate::crypto;

typed_id!(
    /// Names a code in the database.
    CodeId
);

/// No 0, 1, I or O: they are taken for one another.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const LENGTH: usize = 8;

/// Guesses a code survives. With 40 bits, ten of them find it once in 10^11 tries.
pub(super) const MAX_ATTEMPTS: i32 = 10;

/// What a code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    VerifyEmail,
    ResetPassword,
}

impl Purpose {
    pub fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    /// How long the code is good; the sooner it opens an account, the shorter.
    pub fn life(self) -> TimeDelta {
        match self {
            Self::VerifyEmail => TimeDelta::minutes(15),
            Self::ResetPassword => TimeDelta::minutes(10),
        }
    }
}

/// A code as it is mailed: eight characters, shown in two groups. 40 random bits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Code(String);

impl Code {
    pub fn new() -> Self {
        let bytes: [u8; LENGTH] = crypto::random();
        // 32 divides 256, so every character is equally likely.
        Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
    }

    /// Reads a code as a person types it: any case, with or without spaces and dashes.
    pub fn parse(raw: &str) -> Option<Self> {
        let code: String =
            raw.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
        let is_code = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(Self(code))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        write!(formatter, "{first}-{second}")
    }
}

/// Hashes codes. Without this key, which is not in the database, their 40 bits could be tried out.
#[derive(Clone)]
pub(crate) struct CodeKey([u8; 32]);

impl CodeKey {
    pub fn new(pepper: &[u8; 32]) -> Self {
        Self(crypto::derive_key(pepper, "codes"))
    }

    pub(super) fn hash(&self, account: AccountId, purpose: Purpose, code: &Code) -> [u8; 32] {
        crypto::keyed_hash(&self.0, format!("{account} {} {}", purpose.name(), code.0).as_bytes())
    }
}

/// What a code that was right stands for.
#[derive(Debug)]
pub(crate) struct Redeemed {
    pub account: AccountId,
    pub registration: Option<Registration>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_reads_back_as_people_type_it() {
        let code = Code::new();
        let shown = code.to_string();

        assert_eq!(shown.len(), LENGTH + 1);
        assert!(Code::parse(&shown) == Some(code.clone()));
        assert!(Code::parse(&format!(" {} ", shown.to_lowercase().replace('-', " "))) == Some(code));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for raw in ["", "ABCD", "ABCD-EFG", "ABCD-EFGHJ", "ABCD-EFG0", "ABCD-EFGI", "ÄBCD-EFGH"] {
            assert!(Code::parse(raw).is_none(), "{raw}");
        }
    }

    #[test]
    fn a_hash_belongs_to_one_account_and_purpose() {
        let key = CodeKey::new(&[1; 32]);
        let code = Code::new();
        let one = AccountId(uuid::Uuid::from_u128(1));

        let hash = key.hash(one, Purpose::VerifyEmail, &code);

        assert_eq!(hash, key.hash(one, Purpose::VerifyEmail, &code));
        assert_ne!(hash, key.hash(one, Purpose::ResetPassword, &code));
        assert_ne!(hash, key.hash(AccountId(uuid::Uuid::from_u128(2)), Purpose::VerifyEmail, &code));
        assert_ne!(hash, CodeKey::new(&[2; 32]).hash(one, Purpose::VerifyEmail, &code));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(raw in ".{0,20}") {
            if let Some(code) = Code::parse(&raw) {
                prop_assert!(Code::parse(&code.to_string()) == Some(code));
            }
        }
    }
}
