//! `cargo run -- reference`: the pages of `docs/reference/`, as the code says it now.

mod commands;
mod errors;
mod permissions;
mod settings;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use portico_chores::project::Project;
use portico_gateway::RouteFile;

use crate::openapi;
use crate::service::Service;

pub use permissions::{Operation, Token, operations};

const WRITTEN_BY: &str = "<!-- Written by `cargo run -- reference` from the code: change it there. -->";

/// Writes the pages, and the documents of `docs/openapi/`, which they are about; `check` changes nothing.
///
/// # Errors
/// A page cannot be written, or would be another one where nothing may change.
pub fn write(project: &Project, check: bool) -> anyhow::Result<()> {
    let services: Vec<_> = Service::all().collect();
    let files = [openapi::documents(project)?, pages(project, &services)?].concat();
    let is_old = |(path, text): &&(PathBuf, String)| fs::read_to_string(path).ok().as_ref() != Some(text);
    let old: Vec<_> = files.iter().filter(is_old).collect();
    if check {
        let names: Vec<_> = old.iter().map(|(path, _)| path.display().to_string()).collect();
        ensure!(old.is_empty(), "not up to date: {}; run `cargo run -- reference`", names.join(", "));
        return Ok(());
    }
    for (path, text) in old {
        let folder = path.parent().context("a file has a folder")?;
        fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).with_context(|| path.display().to_string())?;
        println!("{}", path.display());
    }
    Ok(())
}

/// The path and the text of each page, about these services.
///
/// # Errors
/// `portico.toml` cannot be used, or a document cannot be written as JSON.
pub fn pages(project: &Project, services: &[Service]) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let routes = RouteFile::read(&project.root.join("portico.toml"))?;
    let pages = [
        ("commands.md", commands::commands()),
        ("configuration.md", settings::settings(services)),
        ("errors.md", errors::errors(services)?),
        ("permissions.md", permissions::permissions(services, &routes)?),
    ];
    let folder = project.root.join("docs").join("reference");
    Ok(pages.into_iter().map(|(name, text)| (folder.join(name), text)).collect())
}

/// A page: its title, its text before the first heading, and the rest.
fn page(title: &str, introduction: &str, rest: &str) -> String {
    format!("# {title}\n\n{WRITTEN_BY}\n\n{introduction}\n\n{}\n", rest.trim_end())
}

/// A table, without a row if there is none.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<_> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows = rows.iter().map(|row| line(&row.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>()));
    format!("{}{rule}{}", line(&head), rows.collect::<String>())
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}
