//! What the OpenAPI documents of all services have in common.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use serde_json::json;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::error::{ApiError, FieldError, Problem, ProblemKind, kinds};

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
const ANY_BODY: [(&str, &str); 4] = [
    ("408", "`body_too_slow`"),
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

/// The query parameters each operation takes, by method and route.
type Parameters = HashMap<(Method, String), Vec<String>>;

/// Refuses query parameters that the operation does not describe, also where a handler reads none: a
/// misspelt one must not be taken for agreement. A parameter such as `attr.{name}` stands for all with its beginning.
pub fn refuse_unknown_parameters(router: Router, api: &OpenApi) -> Router {
    let parameters = Arc::new(parameters(api));
    router.route_layer(from_fn_with_state(parameters, check_parameters))
}

fn parameters(api: &OpenApi) -> Parameters {
    let mut known = Parameters::new();
    for (path, item) in &api.paths.paths {
        let PathItem { get, put, post, delete, patch, .. } = item;
        let methods = [
            (Method::GET, get),
            (Method::PUT, put),
            (Method::POST, post),
            (Method::DELETE, delete),
            (Method::PATCH, patch),
        ];
        for (method, operation) in
            methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
        {
            let described = operation.parameters.iter().flatten();
            let in_query = described.filter_map(|parameter| match parameter {
                RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
                _ => None,
            });
            known.insert((method, path.clone()), in_query.collect());
        }
    }
    known
}

async fn check_parameters(
    State(known): State<Arc<Parameters>>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Result<axum::response::Response, ApiError> {
    // Routes that are not in the document, such as the document itself, are no part of the API.
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    if let (Some(query), Some(known)) = (request.uri().query(), known.get(&(method, route.as_str().to_owned()))) {
        for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.iter().any(|described| is_described(&name, described)) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let detail = format!("query: there is no parameter `{name}` here; known: {known}");
                return Err(ApiError::new(&kinds::INVALID_PARAMETER, detail));
            }
        }
    }
    Ok(next.run(request).await)
}

fn is_described(name: &str, described: &str) -> bool {
    match described.split_once('{') {
        Some((beginning, _)) => name.starts_with(beginning),
        None => name == described,
    }
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
