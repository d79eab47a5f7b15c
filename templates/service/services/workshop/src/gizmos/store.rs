//! The SQL of gizmos. Each statement names the owner, so that nobody reaches what is another's.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::filter::Filter;
use super::model::{Gizmo, GizmoId};

/// Stores a new gizmo.
///
/// # Errors
/// A value is taken, or the database could not be reached.
pub async fn insert(db: &mut PgConnection, gizmo: &Gizmo) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO gizmos (id, owner_id, version, created_at, updated_at,
                             name, description, quantity, is_ready, price_minor, price_currency, former_price_minor,
                             former_price_currency, built_at, inspected_on, serial, color, parent_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        gizmo.id as _,
        gizmo.owner_id,
        gizmo.version,
        gizmo.created_at,
        gizmo.updated_at,
        gizmo.name,
        gizmo.description,
        gizmo.quantity,
        gizmo.is_ready,
        gizmo.price_minor,
        gizmo.price_currency,
        gizmo.former_price_minor,
        gizmo.former_price_currency,
        gizmo.built_at,
        gizmo.inspected_on,
        gizmo.serial,
        gizmo.color as _,
        gizmo.parent_id as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A gizmo, also one that was deleted.
///
/// # Errors
/// The database could not be reached.
pub async fn find(db: &mut PgConnection, owner: Uuid, id: GizmoId) -> Result<Option<Gizmo>, sqlx::Error> {
    sqlx::query_as!(
        Gizmo,
        "SELECT id, owner_id, version, created_at, updated_at, deleted_at,
                name, description, quantity, is_ready, price_minor, price_currency, former_price_minor,
                former_price_currency, built_at, inspected_on, serial, color, parent_id
         FROM gizmos WHERE owner_id = $1 AND id = $2",
        owner,
        id as _,
    )
    .fetch_optional(db)
    .await
}

/// Locks a gizmo until the transaction ends, so that nothing else changes it.
///
/// # Errors
/// The database could not be reached.
pub async fn lock(db: &mut PgConnection, owner: Uuid, id: GizmoId) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT id FROM gizmos WHERE owner_id = $1 AND id = $2 FOR UPDATE", owner, id as _)
        .fetch_optional(db)
        .await?;
    Ok(())
}

/// A page of the owner's live gizmos, the newest first.
///
/// # Errors
/// The database could not be reached.
pub async fn page(
    db: &mut PgConnection,
    owner: Uuid,
    filter: &Filter,
    after: Option<GizmoId>,
    rows: i64,
) -> Result<Vec<Gizmo>, sqlx::Error> {
    sqlx::query_as!(
        Gizmo,
        "SELECT id, owner_id, version, created_at, updated_at, deleted_at,
                name, description, quantity, is_ready, price_minor, price_currency, former_price_minor,
                former_price_currency, built_at, inspected_on, serial, color, parent_id
         FROM gizmos
         WHERE owner_id = $1 AND deleted_at IS NULL AND ($2::uuid IS NULL OR id < $2)
           AND ($4::text IS NULL OR search @@ websearch_to_tsquery('simple', $4))
           AND ($5::text IS NULL OR name = $5)
           AND ($6::boolean IS NULL OR is_ready = $6)
           AND ($7::text IS NULL OR color = $7)
           AND ($8::uuid IS NULL OR parent_id = $8)
         ORDER BY id DESC LIMIT $3",
        owner,
        after as _,
        rows,
        filter.q,
        filter.name,
        filter.is_ready,
        filter.color as _,
        filter.parent_id as _,
    )
    .fetch_all(db)
    .await
}

/// Writes what can change of a gizmo, and counts its version up.
///
/// # Errors
/// A value is taken, or the database could not be reached.
pub async fn save(db: &mut PgConnection, gizmo: &Gizmo, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE gizmos
         SET version = version + 1, updated_at = $3,
             name = $4, description = $5, quantity = $6, is_ready = $7, price_minor = $8, price_currency = $9,
             former_price_minor = $10, former_price_currency = $11, built_at = $12, inspected_on = $13, serial = $14,
             color = $15, parent_id = $16
         WHERE owner_id = $1 AND id = $2",
        gizmo.owner_id,
        gizmo.id as _,
        now,
        gizmo.name,
        gizmo.description,
        gizmo.quantity,
        gizmo.is_ready,
        gizmo.price_minor,
        gizmo.price_currency,
        gizmo.former_price_minor,
        gizmo.former_price_currency,
        gizmo.built_at,
        gizmo.inspected_on,
        gizmo.serial,
        gizmo.color as _,
        gizmo.parent_id as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a gizmo; its unique values are free again.
///
/// # Errors
/// The database could not be reached.
pub async fn remove(db: &mut PgConnection, gizmo: &Gizmo, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE gizmos SET version = version + 1, updated_at = $3, deleted_at = $3 WHERE owner_id = $1 AND id = $2",
        gizmo.owner_id,
        gizmo.id as _,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether a live gizmo of the owner has the id, which it then keeps until the transaction ends.
///
/// # Errors
/// The database could not be reached.
pub async fn holds_gizmo(db: &mut PgConnection, owner: Uuid, id: GizmoId) -> Result<bool, sqlx::Error> {
    let held = sqlx::query_scalar!(
        "SELECT id FROM gizmos WHERE owner_id = $1 AND id = $2 AND deleted_at IS NULL FOR SHARE",
        owner,
        id as _,
    );
    Ok(held.fetch_optional(db).await?.is_some())
}
