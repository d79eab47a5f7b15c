//! Signing in and out.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::{EndReason, Session, SessionError, SessionId, SessionRules, store};
use crate::accounts::{self, Account, AccountId, EmailAddress};
use crate::client::ClientInfo;
use crate::passwords::{GivenPassword, PasswordGate, Verdict};
use crate::revocations;
use crate::tokens::{RefreshToken, TokenIssuer};

/// A session that was just begun or continued.
pub(super) struct SignedIn {
    pub account: Account,
    pub session: Session,
    pub refresh_token: RefreshToken,
}

/// What somebody says to sign in.
pub(super) struct Credentials {
    pub email: EmailAddress,
    pub password: GivenPassword,
    pub client: ClientInfo,
}

/// Begins a session if the password is right, the address verified and the account not locked.
pub(super) async fn login(
    db: &PgPool,
    gate: &PasswordGate,
    rules: &SessionRules,
    credentials: Credentials,
    now: DateTime<Utc>,
) -> Result<SignedIn, SessionError> {
    let Credentials { email, password, client } = credentials;
    let account = {
        let mut connection = db.acquire().await?;
        accounts::find_by_email(&mut connection, &email).await?
    };
    let stored = account.as_ref().map(|account| account.password_hash.clone());
    let (verdict, renewed) = gate.verify_and_renew(password, stored).await?;
    let Some(account) = account.filter(|_| verdict != Verdict::Wrong) else {
        return Err(SessionError::InvalidCredentials);
    };
    let mut tx = db.begin().await?;
    let account = still_theirs(&mut tx, &account).await?;
    if let Some(hash) = renewed {
        accounts::set_password(&mut tx, account.id, &hash, now).await?;
    }
    let signed_in = begin(&mut tx, account, rules, client, now).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Locks the account, and checks that the password is still the one that was verified.
async fn still_theirs(db: &mut PgConnection, verified: &Account) -> Result<Account, SessionError> {
    let account = accounts::lock(db, verified.id).await?;
    let account = account.filter(|account| account.password_hash == verified.password_hash);
    let account = account.ok_or(SessionError::InvalidCredentials)?;
    if account.is_locked() {
        return Err(SessionError::AccountLocked);
    }
    if !account.is_verified() {
        return Err(SessionError::EmailNotVerified);
    }
    Ok(account)
}

async fn begin(
    db: &mut PgConnection,
    account: Account,
    rules: &SessionRules,
    client: ClientInfo,
    now: DateTime<Utc>,
) -> Result<SignedIn, SessionError> {
    let session = Session {
        id: SessionId::new(now),
        account_id: account.id,
        generation: 0,
        authenticated_at: now,
        last_used_at: now,
        expires_at: now + rules.absolute,
        ended_at: None,
        ip: Some(client.ip.to_string()),
        user_agent: client.user_agent,
    };
    store::insert(db, &session).await?;
    let refresh_token = RefreshToken::new();
    store::insert_token(db, session.id, &refresh_token, session.generation).await?;
    Ok(SignedIn { account, session, refresh_token })
}

/// Ends one session of the account and its access tokens.
pub(super) async fn end(
    db: &PgPool,
    issuer: &TokenIssuer,
    account: AccountId,
    session: SessionId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<(), SessionError> {
    let mut tx = db.begin().await?;
    if !store::end(&mut tx, account, session, reason, now).await? {
        return Err(SessionError::NotFound);
    }
    revocations::revoke_sessions(&mut tx, &[session], issuer.all_expired(now)).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends all sessions of the account but `kept`, and their access tokens.
pub(super) async fn end_others(
    db: &PgPool,
    issuer: &TokenIssuer,
    account: AccountId,
    kept: Option<SessionId>,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<(), SessionError> {
    let mut tx = db.begin().await?;
    end_all(&mut tx, account, kept, reason, issuer.all_expired(now), now).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends all sessions of the account but `kept`, and their access tokens, in the caller's transaction.
pub(crate) async fn end_all(
    db: &mut PgConnection,
    account: AccountId,
    kept: Option<SessionId>,
    reason: EndReason,
    tokens_expired_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let ended = store::end_all(db, account, kept, reason, now).await?;
    revocations::revoke_sessions(db, &ended, tokens_expired_at).await
}
