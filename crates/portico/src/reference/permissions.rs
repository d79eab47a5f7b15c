//! What each operation asks of its caller, from the services' OpenAPI documents and the gateway's routes.

use clap::ValueEnum as _;
use portico_auth::Role;
use portico_gateway::{RouteFile, TokenRule};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::{code, page, table};
use crate::service::Service;

const INTRODUCTION: &str = "\
A request passes two doors. The gateway looks at the token as its route in `portico.toml` says: `required` is 401 without one,
`optional` is 401 with a bad one, `ignored` does not look. Then the service checks the token by itself: where it is needed, a request without one is 401
`unauthenticated`, and one whose token lacks the scope is 403 `insufficient_scope`. Whose things a caller may see and change beyond that is
said by each operation in `/docs`.";

const HEAD: [&str; 6] = ["Method", "Path", "Gateway", "Token", "Scope", "Roles"];

/// Something a service can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The method, in upper case.
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: String,
    /// Whether a token is needed.
    pub token: Token,
    /// The scopes the token must have.
    pub scopes: Vec<String>,
}

/// What an operation makes of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Without one it is 401.
    Needed,
    /// It shows more to those who send one.
    Optional,
    /// None is looked at.
    None,
}

/// The operations of a service, as its document describes them.
///
/// # Errors
/// The document cannot be written as JSON.
pub fn operations(api: &OpenApi) -> anyhow::Result<Vec<Operation>> {
    let api = serde_json::to_value(api)?;
    let mut found = Vec::new();
    for (path, item) in api["paths"].as_object().into_iter().flatten() {
        let described =
            item.as_object().into_iter().flatten().filter(|(_, operation)| operation["responses"].is_object());
        found.extend(described.map(|(method, operation)| {
            let security = operation.get("security").unwrap_or(&api["security"]);
            let (token, scopes) = read(security);
            Operation { method: method.to_uppercase(), path: path.clone(), token, scopes }
        }));
    }
    Ok(found)
}

/// Each entry of the list is enough for itself; an empty one is a caller without a token.
fn read(security: &Value) -> (Token, Vec<String>) {
    let ways = security.as_array().map(Vec::as_slice).unwrap_or_default();
    let scopes = ways.iter().filter_map(|way| way["bearer"].as_array()).flatten();
    let scopes = scopes.filter_map(Value::as_str).map(str::to_owned).collect();
    let is_open = ways.iter().any(|way| way.as_object().is_some_and(serde_json::Map::is_empty));
    let token = match (ways, is_open) {
        ([], _) => Token::None,
        (_, true) => Token::Optional,
        (_, false) => Token::Needed,
    };
    (token, scopes)
}

/// The page.
///
/// # Errors
/// A document cannot be written as JSON.
pub fn permissions(services: &[Service], routes: &RouteFile) -> anyhow::Result<String> {
    let mut sections =
        vec![format!("## Roles\n\nThe tokens of an account have the scopes of all its roles.\n\n{}", roles())];
    for (name, api) in services.iter().map(|service| (service.name(), service.api())) {
        let rows: Vec<_> = operations(&api)?.iter().map(|operation| row(operation, routes)).collect();
        sections.push(format!("## {name}\n\n{}", table(&HEAD, &rows)));
    }
    let own = operations(&portico_gateway::api())?;
    let own: Vec<_> = own.iter().map(|operation| vec![code(&operation.method), code(&operation.path)]).collect();
    sections.push(format!("## The gateway itself\n\nOpen to everybody.\n\n{}", table(&HEAD[..2], &own)));
    Ok(page("Permissions", INTRODUCTION, &sections.join("\n")))
}

fn roles() -> String {
    let roles = Role::value_variants();
    let head: Vec<_> = std::iter::once("Scope").chain(roles.iter().map(|role| role.name())).collect();
    let most = roles.iter().map(|role| role.scopes()).max_by_key(|scopes| scopes.len()).unwrap_or_default();
    let mark = |scope: &&str, role: &Role| if role.scopes().contains(scope) { "✓" } else { "" }.to_owned();
    let row = |scope: &&str| std::iter::once(code(scope)).chain(roles.iter().map(|role| mark(scope, role))).collect();
    table(&head, &most.iter().map(row).collect::<Vec<_>>())
}

fn row(operation: &Operation, routes: &RouteFile) -> Vec<String> {
    let gateway = match routes.route_of(&operation.path).map(|route| route.token) {
        None => "no route",
        Some(TokenRule::Required) => "required",
        Some(TokenRule::Optional) => "optional",
        Some(TokenRule::Ignored) => "ignored",
    };
    let token = match operation.token {
        Token::Needed => "needed",
        Token::Optional => "optional",
        Token::None => "",
    };
    let has_all = |role: &&Role| operation.scopes.iter().all(|scope| role.scopes().contains(&scope.as_str()));
    let roles = Role::value_variants().iter().filter(has_all).filter(|_| operation.token == Token::Needed);
    let roles: Vec<_> = roles.map(|role| role.name()).collect();
    let scopes: Vec<_> = operation.scopes.iter().map(|scope| code(scope)).collect();
    let cells = [code(&operation.method), code(&operation.path), gateway.to_owned(), token.to_owned()];
    cells.into_iter().chain([scopes.join(", "), roles.join(", ")]).collect()
}
