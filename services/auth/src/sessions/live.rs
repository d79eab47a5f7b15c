//! The extractor of this service's own locked doors.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use portico_common::error::ApiError;
use portico_common::token::{Caller, TokenError};

use super::{SessionId, store};
use crate::accounts::{self, AccountId};
use crate::state::AppState;

/// A caller whose session is alive in the database this very moment. Other services rely on the
/// revocation feed, which is a blink behind; what is done here changes credentials.
#[derive(Debug, Clone)]
pub(crate) struct LiveCaller(pub Caller);

impl LiveCaller {
    pub fn account(&self) -> AccountId {
        AccountId(self.0.subject())
    }

    pub fn session(&self) -> SessionId {
        SessionId(self.0.session())
    }

    /// Insists on a scope.
    pub fn require(&self, scope: &'static str) -> Result<(), ApiError> {
        self.0.require(scope)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LiveCaller
where
    AppState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = AppState::from_ref(state);
        let caller = <Caller as FromRequestParts<AppState>>::from_request_parts(parts, &app).await?;
        let mut db = app.db.acquire().await?;
        let live = Self(caller);
        let session = store::find(&mut db, live.session()).await?;
        let account = accounts::find(&mut db, live.account()).await?;
        let is_alive = session.is_some_and(|session| {
            session.account_id == live.account() && session.is_alive(&app.session_rules, app.clock.now())
        });
        let may_act = account
            .is_some_and(|account| !account.is_locked() && live.0.0.iat >= account.tokens_valid_from.timestamp());
        if is_alive && may_act { Ok(live) } else { Err(TokenError::Revoked.into()) }
    }
}
