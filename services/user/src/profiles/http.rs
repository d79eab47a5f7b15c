//! The owner's own profile over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use portico_common::error::{ApiError, FieldErrors, Problem};
use portico_common::etag::{self, IfMatch, IfNoneMatch};
use portico_common::extract::{MergePatch, present};
use portico_common::token::Caller;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::actions;
use super::model::{DisplayName, Locale, Patch, Profile, ProfileId, Status, TimeZone};
use crate::AppState;

/// The scope that lets callers see their own profile.
const READ: &str = "profile:read";
/// The scope that lets callers change and delete their own profile.
const WRITE: &str = "profile:write";

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Profile)]
pub struct ProfileView {
    /// The subject of the account, as tokens name it in `sub`.
    pub id: ProfileId,
    /// The address of the account; null once the profile was deleted.
    #[schema(required = true, example = "ada@example.com")]
    pub email: Option<String>,
    /// Whether the address was verified.
    pub email_verified: bool,
    /// The name to show.
    #[schema(required = true, example = "Ada Lovelace")]
    pub display_name: Option<String>,
    /// Language and region, a BCP 47 tag.
    #[schema(required = true, example = "en-GB")]
    pub locale: Option<String>,
    /// The name of a zone of the IANA time zone database.
    #[schema(required = true, example = "Europe/London")]
    pub time_zone: Option<String>,
    /// The roles of the account.
    #[schema(example = json!(["customer"]))]
    pub roles: Vec<String>,
    /// What may be done with the profile.
    pub status: Status,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When the profile last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<Profile> for ProfileView {
    fn from(profile: Profile) -> Self {
        let Profile {
            id,
            email,
            email_verified,
            roles,
            display_name,
            locale,
            time_zone,
            status,
            status_reason: _,
            version: _,
            created_at,
            updated_at,
        } = profile;
        Self { id, email, email_verified, display_name, locale, time_zone, roles, status, created_at, updated_at }
    }
}

/// A merge patch (RFC 7396): a field that is left out stays, null resets it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
pub struct UpdateProfile {
    /// 1 to 100 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Ada Lovelace", max_length = 100)]
    display_name: Option<Option<String>>,
    /// A BCP 47 language tag.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "en-GB")]
    locale: Option<Option<String>>,
    /// The name of a zone of the IANA time zone database.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Europe/London")]
    time_zone: Option<Option<String>>,
}

impl UpdateProfile {
    fn parse(self) -> Result<Patch, ApiError> {
        let mut errors = FieldErrors::default();
        let display_name =
            self.display_name.map(|value| value.and_then(|raw| errors.take("/display_name", DisplayName::parse(&raw))));
        let locale = self.locale.map(|value| value.and_then(|raw| errors.take("/locale", Locale::parse(&raw))));
        let time_zone =
            self.time_zone.map(|value| value.and_then(|raw| errors.take("/time_zone", TimeZone::parse(&raw))));
        errors.finish()?;
        Ok(Patch { display_name, locale, time_zone })
    }
}

/// Show your own profile
///
/// It is there from the first call on: should the news of the account not have come yet, it is made of the token.
#[utoipa::path(
    get, path = "/v1/users/me", operation_id = "show_me", tag = "users", security(("bearer" = [READ])),
    params(("If-None-Match" = Option<String>, Header, description = "The ETag you hold: 304 while it is current")),
    responses(
        (status = 200, description = "Your profile", body = ProfileView, headers(("ETag" = String, description = "The version, for If-Match"))),
        (status = 304, description = "You hold the current version"),
        (status = 410, body = Problem, content_type = "application/problem+json", description = "`gone`: it was deleted"),
    ),
)]
pub async fn show_me(
    State(app): State<AppState>,
    caller: Caller,
    condition: IfNoneMatch,
) -> Result<Response, ApiError> {
    caller.require(READ)?;
    let mut db = app.db.acquire().await?;
    let profile = actions::show(&mut db, &caller.0, app.clock.now()).await?;
    if condition.holds(profile.version) {
        return Ok(etag::not_modified(profile.version));
    }
    Ok(answer(profile))
}

/// Change your own profile
///
/// Address and roles are the account's, and are changed there.
#[utoipa::path(
    patch, path = "/v1/users/me", operation_id = "update_me", tag = "users", security(("bearer" = [WRITE])),
    params(("If-Match" = String, Header, description = "The ETag of the version you have seen")),
    request_body(content = UpdateProfile, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The profile as it is now", body = ProfileView, headers(("ETag" = String, description = "The new version"))),
        (status = 410, body = Problem, content_type = "application/problem+json", description = "`gone`: it was deleted"),
        (status = 412, body = Problem, content_type = "application/problem+json", description = "`version_mismatch`"),
        (status = 415, body = Problem, content_type = "application/problem+json", description = "`unsupported_media_type`, with `Accept-Patch`"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "`validation_failed`: an unknown, read-only or invalid field, by its pointer"),
        (status = 428, body = Problem, content_type = "application/problem+json", description = "`precondition_required`: send If-Match"),
    ),
)]
pub async fn update_me(
    State(app): State<AppState>,
    caller: Caller,
    if_match: IfMatch,
    MergePatch(body): MergePatch<UpdateProfile>,
) -> Result<Response, ApiError> {
    caller.require(WRITE)?;
    let patch = body.parse()?;
    let profile = actions::update(&app.db, &caller.0, &if_match, patch, app.clock.now()).await?;
    Ok(answer(profile))
}

/// Delete your own profile
///
/// Erases all that is known of you here, for good. Signing in is the account's matter: it is closed at auth.
#[utoipa::path(
    delete, path = "/v1/users/me", operation_id = "delete_me", tag = "users", security(("bearer" = [WRITE])),
    params(("If-Match" = String, Header, description = "The ETag of the version you have seen")),
    responses(
        (status = 204, description = "Erased; from now on the profile is `gone`"),
        (status = 410, body = Problem, content_type = "application/problem+json", description = "`gone`: it was deleted"),
        (status = 412, body = Problem, content_type = "application/problem+json", description = "`version_mismatch`"),
        (status = 428, body = Problem, content_type = "application/problem+json", description = "`precondition_required`: send If-Match"),
    ),
)]
pub async fn delete_me(State(app): State<AppState>, caller: Caller, if_match: IfMatch) -> Result<StatusCode, ApiError> {
    caller.require(WRITE)?;
    actions::delete(&app.db, &caller.0, &if_match, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn answer(profile: Profile) -> Response {
    (etag::header(profile.version), axum::Json(ProfileView::from(profile))).into_response()
}
