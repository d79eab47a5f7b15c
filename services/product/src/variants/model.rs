//! What a variant is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use portico_common::error::{FieldErrors, Invalid};
use portico_service::values;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use crate::prices::NewPrice;
use crate::products::ProductId;

/// The most variants a product has.
pub const MOST_VARIANTS: usize = 100;

const MOST_OPTIONS: usize = 10;
/// All options of a variant are one key of an index, which takes a third of a page of Postgres.
const MOST_OPTION_BYTES: usize = 2000;

portico_common::typed_id!(
    /// Names a variant.
    VariantId
);

/// A stock keeping unit: what the shop calls a variant, unique among all that are not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sku(String);

impl Sku {
    /// Reads a SKU; upper and lower case differ.
    ///
    /// # Errors
    /// It does not start with a letter or digit, holds something else than letters, digits, `.`, `_` and `-`, or is
    /// longer than 64 characters.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let is_sku_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_allowed =
            raw.len() <= 64 && raw.starts_with(|c: char| c.is_ascii_alphanumeric()) && raw.chars().all(is_sku_char);
        if !is_allowed {
            return Err(Invalid::new(
                "format",
                "use 1 to 64 letters, digits, dots, underscores and hyphens, starting with a letter or digit",
            ));
        }
        Ok(Self(raw.to_owned()))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What makes a variant differ from its siblings, such as `{"size": "L", "color": "teal"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Options(Json<BTreeMap<String, String>>);

impl Options {
    /// Checks options, noting under `at` all that is wrong.
    pub fn parse(raw: BTreeMap<String, String>, at: &str, errors: &mut FieldErrors) -> Self {
        errors.take(at, check_size(&raw));
        let mut options = BTreeMap::new();
        for (name, value) in raw {
            if !values::is_name(&name) {
                errors.add(at, Invalid::new("format", format!("`{}` cannot name an option", name.escape_debug())));
            } else if let Some(value) = errors.take(format!("{at}/{name}"), values::line(&value, 100)) {
                options.insert(name, value);
            }
        }
        Self(Json(options))
    }

    /// Checks a merge patch of options: null unsets one, null for all of them unsets all.
    pub fn parse_patch(
        raw: Option<BTreeMap<String, Option<String>>>,
        at: &str,
        errors: &mut FieldErrors,
    ) -> OptionsPatch {
        let Some(raw) = raw else {
            return OptionsPatch { keeps: false, ..OptionsPatch::default() };
        };
        let (unset, set): (Vec<_>, Vec<_>) = raw.into_iter().partition(|(_, value)| value.is_none());
        let set = set.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let unset = unset.into_iter().map(|(name, _)| name).collect();
        OptionsPatch { keeps: true, unset, set: Self::parse(set, at, errors) }
    }

    /// The options after a merge patch.
    ///
    /// # Errors
    /// There would be too many.
    pub fn patched(&self, patch: OptionsPatch) -> Result<Self, Invalid> {
        let mut options = if patch.keeps { self.0.0.clone() } else { BTreeMap::new() };
        options.retain(|name, _| !patch.unset.contains(name));
        options.extend(patch.set.0.0);
        check_size(&options)?;
        Ok(Self(Json(options)))
    }

    /// The options by name.
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0.0
    }
}

fn check_size(options: &BTreeMap<String, String>) -> Result<(), Invalid> {
    if options.len() > MOST_OPTIONS {
        return Err(Invalid::new("too_many", format!("a variant has at most {MOST_OPTIONS} options")));
    }
    let bytes = serde_json::to_vec(options).map_or(usize::MAX, |json| json.len());
    if bytes > MOST_OPTION_BYTES {
        return Err(Invalid::new("too_long", format!("all options together have at most {MOST_OPTION_BYTES} bytes")));
    }
    Ok(())
}

/// A checked merge patch of options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsPatch {
    keeps: bool,
    unset: Vec<String>,
    set: Options,
}

impl Default for OptionsPatch {
    fn default() -> Self {
        Self { keeps: true, unset: Vec::new(), set: Options::default() }
    }
}

/// A checked merge patch of a variant; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VariantPatch {
    /// The new SKU.
    pub sku: Option<Sku>,
    /// The new title, or none.
    #[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
    pub title: Option<Option<String>>,
    /// The options to set and unset.
    pub options: OptionsPatch,
    /// All prices anew.
    pub prices: Option<Vec<NewPrice>>,
}

/// A checked variant, not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVariant {
    /// Its SKU.
    pub sku: Sku,
    /// Its own title, where the product's does not suffice.
    pub title: Option<String>,
    /// What makes it differ from its siblings.
    pub options: Options,
    /// Its prices.
    pub prices: Vec<NewPrice>,
}

/// A stored variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its id.
    pub id: VariantId,
    /// The product it is a variant of.
    pub product_id: ProductId,
    /// Its SKU.
    pub sku: String,
    /// Its own title.
    pub title: Option<String>,
    /// What makes it differ from its siblings.
    pub option_values: Options,
    /// Where it stands among its siblings.
    pub position: i32,
    /// Grows by one with every change; its `ETag`.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// When it was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use portico_testkit::told;

    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        Options(Json(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()))
    }

    #[test]
    fn a_sku_is_what_fits_on_a_label() {
        for good in ["WS-1", "a", "0815", "X.y_z-9", &"A".repeat(64)] {
            assert!(Sku::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-1", ".a", "A B", "A/B", "Ä1", &"A".repeat(65)] {
            assert!(Sku::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_are_checked_by_name_and_value() {
        let mut errors = FieldErrors::default();
        let raw = [("size", "L"), ("Size", "L"), ("color", " ")];
        let raw = raw.map(|(name, value)| (name.to_owned(), value.to_owned())).into();

        let options = Options::parse(raw, "/options", &mut errors);

        assert_eq!(options.into_map(), BTreeMap::from([("size".to_owned(), "L".to_owned())]));
        assert_eq!(told(errors), [("/options", "format"), ("/options/color", "empty")]);
    }

    #[test]
    fn a_patch_sets_and_unsets_options() {
        let stored = options(&[("size", "L"), ("color", "teal")]);
        let mut errors = FieldErrors::default();
        let raw = BTreeMap::from([("size".to_owned(), None), ("fit".to_owned(), Some("slim".to_owned()))]);

        let patch = Options::parse_patch(Some(raw), "/options", &mut errors);
        let reset = Options::parse_patch(None, "/options", &mut errors);

        assert_eq!(stored.patched(patch).unwrap(), options(&[("color", "teal"), ("fit", "slim")]));
        assert_eq!(stored.patched(reset).unwrap(), Options::default());
        assert_eq!(stored.patched(OptionsPatch::default()).unwrap(), stored);
    }

    proptest! {
        #[test]
        fn a_sku_that_parses_needs_no_escaping_in_an_address(raw in "\\PC{0,70}|[A-Za-z0-9._-]{0,70}") {
            if let Ok(sku) = Sku::parse(&raw) {
                prop_assert_eq!(sku.as_str(), raw.as_str());
                prop_assert!(raw.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            }
        }
    }
}
