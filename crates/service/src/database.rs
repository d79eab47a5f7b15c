//! What every feature asks of the database beyond its own statements.

use sqlx::error::DatabaseError;
use sqlx::{PgPool, Postgres, Transaction};

/// The SQLSTATE of a transaction that Postgres ended because two of them waited for each other.
const DEADLOCK_DETECTED: &str = "40P01";

/// Begins a read of several statements that all see the same state, so that a body fits its `ETag`.
///
/// # Errors
/// The database could not be reached.
pub async fn snapshot(db: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
}

/// Whether two changes wanted each other's name. One of them went ahead, so to the other that name is taken.
pub fn is_deadlock(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(DEADLOCK_DETECTED)
}
