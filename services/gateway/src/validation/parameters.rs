//! What may stand in the path, the query and the headers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use http::{HeaderMap, HeaderName, header};
use percent_encoding::percent_decode_str;
use portico_common::error::{ApiError, kinds};
use serde_json::Value;
use url::form_urlencoded;

use super::document::Located;
use super::faults::{self, shown};
use super::schema::{Schema, Schemas};
use super::template::Variables;
use super::values::Types;

/// More is not told at once.
const MOST_TOLD: usize = 10;

/// All parameters of an operation that are looked at. Cookies are not.
#[derive(Default)]
pub(super) struct Parameters {
    path: Vec<Parameter>,
    query: Vec<Parameter>,
    headers: Vec<Parameter>,
}

struct Parameter {
    name: String,
    is_required: bool,
    form: Form,
    types: Types,
    schema: Schema,
}

/// How the values of a parameter are written.
#[derive(Clone, Copy)]
enum Form {
    One,
    /// Once for each item.
    Repeated,
    /// Once, with this between the items.
    Joined(char),
}

impl Parameters {
    /// Compiles those of a path and of one of its operations, which count if both say the same.
    ///
    /// # Errors
    /// One is written in a way that cannot be read here, or has no valid schema.
    pub fn compile(schemas: &Schemas<'_>, path: &Located<'_>, operation: &Located<'_>) -> anyhow::Result<Self> {
        let mut described = BTreeMap::new();
        for owner in [path, operation] {
            for parameter in owner.member("parameters").iter().flat_map(Located::items) {
                let parameter = schemas.document.follow(parameter)?;
                let key =
                    parameter.text("in").zip(parameter.text("name")).context("a parameter has no name or place")?;
                described.insert(key, parameter);
            }
        }
        let mut parameters = Self::default();
        for ((place, name), parameter) in described {
            let list = match place {
                "path" => &mut parameters.path,
                "query" => &mut parameters.query,
                "header" if is_parameter(name)? => &mut parameters.headers,
                _ => continue,
            };
            list.push(Parameter::compile(schemas, place, &parameter).with_context(|| format!("{place} {name}"))?);
        }
        Ok(parameters)
    }

    /// # Errors
    /// 400 with all that is wrong; 428 if only `If-Match` is missing.
    pub fn check(&self, variables: &Variables, query: Option<&str>, headers: &HeaderMap) -> Result<(), ApiError> {
        let mut wrong = Vec::new();
        for parameter in &self.path {
            let given = variables.iter().find(|(name, _)| *name == parameter.name);
            wrong.extend(given.and_then(|(_, text)| parameter.flaw("path", &parameter.name, &[text])));
        }
        self.check_query(query.unwrap_or_default(), &mut wrong);
        let lacks_precondition = self.check_headers(headers, &mut wrong);
        if wrong.is_empty() && lacks_precondition {
            let detail = "name the version you have seen in If-Match";
            return Err(ApiError::new(&kinds::PRECONDITION_REQUIRED, detail));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        wrong.truncate(MOST_TOLD);
        Err(ApiError::new(&kinds::INVALID_PARAMETER, wrong.join("; ")))
    }

    fn check_query(&self, query: &str, wrong: &mut Vec<String>) {
        if percent_decode_str(query).decode_utf8().is_err() {
            wrong.push("query: it is not valid UTF-8".to_owned());
            return;
        }
        let mut given = BTreeMap::<Cow<'_, str>, Vec<Cow<'_, str>>>::new();
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            given.entry(name).or_default().push(text);
        }
        let mut seen = BTreeSet::new();
        for (name, texts) in &given {
            if wrong.len() >= MOST_TOLD {
                return;
            }
            let Some(parameter) = self.query.iter().find(|parameter| parameter.is_called(name)) else {
                let known = self.query.iter().map(|parameter| parameter.name.as_str()).collect::<Vec<_>>();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                wrong.push(format!("query: there is no parameter `{}` here; known: {known}", shown(name)));
                continue;
            };
            seen.insert(&parameter.name);
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            wrong.extend(parameter.flaw("query", name, &texts));
        }
        let missing = self.query.iter().filter(|parameter| parameter.is_required && !seen.contains(&parameter.name));
        wrong.extend(missing.map(|parameter| format!("query: `{}` is missing", parameter.name)));
    }

