//! What a gizmo is.

use chrono::{DateTime, NaiveDate, Utc};
use portico_service::money::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

portico_common::typed_id!(
    /// Names a gizmo.
    GizmoId
);

/// What `color` of a gizmo can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum GizmoColor {
    /// `red`.
    Red,
    /// `green`.
    Green,
    /// `dark_blue`.
    DarkBlue,
}

/// A gizmo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gizmo {
    /// Its id.
    pub id: GizmoId,
    /// The account it belongs to.
    pub owner_id: Uuid,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its quantity.
    pub quantity: i64,
    /// Whether it is ready.
    pub is_ready: bool,
    /// Its price: how much, in the currency's smallest unit.
    pub price_minor: i64,
    /// Its price: the currency.
    pub price_currency: String,
    /// Its former price: how much, in the currency's smallest unit.
    pub former_price_minor: Option<i64>,
    /// Its former price: the currency.
    pub former_price_currency: Option<String>,
    /// When it was built.
    pub built_at: DateTime<Utc>,
    /// When it was inspected.
    pub inspected_on: Option<NaiveDate>,
    /// Its serial.
    pub serial: Option<Uuid>,
    /// Its color.
    pub color: GizmoColor,
    /// The parent, by its id.
    pub parent_id: Option<GizmoId>,
    /// Grows by one with every change; its `ETag`.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// When it was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Gizmo {
    /// Its price.
    pub fn price(&self) -> Money {
        Money { amount_minor: self.price_minor, currency: self.price_currency.clone() }
    }

    /// Its former price.
    pub fn former_price(&self) -> Option<Money> {
        Some(Money { amount_minor: self.former_price_minor?, currency: self.former_price_currency.clone()? })
    }
}
