//! What keeps the runner, its demo logins and its passwords out of production.

use anyhow::{Context as _, bail, ensure};
use sqlx::{Connection as _, PgConnection};

use crate::service::Service;
use crate::suite::Plan;

/// What `PORTICO_ENV` may say.
const FOR_DEVELOPMENT: [&str; 2] = ["development", "test"];

/// Refuses an environment that is not for development.
///
/// # Errors
/// It is not.
pub fn check_environment(name: &str) -> anyhow::Result<()> {
    ensure!(
        FOR_DEVELOPMENT.contains(&name),
        "PORTICO_ENV is `{name}`: this makes demo accounts and runs only in development and test; \
         elsewhere the services run by themselves (docs/operating.md)"
    );
    Ok(())
}

/// Refuses a database that holds the services of somebody else, whose roles would get other passwords and whose
/// catalogue would get demo products. An empty one is marked, and known by that from then on.
///
/// # Errors
/// It is somebody else's, or cannot be asked.
pub async fn claim_database(plan: &Plan) -> anyhow::Result<()> {
    let admin = PgConnection::connect(plan.database_url.as_str()).await;
    let mut admin = admin.context("the database cannot be reached")?;
    let is_marked = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'portico_development')";
    if !sqlx::query_scalar(is_marked).fetch_one(&mut admin).await? {
        let schemas: Vec<_> = Service::all().map(|service| plan.schema(service)).collect();
        let taken = "SELECT nspname::text FROM pg_namespace WHERE nspname = ANY($1) ORDER BY nspname LIMIT 1";
        if let Some(schema) = sqlx::query_scalar::<_, String>(taken).bind(schemas).fetch_optional(&mut admin).await? {
            bail!(
                "the database in DATABASE_URL has a schema `{schema}` that was not made here, and its services would get \
                 other passwords and demo accounts; name another database, or, if it is one for development, run \
                 `CREATE SCHEMA portico_development` in it"
            );
        }
        sqlx::query("CREATE SCHEMA portico_development").execute(&mut admin).await?;
    }
    Ok(admin.close().await?)
}
