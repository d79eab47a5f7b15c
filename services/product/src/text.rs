//! Words that several features use: checked text.

use portico_common::error::Invalid;

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

/// What a caller would be told of the errors: pointer and code of each.
#[cfg(test)]
pub fn told(errors: portico_common::error::FieldErrors) -> Vec<(&'static str, &'static str)> {
    use axum::response::IntoResponse as _;
    let Err(error) = errors.finish() else { return Vec::new() };
    let body = axum::body::to_bytes(error.into_response().into_body(), usize::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&runtime.block_on(body).unwrap()).unwrap();
    let text = |value: &serde_json::Value| &*value.as_str().unwrap().to_owned().leak();
    let fields = problem["errors"].as_array().unwrap();
    fields.iter().map(|field| (text(&field["pointer"]), text(&field["code"]))).collect()
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
