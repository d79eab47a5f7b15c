//! Which gizmos a list shows.

use portico_common::error::{ApiError, kinds};
use portico_service::values;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::model::GizmoColor;
use super::model::GizmoId;

/// Which gizmos to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListGizmos {
    /// Only those with these words in their texts; `"exact words"`, `or` and `-not` are understood.
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
    /// Only those whose `name` is this.
    name: Option<String>,
    /// Only those whose `is_ready` is this.
    is_ready: Option<bool>,
    /// Only those whose `color` is this.
    color: Option<GizmoColor>,
    /// Only those whose `parent_id` is this.
    parent_id: Option<GizmoId>,
    /// How many to return, 1 to 100; 25 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u16>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What the gizmos of a list have in common; a cursor is good for the same one only.
#[derive(Debug, Serialize)]
pub struct Filter {
    /// The words in their texts.
    pub q: Option<String>,
    /// Their `name`.
    pub name: Option<String>,
    /// Their `is_ready`.
    pub is_ready: Option<bool>,
    /// Their `color`.
    pub color: Option<GizmoColor>,
    /// Their `parent_id`.
    pub parent_id: Option<GizmoId>,
}

impl ListGizmos {
    /// The filter, and the cursor that goes with it.
    pub(super) fn parse(self) -> Result<(Filter, Option<String>), ApiError> {
        let q = values::optional_with(self.q, |words| values::line(&words, 200));
        let q = q.map_err(|invalid| ApiError::new(&kinds::INVALID_PARAMETER, format!("q: {}", invalid.detail)))?;
        Ok((
            Filter { q, name: self.name, is_ready: self.is_ready, color: self.color, parent_id: self.parent_id },
            self.cursor,
        ))
    }
}
