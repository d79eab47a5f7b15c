//! Registering and verifying an address.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::{Account, AccountError, AccountId, EmailAddress, NewAccount, Registration, Roles, store};
use crate::codes::{self, CodeKey, Purpose};
use crate::events::{self, EventKind};
use crate::letters::{self, LetterKind};

/// Makes an account that waits for its address to be verified, or writes to whoever has it already.
///
/// Both cost about the same, and the caller learns of neither.
pub(super) async fn register(
    db: &PgPool,
    email: EmailAddress,
    registration: Registration,
    now: DateTime<Utc>,
) -> Result<(), AccountError> {
    let mut tx = db.begin().await?;
    let id = AccountId::new(now);
    let new = NewAccount { id, email, registration, roles: Roles::customer(), email_verified_at: None };
    let is_new = store::insert(&mut tx, &new, now).await?;
    let account = store::lock_by_email(&mut tx, &new.email).await?.ok_or(AccountError::NotFound)?;
    if !is_new {
        let expired_before = now - Purpose::VerifyEmail.life();
        store::supersede_registration(&mut tx, account.id, &new.registration, expired_before, now).await?;
    }
    let (kind, claim) = if account.is_verified() {
        (LetterKind::AlreadyRegistered, None)
    } else {
        (LetterKind::VerifyEmail, Some(&new.registration))
    };
    letters::enqueue(&mut tx, kind, &new.email, claim, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Proves an address by its code; the registration the code was mailed for takes effect.
pub(super) async fn verify_email(
    db: &PgPool,
    key: &CodeKey,
    email: &EmailAddress,
    code: &str,
    now: DateTime<Utc>,
) -> Result<(), AccountError> {
    let mut tx = db.begin().await?;
    let account = store::lock_by_email(&mut tx, email).await?;
    let redeemed = codes::redeem(&mut tx, key, account.as_ref(), Purpose::VerifyEmail, code, now).await?;
    let Some(redeemed) = redeemed else {
        // The failed attempt must be remembered.
        tx.commit().await?;
        return Err(AccountError::InvalidCode);
    };
    if let Some(registration) = &redeemed.registration {
        store::replace_registration(&mut tx, redeemed.account, registration, now).await?;
    }
    store::set_verified(&mut tx, redeemed.account, now).await?;
    announce(&mut tx, redeemed.account, EventKind::AccountCreated, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Tells the readers of the event feed what the account is now; call it after the change, in its transaction.
///
/// They hear of an account first when its address is verified: a registration alone may be a stranger's.
pub(crate) async fn announce(
    db: &mut PgConnection,
    id: AccountId,
    kind: EventKind,
    now: DateTime<Utc>,
) -> Result<Account, sqlx::Error> {
    let account = store::bump(db, id, now).await?;
    if account.is_verified() {
        events::append(db, kind, &account, now).await?;
    }
    Ok(account)
}
