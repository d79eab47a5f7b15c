//! The feed of events, on the internal listener.

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::get;
use portico_common::error::ApiError;
use portico_common::extract::Query;
use portico_common::lifecycle::Lifecycle;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::sleep;

use super::feed::{Pulse, cursor, patience};
use super::model::{Event, Position};
use super::store;
use crate::AppState;

const MOST_EVENTS: i64 = 500;

/// How long news may go unnoticed.
const LOOK_FOR_NEWS: Duration = Duration::from_millis(150);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Where to read on, and how long to wait when there is nothing new, in seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    after: Option<String>,
    wait: Option<u64>,
}

/// Events in the order of the feed, and the cursor after them.
#[derive(Debug, Serialize)]
pub struct Batch {
    items: Vec<Event>,
    next: String,
}

/// `GET /internal/v1/events?after=<cursor>&wait=<seconds>`: what happened, from the beginning without `after`.
///
/// # Errors
/// The cursor is not one of ours, or the database could not be reached.
pub async fn answer(
    State(db): State<PgPool>,
    State(pulse): State<Pulse>,
    Query(query): Query<EventsQuery>,
) -> Result<axum::Json<Batch>, ApiError> {
    let after = cursor::<Position>(query.after.as_deref())?.unwrap_or_default();
    let has_news = |batch: &Batch| !batch.items.is_empty();
    pulse.poll(patience(query.wait)?, || read(db.clone(), after), has_news).await.map(axum::Json)
}

async fn read(db: PgPool, after: Position) -> Result<Batch, ApiError> {
    let mut db = db.acquire().await?;
    let items = store::read(&mut db, after, MOST_EVENTS).await?;
    let next = items.last().map_or(after, |last| last.position).to_string();
    Ok(Batch { items, next })
}

#[derive(Clone, FromRef)]
struct FeedState {
    db: PgPool,
    pulse: Pulse,
}

/// The feed of a [`Service`](crate::Service).
pub fn feed(state: &AppState, lifecycle: &Lifecycle) -> Router {
    let (beat, pulse) = Pulse::new(lifecycle.clone());
    lifecycle.spawn("events", look_for_news(state.db.clone(), beat));
    Router::new().route("/internal/v1/events", get(answer)).with_state(FeedState { db: state.db.clone(), pulse })
}

/// Wakes those who wait, for as long as it is polled.
async fn look_for_news(db: PgPool, beat: watch::Sender<()>) {
    let mut seen = Position::default();
    let mut was_fine = true;
    loop {
        let head = head(&db).await;
        match &head {
            Ok(head) if *head != seen => {
                seen = *head;
                beat.send_replace(());
            }
            Err(error) if was_fine => tracing::error!(%error, "the events cannot be read; trying again"),
            _ => {}
        }
        was_fine = head.is_ok();
        sleep(if was_fine { LOOK_FOR_NEWS } else { PAUSE_AFTER_FAILURE }).await;
    }
}

async fn head(db: &PgPool) -> Result<Position, sqlx::Error> {
    store::head(&mut *db.acquire().await?).await
}