    /// Tells whether `If-Match` is missing, which has a status of its own.
    fn check_headers(&self, headers: &HeaderMap, wrong: &mut Vec<String>) -> bool {
        let mut lacks_precondition = false;
        for parameter in &self.headers {
            let values: Vec<_> = headers.get_all(parameter.name.as_str()).iter().map(|value| value.to_str()).collect();
            if values.is_empty() {
                let is_precondition = parameter.name.eq_ignore_ascii_case(header::IF_MATCH.as_str());
                lacks_precondition |= is_precondition && parameter.is_required;
                if parameter.is_required && !is_precondition {
                    wrong.push(format!("headers: `{}` is missing", parameter.name));
                }
                continue;
            }
            // RFC 9110 section 5.3: several lines are one, joined by commas.
            match values.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(texts) => wrong.extend(parameter.flaw("headers", &parameter.name, &[&texts.join(", ")])),
                Err(_) => wrong.push(format!("headers: `{}` is not plain text", parameter.name)),
            }
        }
        lacks_precondition
    }
}

/// OpenAPI 3.1 section 4.8.12.1: these are no parameters, whatever a document says.
fn is_parameter(header: &str) -> anyhow::Result<bool> {
    let name: HeaderName = header.parse().with_context(|| format!("{header} cannot be a header"))?;
    Ok(![header::ACCEPT, header::CONTENT_TYPE, header::AUTHORIZATION].contains(&name))
}

impl Parameter {
    fn compile(schemas: &Schemas<'_>, place: &str, described: &Located<'_>) -> anyhow::Result<Self> {
        let schema = described.member("schema").context("only parameters with a `schema` can be checked")?;
        let types = Types::of(schemas.document, &schema)?;
        ensure!(!types.include("object"), "objects cannot be checked in addresses and headers");
        let form = if types.include("array") { Form::of_list(place, described)? } else { Form::One };
        let types = match schemas.document.follow(schema.clone())?.member("items") {
            Some(items) if !matches!(form, Form::One) => Types::of(schemas.document, &items)?,
            _ => types,
        };
        let name = described.text("name").unwrap_or_default().to_owned();
        Ok(Self { name, is_required: described.says("required"), form, types, schema: schemas.compile(&schema)? })
    }

    /// A name such as `attr.{name}` stands for all with its beginning, as in the services' documents.
    fn is_called(&self, name: &str) -> bool {
        match self.name.split_once('{') {
            Some((beginning, _)) => name.starts_with(beginning),
            None => name == self.name,
        }
    }

    /// What is wrong with the values it has, in words, if something is.
    fn flaw(&self, place: &str, name: &str, texts: &[&str]) -> Option<String> {
        let value = match (self.form, texts) {
            (Form::Repeated, texts) => texts.iter().map(|text| self.types.read(text)).collect(),
            (Form::One, [text]) => self.types.read(text),
            (Form::Joined(separator), [text]) => {
                text.split(separator).map(|text| self.types.read(text.trim())).collect::<Value>()
            }
            _ => return Some(format!("{place}: `{}` is given more than once", shown(name))),
        };
        if self.schema.allows(&value) {
            return None;
        }
        Some(format!("{place}: `{}` {}", shown(name), faults::of_value(self.schema.validator(), &value)))
    }
}

impl Form {
    /// OpenAPI 3.1 section 4.8.12.2, with its defaults.
    fn of_list(place: &str, described: &Located<'_>) -> anyhow::Result<Self> {
        let is_query = place == "query";
        let style = described.text("style").unwrap_or(if is_query { "form" } else { "simple" });
        let explodes = described.value.get("explode").and_then(Value::as_bool).unwrap_or(style == "form");
        Ok(match style {
            "form" if explodes => Self::Repeated,
            "form" | "simple" => Self::Joined(','),
            "spaceDelimited" if !explodes => Self::Joined(' '),
            "pipeDelimited" if !explodes => Self::Joined('|'),
            _ => bail!("lists in the style {style} cannot be read here"),
        })
    }
}
