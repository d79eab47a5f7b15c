//! The events of an account, as auth's feed writes them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::error::EventError;
use crate::profiles::{DisplayName, NewProfile, ProfileId};

/// The form every event has, whatever its type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// Names the event; the same when it comes again.
    pub id: Uuid,
    /// What happened, such as `account.created`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The account it happened to.
    pub subject: ProfileId,
    /// Counts up by account.
    pub version: i64,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What depends on the type.
    #[serde(default)]
    pub data: Value,
}

/// What an event means for a profile.
#[derive(Debug)]
pub enum Change {
    /// There is a profile now.
    Create(NewProfile),
    /// The address is this one, or still the one there is, and verified or not.
    Email {
        /// The address, if the event says it.
        email: Option<String>,
        /// Whether it was verified.
        is_verified: bool,
    },
    /// These are the roles.
    Roles(Vec<String>),
    /// The person is to be forgotten.
    Bury,
    /// Nothing: the type is of no concern here, or newer than this code.
    Nothing,
}

#[derive(Deserialize)]
struct Created {
    email: String,
    #[serde(default)]
    email_verified: bool,
    display_name: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Deserialize)]
struct EmailVerified {
    email: Option<String>,
}

#[derive(Deserialize)]
struct EmailChanged {
    email: String,
    // An address is changed by proving that one reads it.
    #[serde(default = "yes")]
    email_verified: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct RolesChanged {
    roles: Vec<String>,
}

impl Event {
    /// Reads an item of the feed.
    ///
    /// # Errors
    /// It has not the form of an event.
    pub fn parse(item: &Value) -> Result<Self, EventError> {
        Self::deserialize(item).map_err(EventError::Malformed)
    }

    /// What it means.
    ///
    /// # Errors
    /// The data is not what the type says it is.
    pub fn change(&self) -> Result<Change, EventError> {
        let change = match self.kind.as_str() {
            "account.created" => Change::Create(self.new_profile(Created::deserialize(&self.data)?)),
            "account.email_verified" => {
                let EmailVerified { email } = EmailVerified::deserialize(&self.data)?;
                Change::Email { email, is_verified: true }
            }
            "account.email_changed" => {
                let EmailChanged { email, email_verified } = EmailChanged::deserialize(&self.data)?;
                Change::Email { email: Some(email), is_verified: email_verified }
            }
            "account.roles_changed" => Change::Roles(RolesChanged::deserialize(&self.data)?.roles),
            "account.deleted" => Change::Bury,
            _ => Change::Nothing,
        };
        Ok(change)
    }

    fn new_profile(&self, created: Created) -> NewProfile {
        let Created { email, email_verified, display_name, roles } = created;
        NewProfile {
            id: self.subject,
            email,
            email_verified,
            roles,
            display_name: display_name.as_deref().and_then(|name| DisplayName::parse(name).ok()),
            event_version: self.version,
            created_at: self.occurred_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(kind: &str, data: &Value) -> Event {
        let item = json!({
            "id": "0192f0c1-2345-7abc-8def-0123456789ab",
            "type": kind,
            "subject": "0192f0c1-2345-7abc-8def-0123456789ac",
            "version": 3,
            "occurred_at": "2026-01-02T03:04:05.678901Z",
            "data": data,
            "a_field_of_tomorrow": true,
        });
        Event::parse(&item).unwrap()
    }

    #[test]
    fn what_an_event_leaves_out_is_assumed_carefully() {
        let created = event("account.created", &json!({ "email": "a@example.com" })).change().unwrap();
        let verified = event("account.email_verified", &json!({})).change().unwrap();

        let Change::Create(new) = created else { panic!("{created:?}") };
        assert!(!new.email_verified && new.roles.is_empty() && new.display_name.is_none());
        assert!(matches!(verified, Change::Email { email: None, is_verified: true }));
    }

    #[test]
    fn a_name_that_cannot_be_shown_does_not_cost_the_profile() {
        let data = json!({ "email": "a@example.com", "display_name": "\u{202e}" });

        let created = event("account.created", &data).change().unwrap();

        assert!(matches!(created, Change::Create(NewProfile { display_name: None, .. })));
    }

    #[test]
    fn an_unknown_type_changes_nothing() {
        let change = event("account.sang_a_song", &json!([1, 2])).change().unwrap();

        assert!(matches!(change, Change::Nothing));
    }

    #[test]
    fn data_of_the_wrong_form_is_refused() {
        for (kind, data) in [
            ("account.created", json!({})),
            ("account.created", json!({ "email": 7 })),
            ("account.email_changed", json!({ "email_verified": true })),
            ("account.roles_changed", json!({ "roles": "admin" })),
            ("account.roles_changed", Value::Null),
        ] {
            assert!(event(kind, &data).change().is_err(), "{kind} {data}");
        }
    }

    proptest! {
        #[test]
        fn no_item_makes_the_reader_panic(text in "\\PC{0,80}", number in any::<i64>()) {
            for item in [json!(text), json!(number), json!({ "id": text }), json!([text, { "version": number }])] {
                prop_assert!(Event::parse(&item).is_err());
            }
        }
    }
}
