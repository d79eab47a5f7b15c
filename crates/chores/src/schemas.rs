//! The schemas of the services, made from their migrations.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use portico_common::postgres::{DatabaseConfig, migrate};
use serde::Deserialize;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgConnection};

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

#[derive(Deserialize)]
struct Listed {
    services: BTreeMap<String, ListedService>,
}

#[derive(Deserialize)]
struct ListedService {
    schema: Option<String>,
}

/// The services of `portico.toml` that own a schema.
///
/// # Errors
/// The file cannot be read.
pub fn services(project: &Project) -> anyhow::Result<Vec<Service>> {
    let text = fs::read_to_string(project.root.join("portico.toml"))?;
    let listed: Listed = toml::from_str(&text).context("portico.toml")?;
    let services = listed.services.into_iter();
    let owner = |(name, service): (String, ListedService)| {
        Some(Service { name, schema: service.schema?, root: PathBuf::new() })
    };
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

/// The address of a database, with the schema that is meant.
pub fn in_schema(url: &str, schema: &str) -> String {
    format!("{url}?options=-csearch_path%3D{schema}")
}
