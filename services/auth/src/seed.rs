//! Accounts made by operators instead of by registering: the first admin, and demo logins.

use anyhow::{anyhow, bail};
use chrono::{DateTime, TimeDelta, Utc};
use portico_common::config::Secret;
use sqlx::{PgConnection, PgPool};

use crate::accounts::{
    self, Account, AccountId, DisplayName, EmailAddress, NewAccount, Registration, Role, Roles, announce,
};
use crate::admin;
use crate::codes::{self, Purpose};
use crate::config::PasswordConfig;
use crate::events::{self, EventKind};
use crate::passwords::{GivenPassword, PasswordGate, Verdict};
use crate::sessions::{self, EndReason};

/// The longest life of an access token; `IssuerConfig` allows no longer one.
const TOKENS_EXPIRED_AFTER: TimeDelta = TimeDelta::minutes(62);

/// An account to be made.
#[derive(Debug, Clone)]
pub struct SeedAccount {
    /// The address, which counts as verified.
    pub email: String,
    /// The password; the rules for passwords hold.
    pub password: Secret,
    /// The name, if there is one.
    pub display_name: Option<String>,
    /// Its roles.
    pub roles: Vec<Role>,
}

/// Makes the account, or makes the one that has the address already match: password, roles, verified. Where the
/// password changes, sessions and codes to reset it end. Doing it again changes nothing.
///
/// # Errors
/// A field is not valid, or the database refuses.
pub async fn seed_account(
    db: &PgPool,
    config: &PasswordConfig,
    seed: SeedAccount,
    now: DateTime<Utc>,
) -> anyhow::Result<AccountId> {
    Ok(make(db, config, seed, now).await?.id)
}

/// An account that matches what was asked for.
pub(crate) struct Seeded {
    pub id: AccountId,
    /// Whether it cannot be used all the same, because an admin locked it.
    pub is_locked: bool,
}

/// Like [`seed_account`], and tells more.
pub(crate) async fn make(
    db: &PgPool,
    config: &PasswordConfig,
    seed: SeedAccount,
    now: DateTime<Utc>,
) -> anyhow::Result<Seeded> {
    let SeedAccount { email, password, display_name, roles } = seed;
    let email = EmailAddress::parse(&email).map_err(|invalid| anyhow!("e-mail: {}", invalid.detail))?;
    let roles = Roles::parse(roles).map_err(|invalid| anyhow!("roles: {}", invalid.detail))?;
    let display_name = display_name.as_deref().map(DisplayName::parse).transpose();
    let display_name =
        display_name.map_err(|invalid| anyhow!("name: {}", invalid.detail))?.map(DisplayName::into_string);
    let gate = PasswordGate::new(config)?;
    let existing = accounts::find_by_email(&mut *db.acquire().await?, &email).await?;
    let password_hash = match &existing {
        Some(account) if is_theirs(&gate, &password, account).await? => account.password_hash.clone(),
        _ => {
            let hashed = gate.hash_new(password.expose().to_owned(), &[email.as_str(), email.local_part()]).await?;
            hashed.map_err(|invalid| anyhow!("password: {}", invalid.detail))?
        }
    };
    let registration = Registration { password_hash, display_name };
    let id = AccountId::new(now);
    store(db, NewAccount { id, email, registration, roles, email_verified_at: Some(now) }, now).await
}

async fn is_theirs(gate: &PasswordGate, password: &Secret, account: &Account) -> anyhow::Result<bool> {
    let Ok(given) = GivenPassword::parse(password.expose().to_owned()) else {
        bail!("password: too long");
    };
    Ok(gate.verify(given, Some(account.password_hash.clone())).await? == Verdict::Right)
}

async fn store(db: &PgPool, new: NewAccount, now: DateTime<Utc>) -> anyhow::Result<Seeded> {
    let mut tx = db.begin().await?;
    let is_new = accounts::insert(&mut tx, &new, now).await?;
    let account = accounts::lock_by_email(&mut tx, &new.email).await?;
    let account = account.ok_or_else(|| anyhow!("the account vanished"))?;
    let seeded = Seeded { id: account.id, is_locked: account.is_locked() };
    if is_new {
        events::append(&mut tx, EventKind::AccountCreated, &account, now).await?;
    } else {
        bring_up_to_date(&mut tx, account, &new, now).await?;
    }
    tx.commit().await?;
    Ok(seeded)
}

async fn bring_up_to_date(
    db: &mut PgConnection,
    account: Account,
    new: &NewAccount,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (id, expired_at) = (account.id, now + TOKENS_EXPIRED_AFTER);
    if account.password_hash != new.registration.password_hash {
        accounts::set_password(db, id, &new.registration.password_hash, now).await?;
        codes::void(db, id, Purpose::ResetPassword).await?;
        sessions::end_all(db, id, None, EndReason::PasswordChanged, expired_at, now).await?;
    }
    if !account.is_verified() {
        codes::void(db, id, Purpose::VerifyEmail).await?;
        accounts::set_verified(db, id, now).await?;
        announce(db, id, EventKind::AccountCreated, now).await?;
    }
    admin::apply_roles(db, account, &new.roles, expired_at, now).await?;
    Ok(())
}
