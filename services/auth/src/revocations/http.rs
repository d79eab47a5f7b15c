//! The revocation feed, on the internal listener.

use axum::extract::State;
use portico_common::error::ApiError;
use portico_common::extract::Query;
use portico_common::token::Revocation;
use portico_service::events::{cursor, patience};
use serde::{Deserialize, Serialize};

use super::{Snapshot, store};
use crate::state::AppState;

/// Where to read on, the keys that are known, and how long to wait when there is nothing new, in seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevocationsQuery {
    after: Option<String>,
    keys: Option<String>,
    wait: Option<u64>,
}

/// Revocations in the order of the feed, the cursor after them, and a tag that changes with the published keys: who
/// knows another one reads them again.
#[derive(Debug, Serialize)]
pub(crate) struct Batch {
    items: Vec<Revocation>,
    next: String,
    keys: String,
}

/// `GET /internal/v1/revocations?after=<cursor>&keys=<tag>&wait=<seconds>`: which access tokens ended early; all that
/// still matter without `after`.
pub(crate) async fn feed(
    State(app): State<AppState>,
    Query(query): Query<RevocationsQuery>,
) -> Result<axum::Json<Batch>, ApiError> {
    let after = cursor::<Snapshot>(query.after.as_deref())?;
    let has_news =
        |batch: &Batch| !batch.items.is_empty() || query.keys.as_ref().is_some_and(|keys| *keys != batch.keys);
    let pulse = app.pulse.clone();
    pulse.poll(patience(query.wait)?, || read(app.clone(), after.clone()), has_news).await.map(axum::Json)
}

async fn read(app: AppState, after: Option<Snapshot>) -> Result<Batch, ApiError> {
    let now = app.clock.now();
    let mut db = app.db.acquire().await?;
    let (items, next) = store::read(&mut db, after.as_ref(), now).await?;
    let (_, keys) = app.keyring.document(now).map_err(ApiError::internal)?;
    Ok(Batch { items, next: next.to_string(), keys })
}
