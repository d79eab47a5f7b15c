//! What handlers use.

use axum::extract::FromRef;
use portico_common::clock::Clock;
use portico_common::page::Cursors;
use portico_common::token::Verifier;
use portico_service::events::Pulse;
use sqlx::PgPool;

use crate::codes::CodeKey;
use crate::keys::Keyring;
use crate::letters::Postman;
use crate::passwords::PasswordGate;
use crate::sessions::SessionRules;
use crate::throttle::Throttle;
use crate::tokens::TokenIssuer;

#[derive(Clone, FromRef)]
pub(crate) struct AppState {
    pub db: PgPool,
    pub clock: Clock,
    pub verifier: Verifier,
    pub keyring: Keyring,
    pub tokens: TokenIssuer,
    pub session_rules: SessionRules,
    pub passwords: PasswordGate,
    pub code_key: CodeKey,
    pub throttle: Throttle,
    pub postman: Postman,
    pub cursors: Cursors,
    pub pulse: Pulse,
    pub trusted_proxies: u8,
}
