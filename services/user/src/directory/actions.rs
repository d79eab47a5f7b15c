//! What admins decide about users.

use chrono::{DateTime, Utc};
use portico_common::etag::IfMatch;
use sqlx::{PgConnection, PgPool};

use super::model::{Reason, Verdict};
use crate::profiles::{self, Profile, ProfileError, ProfileId, Status};

/// A change of status that an admin asks for.
#[derive(Debug)]
pub struct Decision {
    /// Who decides.
    pub by: ProfileId,
    /// About whom.
    pub about: ProfileId,
    /// The new status.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<Reason>,
}

/// Keeps out an admin who is suspended or deleted; a caller without a profile may pass.
///
/// # Errors
/// The caller is suspended or deleted, or the database failed.
pub async fn admit(db: &mut PgConnection, caller: ProfileId) -> Result<(), ProfileError> {
    profiles::find(db, caller).await?.map_or(Ok(()), |profile| profile.status.open())
}

/// Carries out a decision. Deciding what is already so, for the same reason, keeps the version.
///
/// # Errors
/// It is about the admin, about a deleted or unknown user or another version, or the database failed.
pub async fn decide(
    db: &PgPool,
    decision: &Decision,
    if_match: &IfMatch,
    now: DateTime<Utc>,
) -> Result<Profile, ProfileError> {
    let Decision { by, about, verdict, reason } = decision;
    let (status, reason) = (Status::from(*verdict), reason.as_ref().map(Reason::as_str));
    if by == about {
        return Err(ProfileError::OwnStatus);
    }
    let mut tx = db.begin().await?;
    admit(&mut tx, *by).await?;
    let profile = profiles::find_for_update(&mut tx, *about).await?.ok_or(ProfileError::NotFound)?;
    if_match.check(profile.version).map_err(ProfileError::Stale)?;
    if profile.status == Status::Deleted {
        return Err(ProfileError::StaysDeleted);
    }
    if profile.status == status && profile.status_reason.as_deref() == reason {
        return Ok(profile);
    }
    let profile = profiles::set_status(&mut tx, *about, status, reason, now).await?;
    tx.commit().await?;
    tracing::info!(user.id = %about, by = %by, status = %verdict, "status changed");
    Ok(profile)
}
