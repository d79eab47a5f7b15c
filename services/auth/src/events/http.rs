//! The event feed, on the internal listener.

use axum::extract::State;
use portico_common::error::ApiError;
use portico_common::extract::Query;
use sqlx::PgPool;

use super::{Event, Position, store};
use crate::feed::{Batch, FeedQuery};
use crate::state::AppState;

const BATCH: i64 = 500;

/// `GET /internal/v1/events?after=<cursor>&wait=<seconds>`: what happened to accounts, from the beginning without `after`.
pub(crate) async fn feed(
    State(app): State<AppState>,
    Query(query): Query<FeedQuery>,
) -> Result<axum::Json<Batch<Event>>, ApiError> {
    let after = query.after::<Position>()?.unwrap_or_default();
    let AppState { db, pulse, .. } = app;
    pulse.poll(query.wait()?, || read(db.clone(), after)).await.map(axum::Json)
}

async fn read(db: PgPool, after: Position) -> Result<Batch<Event>, ApiError> {
    let mut db = db.acquire().await?;
    let items = store::read(&mut db, after, BATCH).await?;
    let next = items.last().map_or(after, |last| last.position).to_string();
    Ok(Batch { items, next })
}
