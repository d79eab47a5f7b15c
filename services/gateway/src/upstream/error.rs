//! Why there is no answer of a service; each is somebody's fault.

use portico_common::error::{ApiError, kinds};

use crate::problems;

#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("`{upstream}` cannot be reached")]
    Unreachable { upstream: String, source: anyhow::Error },
    #[error("`{upstream}` broke off its answer")]
    Broken { upstream: String, source: anyhow::Error },
    #[error("`{upstream}` took too long")]
    TimedOut { upstream: String },
    #[error("`{upstream}` has all it can do")]
    Overloaded { upstream: String, reason: &'static str },
    #[error("the body is larger than the {limit} bytes this path takes")]
    BodyTooLarge { limit: u64 },
    #[error("the body stopped arriving")]
    BodyTooSlow,
    #[error("the body is not well-formed or broke off")]
    BodyBroken,
}

impl From<UpstreamError> for ApiError {
    fn from(error: UpstreamError) -> Self {
        let detail = error.to_string();
        match error {
            UpstreamError::Unreachable { .. } => {
                Self::new(&problems::UPSTREAM_UNREACHABLE, detail).retry_after(1).with_cause(error)
            }
            UpstreamError::Broken { .. } => Self::new(&problems::UPSTREAM_BROKEN, detail).with_cause(error),
            UpstreamError::TimedOut { .. } => Self::new(&problems::UPSTREAM_TIMEOUT, detail),
            UpstreamError::Overloaded { reason, .. } => {
                Self::new(&problems::OVERLOADED, detail).retry_after(1).because(reason)
            }
            UpstreamError::BodyTooLarge { .. } => Self::new(&kinds::BODY_TOO_LARGE, detail),
            UpstreamError::BodyTooSlow => Self::new(&kinds::BODY_TOO_SLOW, detail),
            UpstreamError::BodyBroken => Self::new(&problems::INVALID_REQUEST, detail),
        }
    }
}
