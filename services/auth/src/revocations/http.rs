//! The revocation feed, on the internal listener.

use axum::extract::State;
use chrono::{DateTime, Utc};
use portico_common::error::ApiError;
use portico_common::extract::Query;
use portico_common::token::Revocation;
use sqlx::PgPool;

use super::{Snapshot, store};
use crate::feed::{Batch, FeedQuery};
use crate::state::AppState;

/// `GET /internal/v1/revocations?after=<cursor>&wait=<seconds>`: which access tokens ended early; all that still matter without `after`.
pub(crate) async fn feed(
    State(app): State<AppState>,
    Query(query): Query<FeedQuery>,
) -> Result<axum::Json<Batch<Revocation>>, ApiError> {
    let after = query.after::<Snapshot>()?;
    let AppState { db, clock, pulse, .. } = app;
    pulse.poll(query.wait()?, || read(db.clone(), after.clone(), clock.now())).await.map(axum::Json)
}

async fn read(db: PgPool, after: Option<Snapshot>, now: DateTime<Utc>) -> Result<Batch<Revocation>, ApiError> {
    let mut db = db.acquire().await?;
    let (items, next) = store::read(&mut db, after.as_ref(), now).await?;
    Ok(Batch { items, next: next.to_string() })
}
