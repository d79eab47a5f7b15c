//! JSON Schema 2020-12, as OpenAPI 3.1 uses it.

use anyhow::{Context as _, anyhow};
use jsonschema::{Draft, PatternOptions, Registry, RegistryBuilder, Validator};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::document::{Document, Located};

/// By which the schemas of a document call one another; nobody is asked there.
const BASE: &str = "https://document.invalid/";
/// What may not stand in the fragment of a URI.
const NOT_IN_FRAGMENTS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// Of a compiled pattern.
const LARGEST_PATTERN: usize = 1 << 20;

/// The schemas of a document, to be compiled.
pub(super) struct Schemas<'a> {
    pub document: Document<'a>,
    registry: Registry<'a>,
}

/// What a value must be like.
pub(crate) struct Schema(Validator);

impl<'a> Schemas<'a> {
    /// # Errors
    /// Its schemas refer to what is not in it.
    pub fn new(document: Document<'a>) -> anyhow::Result<Self> {
        let registry = Registry::new().add(BASE, document.0).and_then(RegistryBuilder::prepare)?;
        Ok(Self { document, registry })
    }

    /// Compiles the schema at that place.
    ///
    /// Patterns are matched in linear time; one that needs more is refused. `email` is not checked: what an address is
    /// only its service knows.
    ///
    /// # Errors
    /// It is no schema, or refers to what is not in the document.
    pub fn compile(&self, at: &Located<'_>) -> anyhow::Result<Schema> {
        let fragment = utf8_percent_encode(&at.pointer, NOT_IN_FRAGMENTS);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_registry(&self.registry)
            .should_validate_formats(true)
            .with_format("email", |_: &str| true)
            .with_format("idn-email", |_: &str| true)
            .with_pattern_options(PatternOptions::regex().size_limit(LARGEST_PATTERN).dfa_size_limit(LARGEST_PATTERN))
            .build(&json!({ "$ref": format!("{BASE}#{fragment}") }))
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| at.pointer.clone())?;
        Ok(Schema(validator))
    }
}

impl Schema {
    /// Allows whatever is JSON.
    pub fn anything() -> anyhow::Result<Self> {
        jsonschema::validator_for(&Value::Bool(true)).map(Self).map_err(|error| anyhow!("{error}"))
    }

    pub fn allows(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }

    pub fn validator(&self) -> &Validator {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(schema: &Value) -> anyhow::Result<Schema> {
        let document = json!({ "a/b {c}": schema, "Tree": { "properties": { "next": { "$ref": "#/Tree" } } } });
        let schemas = Schemas::new(Document(&document))?;
        schemas.compile(&schemas.document.part("a/b {c}").unwrap())
    }

    #[test]
    fn what_is_no_schema_or_leads_away_is_refused() {
        for schema in [
            json!({ "type": "strin" }),
            json!({ "minLength": "x" }),
            json!({ "properties": { "a": 7 } }),
            json!({ "$ref": "#/Nothing" }),
            json!({ "$ref": "http://127.0.0.1:9/x.json" }),
            json!({ "$ref": "file:///etc/hostname" }),
        ] {
            assert!(compile(&schema).is_err(), "{schema}");
        }
        assert!(compile(&json!({ "$ref": "#/Tree" })).is_ok());
    }

    #[test]
    fn a_pattern_that_could_hang_is_refused_or_does_not() {
        for pattern in [r"(?=a)b", r"(.)\1", r"(((a{1000}){1000}){1000})"] {
            assert!(compile(&json!({ "pattern": pattern })).is_err(), "{pattern}");
        }
        let schema = compile(&json!({ "pattern": "^(a+)+$" })).unwrap();
        assert!(!schema.allows(&format!("{}!", "a".repeat(100_000)).into()));
    }

    #[test]
    fn formats_are_checked_where_they_are_the_same_everywhere() {
        let allows = |format: &str, text: &str| compile(&json!({ "format": format })).unwrap().allows(&text.into());

        assert!(allows("uuid", "01920000-0000-7000-8000-000000000000") && !allows("uuid", "1"));
        assert!(allows("date-time", "2026-01-31T00:00:00Z") && !allows("date-time", "2026-02-31T00:00:00Z"));
        assert!(allows("email", " Ada@Example.com ") && allows("of-our-own", "x"));
    }
}
