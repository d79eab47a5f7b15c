//! What bodies of all services hold: checked text.

use chrono::{DateTime, Datelike as _, NaiveDate, SubsecRound as _, Utc};
use portico_common::error::Invalid;

use crate::money::LARGEST_AMOUNT;

/// The name of something in an address: lower-case words joined by hyphens, at most 200 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    /// Reads a slug.
    ///
    /// # Errors
    /// It is not made of `a-z` and `0-9` in words joined by single hyphens, or is too long.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        if !is_hyphenated(raw) {
            return Err(Invalid::new("format", "use lower-case letters and digits in words joined by single hyphens"));
        }
        at_most(raw, 200)?;
        Ok(Self(raw.to_owned()))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

/// Whether text is lower-case words joined by single hyphens.
pub fn is_hyphenated(raw: &str) -> bool {
    let is_word_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    raw.split('-').all(|word| !word.is_empty() && word.chars().all(is_word_char))
}

/// Whether text can name an attribute or an option: a lower-case letter, then letters, digits and `_`.
pub fn is_name(raw: &str) -> bool {
    raw.len() <= 64
        && raw.starts_with(|c: char| c.is_ascii_lowercase())
        && raw.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A required value that may have been left out.
///
/// # Errors
/// It was left out, or null.
pub fn required<T>(value: Option<T>) -> Result<T, Invalid> {
    value.ok_or_else(|| Invalid::new("required", "this field is required"))
}

/// A value that must be there and pass `check`.
///
/// # Errors
/// It was left out, or null, or the check refuses it.
pub fn required_with<T>(value: Option<T>, check: impl FnOnce(T) -> Result<T, Invalid>) -> Result<T, Invalid> {
    required(value).and_then(check)
}

/// A value that may be left out, and must pass `check` otherwise.
///
/// # Errors
/// The check refuses it.
pub fn optional_with<T>(value: Option<T>, check: impl FnOnce(T) -> Result<T, Invalid>) -> Result<Option<T>, Invalid> {
    value.map(check).transpose()
}

/// What a merge patch makes of a value that cannot be cleared: `None` for absent, `Some(None)` for null.
///
/// # Errors
/// It is null, or the check refuses it.
pub fn patched<T: Clone>(
    sent: Option<Option<T>>,
    stored: &T,
    check: impl FnOnce(T) -> Result<T, Invalid>,
) -> Result<T, Invalid> {
    sent.map_or_else(|| Ok(stored.clone()), |value| required_with(value, check))
}

/// What a merge patch makes of a value that null clears.
///
/// # Errors
/// The check refuses it.
pub fn patched_or_cleared<T: Clone>(
    sent: Option<Option<T>>,
    stored: &Option<T>,
    check: impl FnOnce(T) -> Result<T, Invalid>,
) -> Result<Option<T>, Invalid> {
    sent.map_or_else(|| Ok(stored.clone()), |value| optional_with(value, check))
}

/// A line of at most 200 characters, without the space around it.
///
/// # Errors
/// Nothing is left, it is too long, or holds control characters.
#[expect(clippy::needless_pass_by_value, reason = "a check takes what it gives back")]
pub fn short(raw: String) -> Result<String, Invalid> {
    line(&raw, 200)
}

/// Text of at most 5,000 characters.
///
/// # Errors
/// It is too long, or holds control characters.
#[expect(clippy::needless_pass_by_value, reason = "a check takes what it gives back")]
pub fn long(raw: String) -> Result<String, Invalid> {
    prose(&raw, 5000)
}

/// An integer that every JSON reader keeps exactly.
///
/// # Errors
/// It is further from zero than 2^53 - 1.
pub fn integer(raw: i64) -> Result<i64, Invalid> {
    if raw.unsigned_abs() <= LARGEST_AMOUNT.unsigned_abs() {
        return Ok(raw);
    }
    Err(Invalid::new("out_of_range", format!("a number is from -{LARGEST_AMOUNT} to {LARGEST_AMOUNT}")))
}

/// A time of the years 1 to 9999, which RFC 3339 can write, in the microseconds that Postgres keeps.
///
/// # Errors
/// It is of another year.
pub fn moment(raw: DateTime<Utc>) -> Result<DateTime<Utc>, Invalid> {
    day(raw.date_naive())?;
    Ok(raw.trunc_subsecs(6))
}

/// A day of the years 1 to 9999.
///
/// # Errors
/// It is of another year.
pub fn day(raw: NaiveDate) -> Result<NaiveDate, Invalid> {
    if (1..=9999).contains(&raw.year()) {
        return Ok(raw);
    }
    Err(Invalid::new("out_of_range", "the year is from 1 to 9999"))
}

/// One line of text, without the space around it.
///
/// # Errors
/// Nothing is left, it is longer than `longest` characters, or holds control characters.
pub fn line(raw: &str, longest: usize) -> Result<String, Invalid> {
    let text = raw.trim();
    if text.is_empty() {
        return Err(Invalid::new("empty", "this must not be empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new("format", "this must be one line without control characters"));
    }
    at_most(text, longest)?;
    Ok(text.to_owned())
}

/// Text of several lines.
///
/// # Errors
/// It is longer than `longest` characters, or holds control characters other than line breaks and tabs.
pub fn prose(raw: &str, longest: usize) -> Result<String, Invalid> {
    if raw.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Invalid::new("format", "this must not contain control characters other than line breaks and tabs"));
    }
    at_most(raw, longest)?;
    Ok(raw.to_owned())
}

/// Characters, as Postgres counts them.
fn at_most(text: &str, longest: usize) -> Result<(), Invalid> {
    match text.chars().count() {
        count if count <= longest => Ok(()),
        count => Err(Invalid::new("too_long", format!("this has {count} characters; {longest} are allowed"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slug_is_lower_case_words_joined_by_hyphens() {
        for good in ["a", "wool-scarf", "501", "a-1-b", &"a".repeat(200)] {
            assert!(Slug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-", "a-", "-a", "a--b", "Wool", "wool scarf", "schön", "a_b", &"a".repeat(201)] {
            assert!(Slug::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_is_trimmed_and_has_something_in_it() {
        assert_eq!(line("  Wool scarf ", 300).unwrap(), "Wool scarf");
        for bad in ["", "   ", "a\nb", "a\u{7}b", &"x".repeat(301)] {
            assert!(line(bad, 300).is_err(), "{bad:?}");
        }
        assert!(line(&"ü".repeat(300), 300).is_ok());
    }

    #[test]
    fn prose_may_have_paragraphs() {
        assert!(prose("one\n\ttwo\r\n", 300).is_ok());
        assert!(prose("bell \u{7}", 300).is_err());
    }

    proptest! {
        #[test]
        fn a_slug_that_parses_is_the_text_it_was_parsed_from(raw in "\\PC{0,40}|[a-z0-9-]{0,40}") {
            if let Ok(slug) = Slug::parse(&raw) {
                prop_assert_eq!(slug.as_str(), raw.as_str());
                prop_assert!(raw.bytes().all(|b| b == b'-' || b.is_ascii_digit() || b.is_ascii_lowercase()));
                prop_assert!(!raw.starts_with('-') && !raw.ends_with('-') && !raw.contains("--"));
            }
        }
    }
}
