//! What the OpenAPI documents of all services have in common.

use serde_json::json;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::error::{FieldError, Problem, ProblemKind};

/// What any operation can answer, whatever it does.
const ANY_OPERATION: [(&str, &str); 4] = [
    ("400", "`malformed_json`, `invalid_parameter`: the request cannot be read"),
    ("401", "`unauthenticated`, `invalid_token`, with `WWW-Authenticate`"),
    ("500", "`internal`"),
    ("503", "`database_unavailable`, `timeout`, with `Retry-After`"),
];

/// What any operation that needs a token can answer besides.
const ANY_LOCKED: (&str, &str) = ("403", "`insufficient_scope`, or the account may not do this now");

/// What any operation with a body can answer besides.
const ANY_BODY: [(&str, &str); 3] = [
    ("413", "`body_too_large`"),
    ("415", "`unsupported_media_type`"),
    ("422", "`validation_failed`: `errors` names every field at fault"),
];

/// Completes a service's document: the bearer scheme, the problems any operation can answer where
/// the operation does not describe them itself, and its own kinds of problems as `x-problems`, from
/// which the gateway makes their pages.
pub fn complete(mut api: OpenApi, own: &[&ProblemKind]) -> OpenApi {
    let scheme = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token of auth (RFC 9068)"))
        .build();
    let components = api.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    for (name, schema) in [(Problem::name(), Problem::schema()), (FieldError::name(), FieldError::schema())] {
        components.schemas.entry(name.into_owned()).or_insert(schema);
    }
    let is_locked = api.security.is_some();
    let operations = api.paths.paths.values_mut().flat_map(operations);
    operations.for_each(|operation| describe_problems(operation, is_locked));
    let extension = ExtensionsBuilder::new().add("x-problems", json!(own)).build();
    api.extensions.get_or_insert_default().merge(extension);
    api
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn describe_problems(operation: &mut Operation, is_locked: bool) {
    let is_locked = operation.security.as_ref().map_or(is_locked, |needed| !needed.is_empty());
    let locked = is_locked.then_some(&ANY_LOCKED);
    let body: &[_] = if operation.request_body.is_some() { &ANY_BODY } else { &[] };
    let responses = &mut operation.responses.responses;
    for (status, description) in ANY_OPERATION.iter().chain(body).chain(locked) {
        responses.entry((*status).to_owned()).or_insert_with(|| problem(description));
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build().into()
}
