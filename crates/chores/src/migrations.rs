//! `portico db new`, `status`, `migrate` and `reset`: migrations of services, and the database of `cargo run`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use portico_common::config::Secret;
use portico_common::postgres::{DatabaseConfig, migrate as run};
use portico_localpg::Cluster;
use rustix::process::{Pid, test_kill_process};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

use crate::new::names;
use crate::project::{self, Project};
use crate::schemas::{Service, services};
use crate::state::State;

/// Makes the file of a service's next migration, for somebody to write.
///
/// # Errors
/// There is no such service, or the name is none.
pub fn create(project: &Project, service: &str, name: &str) -> anyhow::Result<()> {
    names::check(name)?;
    let known = services(project)?;
    ensure!(
        known.iter().any(|known| known.name == service),
        "no service `{service}` owns a schema; these do: {}",
        known.iter().map(|known| known.name.as_str()).collect::<Vec<_>>().join(", ")
    );
    let folder = project.root.join("migrations").join(service);
    let path = folder.join(format!("{:04}_{name}.sql", next_number(&folder)?));
    fs::write(&path, "")?;
    println!("{}", path.strip_prefix(&project.root).unwrap_or(&path).display());
    Ok(())
}

/// The number of the next migration in a folder.
///
/// # Errors
/// It cannot be read, or a file in it has no number.
pub fn next_number(folder: &Path) -> anyhow::Result<u32> {
    let mut last = 0;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number = name.split('_').next().and_then(|number| number.parse().ok());
        last = last.max(number.with_context(|| format!("{name} has no number"))?);
    }
    Ok(last + 1)
}

/// What is to be said of one migration.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    service: String,
    version: i64,
    description: String,
    state: &'static str,
}

const APPLIED: &str = "applied";
const WAITING: &str = "waiting";
const CHANGED: &str = "changed after it was applied";
const GONE: &str = "applied, and its file is gone";

/// Says of every migration whether it is in the database.
///
/// # Errors
/// No suite runs here and no address is given, or one of the migrations is not what was applied.
pub async fn status(project: &Project, given: Option<&Secret>) -> anyhow::Result<()> {
    let lines = report(project, &address(project, given)?).await?;
    for Line { service, version, description, state } in &lines {
        println!("{service:<10}  {version:04} {description:<30}  {state}");
    }
    ensure!(
        lines.iter().all(|line| [APPLIED, WAITING].contains(&line.state)),
        "what was applied is not what the files say; a migration that has run is never edited: add one"
    );
    Ok(())
}

async fn report(project: &Project, address: &Url) -> anyhow::Result<Vec<Line>> {
    let mut db = PgConnection::connect(address.as_str()).await?;
    let mut lines = Vec::new();
    for service in services(project)? {
        let line = |version, description: &str, state| Line {
            service: service.name.clone(),
            version,
            description: description.to_owned(),
            state,
        };
        let mut applied = applied(&mut db, &service.schema).await?;
        for migration in migrator(project, &service).await?.iter() {
            let state = match applied.remove(&migration.version) {
                None => WAITING,
                Some(checksum) if checksum == *migration.checksum => APPLIED,
                Some(_) => CHANGED,
            };
            lines.push(line(migration.version, &migration.description, state));
        }
        lines.extend(applied.into_keys().map(|version| line(version, "", GONE)));
    }
    db.close().await?;
    Ok(lines)
}

/// Applies what waits, as the role of each service.
///
/// # Errors
/// No suite runs here and no address is given, or a migration fails, which is rolled back.
pub async fn migrate(project: &Project, given: Option<&Secret>) -> anyhow::Result<()> {
    let address = address(project, given)?;
    for service in services(project)? {
        let mut as_role = address.clone();
        let role = format!("portico_{}", service.name.replace('-', "_"));
        as_role.query_pairs_mut().append_pair("options", &format!("-c role={role}"));
        let config = DatabaseConfig::local(as_role.as_str(), &service.schema);
        run(&config, &service.schema, &migrator(project, &service).await?).await.context(service.name)?;
    }
    status(project, given).await
}

