//! Which passwords are taken: NIST SP 800-63B-4 for a password that is the only factor.

use portico_common::error::Invalid;
use zxcvbn::{Score, zxcvbn};

/// NIST asks for 15 code points where the password is the only factor, and forbids rules on its composition.
const MIN_CHARS: usize = 15;

/// Bounds the work on one password; NIST asks to allow at least 64.
pub(super) const MAX_BYTES: usize = 1024;

/// A password somebody claims is theirs, exactly as sent.
pub(crate) struct GivenPassword(String);

impl GivenPassword {
    pub fn parse(raw: String) -> Result<Self, Invalid> {
        if raw.len() > MAX_BYTES { Err(too_long()) } else { Ok(Self(raw)) }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A password good enough to be set, exactly as sent: not trimmed, not normalised, not cut.
#[derive(Debug)]
pub(crate) struct NewPassword(String);

impl NewPassword {
    /// Checks a password somebody wants to use; `context` is what is known about them and easily guessed.
    ///
    /// It takes milliseconds: call it through [`PasswordGate`](super::PasswordGate).
    pub fn parse(raw: String, context: &[&str]) -> Result<Self, Invalid> {
        if raw.len() > MAX_BYTES {
            return Err(too_long());
        }
        if raw.chars().count() < MIN_CHARS {
            let detail = format!("use at least {MIN_CHARS} characters; a few unrelated words do well");
            return Err(Invalid::new("too_short", detail));
        }
        let context: Vec<&str> = context.iter().copied().chain(["portico"]).collect();
        let estimate = zxcvbn(&raw, &context);
        if estimate.score() < Score::Three {
            let advice = estimate.feedback().map(ToString::to_string).unwrap_or_default();
            return Err(Invalid::new("too_guessable", format!("too easy to guess. {advice}").trim().to_owned()));
        }
        Ok(Self(raw))
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn too_long() -> Invalid {
    Invalid::new("too_long", format!("a password has at most {MAX_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &[&str] = &["ada.lovelace@example.com", "ada.lovelace", "Ada Lovelace"];

    fn code(raw: &str) -> Option<&'static str> {
        NewPassword::parse(raw.to_owned(), CONTEXT).err().map(|invalid| invalid.code)
    }

    #[test]
    fn a_good_password_is_kept_as_it_was_sent() {
        for raw in [
            "seldom crooked lantern mango",
            " leading and trailing blanks stay ",
            "正しい馬の電池のホチキスは長くて強い合言葉です",
        ] {
            assert_eq!(NewPassword::parse(raw.to_owned(), CONTEXT).unwrap().as_bytes(), raw.as_bytes());
        }
        let long: String = "Ωλtr≠".chars().cycle().take(200).collect();
        assert_ne!(code(&long), Some("too_long"));
    }

    #[test]
    fn length_is_counted_in_characters_and_bounded_in_bytes() {
        assert_eq!(code("zkw7!Qp9vT2#xb"), Some("too_short"));
        assert_eq!(code(&"ä".repeat(14)), Some("too_short"));
        assert_eq!(code(&"x7 Qz".repeat(300)), Some("too_long"));
    }

    #[test]
    fn what_is_easily_guessed_is_refused_with_advice() {
        for raw in [
            "passwordpassword",
            "aaaaaaaaaaaaaaaaaaaa",
            "ada.lovelace@example.com",
            "porticoporticoporticoporticoporticoporticoporticoportico",
            "123456789012345678",
        ] {
            let refused = NewPassword::parse(raw.to_owned(), CONTEXT).unwrap_err();

            assert_eq!(refused.code, "too_guessable", "{raw}");
            assert!(refused.detail.len() > "too easy to guess.".len(), "{raw}");
        }
    }
}
