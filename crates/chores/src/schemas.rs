//! The schemas of the services, made from their migrations.

use std::path::PathBuf;

use portico_common::postgres::{DatabaseConfig, migrate};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::list::{Entry, List};
use crate::project::Project;

/// A service that owns a schema.
pub struct Service {
    /// As `portico.toml` calls it.
    pub name: String,
    /// What the schema is called in production.
    pub schema: String,
    /// The folder, below the checkout, in which `services/` and `migrations/` have one of its name.
    pub root: PathBuf,
}

/// The services of `portico.toml` that own a schema.
///
/// # Errors
/// The file cannot be read.
pub fn services(project: &Project) -> anyhow::Result<Vec<Service>> {
    let services = List::read(project)?.services.into_iter();
    let owner = |(name, entry): (String, Entry)| Some(Service { name, schema: entry.schema?, root: PathBuf::new() });
    Ok(services.filter_map(owner).collect())
}

impl Service {
    /// The folder of its code, below the checkout.
    pub fn sources(&self) -> PathBuf {
        self.root.join("services").join(&self.name).join("src")
    }

    /// Makes the schema under another name, with nothing in it but what the migrations make.
    ///
    /// # Errors
    /// The database refuses, or a migration is wrong.
    pub async fn migrate_anew(
        &self,
        project: &Project,
        url: &str,
        admin: &mut PgConnection,
        schema: &str,
    ) -> anyhow::Result<()> {
        let anew = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        sqlx::raw_sql(AssertSqlSafe(anew)).execute(admin).await?;
        let migrator = Migrator::new(project.root.join(&self.root).join("migrations").join(&self.name)).await?;
        migrate(&DatabaseConfig::local(url, schema), schema, &migrator).await
    }
}

/// Removes a schema with all that is in it.
///
/// # Errors
/// The database refuses.
pub async fn drop_schema(admin: &mut PgConnection, schema: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).execute(admin).await?;
    Ok(())
}
