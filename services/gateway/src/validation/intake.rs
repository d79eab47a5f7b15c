//! What is done with a body before it is passed on.

use std::sync::Arc;
use std::thread::available_parallelism;

use bytes::Bytes;
use portico_common::error::{ApiError, FieldErrors, kinds};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::faults;
use super::json::{self, JsonError};
use super::memory::Memory;
use super::schema::Schema;
use crate::proxy::Forward;

/// Larger bodies are checked beside the worker, whose other requests would have to wait: it takes some 20 µs a KiB.
const LARGEST_AT_ONCE: usize = 8 << 10;

/// What is to be done with a body.
pub(crate) enum Intake {
    /// There must be none, or it is refused with this.
    Nothing(ApiError),
    /// It is held until it is whole, and checked.
    Json { schema: Arc<Schema>, is_required: bool },
}

/// Where bodies are held and checked, for all requests.
pub(crate) struct Checker {
    memory: Memory,
    /// For each body that is checked beside the workers.
    running: Arc<Semaphore>,
}

impl Default for Checker {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self { memory: Memory::default(), running: Arc::new(Semaphore::new(cores)) }
    }
}

impl Checker {
    /// Does with a body what is to be done, and gives the request back to be passed on.
    ///
    /// # Errors
    /// The body is not as described, or does not come.
    pub async fn take(&self, intake: Intake, mut forward: Box<Forward>) -> Result<Box<Forward>, ApiError> {
        match intake {
            Intake::Nothing(refusal) => {
                if forward.has_body().await? {
                    return Err(refusal);
                }
            }
            Intake::Json { schema, is_required } => {
                let body = forward.gather(self.memory.part()).await?;
                if is_required || !body.is_empty() {
                    self.check(schema, body).await?;
                }
            }
        }
        forward.has_come();
        Ok(forward)
    }

    async fn check(&self, schema: Arc<Schema>, body: Bytes) -> Result<(), ApiError> {
        if body.len() <= LARGEST_AT_ONCE {
            return check(&schema, &body);
        }
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(ApiError::internal)?;
        let checking = spawn_blocking(move || {
            // A client that leaves does not end the check, which goes on counting.
            let _permit = permit;
            check(&schema, &body)
        });
        checking.await.map_err(ApiError::internal)?
    }
}

fn check(schema: &Schema, body: &[u8]) -> Result<(), ApiError> {
    let read = json::read(body)?;
    if schema.allows(&read.value) {
        return Ok(());
    }
    let told: FieldErrors = faults::of_body(schema.validator(), &read.value, read.values);
    Err(told.into())
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Malformed(_) => Self::new(&kinds::MALFORMED_JSON, error.to_string()),
            JsonError::TooMany => Self::new(&kinds::BODY_TOO_LARGE, error.to_string()),
        }
    }
}
