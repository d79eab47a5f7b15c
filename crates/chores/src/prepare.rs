//! `portico db prepare`: asks a real, migrated Postgres about every query in the code and keeps the
//! answers in `.sqlx/`, so that builds need no database.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use sqlx::{Connection as _, PgConnection};

use crate::project::Project;
use crate::queries::{self, Queries};
use crate::schemas::{Service, services};

/// Refreshes `.sqlx/`, or with `only_check` says whether it is up to date.
///
/// # Errors
/// There is no Postgres, a query is wrong, or the check found differences.
pub async fn prepare(project: &Project, only_check: bool) -> anyhow::Result<()> {
    let kept = project.root.join(".sqlx");
    fs::create_dir_all(&kept)?;
    let (old, new) = (read(&kept)?, ask(project).await?);
    ensure!(!new.is_empty(), "no query was found; the services are not where they should be");
    if only_check { compare(&old, &new) } else { replace(&kept, &old, &new) }
}

/// The service that new ones are made from, which `portico.toml` does not list.
fn template() -> Service {
    Service { name: "workshop".to_owned(), schema: "workshop".to_owned(), root: "templates/service".into() }
}

/// Every query in the code, and what Postgres says of it.
async fn ask(project: &Project) -> anyhow::Result<Queries> {
    let url = portico_localpg::test_cluster().await?;
    let mut admin = PgConnection::connect(&url).await?;
    let mut answers = Queries::new();
    for service in services(project)? {
        let sources = service.sources();
        answers.extend(ask_about(project, &url, &mut admin, &service, &[&sources]).await?);
    }
    let template = template();
    // What services have in common has statements, too; the template's schema has what they need.
    let sources = [template.sources(), "crates/service/src".into()];
    answers.extend(ask_about(project, &url, &mut admin, &template, &[&sources[0], &sources[1]]).await?);
    admin.close().await?;
    Ok(answers)
}

async fn ask_about(
    project: &Project,
    url: &str,
    admin: &mut PgConnection,
    service: &Service,
    folders: &[&Path],
) -> anyhow::Result<Queries> {
    let mut found = Vec::new();
    for folder in folders {
        for path in queries::sources(&project.root.join(folder))? {
            let code = fs::read_to_string(&path)?;
            found.extend(queries::find(&code).with_context(|| path.display().to_string())?);
        }
    }
    queries::ask(project, url, admin, service, found).await
}

fn read(folder: &Path) -> anyhow::Result<Queries> {
    let mut queries = Queries::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("query-") && path.extension().is_some_and(|extension| extension == "json") {
            queries.insert(name, fs::read(&path)?);
        }
    }
    Ok(queries)
}

fn compare(old: &Queries, new: &Queries) -> anyhow::Result<()> {
    let stale: Vec<_> = old.keys().filter(|name| !new.contains_key(*name)).collect();
    let missing: Vec<_> =
        new.iter().filter(|(name, data)| old.get(*name) != Some(data)).map(|(name, _)| name).collect();
    ensure!(
        stale.is_empty() && missing.is_empty(),
        ".sqlx/ is not up to date; run `cargo portico db prepare`\n  changed or missing: {missing:?}\n  no longer used: {stale:?}"
    );
    println!("{} queries, all up to date", new.len());
    Ok(())
}

fn replace(kept: &Path, old: &Queries, new: &Queries) -> anyhow::Result<()> {
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        fs::remove_file(kept.join(name))?;
    }
    for (name, data) in new {
        fs::write(kept.join(name), data)?;
    }
    println!("{} queries checked and kept in .sqlx/", new.len());
    Ok(())
}
