//! Telling what happened.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::model::EventKind;
use crate::accounts::Account;

/// Writes what happened, in the transaction in which it happens.
pub(crate) async fn append(
    db: &mut PgConnection,
    kind: EventKind,
    account: &Account,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    portico_service::events::append(db, kind.name(), account.id.0, account.version, account.snapshot(), now).await
}
