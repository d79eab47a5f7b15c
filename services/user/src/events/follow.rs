//! The task that keeps profiles in step with auth.

use std::time::Duration;

use chrono::TimeDelta;
use portico_common::clock::Clock;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use super::feed::Feed;
use super::{actions, store};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often the log says how far behind this is. Alarms are made of it, by its absence too (deploy/aws/alarms.yaml).
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Reads and applies events for as long as it is polled. While auth or the database is away it tries
/// again, ever more slowly; being dropped at any point loses nothing and repeats nothing.
pub async fn follow(feed: Feed, db: PgPool, clock: Clock) {
    let mut pause = FIRST_PAUSE;
    let mut told: Option<Instant> = None;
    loop {
        match step(&feed, &db, &clock).await {
            Ok(lag) => {
                pause = FIRST_PAUSE;
                if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                    tracing::info!(lag_secs = lag.as_seconds_f64(), "events followed");
                    told = Some(Instant::now());
                }
            }
            Err(error) => {
                if pause == FIRST_PAUSE {
                    tracing::warn!(error = format!("{error:#}"), "events cannot be read; trying again");
                }
                sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }
}

/// One reading of the feed; gives how old the last of its events were when they took effect.
async fn step(feed: &Feed, db: &PgPool, clock: &Clock) -> anyhow::Result<TimeDelta> {
    let started = Instant::now();
    let after = store::cursor(&mut *db.acquire().await?).await?;
    let batch = feed.read(after.as_deref()).await?;
    let is_news = after.as_ref() != Some(&batch.next);
    if is_news {
        actions::apply(db, after.as_deref(), &batch, clock.now()).await?;
    }
    actions::retry(db, clock.now()).await?;
    // A feed that answers at once although there is nothing new must not be asked in a tight loop.
    if !is_news && started.elapsed() < FIRST_PAUSE {
        sleep(FIRST_PAUSE).await;
    }
    Ok(batch.age(clock.now()))
}
