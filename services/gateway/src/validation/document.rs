//! An OpenAPI document whose references can be followed.

use anyhow::{Context as _, bail};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A reference to a reference to … of which no sane document has so many.
const MOST_REFERENCES: usize = 16;

/// The document of a service.
#[derive(Clone, Copy)]
pub(super) struct Document<'a>(pub &'a Value);

/// A part of the document, and the JSON pointer (RFC 6901) to it.
#[derive(Clone)]
pub(super) struct Located<'a> {
    pub value: &'a Value,
    pub pointer: String,
}

impl<'a> Document<'a> {
    /// The part of that name at the top.
    pub fn part(self, name: &str) -> Option<Located<'a>> {
        Located { value: self.0, pointer: String::new() }.member(name)
    }

    /// What is meant by a part that may be a reference to another one.
    ///
    /// # Errors
    /// It leads nowhere, out of the document, or around.
    pub fn follow(self, mut at: Located<'a>) -> anyhow::Result<Located<'a>> {
        for _ in 0..MOST_REFERENCES {
            let Some(reference) = at.value.get("$ref").and_then(Value::as_str) else {
                return Ok(at);
            };
            at = self.find(reference)?;
        }
        bail!("{}: its references go around", at.pointer)
    }

    fn find(self, reference: &str) -> anyhow::Result<Located<'a>> {
        let fragment = reference.strip_prefix('#').with_context(|| format!("{reference} leads out of the document"))?;
        let pointer = percent_decode_str(fragment).decode_utf8()?.into_owned();
        let value = self.0.pointer(&pointer).with_context(|| format!("{reference} leads nowhere"))?;
        Ok(Located { value, pointer })
    }
}

impl<'a> Located<'a> {
    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name)?;
        Some(Self { value, pointer: format!("{}/{}", self.pointer, escape(name)) })
    }

    /// All members of an object.
    pub fn members(&self) -> Vec<(&'a str, Self)> {
        let members = self.value.as_object().into_iter().flatten();
        members
            .map(|(name, value)| {
                let pointer = format!("{}/{}", self.pointer, escape(name));
                (name.as_str(), Self { value, pointer })
            })
            .collect()
    }

    /// All items of an array.
    pub fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| Self { value, pointer: format!("{}/{index}", self.pointer) }).collect()
    }

    /// A member that is text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name).and_then(Value::as_str)
    }

    /// Whether a member is there and true.
    pub fn says(&self, name: &str) -> bool {
        self.value.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// A name as it stands in a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
