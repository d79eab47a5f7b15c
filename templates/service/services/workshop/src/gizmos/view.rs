//! What callers are shown of a gizmo.

use chrono::{DateTime, NaiveDate, Utc};
use portico_service::money::Money;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Gizmo, GizmoColor, GizmoId};
/// A gizmo.
#[derive(Debug, Serialize, ToSchema)]
pub struct GizmoView {
    /// Its id.
    id: GizmoId,
    /// Its name.
    name: String,
    /// Its description.
    #[schema(required)]
    description: Option<String>,
    /// Its quantity.
    quantity: i64,
    /// Whether it is ready.
    is_ready: bool,
    /// Its price.
    price: Money,
    /// Its former price.
    #[schema(required)]
    former_price: Option<Money>,
    /// When it was built.
    built_at: DateTime<Utc>,
    /// When it was inspected.
    #[schema(required)]
    inspected_on: Option<NaiveDate>,
    /// Its serial.
    #[schema(required)]
    serial: Option<Uuid>,
    /// Its color.
    color: GizmoColor,
    /// The parent, by its id.
    #[schema(required)]
    parent_id: Option<GizmoId>,
    /// Grows by one with every change; in quotes it is the `ETag`.
    version: i64,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it changed last.
    updated_at: DateTime<Utc>,
}

impl From<Gizmo> for GizmoView {
    fn from(gizmo: Gizmo) -> Self {
        Self {
            id: gizmo.id,
            price: gizmo.price(),
            former_price: gizmo.former_price(),
            name: gizmo.name,
            description: gizmo.description,
            quantity: gizmo.quantity,
            is_ready: gizmo.is_ready,
            built_at: gizmo.built_at,
            inspected_on: gizmo.inspected_on,
            serial: gizmo.serial,
            color: gizmo.color,
            parent_id: gizmo.parent_id,
            version: gizmo.version,
            created_at: gizmo.created_at,
            updated_at: gizmo.updated_at,
        }
    }
}
