//! Accounts: credentials, address, roles. What a person says about themselves lives in the user service.

use chrono::{DateTime, Utc};
use portico_common::error::Invalid;
use portico_common::typed_id;
use serde_json::{Value, json};

use super::{EmailAddress, Roles};

typed_id!(
    /// Names an account, and its user in every other service: the `sub` of tokens.
    AccountId
);

const MAX_NAME_CHARS: usize = 100;

/// Someone who may sign in, or could after verifying the address.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The address it signs in with.
    pub email: EmailAddress,
    /// When the address was proven to be theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// The name given at registration.
    pub display_name: Option<String>,
    /// PHC string.
    pub password_hash: String,
    /// What it may do.
    pub roles: Roles,
    /// Since when it may not sign in.
    pub locked_at: Option<DateTime<Utc>>,
    /// Access tokens issued earlier are void.
    pub tokens_valid_from: DateTime<Utc>,
    /// Counts its events.
    pub version: i64,
    /// When it registered.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Account {
    /// Whether it may sign in once the password is right and the address verified.
    pub fn is_locked(&self) -> bool {
        self.locked_at.is_some()
    }

    /// Whether the address was proven.
    pub fn is_verified(&self) -> bool {
        self.email_verified_at.is_some()
    }

    /// Everything other services may know of it: the data of each of its events.
    pub fn snapshot(&self) -> Value {
        json!({
            "email": self.email.as_str(),
            "email_verified": self.is_verified(),
            "display_name": self.display_name,
            "roles": self.roles.names(),
            "status": if self.is_locked() { "locked" } else { "active" },
            "created_at": self.created_at,
        })
    }
}

/// An account about to be made.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub id: AccountId,
    pub email: EmailAddress,
    pub registration: Registration,
    pub roles: Roles,
    pub email_verified_at: Option<DateTime<Utc>>,
}

/// What a person chose when registering; it takes effect with the code mailed for it.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub password_hash: String,
    pub display_name: Option<String>,
}

/// A name to show: 1 to 100 characters, no control characters.
#[derive(Debug, Clone)]
pub(crate) struct DisplayName(String);

impl DisplayName {
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let name = raw.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
            return Err(Invalid::new("length", format!("a name has 1 to {MAX_NAME_CHARS} characters")));
        }
        if name.chars().any(char::is_control) {
            return Err(Invalid::new("control_character", "a name has no control characters"));
        }
        Ok(Self(name.to_owned()))
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_printable_text() {
        assert_eq!(DisplayName::parse(" Ada ").unwrap().into_string(), "Ada");
        assert!(DisplayName::parse(&"ä".repeat(100)).is_ok());
        for raw in ["", "   ", "a\nb", "a\u{7}b", &"ä".repeat(101)] {
            assert!(DisplayName::parse(raw).is_err(), "{raw:?}");
        }
    }
}
