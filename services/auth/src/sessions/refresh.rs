//! Continuing a session: every refresh token is good once.
//!
//! A client whose answer was lost asks again with the token it has, and so does a page with two
//! tabs. For ten seconds after its use a token is therefore answered with the same successor, which
//! is kept encrypted under a key made from the token itself. Later than that, or with a token older
//! than the last, somebody else has used it: the session ends for both of them.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use super::actions::SignedIn;
use super::store::{self, StoredToken};
use super::{EndReason, Session, SessionError, SessionRules};
use crate::accounts::{self, Account};
use crate::letters::{self, LetterKind};
use crate::revocations;
use crate::tokens::{RefreshToken, TokenIssuer};

const REUSE_WINDOW: TimeDelta = TimeDelta::seconds(10);

/// What is to be done with a refresh token.
#[derive(Debug, PartialEq, Eq)]
enum Use {
    /// It is the newest: replace it.
    Rotate,
    /// It was replaced a moment ago: answer with the same successor.
    Repeat,
    /// It was replaced before: two parties hold it.
    Stolen,
}

fn judge(token: &StoredToken, session: &Session, now: DateTime<Utc>) -> Use {
    let is_recent = token.rotated_at.is_some_and(|rotated| now - rotated <= REUSE_WINDOW);
    match session.generation - token.generation {
        0 => Use::Rotate,
        1 if is_recent => Use::Repeat,
        _ => Use::Stolen,
    }
}

/// Continues the session of a refresh token. The lock on its row makes refreshes, logouts and revocations take turns.
///
/// The account is locked first, in the order of everything else that locks both. Until the new tokens
/// are made nobody changes its roles: a change made later voids them, one made before is in them.
pub(super) async fn refresh(
    db: &PgPool,
    issuer: &TokenIssuer,
    rules: &SessionRules,
    token: RefreshToken,
    now: DateTime<Utc>,
) -> Result<SignedIn, SessionError> {
    let mut tx = db.begin().await?;
    let account = accounts::hold_by_token(&mut tx, &token).await?.ok_or(SessionError::InvalidGrant)?;
    let session = store::lock_by_token(&mut tx, &token).await?.ok_or(SessionError::InvalidGrant)?;
    let stored = store::find_token(&mut tx, &token).await?.ok_or(SessionError::InvalidGrant)?;
    if !session.is_alive(rules, now) {
        return Err(SessionError::InvalidGrant);
    }
    let refresh_token = match judge(&stored, &session, now) {
        Use::Rotate => rotate(&mut tx, &session, &token, now).await?,
        Use::Repeat => repeat(&session, &token, &stored)?,
        Use::Stolen => {
            end_stolen(&mut tx, issuer, &account, &session, now).await?;
            // The refusal is an error to the caller, and its effect must last all the same.
            tx.commit().await?;
            return Err(SessionError::InvalidGrant);
        }
    };
    if account.is_locked() {
        return Err(SessionError::InvalidGrant);
    }
    tx.commit().await?;
    Ok(SignedIn { account, session: Session { last_used_at: now, ..session }, refresh_token })
}

async fn rotate(
    db: &mut PgConnection,
    session: &Session,
    token: &RefreshToken,
    now: DateTime<Utc>,
) -> Result<RefreshToken, SessionError> {
    let successor = RefreshToken::new();
    let generation = session.generation + 1;
    store::rotate_token(db, session, &token.seal_successor(session.id, &successor), now).await?;
    store::insert_token(db, session.id, &successor, generation).await?;
    store::advance(db, session.id, generation, now).await?;
    Ok(successor)
}

fn repeat(session: &Session, token: &RefreshToken, stored: &StoredToken) -> Result<RefreshToken, SessionError> {
    let sealed = stored.successor_sealed.as_deref().unwrap_or_default();
    token.open_successor(session.id, sealed).map_err(SessionError::Successor)
}

async fn end_stolen(
    db: &mut PgConnection,
    issuer: &TokenIssuer,
    account: &Account,
    session: &Session,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    tracing::warn!(session.id = %session.id, "used refresh token came back, session ended");
    store::end(db, account.id, session.id, EndReason::TokenReused, now).await?;
    revocations::revoke_sessions(db, &[session.id], issuer.all_expired(now)).await?;
    letters::enqueue(db, LetterKind::SessionEnded, &account.email, None, now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountId;
    use crate::sessions::SessionId;

    fn judged(behind: i64, rotated_seconds_ago: Option<i64>) -> Use {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let session = Session {
            id: SessionId::new(now),
            account_id: AccountId::new(now),
            generation: 5,
            authenticated_at: now,
            last_used_at: now,
            expires_at: now + TimeDelta::days(1),
            ended_at: None,
            ip: None,
            user_agent: None,
        };
        let rotated_at = rotated_seconds_ago.map(|seconds| now - TimeDelta::seconds(seconds));
        let token = StoredToken { generation: 5 - behind, rotated_at, successor_sealed: None };
        judge(&token, &session, now)
    }

    #[test]
    fn only_the_last_token_is_repeated_and_only_for_ten_seconds() {
        assert_eq!(judged(0, None), Use::Rotate);
        assert_eq!(judged(1, Some(0)), Use::Repeat);
        assert_eq!(judged(1, Some(10)), Use::Repeat);
        assert_eq!(judged(1, Some(11)), Use::Stolen);
        assert_eq!(judged(2, Some(1)), Use::Stolen);
        assert_eq!(judged(1, None), Use::Stolen);
    }
}
