//! What can be asked of the directory, and the changes of status there are.

use std::fmt;

use chrono::{DateTime, Datelike as _, Utc};
use portico_common::error::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::profiles::{Profile, ProfileId, Status, search_key};

const MAX_SEARCH_CHARS: usize = 100;
const MAX_REASON_CHARS: usize = 500;

/// The order of a list; the id breaks ties. `-` is descending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Sort {
    /// The oldest first.
    #[serde(rename = "created_at")]
    Oldest,
    /// The newest first.
    #[default]
    #[serde(rename = "-created_at")]
    Newest,
    /// By address.
    #[serde(rename = "email")]
    Email,
    /// By address, backwards.
    #[serde(rename = "-email")]
    EmailBackwards,
    /// By name; those without one first.
    #[serde(rename = "display_name")]
    Name,
    /// By name, backwards.
    #[serde(rename = "-display_name")]
    NameBackwards,
}

impl Sort {
    /// Where `profile` stands in this order.
    pub fn position(self, profile: &Profile) -> Position {
        let text = |text: &Option<String>| Key::Text(search_key(text.as_deref().unwrap_or_default()));
        let key = match self {
            Self::Oldest | Self::Newest => Key::Time(profile.created_at),
            Self::Email | Self::EmailBackwards => text(&profile.email),
            Self::Name | Self::NameBackwards => text(&profile.display_name),
        };
        Position { key, id: profile.id }
    }
}

/// A place in a list: the value sorted by, and the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The value sorted by.
    pub key: Key,
    /// The tie-break.
    pub id: ProfileId,
}

/// A value to sort by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    /// Sorted by a time.
    Time(DateTime<Utc>),
    /// Sorted by a search key.
    Text(String),
}

/// Which profiles a list holds, and in which order; a cursor is good for one of these only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Those whose address or name begins like this.
    pub prefix: Option<Prefix>,
    /// Those in this status; without it, all but the deleted.
    pub status: Option<Status>,
    /// Those with this role.
    pub role: Option<String>,
    /// Those whose address was verified, or was not.
    pub email_verified: Option<bool>,
    /// Those made at this time or later.
    pub created_from: Option<Moment>,
    /// Those made earlier than this.
    pub created_before: Option<Moment>,
    /// The order.
    pub sort: Sort,
}

/// The beginning of an address or a name, as search keys are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prefix(String);

impl Prefix {
    /// Reads the words to search for.
    ///
    /// # Errors
    /// Empty, which would find everyone, or longer than any name.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let key = search_key(raw);
        if key.is_empty() || key.chars().count() > MAX_SEARCH_CHARS {
            return Err(Invalid::new("length", format!("1 to {MAX_SEARCH_CHARS} characters")));
        }
        Ok(Self(key))
    }

    /// The first key that can begin like this.
    pub fn start(&self) -> &str {
        &self.0
    }

    /// Comes after every key that begins like this, in code point order.
    pub fn end(&self) -> String {
        format!("{}{}", self.0, char::MAX)
    }
}

/// A time that Postgres can hold, which is fewer than RFC 3339 and its readers can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Moment(pub DateTime<Utc>);

impl Moment {
    /// Checks a time.
    ///
    /// # Errors
    /// Its year has not four digits.
    pub fn parse(at: DateTime<Utc>) -> Result<Self, Invalid> {
        if (1..=9999).contains(&at.year()) {
            return Ok(Self(at));
        }
        Err(Invalid::new("out_of_range", "a year from 1 to 9999"))
    }
}

/// Why an admin set a status: trimmed, 1 to 500 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Reads a reason.
    ///
    /// # Errors
    /// Empty or too long.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let reason = raw.trim();
        if reason.is_empty() || reason.chars().count() > MAX_REASON_CHARS {
            return Err(Invalid::new("length", format!("1 to {MAX_REASON_CHARS} characters")));
        }
        Ok(Self(reason.to_owned()))
    }

    /// The reason as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an admin can set a status to. Deletion is the owner's, or auth's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UserVerdict)]
pub enum Verdict {
    /// Lifts a suspension.
    Active,
    /// Keeps the owner from everything here.
    Suspended,
}

impl From<Verdict> for Status {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Active => Self::Active,
            Verdict::Suspended => Self::Suspended,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_prefix_encloses_what_begins_with_it_and_nothing_else(
            word in "\\PC{1,12}",
            rest in "\\PC{0,12}",
            other in "\\PC{1,12}",
        ) {
            prop_assume!(!search_key(&word).is_empty());
            let prefix = Prefix::parse(&word).unwrap();
            let encloses = |key: &str| *prefix.start() <= *key && *key < *prefix.end();
            let other = search_key(&other);

            let longer = format!("{}{rest}", prefix.start());
            prop_assert!(encloses(&longer));
            prop_assert_eq!(encloses(&other), other.starts_with(prefix.start()));
        }

        #[test]
        fn a_position_survives_its_cursor(micros in 0_i64..4_000_000_000_000_000, text in ".*") {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            for key in [Key::Time(at), Key::Text(text)] {
                let position = Position { key, id: ProfileId::new(at) };

                let written = serde_json::to_string(&position).unwrap();

                prop_assert_eq!(serde_json::from_str::<Position>(&written).unwrap(), position);
            }
        }
    }

    #[test]
    fn a_search_for_nothing_is_refused() {
        assert!(Prefix::parse(" ").is_err());
        assert!(Prefix::parse(&"x".repeat(101)).is_err());
    }

    #[test]
    fn a_time_beyond_the_database_is_refused() {
        assert!(Moment::parse(DateTime::<Utc>::MAX_UTC).is_err());
        assert!(Moment::parse(DateTime::<Utc>::MIN_UTC).is_err());
        assert!(Moment::parse(DateTime::UNIX_EPOCH).is_ok());
    }
}
