//! What is there already, and what names are free.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::str::FromStr as _;

use anyhow::{Context as _, anyhow, bail, ensure};
use heck::ToUpperCamelCase as _;
use proc_macro2::{TokenStream, TokenTree};
use sqlx::PgConnection;

use super::names::{Noun, Service};
use super::render::Templates;
use super::resource::Resource;
use crate::list::List;

/// A new service, at ports that no other has.
///
/// # Errors
/// The name is wrong or taken.
pub fn new_service(root: &Path, list: &List, name: &str) -> anyhow::Result<Service> {
    let ports = list.services.values().map(|entry| entry.port).max();
    let internal_ports = list.services.values().map(|entry| entry.internal_port).max();
    let next = |port: Option<u16>| port.and_then(|port| port.checked_add(1)).context("there is no port left");
    let service = Service::parse(name, next(ports)?, next(internal_ports)?)?;
    let name = &service.kebab;
    ensure!(!list.services.contains_key(name), "there is a service `{name}` already");
    let is_schema = list.services.values().any(|entry| entry.schema.as_ref() == Some(&service.snake));
    ensure!(
        !is_schema && service.snake != "public" && !service.snake.starts_with("pg_"),
        "there is a schema `{}` already",
        service.snake
    );
    for folder in ["services", "crates", "migrations", "templates/service/services"] {
        ensure!(!root.join(folder).join(name).exists(), "`{name}` is taken by {folder}/{name}");
    }
    let compose = fs::read_to_string(root.join("docker-compose.yml"))?;
    let heading = format!("  {name}:");
    ensure!(!compose.lines().any(|line| line == heading), "`{name}` is taken by something in docker-compose.yml");
    Ok(service)
}

/// A service that was made from the templates.
///
/// # Errors
/// There is none of that name, or it was made otherwise.
pub fn service(root: &Path, list: &List, name: &str) -> anyhow::Result<Service> {
    let Some(entry) = list.services.get(name) else {
        bail!("there is no service `{name}` in portico.toml; `portico new service` makes one");
    };
    let library = fs::read_to_string(root.join("services").join(name).join("src/lib.rs")).unwrap_or_default();
    ensure!(
        library.contains("events::feed"),
        "`{name}` was not made by `portico new service`, and lacks what a resource needs"
    );
    Service::parse(name, entry.port, entry.internal_port)
}

/// The resource of a service with this singular.
pub fn find(root: &Path, service: &Service, singular: &str) -> Option<Noun> {
    let id = format!("{}Id", singular.to_upper_camel_case());
    let folders = fs::read_dir(root.join("services").join(&service.kebab).join("src")).ok()?;
    let mut names = folders.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let plural = names.find(|name| {
        let module = root.join("services").join(&service.kebab).join("src").join(name).join("mod.rs");
        fs::read_to_string(module).is_ok_and(|code| identifiers(&code).is_ok_and(|found| found.contains(&id)))
    })?;
    Noun::parse(singular, Some(&plural)).ok()
}

/// Checks that the resource is a new one, and that no name of its code is one of the templates' code.
///
/// # Errors
/// A name is taken.
pub fn check(
    root: &Path,
    list: &List,
    templates: &Templates,
    service: &Service,
    resource: &Resource,
) -> anyhow::Result<()> {
    let Noun { snake, plural, path, .. } = &resource.noun;
    let prefix = format!("/v1/{path}");
    let mut routes = list.routes.iter().map(|route| &route.prefix);
    ensure!(!routes.any(|taken| *taken == prefix), "the route {prefix} is taken; see portico.toml");
    let module = root.join("services").join(&service.kebab).join("src").join(plural);
    ensure!(!module.exists() && !module.with_extension("rs").exists(), "`{plural}` is taken by {}", module.display());

    // What the code says whatever the resource is called.
    let other = Resource::parse(Noun::parse("zzz", None)?, &["zzz:string".to_owned()], |_| None)?;
    let neutral = Service::parse("zzz", 0, 0)?;
    let mut used = BTreeSet::new();
    for text in templates.code(&neutral, &other)?.values() {
        used.extend(identifiers(text)?);
    }
    let mut names = vec![snake.clone(), plural.clone(), resource.noun.pascal.clone(), resource.noun.pascals.clone()];
    names.extend(resource.enums.iter().map(|field| field.r#type.clone()));
    for name in names {
        ensure!(
            !used.contains(&name),
            "`{name}` is a name in the code of every resource; call it something more particular than `{snake}`"
        );
    }
    Ok(())
}

/// Checks that SQL can have the names without quotes.
///
/// # Errors
/// One is a word of SQL, or the database cannot be reached.
pub async fn check_sql(db: &mut PgConnection, resource: &Resource) -> anyhow::Result<()> {
    let reserved: Vec<String> =
        sqlx::query_scalar("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')").fetch_all(db).await?;
    for name in resource.column_names.iter().chain([&resource.noun.plural]) {
        ensure!(!reserved.contains(name), "`{name}` is a word of SQL; choose another name");
    }
    Ok(())
}

/// Every name in the code, but for those in attributes.
fn identifiers(code: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut streams = vec![TokenStream::from_str(code).map_err(|error| anyhow!("{error}"))?];
    while let Some(stream) = streams.pop() {
        let mut is_attribute = false;
        for token in stream {
            match token {
                TokenTree::Group(group) if !is_attribute => streams.push(group.stream()),
                TokenTree::Ident(ident) => drop(found.insert(ident.to_string())),
                TokenTree::Punct(punct) => {
                    is_attribute = punct.as_char() == '#';
                    continue;
                }
                TokenTree::Group(_) | TokenTree::Literal(_) => {}
            }
            is_attribute = false;
        }
    }
    Ok(found)
}
