//! `portico db prepare`: asks a real, migrated Postgres about every query in the code and keeps the
//! answers in `.sqlx/`, so that builds need no database.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use sqlx::{Connection as _, PgConnection};

use crate::project::Project;
use crate::schemas::{Service, services};

/// The files of `.sqlx/`, by name.
type Queries = BTreeMap<String, Vec<u8>>;

/// Refreshes `.sqlx/`, or with `only_check` says whether it is up to date.
///
/// # Errors
/// There is no Postgres, a query is wrong, or the check found differences.
pub async fn prepare(project: &Project, only_check: bool) -> anyhow::Result<()> {
    let fresh = project.root.join("target").join("sqlx-prepare");
    fs::create_dir_all(&fresh)?;
    for name in read(&fresh)?.keys() {
        fs::remove_file(fresh.join(name))?;
    }
    let mut services = services(project)?;
    services.push(template());
    let databases = migrated_schemas(project, &services).await?;
    check_queries(project, &services, &fresh, &databases)?;
    let kept = project.root.join(".sqlx");
    fs::create_dir_all(&kept)?;
    let (old, new) = (read(&kept)?, read(&fresh)?);
    ensure!(!new.is_empty(), "no query was found; the build did not look at the services");
    if only_check { compare(&old, &new) } else { replace(&kept, &old, &new) }
}

/// The service that new ones are made from, which `portico.toml` does not list.
fn template() -> Service {
    Service { name: "workshop".to_owned(), schema: "workshop".to_owned(), root: "templates/service".into() }
}

/// One migrated schema per service on the throw-away cluster, and for each the variable its `sqlx.toml` names.
async fn migrated_schemas(project: &Project, services: &[Service]) -> anyhow::Result<Vec<(String, String)>> {
    let url = portico_localpg::test_cluster().await?;
    let mut admin = PgConnection::connect(&url).await?;
    let mut addresses = Vec::new();
    for service in services {
        let schema = format!("prepare_{}", service.schema);
        service.migrate_anew(project, &url, &mut admin, &schema).await?;
        let variable = format!("{}_DATABASE_URL", service.name.to_uppercase());
        addresses.push((variable, format!("{url}?options=-csearch_path%3D{schema}")));
    }
    admin.close().await?;
    Ok(addresses)
}

/// Builds the services once more, this time with the database at hand.
fn check_queries(
    project: &Project,
    services: &[Service],
    fresh: &Path,
    addresses: &[(String, String)],
) -> anyhow::Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(&project.root).arg("check");
    // What services have in common has statements, too; they are checked against the template's schema.
    cargo.args(["--package", "portico-service"]);
    touch(&project.root.join("crates/service/src/lib.rs"))?;
    for Service { name, root, .. } in services {
        cargo.args(["--package", &format!("portico-{name}")]);
        touch(&project.root.join(root).join("services").join(name).join("src/lib.rs"))?;
    }
    let addresses = addresses.iter().map(|(name, address)| (name, address));
    cargo.envs(addresses).env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", fresh);
    ensure!(cargo.status()?.success(), "the queries do not fit the migrations; see above");
    Ok(())
}

/// Makes Cargo compile a crate again: it does not know that the answers lie outside the sources.
#[expect(clippy::disallowed_methods, reason = "Cargo compares the file's time with the system's")]
fn touch(file: &Path) -> anyhow::Result<()> {
    let touched = File::open(file).and_then(|file| file.set_modified(SystemTime::now()));
    touched.with_context(|| format!("{} cannot be touched", file.display()))
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
