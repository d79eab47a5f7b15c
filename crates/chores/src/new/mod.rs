//! `portico new`: services and resources from the templates.
//!
//! Everything is made and checked before the first file is written: the names, the places in files of others, the
//! table in a real Postgres, and every query on it.

mod edit;
mod field;
pub mod names;
mod register;
mod render;
mod resource;
mod sample;
mod taken;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use sqlx::{Connection as _, PgConnection};

use crate::diagram::diagram;
use crate::git;
use crate::list::List;
use crate::migrations::next_number;
use crate::project::{Project, cargo};
use crate::queries::{self, Queries};
use crate::schemas;

use names::{Noun, Service};
use render::{Files, Templates};
use resource::Resource;

pub use sample::sample;

/// What can be made.
#[derive(Debug, Subcommand)]
pub enum New {
    /// Make a service with one resource, and let the suite know it
    Service {
        /// What it is called: lower-case words with hyphens between them
        name: String,
        /// The resource, in the singular: lower-case words with underscores between them
        #[arg(long, value_name = "NOUN")]
        resource: String,
        #[command(flatten)]
        given: Given,
    },
    /// Make one more resource in a service that was made so
    Resource {
        /// The service
        service: String,
        /// The resource, in the singular: lower-case words with underscores between them
        resource: String,
        #[command(flatten)]
        given: Given,
    },
}

/// What is given for every resource.
#[derive(Debug, Args)]
pub struct Given {
    /// Its fields: NAME:TYPE, and ? behind what can be left out, and :unique behind what an owner can have once only;
    /// types are string, text, int, bool, money, time, date, uuid, enum=ONE,OTHER, reference=RESOURCE
    #[arg(required = true, value_name = "FIELD")]
    fields: Vec<String>,
    /// Its plural, if that is not the usual one
    #[arg(long, value_name = "NOUNS")]
    plural: Option<String>,
    /// Only say what would be written
    #[arg(long)]
    dry_run: bool,
    /// Also when there are changes that are not committed
    #[arg(long)]
    allow_dirty: bool,
}

/// Makes it.
///
/// # Errors
/// A name is taken or wrong, there are uncommitted changes, or a template or a file is not as it was. Nothing is
/// written then.
pub async fn run(project: &Project, new: New) -> anyhow::Result<()> {
    let templates = Templates::of(&project.root);
    let root = &project.root;
    let list = List::read(project)?;
    let (given, service, resource, mut files);
    match new {
        New::Service { name, resource: noun, given: fields } => {
            given = fields;
            service = taken::new_service(root, &list, &name)?;
            resource = read(&given, &noun, |_| None)?;
            files = templates.service(&service, &resource)?;
            files.extend(register::service(root, &templates, &service, &resource)?);
        }
        New::Resource { service: name, resource: noun, given: fields } => {
            given = fields;
            service = taken::service(root, &list, &name)?;
            resource = read(&given, &noun, |other| taken::find(root, &service, other))?;
            files =
                templates.resource(&service, &resource, next_number(&root.join("migrations").join(&service.kebab))?)?;
            files.extend(register::resource(root, &templates, &service, &resource)?);
        }
    }
    taken::check(root, &list, &templates, &service, &resource)?;
    ensure!(
        given.allow_dirty || given.dry_run || git::is_clean(root)?,
        "there are changes that are not committed; commit them first, or say --allow-dirty"
    );
    let queries = ask(project, &service, &resource, &files).await?;
    for (name, text) in queries {
        files.insert(Path::new(".sqlx").join(name), String::from_utf8(text)?);
    }
    for path in files.keys() {
        let what = if root.join(path).exists() { "change" } else { "new   " };
        println!("{what}  {}", path.display());
    }
    if given.dry_run {
        return Ok(());
    }
    write(root, &files)?;
    cargo(root, &["update", "--workspace", "--offline", "--quiet"])?;
    diagram(project, false).await?;
    println!(
        "\n`cargo test --package portico-{}` tests it, `cargo run` serves it at /v1/{}.",
        service.kebab, resource.noun.path
    );
    println!("`cargo run -- reference` keeps its API in docs/openapi/, `deploy/missing` says what AWS lacks of it.");
    Ok(())
}

fn read(given: &Given, noun: &str, find: impl Fn(&str) -> Option<Noun>) -> anyhow::Result<Resource> {
    Resource::parse(Noun::parse(noun, given.plural.as_deref())?, &given.fields, find)
}

/// Makes the schema in a throw-away Postgres, and asks about every query of the resource.
async fn ask(project: &Project, service: &Service, resource: &Resource, files: &Files) -> anyhow::Result<Queries> {
    let scratch = tempfile::tempdir()?;
    let migrations = Path::new("migrations").join(&service.kebab);
    fs::create_dir_all(scratch.path().join(&migrations))?;
    if let Ok(there) = fs::read_dir(project.root.join(&migrations)) {
        for entry in there {
            let entry = entry?;
            fs::copy(entry.path(), scratch.path().join(&migrations).join(entry.file_name()))?;
        }
    }
    write(
        scratch.path(),
        &files
            .iter()
            .filter(|(path, _)| path.starts_with(&migrations))
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect(),
    )?;
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with("store.rs")) {
        found.extend(queries::find(text).with_context(|| path.display().to_string())?);
    }
    let url = portico_localpg::test_cluster().await?;
    let mut admin = PgConnection::connect(&url).await?;
    taken::check_sql(&mut admin, resource).await?;
    let made = schemas::Service {
        name: service.kebab.clone(),
        schema: service.snake.clone(),
        root: scratch.path().to_owned(),
    };
    let asked = queries::ask(project, &url, &mut admin, &made, found).await;
    admin.close().await?;
    asked
}

fn write(root: &Path, files: &Files) -> anyhow::Result<()> {
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
