//! Addresses, in the one spelling they are compared and stored in.

use std::fmt;

use portico_common::error::Invalid;

/// RFC 5321 allows 256 bytes for a path, two of which are its angle brackets.
const MAX_BYTES: usize = 254;

/// A mail address: trimmed, in lower case, something mail can be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads an address as a person types it.
    ///
    /// Two addresses that differ only in case are one account: hardly any mail server tells them
    /// apart, and people do not either.
    ///
    /// # Errors
    /// Too long, or not an address.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let address = raw.trim().to_lowercase();
        if address.len() > MAX_BYTES {
            return Err(Invalid::new("too_long", format!("an address has at most {MAX_BYTES} bytes")));
        }
        let has_odd_characters = address.chars().any(|c| c.is_control() || c.is_whitespace() || "\"<>".contains(c));
        if has_odd_characters || address.parse::<lettre::Address>().is_err() {
            return Err(Invalid::new("email", "write a mail address such as name@example.com"));
        }
        Ok(Self(address))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or(self.0.as_str(), |(local, _)| local)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        let address = EmailAddress::parse("  Ada.Lovelace@Example.COM ").unwrap();

        assert_eq!(address.as_str(), "ada.lovelace@example.com");
        assert_eq!(address.local_part(), "ada.lovelace");
    }

    #[test]
    fn what_mail_cannot_be_sent_to_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for raw in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@exa mple.com",
            "ada@@example.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "Ada <ada@example.com>",
            "\"a\"@example.com",
            "ada\u{0}@example.com",
            &long,
        ] {
            assert!(EmailAddress::parse(raw).is_err(), "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(raw in "\\PC{0,40}(@\\PC{0,40})?") {
            if let Ok(address) = EmailAddress::parse(&raw) {
                prop_assert!(!address.as_str().chars().any(char::is_control));
                prop_assert!(address.as_str().len() <= MAX_BYTES);
                prop_assert_eq!(EmailAddress::parse(address.as_str()).unwrap(), address);
            }
        }

        #[test]
        fn usual_addresses_are_taken(local in "[a-z0-9]{1,20}(\\.[a-z0-9]{1,10})?(\\+[a-z0-9]{1,5})?", domain in "[a-z0-9]{1,20}\\.[a-z]{2,6}") {
            let raw = format!("{local}@{domain}");

            let address = EmailAddress::parse(&raw.to_uppercase()).unwrap();

            prop_assert_eq!(address.as_str(), raw);
        }
    }
}
