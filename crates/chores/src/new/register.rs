//! Where a service or a resource is made known, beside its own folder.

use std::path::Path;

use anyhow::Context as _;

use super::edit::Edit;
use super::names::Service;
use super::render::{Files, Templates};
use super::resource::Resource;

/// The list of services and routes.
const LIST: &str = "portico.toml";
const RUNNER: &str = "crates/portico/src/service.rs";

/// The changed files for a new service.
///
/// # Errors
/// A file is not as it was.
pub fn service(root: &Path, templates: &Templates, service: &Service, resource: &Resource) -> anyhow::Result<Files> {
    let text = |template: &str| templates.text(template, service, resource);
    let Service { kebab, snake, .. } = service;
    let is_ours = |line: &str| line.starts_with("portico-");
    let workspace = Edit::open(root, "Cargo.toml")?
        .behind(is_ours, &format!("portico-{kebab} = {{ path = \"services/{kebab}\" }}"))?;
    let runner_manifest = Edit::open(root, "crates/portico/Cargo.toml")?.behind_in(
        "[dependencies]",
        |line| line.starts_with('['),
        is_ours,
        &format!("portico-{kebab}.workspace = true"),
    )?;
    let (path, code) = Edit::open(root, RUNNER)?.done();
    let runner = (path, templates.formatted(&declare(&code, snake)?)?);
    let compose = Edit::open(root, "docker-compose.yml")?
        .behind(|line| line.contains("-secrets:/secrets/"), &format!("      - {kebab}-secrets:/secrets/{kebab}"))?
        .before(|line| line == "  gateway:", &text("service/compose.yml")?)?
        .behind_in(
            "  gateway:",
            |line| line.starts_with("  ") && !line.starts_with("   "),
            |line| line == "        condition: service_healthy",
            &format!("      {kebab}:\n        condition: service_healthy"),
        )?
        .behind(|line| line.starts_with("  ") && line.ends_with("-secrets:"), &format!("  {kebab}-secrets:"))?;
    let scale = Edit::open(root, "docker-compose.scale.yml")?
        .before(|line| line == "  gateway:", &format!("  {kebab}:\n    deploy:\n      replicas: 2"))?;
    let roles = Edit::open(root, "deploy/compose/roles.sh")?
        .behind(|line| line.starts_with("role "), &format!("role {kebab} {snake}"))?;
    let list = Edit::open(root, LIST)?
        .behind(|line| line.starts_with("schema = "), &text("service/portico.toml")?)?
        .at_end(&text("resource/route.toml")?);
    let edits = [workspace, runner_manifest, compose, scale, roles, list];
    Ok(edits.into_iter().map(Edit::done).chain([runner]).collect())
}

/// The runner's list of services, with one more.
fn declare(code: &str, snake: &str) -> anyhow::Result<String> {
    let add = format!("&portico_{snake}::SERVICE");
    let end = code.find("const DECLARED").and_then(|start| Some(start + code[start..].find("];")?));
    let end = end.with_context(|| {
        format!("{RUNNER} has no list DECLARED any more; write {add} where the services are listed, and try again")
    })?;
    let comma = if code[..end].trim_end().ends_with([',', '[']) { "" } else { ", " };
    Ok(format!("{}{comma}{add}{}", &code[..end], &code[end..]))
}

/// The changed files for a resource more.
///
/// # Errors
/// A file is not as it was.
pub fn resource(root: &Path, templates: &Templates, service: &Service, resource: &Resource) -> anyhow::Result<Files> {
    let text = |template: &str| templates.text(template, service, resource);
    let folder = format!("services/{}", service.kebab);
    let plural = &resource.noun.plural;
    let is_module = |line: &str| line.starts_with("mod ") || line.starts_with("pub mod ");
    let library = Edit::open(root, format!("{folder}/src/lib.rs"))?.before(is_module, &format!("mod {plural};"))?;
    let routes = Edit::open(root, format!("{folder}/src/routes.rs"))?
        .behind(|line| line.starts_with("use "), &format!("use crate::{plural}::http as {plural};"))?
        .before(|line| line == "}", &text("resource/routes")?)?;
    let tests = Edit::open(root, format!("{folder}/tests/api/main.rs"))?
        .behind(is_module, &format!("mod {plural};\nmod {plural}_bodies;"))?;
    let mut files = Files::new();
    for (path, code) in [library, routes, tests].map(Edit::done) {
        files.insert(path, templates.formatted(&code)?);
    }
    let overrides = text("resource/overrides.toml")?;
    let types = Edit::open(root, format!("{folder}/sqlx.toml"))?.at_end(&format!("\n{overrides}"));
    let list = Edit::open(root, LIST)?.at_end(&text("resource/route.toml")?);
    files.extend([types.done(), list.done()]);
    Ok(files)
}
