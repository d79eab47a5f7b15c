//! Attributes: what is said of a product beyond the fields that all have.

use portico_common::error::{FieldErrors, Invalid};
use portico_service::values;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::types::Json;

const MOST_ATTRIBUTES: usize = 100;
const MOST_BYTES: usize = 30_000;
const LONGEST_TEXT: usize = 500;
const MOST_TEXTS: usize = 50;
/// Numbers outside of this are typing errors, and Postgres would write out all their zeros.
const SMALLEST: f64 = 1e-9;
const LARGEST: f64 = 1e15;

/// Attributes by name, such as `{"color": "teal", "weight_grams": 180, "care": ["hand wash", "dry flat"]}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Attributes(Json<Map<String, Value>>);

/// A checked merge patch of attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributesPatch {
    keeps: bool,
    unset: Vec<String>,
    set: Attributes,
}

impl Default for AttributesPatch {
    fn default() -> Self {
        Self { keeps: true, unset: Vec::new(), set: Attributes::default() }
    }
}

impl Attributes {
    /// Checks attributes, noting under `at` all that is wrong.
    pub fn parse(raw: Map<String, Value>, at: &str, errors: &mut FieldErrors) -> Self {
        let mut attributes = Map::new();
        for (name, value) in raw {
            if !values::is_name(&name) {
                let detail = format!("`{}` cannot name an attribute: use a-z, 0-9 and _", name.escape_debug());
                errors.add(at, Invalid::new("format", detail));
            } else if errors.take(format!("{at}/{name}"), check(&value)).is_some() {
                attributes.insert(name, value);
            }
        }
        errors.take(at, check_size(&attributes));
        Self(Json(attributes))
    }

    /// Checks a merge patch of attributes: null unsets one, null for all of them unsets all.
    pub fn parse_patch(raw: Option<Map<String, Value>>, at: &str, errors: &mut FieldErrors) -> AttributesPatch {
        let Some(raw) = raw else {
            return AttributesPatch { keeps: false, ..AttributesPatch::default() };
        };
        let (unset, set): (Map<_, _>, Map<_, _>) = raw.into_iter().partition(|(_, value)| value.is_null());
        let unset = unset.into_iter().map(|(name, _)| name).collect();
        AttributesPatch { keeps: true, unset, set: Self::parse(set, at, errors) }
    }

    /// The attributes after a merge patch.
    ///
    /// # Errors
    /// They would be too many, or too large.
    pub fn patched(&self, patch: AttributesPatch) -> Result<Self, Invalid> {
        let mut attributes = if patch.keeps { self.0.0.clone() } else { Map::new() };
        attributes.retain(|name, _| !patch.unset.contains(name));
        attributes.extend(patch.set.0.0);
        check_size(&attributes)?;
        Ok(Self(Json(attributes)))
    }

    /// The attributes by name.
    pub fn into_map(self) -> Map<String, Value> {
        self.0.0
    }
}

fn check(value: &Value) -> Result<(), Invalid> {
    match value {
        Value::String(text) => check_text(text),
        Value::Bool(_) => Ok(()),
        Value::Number(number) => check_number(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(texts) if texts.len() <= MOST_TEXTS => texts.iter().try_for_each(|text| match text {
            Value::String(text) => check_text(text),
            _ => Err(wrong_type()),
        }),
        Value::Array(_) => {
            Err(Invalid::new("too_many", format!("a list in an attribute has at most {MOST_TEXTS} texts")))
        }
        Value::Object(_) | Value::Null => Err(wrong_type()),
    }
}

fn wrong_type() -> Invalid {
    Invalid::new("wrong_type", "an attribute is a text, a number, a boolean or a list of texts")
}

fn check_text(text: &str) -> Result<(), Invalid> {
    values::prose(text, LONGEST_TEXT).map(drop)
}

fn check_number(number: f64) -> Result<(), Invalid> {
    if number == 0.0 || (SMALLEST..=LARGEST).contains(&number.abs()) {
        return Ok(());
    }
    Err(Invalid::new("out_of_range", "a number is 0 or between 1e-9 and 1e15, without its sign"))
}

fn check_size(attributes: &Map<String, Value>) -> Result<(), Invalid> {
    if attributes.len() > MOST_ATTRIBUTES {
        return Err(Invalid::new("too_many", format!("a product has at most {MOST_ATTRIBUTES} attributes")));
    }
    let bytes = serde_json::to_vec(attributes).map_or(usize::MAX, |json| json.len());
    if bytes > MOST_BYTES {
        return Err(Invalid::new("too_long", format!("all attributes together have at most {MOST_BYTES} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use portico_testkit::told;

    fn parse(raw: &Value) -> (Attributes, Vec<(&'static str, &'static str)>) {
        let mut errors = FieldErrors::default();
        let attributes = Attributes::parse(raw.as_object().unwrap().clone(), "/attributes", &mut errors);
        (attributes, told(errors))
    }

    #[test]
    fn an_attribute_is_a_text_a_number_a_boolean_or_a_list_of_texts() {
        let good =
            json!({ "color": "teal", "weight_grams": 180, "ratio": 0.5, "boxed": true, "care": ["wash", "dry"] });
        assert_eq!(parse(&good), (Attributes(Json(good.as_object().unwrap().clone())), vec![]));

        let (kept, told) = parse(&json!({
            "Color": "teal", "a": null, "b": {}, "c": [1], "d": "x".repeat(501), "e": 1e16, "f": 1e-300, "g": 1,
        }));
        assert_eq!(kept.into_map(), *json!({ "g": 1 }).as_object().unwrap());
        let expected = [
            ("/attributes", "format"),
            ("/attributes/a", "wrong_type"),
            ("/attributes/b", "wrong_type"),
            ("/attributes/c", "wrong_type"),
            ("/attributes/d", "too_long"),
            ("/attributes/e", "out_of_range"),
            ("/attributes/f", "out_of_range"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn there_is_a_limit_to_all_of_them_together() {
        let many: Map<_, _> = (0..101).map(|n| (format!("a{n}"), json!(1))).collect();
        let large: Map<_, _> = (0..70).map(|n| (format!("a{n}"), json!("x".repeat(500)))).collect();

        assert_eq!(parse(&many.into()).1, [("/attributes", "too_many")]);
        assert_eq!(parse(&large.into()).1, [("/attributes", "too_long")]);
    }

    #[test]
    fn a_patch_sets_and_unsets_attributes() {
        let stored = parse(&json!({ "color": "teal", "size": "L" })).0;
        let mut errors = FieldErrors::default();
        let raw = json!({ "color": null, "size": "M", "fit": "slim" }).as_object().cloned();

        let patch = Attributes::parse_patch(raw, "/attributes", &mut errors);
        let reset = Attributes::parse_patch(None, "/attributes", &mut errors);

        assert_eq!(stored.patched(patch).unwrap(), parse(&json!({ "size": "M", "fit": "slim" })).0);
        assert_eq!(stored.patched(reset).unwrap(), Attributes::default());
        assert_eq!(stored.patched(AttributesPatch::default()).unwrap(), stored);
    }
}
