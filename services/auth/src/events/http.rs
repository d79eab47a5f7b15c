//! The event feed, on the internal listener.

use axum::extract::State;
use portico_common::error::ApiError;
use portico_common::extract::Query;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::{Event, Position, store};
use crate::feed::{cursor, patience};
use crate::state::AppState;

const MOST_EVENTS: i64 = 500;

/// Where to read on, and how long to wait when there is nothing new, in seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    after: Option<String>,
    wait: Option<u64>,
}

/// Events in the order of the feed, and the cursor after them.
#[derive(Debug, Serialize)]
pub(crate) struct Batch {
    items: Vec<Event>,
    next: String,
}

/// `GET /internal/v1/events?after=<cursor>&wait=<seconds>`: what happened to accounts, from the beginning without `after`.
pub(crate) async fn feed(
    State(app): State<AppState>,
    Query(query): Query<EventsQuery>,
) -> Result<axum::Json<Batch>, ApiError> {
    let after = cursor::<Position>(query.after.as_deref())?.unwrap_or_default();
    let AppState { db, pulse, .. } = app;
    let has_news = |batch: &Batch| !batch.items.is_empty();
    pulse.poll(patience(query.wait)?, || read(db.clone(), after), has_news).await.map(axum::Json)
}

async fn read(db: PgPool, after: Position) -> Result<Batch, ApiError> {
    let mut db = db.acquire().await?;
    let items = store::read(&mut db, after, MOST_EVENTS).await?;
    let next = items.last().map_or(after, |last| last.position).to_string();
    Ok(Batch { items, next })
}