/// Forgets the database of `cargo run` in this checkout, with its keys and passwords.
///
/// # Errors
/// A suite runs here, or the files cannot be removed.
pub async fn reset(project: &Project) -> anyhow::Result<()> {
    let data = project.data();
    // One that was killed could not say that it has ended.
    let is_alive = |state: &State| {
        let process = i32::try_from(state.pid).ok().and_then(Pid::from_raw);
        process.is_some_and(|process| test_kill_process(process).is_ok())
    };
    if let Some(running) = running(project)?.filter(is_alive) {
        bail!("the suite runs here (process {}); stop it first", running.pid);
    }
    Cluster::erase(&data).await?;
    for name in ["secrets.json", "state.json"] {
        match fs::remove_file(data.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    println!("forgotten; `cargo run` begins anew");
    Ok(())
}

fn running(project: &Project) -> anyhow::Result<Option<State>> {
    project::read(&project.data().join("state.json"))
}

fn address(project: &Project, given: Option<&Secret>) -> anyhow::Result<Url> {
    let address = match given {
        Some(url) => url.expose().to_owned(),
        None => {
            running(project)?
                .context("no suite runs here; start it with `cargo run`, or give --database-url")?
                .database_url
        }
    };
    // The parser's own message would repeat the address, and the password with it.
    address.parse().map_err(|_| anyhow::anyhow!("DATABASE_URL is not an address"))
}

async fn migrator(project: &Project, service: &Service) -> anyhow::Result<Migrator> {
    let folder = project.root.join(&service.root).join("migrations").join(&service.name);
    Migrator::new(folder.as_path()).await.with_context(|| folder.display().to_string())
}

/// The migrations that a schema has, by their number, with what was in them.
async fn applied(db: &mut PgConnection, schema: &str) -> anyhow::Result<BTreeMap<i64, Vec<u8>>> {
    let table = format!("{schema}._sqlx_migrations");
    let is_there: bool =
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(&table).fetch_one(&mut *db).await?;
    if !is_there {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as(AssertSqlSafe(format!("SELECT version, checksum FROM {table}"))).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with one service that owns a schema, which is there and empty, and the address of its database.
    async fn one_service() -> (tempfile::TempDir, Project, Url) {
        let name = format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let folder = tempfile::tempdir().unwrap();
        let list = format!("[services.{name}]\nport = 1\ninternal_port = 2\nschema = \"{name}\"\n");
        fs::write(folder.path().join("portico.toml"), list).unwrap();
        let migrations = folder.path().join("migrations").join(&name);
        fs::create_dir_all(&migrations).unwrap();
        fs::write(migrations.join("0001_things.sql"), "CREATE TABLE things (id bigint)").unwrap();
        let url = portico_localpg::test_cluster().await.unwrap();
        let mut db = PgConnection::connect(&url).await.unwrap();
        let role = format!("CREATE ROLE portico_{name}; CREATE SCHEMA {name} AUTHORIZATION portico_{name}");
        sqlx::raw_sql(AssertSqlSafe(role)).execute(&mut db).await.unwrap();
        let project = Project { root: folder.path().to_owned() };
        (folder, project, url.parse().unwrap())
    }

    fn states(lines: &[Line]) -> Vec<(i64, &str)> {
        lines.iter().map(|line| (line.version, line.state)).collect()
    }

    #[tokio::test]
    async fn what_waits_is_applied_as_the_role_of_its_service() {
        let (_folder, project, url) = one_service().await;
        let name = services(&project).unwrap().remove(0).name;
        assert_eq!(states(&report(&project, &url).await.unwrap()), [(1, WAITING)]);

        migrate(&project, Some(&Secret::new(url.as_str()))).await.unwrap();

        assert_eq!(states(&report(&project, &url).await.unwrap()), [(1, APPLIED)]);
        let mut db = PgConnection::connect(url.as_str()).await.unwrap();
        let owner: String =
            sqlx::query_scalar("SELECT tableowner FROM pg_tables WHERE schemaname = $1 AND tablename = 'things'")
                .bind(&name)
                .fetch_one(&mut db)
                .await
                .unwrap();
        assert_eq!(owner, format!("portico_{name}"));
    }

    #[tokio::test]
    async fn a_migration_that_was_changed_or_taken_away_is_told() {
        let (_folder, project, url) = one_service().await;
        let name = services(&project).unwrap().remove(0).name;
        let given = Secret::new(url.as_str());
        create(&project, &name, "more_things").unwrap();
        migrate(&project, Some(&given)).await.unwrap();
        let folder = project.root.join("migrations").join(&name);

        fs::write(folder.join("0001_things.sql"), "CREATE TABLE other_things (id bigint)").unwrap();
        fs::remove_file(folder.join("0002_more_things.sql")).unwrap();

        assert_eq!(states(&report(&project, &url).await.unwrap()), [(1, CHANGED), (2, GONE)]);
        assert!(status(&project, Some(&given)).await.is_err());
        assert!(migrate(&project, Some(&given)).await.is_err());
    }

    #[tokio::test]
    async fn the_next_migration_has_the_next_number_and_a_name() {
        let (_folder, project, _url) = one_service().await;
        let name = services(&project).unwrap().remove(0).name;

        create(&project, &name, "more_things").unwrap();

        assert!(project.root.join("migrations").join(&name).join("0002_more_things.sql").exists());
        assert!(create(&project, &name, "../more").is_err());
        assert!(create(&project, "nobody", "more_things").is_err());
    }

    #[tokio::test]
    async fn without_a_suite_nothing_is_asked_and_what_runs_is_not_forgotten() {
        let (_folder, project, _url) = one_service().await;
        assert!(status(&project, None).await.unwrap_err().to_string().contains("no suite runs here"));

        project::make_private(&project.data()).unwrap();
        let state = State {
            guests: BTreeMap::new(),
            pid: std::process::id(),
            gateway: String::new(),
            is_loopback: true,
            dev: String::new(),
            database_url: String::new(),
            services: BTreeMap::new(),
            logins: Vec::new(),
        };
        project::write(&project.data().join("state.json"), &state).unwrap();

        assert!(reset(&project).await.unwrap_err().to_string().contains("stop it first"));
    }
}
