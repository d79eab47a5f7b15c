//! The Postgres pool, a service's own schema, and its migrations.

use std::str::FromStr as _;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool};

use crate::config::{Secret, seconds};
use crate::server::Check;

/// How a service reaches its schema.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseConfig {
    /// Address of the database, with the service's own role: `postgres://ROLE:PASSWORD@HOST:PORT/DATABASE`
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Secret,

    /// The service's own schema; unqualified names in its SQL are found there
    #[arg(long, env = "DATABASE_SCHEMA")]
    pub database_schema: Option<String>,

    /// The most connections the pool opens
    #[arg(long, env = "DATABASE_MAX_CONNECTIONS", default_value_t = 10)]
    pub database_max_connections: u32,

    /// How long a request waits for a free connection
    #[arg(long, env = "DATABASE_ACQUIRE_TIMEOUT_SECS", default_value = "3", value_parser = seconds)]
    pub database_acquire_timeout: Duration,
}

impl DatabaseConfig {
    /// The settings of a test or of the development runner: one address, one schema, a small pool.
    pub fn local(url: &str, schema: &str) -> Self {
        Self {
            database_url: Secret::new(url),
            database_schema: Some(schema.to_owned()),
            database_max_connections: 8,
            database_acquire_timeout: Duration::from_secs(10),
        }
    }

    fn options(&self, default_schema: &str) -> anyhow::Result<PgConnectOptions> {
        let schema = self.database_schema.as_deref().unwrap_or(default_schema);
        let url = self.database_url.expose();
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        // The driver's own message would repeat the address, and the password with it.
        let options = PgConnectOptions::from_str(url)
            .ok()
            .filter(|_| is_postgres)
            .context("DATABASE_URL is not a postgres:// address")?;
        Ok(options.options([("search_path", schema)]).log_statements(tracing::log::LevelFilter::Trace))
    }
}

/// Opens the pool; the first connection is made when it is first needed.
///
/// # Errors
/// `DATABASE_URL` is not a Postgres address.
pub fn pool(config: &DatabaseConfig, default_schema: &str) -> anyhow::Result<PgPool> {
    let options = PgPoolOptions::new()
        .max_connections(config.database_max_connections)
        .acquire_timeout(config.database_acquire_timeout)
        .max_lifetime(Duration::from_mins(10));
    Ok(options.connect_lazy_with(config.options(default_schema)?))
}

/// How long a migration waits for a lock. Everything that comes after it at the same table waits as long.
const LOCK_TIMEOUT: &str = "2s";

/// How often a migration that did not get its lock is tried.
const LOCK_TRIES: u32 = 15;

/// The pause between two tries, in which waiting requests get their turn.
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// The SQLSTATE of a lock that was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Brings the schema up to date, while services use it; several processes may try at once.
///
/// # Errors
/// The database cannot be reached, or a migration fails (it is rolled back), or its lock is not to be had in
/// three quarters of a minute.
pub async fn migrate(config: &DatabaseConfig, default_schema: &str, migrator: &Migrator) -> anyhow::Result<()> {
    let options = config.options(default_schema)?.options([("lock_timeout", LOCK_TIMEOUT)]);
    for _ in 1..LOCK_TRIES {
        match try_to_migrate(&options, migrator).await {
            Err(error) if is_locked_out(&error) => tracing::warn!("somebody has a lock, migrating again"),
            done => return done,
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    try_to_migrate(&options, migrator).await
}

async fn try_to_migrate(options: &PgConnectOptions, migrator: &Migrator) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(options).await.context("connecting to migrate")?;
    migrator.run(&mut connection).await.context("migrating")?;
    connection.close().await.context("closing after the migration")
}

fn is_locked_out(error: &anyhow::Error) -> bool {
    let database = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code == LOCK_NOT_AVAILABLE),
        _ => false,
    };
    error.chain().any(database)
}

/// Makes a role with a schema of its own, in which it may do everything, and nothing outside it.
/// Run by a superuser of the database; running it again sets the password anew.
///
/// # Errors
/// The names are not plain identifiers, or the database refuses.
pub async fn provision(admin: &mut PgConnection, schema: &str, role: &str, password: &Secret) -> anyhow::Result<()> {
    let (schema, role) = (identifier(schema)?, identifier(role)?);
    let password = password.expose().replace('\'', "''");
    let statements = format!(
        "DO $$ BEGIN
           IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role}; END IF;
         END $$;
         ALTER ROLE {role} WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{password}';
         CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {role};
         ALTER ROLE {role} SET search_path = {schema};
         REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
         REVOKE ALL ON SCHEMA public FROM PUBLIC;"
    );
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(admin).await?;
    Ok(())
}

fn identifier(name: &str) -> anyhow::Result<&str> {
    let is_plain = (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    anyhow::ensure!(is_plain, "`{name}` is not a plain lower-case identifier");
    Ok(name)
}

/// The readiness check of a pool: one round trip. A pool whose connections are all busy is not asked for
/// one: they are there, and every replica would turn away at once when all are under load.
pub fn check(pool: &PgPool) -> Check {
    let pool = pool.clone();
    Check::new("database", move || {
        let pool = pool.clone();
        async move {
            let is_busy = pool.size() >= pool.options().get_max_connections() && pool.num_idle() == 0;
            if !is_busy {
                pool.acquire().await?.ping().await?;
            }
            Ok(())
        }
    })
}

/// The constraint that refused a statement, by name.
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|error| error.constraint())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_become_identifiers() {
        assert!(identifier("auth").is_ok());
        assert!(identifier("t_0192").is_ok());
        for name in ["", "Auth", "a-b", "a;drop", "a\"b", "1a", &"a".repeat(64)] {
            assert!(identifier(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_bad_address_is_not_repeated() {
        let config = DatabaseConfig::local("mysql://root:hunter2@localhost", "auth");

        let error = config.options("auth").unwrap_err().to_string();

        assert!(error.contains("DATABASE_URL"));
        assert!(!error.contains("hunter2"));
    }
}
