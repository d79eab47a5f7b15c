//! What the owner of a profile does with it. The profile is made of the token if the account's event has not come yet.

use chrono::{DateTime, Utc};
use portico_common::etag::IfMatch;
use portico_common::token::Claims;
use sqlx::{PgConnection, PgPool};

use super::ProfileError;
use super::model::{NewProfile, Patch, Profile, ProfileId, Settings};
use super::store;

/// The profile of the token's owner.
///
/// # Errors
/// It is suspended or deleted, or the database failed.
pub async fn show(db: &mut PgConnection, claims: &Claims, now: DateTime<Utc>) -> Result<Profile, ProfileError> {
    let id = ProfileId(claims.sub);
    if let Some(profile) = store::find(db, id).await? {
        return profile.open();
    }
    store::insert(db, &NewProfile::from_claims(claims, now), now).await?;
    store::find(db, id).await?.ok_or(ProfileError::NotFound)?.open()
}

/// Changes what the owner decides. A patch that changes nothing keeps the version.
///
/// # Errors
/// It is suspended, deleted or of another version, or the database failed.
pub async fn update(
    db: &PgPool,
    claims: &Claims,
    if_match: &IfMatch,
    patch: Patch,
    now: DateTime<Utc>,
) -> Result<Profile, ProfileError> {
    let mut tx = db.begin().await?;
    let profile = lock(&mut tx, claims, if_match, now).await?;
    let current = Settings::of(&profile);
    let settings = current.clone().patched(patch);
    if settings == current {
        tx.commit().await?;
        return Ok(profile);
    }
    let profile = store::update_settings(&mut tx, profile.id, &settings, now).await?;
    tx.commit().await?;
    Ok(profile)
}

/// Erases the profile for good. The account is auth's to close; this ends what is known of it here.
///
/// # Errors
/// It is suspended, deleted or of another version, or the database failed.
pub async fn delete(db: &PgPool, claims: &Claims, if_match: &IfMatch, now: DateTime<Utc>) -> Result<(), ProfileError> {
    let mut tx = db.begin().await?;
    let profile = lock(&mut tx, claims, if_match, now).await?;
    store::bury(&mut tx, profile.id, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn lock(
    db: &mut PgConnection,
    claims: &Claims,
    if_match: &IfMatch,
    now: DateTime<Utc>,
) -> Result<Profile, ProfileError> {
    store::insert(db, &NewProfile::from_claims(claims, now), now).await?;
    let profile = store::find_for_update(db, ProfileId(claims.sub)).await?;
    let profile = profile.ok_or(ProfileError::NotFound)?.open()?;
    if_match.check(profile.version).map_err(ProfileError::Stale)?;
    Ok(profile)
}
