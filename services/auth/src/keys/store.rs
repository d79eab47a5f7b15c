//! The statements on signing keys.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::model::StoredKey;

/// Keeps other replicas from making a key until the transaction ends; readers are not held up.
pub(super) async fn lock(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE").execute(db).await?;
    Ok(())
}

/// All keys, the one to be active last at the end.
pub(super) async fn list(db: &mut PgConnection) -> Result<Vec<StoredKey>, sqlx::Error> {
    sqlx::query_as!(
        StoredKey,
        "SELECT kid, algorithm, public_jwk, private_sealed, active_from, gone_from
         FROM signing_keys ORDER BY active_from, kid"
    )
    .fetch_all(db)
    .await
}

pub(super) async fn insert(db: &mut PgConnection, key: &StoredKey, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO signing_keys (kid, algorithm, public_jwk, private_sealed, created_at, active_from)
         VALUES ($1, $2, $3, $4, $5, $6)",
        key.kid,
        key.algorithm,
        key.public_jwk,
        key.private_sealed,
        now,
        key.active_from,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the use of all keys that have no end yet.
pub(super) async fn retire(
    db: &mut PgConnection,
    retired_from: DateTime<Utc>,
    gone_from: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE signing_keys SET retired_from = $1, gone_from = $2 WHERE retired_from IS NULL",
        retired_from,
        gone_from,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes the keys whose last token has expired.
pub(super) async fn delete_gone(db: &mut PgConnection, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM signing_keys WHERE gone_from <= $1", now).execute(db).await?;
    Ok(())
}
