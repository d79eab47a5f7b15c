//! One schema per test on the shared throw-away cluster.

use portico_common::postgres::{self, DatabaseConfig};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use uuid::Uuid;

/// A migrated schema of its own, dropped with the value.
pub struct TestDb {
    /// A pool whose unqualified names are in the schema.
    pub pool: PgPool,
    schema: String,
    url: String,
}

impl TestDb {
    /// Makes a schema and brings it up to date.
    ///
    /// # Panics
    /// There is no Postgres to test on, or a migration fails.
    pub async fn create(migrator: &Migrator) -> Self {
        let url = portico_localpg::test_cluster().await.expect("a Postgres to test on");
        let schema = format!("t_{}", Uuid::new_v4().simple());
        run(&url, format!("CREATE SCHEMA {schema}")).await;
        let config = DatabaseConfig::local(&url, &schema);
        let pool = postgres::pool(&config, &schema).expect("the cluster's address");
        // Each schema is migrated once, by its own test: the database-wide lock would make them queue.
        let mut migrator = Migrator::with_migrations(migrator.iter().cloned().collect());
        migrator.set_locking(false).run(&pool).await.expect("the migrations");
        Self { pool, schema, url }
    }

    /// The settings by which a service reaches the schema.
    pub fn config(&self) -> DatabaseConfig {
        DatabaseConfig::local(&self.url, &self.schema)
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // A service that is still in a transaction may need this very thread to end it: not worth waiting for.
        let sql = format!("SET lock_timeout = '1s'; DROP SCHEMA {} CASCADE", self.schema);
        let url = self.url.clone();
        // The test's runtime may be ending, so the schema is dropped on one of its own.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(run(&url, sql));
        });
        // What is left over goes with the throw-away cluster.
        let _dropped = dropping.join();
    }
}

async fn run(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the statement");
    connection.close().await.expect("an orderly end");
}
