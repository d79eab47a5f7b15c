//! Operations on gizmos.

use chrono::{DateTime, Utc};
use portico_common::error::ApiError;
use portico_common::etag::IfMatch;
use portico_service::events;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::error::GizmoError;
use super::model::{Gizmo, GizmoId};
use super::store;

/// Makes a gizmo, inside the caller's transaction.
///
/// # Errors
/// A value is taken, or something it refers to does not exist.
pub async fn create(db: &mut PgConnection, gizmo: Gizmo) -> Result<Gizmo, GizmoError> {
    check_references(db, &gizmo).await?;
    store::insert(db, &gizmo).await?;
    tell(db, "gizmo.created", &gizmo).await?;
    Ok(gizmo)
}

/// Finds a gizmo of the owner.
///
/// # Errors
/// There is none, or it was deleted.
pub async fn find(db: &mut PgConnection, owner: Uuid, id: GizmoId) -> Result<Gizmo, GizmoError> {
    let gizmo = store::find(db, owner, id).await?.ok_or(GizmoError::NotFound)?;
    if gizmo.deleted_at.is_some() { Err(GizmoError::Gone) } else { Ok(gizmo) }
}

/// Changes a gizmo that the caller has seen in its present version.
///
/// # Errors
/// It is gone or was changed in the meantime, or the change is refused.
pub async fn change(
    db: &PgPool,
    owner: Uuid,
    id: GizmoId,
    seen: &IfMatch,
    change: impl FnOnce(&Gizmo) -> Result<Gizmo, ApiError>,
    now: DateTime<Utc>,
) -> Result<Gizmo, GizmoError> {
    let mut tx = db.begin().await?;
    let stored = lock(&mut tx, owner, id, seen).await?;
    let changed = change(&stored)?;
    if changed == stored {
        return Ok(stored);
    }
    check_references(&mut tx, &changed).await?;
    store::save(&mut tx, &changed, now).await?;
    let changed = Gizmo { version: stored.version + 1, updated_at: now, ..changed };
    tell(&mut tx, "gizmo.changed", &changed).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Deletes a gizmo that the caller has seen in its present version.
///
/// # Errors
/// It is gone, or was changed in the meantime.
pub async fn remove(
    db: &PgPool,
    owner: Uuid,
    id: GizmoId,
    seen: &IfMatch,
    now: DateTime<Utc>,
) -> Result<(), GizmoError> {
    let mut tx = db.begin().await?;
    let stored = lock(&mut tx, owner, id, seen).await?;
    store::remove(&mut tx, &stored, now).await?;
    let version = stored.version + 1;
    tell(&mut tx, "gizmo.deleted", &Gizmo { version, updated_at: now, deleted_at: Some(now), ..stored }).await?;
    tx.commit().await?;
    Ok(())
}

async fn lock(db: &mut PgConnection, owner: Uuid, id: GizmoId, seen: &IfMatch) -> Result<Gizmo, GizmoError> {
    store::lock(db, owner, id).await?;
    let gizmo = find(db, owner, id).await?;
    seen.check(gizmo.version)?;
    Ok(gizmo)
}

async fn check_references(db: &mut PgConnection, gizmo: &Gizmo) -> Result<(), GizmoError> {
    if let Some(id) = gizmo.parent_id
        && !store::holds_gizmo(db, gizmo.owner_id, id).await?
    {
        return Err(GizmoError::UnknownReference("parent_id"));
    }
    Ok(())
}

/// Tells other services, in the transaction of the effect.
async fn tell(db: &mut PgConnection, kind: &str, gizmo: &Gizmo) -> Result<(), GizmoError> {
    let data = serde_json::to_value(gizmo).map_err(ApiError::internal)?;
    Ok(events::append(db, kind, gizmo.id.0, gizmo.version, data, gizmo.updated_at).await?)
}
