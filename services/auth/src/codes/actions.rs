//! Making codes and taking them back; the caller owns the transaction.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::store::{self, NewCode};
use super::{Code, CodeId, CodeKey, Purpose, Redeemed};
use crate::accounts::{Account, AccountId, Registration};
use crate::crypto;

/// Makes a code for the account, bound to a registration if it is to confirm one.
pub(crate) async fn issue(
    db: &mut PgConnection,
    key: &CodeKey,
    account: AccountId,
    purpose: Purpose,
    registration: Option<&Registration>,
    now: DateTime<Utc>,
) -> Result<Code, sqlx::Error> {
    let code = Code::new();
    let hash = key.hash(account, purpose, &code);
    let new = NewCode { id: CodeId::new(now), account, purpose, hash, registration };
    store::insert(db, &new, now).await?;
    Ok(code)
}

/// Uses up a code: with it go all others of the account for the same purpose. `None` when it is not good; the attempt
/// was counted then, so the caller must commit. The caller holds the account's lock.
///
/// Where there is no attempt to count something else is written: nobody can tell by the clock whether an address has an
/// account, or a code on its way.
pub(crate) async fn redeem(
    db: &mut PgConnection,
    key: &CodeKey,
    account: Option<&Account>,
    purpose: Purpose,
    code: &str,
    now: DateTime<Utc>,
) -> Result<Option<Redeemed>, sqlx::Error> {
    let candidates = store::attempt(db, account.map(|account| account.id), purpose, now).await?;
    if candidates.is_empty() {
        store::feign_attempt(db).await?;
    }
    let Some(code) = Code::parse(code) else {
        return Ok(None);
    };
    let found = candidates
        .into_iter()
        .find(|candidate| crypto::is_equal(&candidate.code_hash, &key.hash(candidate.account_id, purpose, &code)));
    let Some(found) = found else {
        return Ok(None);
    };
    store::delete(db, found.account_id, purpose).await?;
    let display_name = found.display_name;
    let registration = found.password_hash.map(|password_hash| Registration { password_hash, display_name });
    Ok(Some(Redeemed { account: found.account_id, registration }))
}
