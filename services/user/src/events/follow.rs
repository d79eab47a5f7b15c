//! The task that keeps profiles in step with auth.

use std::time::Duration;

use portico_common::clock::Clock;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use super::feed::Feed;
use super::{actions, store};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Reads and applies events for as long as it is polled. While auth or the database is away it tries
/// again, ever more slowly; being dropped at any point loses nothing and repeats nothing.
pub async fn follow(feed: Feed, db: PgPool, clock: Clock) {
    let mut pause = FIRST_PAUSE;
    loop {
        match step(&feed, &db, &clock).await {
            Ok(()) => pause = FIRST_PAUSE,
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

async fn step(feed: &Feed, db: &PgPool, clock: &Clock) -> anyhow::Result<()> {
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
    Ok(())
}
