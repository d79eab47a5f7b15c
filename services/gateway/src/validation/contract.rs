//! A document compiled to be asked: what a service takes, and where.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use http::{HeaderValue, Method, header};
use portico_common::error::{ApiError, kinds};
use serde_json::Value;

use super::bodies::Bodies;
use super::document::{Document, Located};
use super::faults::shown;
use super::parameters::Parameters;
use super::schema::Schemas;
use super::template::{Template, Variables, segments};

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Everything a service says it takes.
pub(crate) struct Contract(Vec<Place>);

/// A path.
struct Place {
    template: Template,
    operations: Vec<(Method, Arc<Operation>)>,
    /// Its methods, as a header lists them.
    methods: HeaderValue,
}

/// A method of a path.
pub(super) struct Operation {
    pub parameters: Parameters,
    /// `None` where nothing is said of a body.
    pub bodies: Option<Bodies>,
}

/// What the document says of a request.
pub(super) enum Found {
    Operation(Arc<Operation>, Variables),
    /// It asks what it may ask.
    Unchecked,
}

impl Contract {
    /// Compiles an OpenAPI 3.1 document. Takes some milliseconds, more for large ones.
    ///
    /// # Errors
    /// Something in it is wrong, or can be said but not checked here; the error names the place.
    pub fn compile(document: &Value) -> anyhow::Result<Self> {
        let schemas = Schemas::new(Document(document))?;
        let mut places = Vec::new();
        for (path, item) in schemas.document.part("paths").iter().flat_map(Located::members) {
            if path.starts_with('/') {
                places.push(Place::compile(&schemas, path, item).with_context(|| path.to_owned())?);
            }
        }
        places.sort_by_cached_key(|place| place.template.rank());
        let ranks: BTreeSet<_> = places.iter().map(|place| place.template.rank()).collect();
        ensure!(ranks.len() == places.len(), "two of its paths differ in the names of their variables only");
        Ok(Self(places))
    }

    /// What is said of a method of a path.
    ///
    /// # Errors
    /// 404: nothing is said of the path; 405: nothing of the method.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Found, ApiError> {
        let asked = segments(path);
        let found = self.0.iter().find_map(|place| Some((place, place.template.read(&asked)?)));
        let Some((place, variables)) = found else {
            let detail = format!("there is nothing at {}", shown(path));
            return Err(ApiError::new(&kinds::ROUTE_NOT_FOUND, detail).because("no_operation"));
        };
        match place.operation(method) {
            Some(operation) => Ok(Found::Operation(operation, variables)),
            None if method == Method::OPTIONS => Ok(Found::Unchecked),
            None => {
                let detail = format!("{} does not take {}; see the Allow header", shown(path), shown(method.as_str()));
                let allow = place.methods.clone();
                Err(ApiError::new(&kinds::METHOD_NOT_ALLOWED, detail).with_header(header::ALLOW, allow))
            }
        }
    }
}

impl Place {
    fn compile(schemas: &Schemas<'_>, path: &str, item: Located<'_>) -> anyhow::Result<Self> {
        let template = Template::parse(path)?;
        let item = schemas.document.follow(item)?;
        let mut operations = Vec::new();
        for method in METHODS {
            if let Some(described) = item.member(&method.as_str().to_lowercase()) {
                let operation = Operation::compile(schemas, &item, &described).with_context(|| method.to_string())?;
                operations.push((method, Arc::new(operation)));
            }
        }
        let mut methods: Vec<&str> = operations.iter().map(|(method, _)| method.as_str()).collect();
        if methods.contains(&"GET") && !methods.contains(&"HEAD") {
            methods.push("HEAD");
        }
        let methods = HeaderValue::try_from(methods.join(", "))?;
        Ok(Self { template, operations, methods })
    }

    /// RFC 9110 section 9.3.2: HEAD is GET without the body of the answer.
    fn operation(&self, method: &Method) -> Option<Arc<Operation>> {
        let of = |wanted: &Method| self.operations.iter().find(|(method, _)| method == wanted);
        let found = of(method).or_else(|| if method == Method::HEAD { of(&Method::GET) } else { None });
        found.map(|(_, operation)| Arc::clone(operation))
    }
}

impl Operation {
    fn compile(schemas: &Schemas<'_>, item: &Located<'_>, described: &Located<'_>) -> anyhow::Result<Self> {
        let parameters = Parameters::compile(schemas, item, described)?;
        let body = described.member("requestBody").map(|body| schemas.document.follow(body)).transpose()?;
        let bodies = body.map(|body| Bodies::compile(schemas, &body)).transpose()?;
        Ok(Self { parameters, bodies })
    }
}
