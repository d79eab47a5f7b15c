//! The SQL of profiles. Events and tokens may race for the same row; each statement is right in any order.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::model::{DisplayName, NewProfile, Profile, ProfileId, Settings, Status, search_key};

/// Finds a profile, be it a tombstone.
pub async fn find(db: &mut PgConnection, id: ProfileId) -> Result<Option<Profile>, sqlx::Error> {
    sqlx::query_as!(
        Profile,
        "SELECT id, email, email_verified, roles, display_name, locale, time_zone,
                status, status_reason, version, created_at, updated_at
         FROM profiles WHERE id = $1",
        id.0,
    )
    .fetch_optional(db)
    .await
}

/// Finds a profile and keeps others from changing it until the transaction ends.
pub async fn find_for_update(db: &mut PgConnection, id: ProfileId) -> Result<Option<Profile>, sqlx::Error> {
    sqlx::query_as!(
        Profile,
        "SELECT id, email, email_verified, roles, display_name, locale, time_zone,
                status, status_reason, version, created_at, updated_at
         FROM profiles WHERE id = $1 FOR UPDATE",
        id.0,
    )
    .fetch_optional(db)
    .await
}

/// Whether there is a row under this id, be it a tombstone.
pub async fn exists(db: &mut PgConnection, id: ProfileId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM profiles WHERE id = $1) AS "exists!""#, id.0).fetch_one(db).await
}

/// Makes a profile unless there is one, and says whether it did.
///
/// A row that is there stays as it is: a token is never older than its account's creation, nor is any later event.
pub async fn insert(db: &mut PgConnection, new: &NewProfile, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    let display_name = new.display_name.as_ref().map(DisplayName::as_str);
    let done = sqlx::query!(
        "INSERT INTO profiles (id, email, email_key, email_verified, email_version, roles, roles_version,
                               display_name, name_key, status, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $5, $7, $8, 'active', 1, $9, $10)
         ON CONFLICT (id) DO NOTHING",
        new.id.0,
        new.email,
        search_key(&new.email),
        new.email_verified,
        new.event_version,
        &new.roles,
        display_name,
        search_key(display_name.unwrap_or_default()),
        new.created_at,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Writes what the owner decides.
pub async fn update_settings(
    db: &mut PgConnection,
    id: ProfileId,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<Profile, sqlx::Error> {
    let Settings { display_name, locale, time_zone } = settings;
    sqlx::query_as!(
        Profile,
        "UPDATE profiles
         SET display_name = $2, name_key = $3, locale = $4, time_zone = $5, version = version + 1, updated_at = $6
         WHERE id = $1
         RETURNING id, email, email_verified, roles, display_name, locale, time_zone,
                   status, status_reason, version, created_at, updated_at",
        id.0,
        display_name.as_deref(),
        search_key(display_name.as_deref().unwrap_or_default()),
        locale.as_deref(),
        time_zone.as_deref(),
        now,
    )
    .fetch_one(db)
    .await
}

/// Writes what admins decide.
pub async fn set_status(
    db: &mut PgConnection,
    id: ProfileId,
    status: Status,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Profile, sqlx::Error> {
    sqlx::query_as!(
        Profile,
        "UPDATE profiles
         SET status = $2, status_reason = $3, version = version + 1, updated_at = $4
         WHERE id = $1
         RETURNING id, email, email_verified, roles, display_name, locale, time_zone,
                   status, status_reason, version, created_at, updated_at",
        id.0,
        status as Status,
        reason,
        now,
    )
    .fetch_one(db)
    .await
}

/// Writes the address as the event `version` tells it, unless a newer one has, and says whether it did.
/// Without an address the one that is there was verified.
pub async fn set_email(
    db: &mut PgConnection,
    id: ProfileId,
    email: Option<&str>,
    is_verified: bool,
    version: i64,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE profiles
         SET email = COALESCE($2, email), email_key = COALESCE($3, email_key), email_verified = $4,
             email_version = $5, version = version + 1, updated_at = $6
         WHERE id = $1 AND email_version < $5 AND status <> 'deleted'",
        id.0,
        email,
        email.map(search_key),
        is_verified,
        version,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Writes the roles as the event `version` tells them, unless a newer one has, and says whether it did.
pub async fn set_roles(
    db: &mut PgConnection,
    id: ProfileId,
    roles: &[String],
    version: i64,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE profiles
         SET roles = $2, roles_version = $3, version = version + 1, updated_at = $4
         WHERE id = $1 AND roles_version < $3 AND status <> 'deleted'",
        id.0,
        roles,
        version,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Erases all that is known of a person and leaves a tombstone, also where there was no profile yet.
pub async fn bury(db: &mut PgConnection, id: ProfileId, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO profiles (id, email_key, email_verified, email_version, roles, roles_version, name_key,
                               status, version, created_at, updated_at, deleted_at)
         VALUES ($1, '', FALSE, 0, '{}', 0, '', 'deleted', 1, $2, $2, $2)
         ON CONFLICT (id) DO UPDATE
         SET email = NULL, email_key = '', email_verified = FALSE, roles = '{}', display_name = NULL, name_key = '',
             locale = NULL, time_zone = NULL, status = 'deleted', status_reason = NULL,
             version = profiles.version + 1, updated_at = $2, deleted_at = $2
         WHERE profiles.status <> 'deleted'",
        id.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
