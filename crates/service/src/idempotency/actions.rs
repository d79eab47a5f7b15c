//! The life of a request under a key: begin, have an effect, answer.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use portico_common::clock::Clock;
use portico_common::error::{ApiError, render};
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::error::IdempotencyError;
use super::model::{Key, KeyedRequest};
use super::store::{self, Stored};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// How a request under a key begins.
pub enum Begun {
    /// It is the first: have the effect, then finish the attempt.
    Attempt(Attempt),
    /// It was answered before: this is the answer.
    Answered(Response),
}

/// An effect in the making; dropped unfinished, nothing of it stays and the key is free.
pub struct Attempt {
    tx: Transaction<'static, Postgres>,
    request: KeyedRequest,
    subject: Uuid,
}

/// Opens the transaction of an effect and takes the caller's key in it, if there is one.
///
/// # Errors
/// The key is in use by a request that is running, or stands for another one.
pub async fn begin(
    db: &PgPool,
    request: KeyedRequest,
    subject: Uuid,
    now: DateTime<Utc>,
) -> Result<Begun, IdempotencyError> {
    let mut tx = db.begin().await?;
    if let Some(key) = &request.key {
        store::wait_briefly(&mut tx).await?;
        if !store::take(&mut tx, subject, key, &request.fingerprint, now).await? {
            let stored = store::find(&mut tx, subject, key).await?.ok_or(IdempotencyError::InFlight)?;
            return replay(stored, &request.fingerprint).map(Begun::Answered);
        }
        store::mark(&mut tx).await?;
    }
    Ok(Begun::Attempt(Attempt { tx, request, subject }))
}

fn replay(stored: Stored, fingerprint: &[u8]) -> Result<Response, IdempotencyError> {
    if stored.fingerprint != fingerprint {
        return Err(IdempotencyError::Reused);
    }
    let status = stored.status.and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok()).ok_or(IdempotencyError::InFlight)?;
    let mut response = Response::new(Body::from(stored.body.unwrap_or_default()));
    *response.status_mut() = status;
    let headers = stored.headers.unwrap_or_default();
    for name in KEPT_HEADERS {
        let value = headers[name.as_str()].as_str().and_then(|value| HeaderValue::try_from(value).ok());
        value.map(|value| response.headers_mut().insert(name, value));
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

impl Attempt {
    /// The transaction that the effect belongs in.
    pub fn db(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Keeps the effect and its answer; of a refusal only the answer; of a failure of ours nothing.
    ///
    /// # Errors
    /// What the effect ended with, or the database could not be reached.
    pub async fn finish(mut self, answer: Result<Response, ApiError>) -> Result<Response, ApiError> {
        let Some(key) = self.request.key.take() else {
            let answer = answer?;
            self.tx.commit().await?;
            return Ok(answer);
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let refused = render(error.into_response(), &self.request.path, &self.request.request_id);
                if refused.status().is_server_error() {
                    return Ok(refused);
                }
                store::undo(&mut self.tx).await?;
                refused
            }
        };
        self.keep(&key, answer).await
    }

    async fn keep(mut self, key: &Key, answer: Response) -> Result<Response, ApiError> {
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(ApiError::internal)?;
        let kept = KEPT_HEADERS.iter().filter_map(|name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), Value::from(value)))
        });
        let headers = Value::Object(kept.collect::<Map<_, _>>());
        let status = i16::try_from(parts.status.as_u16()).map_err(ApiError::internal)?;
        store::answer(&mut self.tx, self.subject, key, status, headers, &body).await?;
        self.tx.commit().await?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

/// Forgets expired keys every hour, until dropped. An expired key is free before that; this frees the space.
pub async fn forget_expired(db: PgPool, clock: Clock) {
    let mut hours = tokio::time::interval(Duration::from_hours(1));
    loop {
        hours.tick().await;
        if let Err(error) = remove_expired(&db, &clock).await {
            tracing::warn!(%error, "expired idempotency keys were not removed");
        }
    }
}

async fn remove_expired(db: &PgPool, clock: &Clock) -> Result<(), sqlx::Error> {
    let removed = store::remove_expired(&mut *db.acquire().await?, clock.now()).await?;
    tracing::debug!(removed, "expired idempotency keys removed");
    Ok(())
}
