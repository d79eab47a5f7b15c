//! Text as the value its schema means: in addresses and headers everything is text.

use std::collections::BTreeSet;

use serde_json::{Number, Value};

use super::document::{Document, Located};

/// How deep schemas are looked into for types; deeper ones are taken as text.
const DEEPEST: usize = 8;

/// The types of JSON that a schema speaks of.
#[derive(Debug, Default)]
pub(super) struct Types(BTreeSet<&'static str>);

impl Types {
    /// Those of a schema, references followed.
    ///
    /// # Errors
    /// A reference leads nowhere.
    pub fn of(document: Document<'_>, schema: &Located<'_>) -> anyhow::Result<Self> {
        let mut types = Self::default();
        types.add(document, schema, DEEPEST)?;
        Ok(types)
    }

    /// Whether it speaks of that type.
    pub fn include(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn add(&mut self, document: Document<'_>, schema: &Located<'_>, depth: usize) -> anyhow::Result<()> {
        let schema = document.follow(schema.clone())?;
        let types = schema.value.get("type");
        let named =
            types.into_iter().flat_map(|types| types.as_array().map_or(std::slice::from_ref(types), Vec::as_slice));
        self.0.extend(named.filter_map(Value::as_str).filter_map(known));
        let options = schema.value.get("enum").and_then(Value::as_array).into_iter().flatten();
        self.0.extend(options.chain(schema.value.get("const")).map(type_of));
        if depth > 0 {
            for keyword in ["oneOf", "anyOf", "allOf"] {
                for branch in schema.member(keyword).iter().flat_map(Located::items) {
                    self.add(document, &branch, depth - 1)?;
                }
            }
        }
        Ok(())
    }

    /// The value that a text spells: a number or a truth value where the schema speaks of such, else the text.
    pub fn read(&self, text: &str) -> Value {
        if (self.include("integer") || self.include("number"))
            && let Some(number) = number(text)
        {
            return number.into();
        }
        match text {
            "true" if self.include("boolean") => true.into(),
            "false" if self.include("boolean") => false.into(),
            _ => text.into(),
        }
    }
}

/// Only what is a number in JSON: others read `+1`, `0x1` or ` 1` differently.
fn number(text: &str) -> Option<Number> {
    let is_bare = text.ends_with(|last: char| last.is_ascii_digit()) && !text.starts_with(char::is_whitespace);
    if is_bare { serde_json::from_str(text).ok() } else { None }
}

fn known(name: &str) -> Option<&'static str> {
    ["array", "boolean", "integer", "null", "number", "object", "string"].into_iter().find(|known| *known == name)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(schema: &Value, text: &str) -> Value {
        let document = json!({ "schema": schema, "Count": { "type": "integer" } });
        let document = Document(&document);
        Types::of(document, &document.part("schema").unwrap()).unwrap().read(text)
    }

    #[test]
    fn a_text_is_what_the_schema_speaks_of() {
        assert_eq!(read(&json!({ "type": "integer" }), "7"), json!(7));
        assert_eq!(read(&json!({ "type": ["number", "null"] }), "-1.5e3"), json!(-1500.0));
        assert_eq!(read(&json!({ "oneOf": [{ "$ref": "#/Count" }, { "type": "null" }] }), "7"), json!(7));
        assert_eq!(read(&json!({ "enum": [1, true] }), "true"), json!(true));
        assert_eq!(read(&json!({ "type": "string" }), "7"), json!("7"));
        assert_eq!(read(&json!({}), "true"), json!("true"));
    }

    #[test]
    fn what_is_no_number_in_json_stays_text() {
        for text in ["", "+1", "01", "0x1", " 1", "1 ", "1.", ".5", "NaN", "1e999", "1,000", "１"] {
            assert_eq!(read(&json!({ "type": "number" }), text), json!(text));
        }
    }

    #[test]
    fn a_schema_that_goes_around_ends() {
        let document = json!({ "A": { "allOf": [{ "$ref": "#/A" }, { "type": "boolean" }] }, "B": { "$ref": "#/B" } });
        let document = Document(&document);
        let types = |name| Types::of(document, &document.part(name).unwrap());

        assert!(types("A").unwrap().include("boolean"));
        assert!(types("B").is_err());
    }
}
