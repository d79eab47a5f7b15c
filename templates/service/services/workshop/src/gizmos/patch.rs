//! What callers send to change a gizmo.

use chrono::{DateTime, NaiveDate, Utc};
use portico_common::error::{ApiError, FieldErrors};
use portico_common::extract::present;
use portico_service::money::Money;
use portico_service::values;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Gizmo, GizmoColor, GizmoId};
/// A merge patch of a gizmo (RFC 7396): what is absent stays, `null` clears.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
pub struct PatchGizmo {
    /// Its name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 200)]
    name: Option<Option<String>>,
    /// Its description.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 5000)]
    description: Option<Option<String>>,
    /// Its quantity.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, nullable = false, minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64)]
    quantity: Option<Option<i64>>,
    /// Whether it is ready.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>, nullable = false)]
    is_ready: Option<Option<bool>>,
    /// Its price.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Money>, nullable = false)]
    price: Option<Option<Money>>,
    /// Its former price.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Money>)]
    former_price: Option<Option<Money>>,
    /// When it was built.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<DateTime<Utc>>, nullable = false)]
    built_at: Option<Option<DateTime<Utc>>>,
    /// When it was inspected.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<NaiveDate>)]
    inspected_on: Option<Option<NaiveDate>>,
    /// Its serial.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Uuid>)]
    serial: Option<Option<Uuid>>,
    /// Its color.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<GizmoColor>, nullable = false)]
    color: Option<Option<GizmoColor>>,
    /// The parent, by its id.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<GizmoId>)]
    parent_id: Option<Option<GizmoId>>,
}

impl PatchGizmo {
    /// Checks the patch, and gives the gizmo as it makes it.
    pub(super) fn apply(self, stored: &Gizmo) -> Result<Gizmo, ApiError> {
        let mut errors = FieldErrors::default();
        let name = errors.take("/name", values::patched(self.name, &stored.name, values::short));
        let description = errors
            .take("/description", values::patched_or_cleared(self.description, &stored.description, values::long));
        let quantity = errors.take("/quantity", values::patched(self.quantity, &stored.quantity, values::integer));
        let is_ready = errors.take("/is_ready", values::patched(self.is_ready, &stored.is_ready, Ok));
        let price = errors.take("/price", values::patched(self.price, &stored.price(), Money::checked));
        let former_price = errors.take(
            "/former_price",
            values::patched_or_cleared(self.former_price, &stored.former_price(), Money::checked),
        );
        let built_at = errors.take("/built_at", values::patched(self.built_at, &stored.built_at, values::moment));
        let inspected_on = errors
            .take("/inspected_on", values::patched_or_cleared(self.inspected_on, &stored.inspected_on, values::day));
        let serial = errors.take("/serial", values::patched_or_cleared(self.serial, &stored.serial, Ok));
        let color = errors.take("/color", values::patched(self.color, &stored.color, Ok));
        let parent_id = errors.take("/parent_id", values::patched_or_cleared(self.parent_id, &stored.parent_id, Ok));
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
            ..stored.clone()
        })
    }
}
