//! What callers send to make a gizmo.

use chrono::{DateTime, NaiveDate, Utc};
use portico_common::error::{ApiError, FieldErrors};
use portico_service::money::Money;
use portico_service::values;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Gizmo, GizmoColor, GizmoId};
/// A gizmo to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateGizmo {
    /// Its name.
    #[schema(required, value_type = String, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Its description.
    #[schema(max_length = 5000)]
    description: Option<String>,
    /// Its quantity.
    #[schema(required, value_type = i64, minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64)]
    quantity: Option<i64>,
    /// Whether it is ready.
    #[schema(required, value_type = bool)]
    is_ready: Option<bool>,
    /// Its price.
    #[schema(required, value_type = Money)]
    price: Option<Money>,
    /// Its former price.
    former_price: Option<Money>,
    /// When it was built.
    #[schema(required, value_type = DateTime<Utc>)]
    built_at: Option<DateTime<Utc>>,
    /// When it was inspected.
    inspected_on: Option<NaiveDate>,
    /// Its serial.
    serial: Option<Uuid>,
    /// Its color.
    #[schema(required, value_type = GizmoColor)]
    color: Option<GizmoColor>,
    /// The parent, by its id.
    parent_id: Option<GizmoId>,
}

impl CreateGizmo {
    /// Checks the body, and makes of it the gizmo that `owner_id` gets.
    pub(super) fn parse(self, id: GizmoId, owner_id: Uuid, now: DateTime<Utc>) -> Result<Gizmo, ApiError> {
        let mut errors = FieldErrors::default();
        let name = errors.take("/name", values::required_with(self.name, values::short));
        let description = errors.take("/description", values::optional_with(self.description, values::long));
        let quantity = errors.take("/quantity", values::required_with(self.quantity, values::integer));
        let is_ready = errors.take("/is_ready", values::required_with(self.is_ready, Ok));
        let price = errors.take("/price", values::required_with(self.price, Money::checked));
        let former_price = errors.take("/former_price", values::optional_with(self.former_price, Money::checked));
        let built_at = errors.take("/built_at", values::required_with(self.built_at, values::moment));
        let inspected_on = errors.take("/inspected_on", values::optional_with(self.inspected_on, values::day));
        let serial = errors.take("/serial", values::optional_with(self.serial, Ok));
        let color = errors.take("/color", values::required_with(self.color, Ok));
        let parent_id = errors.take("/parent_id", values::optional_with(self.parent_id, Ok));
        let (
            Some(name),
            Some(description),
            Some(quantity),
            Some(is_ready),
            Some(price),
            Some(former_price),
            Some(built_at),
            Some(inspected_on),
            Some(serial),
            Some(color),
            Some(parent_id),
        ) = (
            name,
            description,
            quantity,
            is_ready,
            price,
            former_price,
            built_at,
            inspected_on,
            serial,
            color,
            parent_id,
        )
        else {
            return Err(errors.into());
        };
        Ok(Gizmo {
            id,
            owner_id,
            name,
            description,
            quantity,
            is_ready,
            price_minor: price.amount_minor,
            price_currency: price.currency,
            former_price_minor: former_price.as_ref().map(|money| money.amount_minor),
            former_price_currency: former_price.map(|money| money.currency),
            built_at,
            inspected_on,
            serial,
            color,
            parent_id,
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        })
    }
}
