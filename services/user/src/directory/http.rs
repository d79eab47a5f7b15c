//! The directory over HTTP, for admins.

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use portico_common::error::{ApiError, Invalid, Problem, kinds};
use portico_common::etag::{self, IfMatch, IfNoneMatch};
use portico_common::extract::{Json, Path, Query};
use portico_common::page::{Limit, Page};
use portico_common::token::Caller;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions::{self, Decision};
use super::model::{Listing, Moment, Prefix, Reason, Sort, Verdict};
use super::store;
use crate::AppState;
use crate::profiles::{self, Profile, ProfileError, ProfileId, ProfileView, Status};

/// The scope that lets a caller see every user.
const READ: &str = "users:read";
/// The scope that lets a caller change the status of users.
const WRITE: &str = "users:write";

/// A user, as admins see them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// What the user sees.
    #[serde(flatten)]
    pub profile: ProfileView,
    /// Why an admin set the status; the user does not see it.
    #[schema(required = true)]
    pub status_reason: Option<String>,
}

impl From<Profile> for UserView {
    fn from(mut profile: Profile) -> Self {
        let status_reason = profile.status_reason.take();
        Self { profile: profile.into(), status_reason }
    }
}

/// What to list. Every condition given must be met.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsers {
    /// The beginning of an address or a display name, whatever its case.
    #[param(max_length = 100, example = "ada")]
    q: Option<String>,
    /// Only users in this status. Without it, all but the deleted.
    #[param(inline)]
    status: Option<Status>,
    /// Only users with this role.
    #[param(example = "editor")]
    role: Option<String>,
    /// Only users whose address was verified, or was not.
    #[serde(default, deserialize_with = "yes_or_no")]
    email_verified: Option<bool>,
    /// Only users made at this time or later (RFC 3339).
    #[serde(rename = "created_at.gte")]
    created_from: Option<DateTime<Utc>>,
    /// Only users made earlier than this (RFC 3339).
    #[serde(rename = "created_at.lt")]
    created_before: Option<DateTime<Utc>>,
    /// The order; `-created_at` if nothing is said.
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    /// How many users a page holds.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u16>,
    /// `next_cursor` of the page before; good for the same conditions and order only.
    cursor: Option<String>,
}

/// An empty value is a mistake, not the absence of the condition.
fn yes_or_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

impl ListUsers {
    fn listing(&self) -> Result<Listing, ApiError> {
        let moment = |name, at: Option<DateTime<Utc>>| at.map(Moment::parse).transpose().map_err(refuse(name));
        Ok(Listing {
            prefix: self.q.as_deref().map(Prefix::parse).transpose().map_err(refuse("q"))?,
            status: self.status,
            role: self.role.clone(),
            email_verified: self.email_verified,
            created_from: moment("created_at.gte", self.created_from)?,
            created_before: moment("created_at.lt", self.created_before)?,
            sort: self.sort,
        })
    }
}

fn refuse(parameter: &'static str) -> impl Fn(Invalid) -> ApiError {
    move |Invalid { detail, .. }| ApiError::new(&kinds::INVALID_PARAMETER, format!("{parameter}: {detail}"))
}

/// The new status of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeUserStatus)]
pub struct ChangeStatus {
    /// The new status.
    status: Verdict,
    /// Why, for other admins to read.
    #[schema(max_length = 500, example = "Chargeback under investigation")]
    reason: Option<String>,
}

/// List users
///
/// Needs the scope `users:read`.
#[utoipa::path(
    get, path = "/v1/users", operation_id = "list_users", tag = "users", security(("bearer" = [READ])),
    params(ListUsers),
    responses(
        (status = 200, description = "A page of users", body = Page<UserView>, headers(("Link" = String, description = "The next page, `rel=\"next\"` (RFC 8288)"))),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "`invalid_parameter`, `invalid_cursor`, `cursor_mismatch`"),
        (status = 410, body = Problem, content_type = "application/problem+json", description = "`gone`: the caller's own profile was deleted"),
    ),
)]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(query): Query<ListUsers>,
    uri: Uri,
) -> Result<Response, ApiError> {
    caller.require(READ)?;
    let (listing, limit) = (query.listing()?, Limit::parse(query.limit)?);
    let after = query.cursor.as_deref().map(|cursor| app.cursors.open(&listing, cursor)).transpose()?;
    let mut db = app.db.acquire().await?;
    actions::admit(&mut db, ProfileId(caller.subject())).await?;
    let rows = store::list(&mut db, &listing, after, limit.rows()).await?;
    let seal = |last: &Profile| app.cursors.seal(&listing, &listing.sort.position(last));
    Ok(Page::from_rows(rows, limit, seal, UserView::from).respond(&uri))
}

/// Show a user
///
/// Needs the scope `users:read`; a deleted user is shown as the tombstone that is left.
#[utoipa::path(
    get, path = "/v1/users/{id}", operation_id = "show_user", tag = "users", security(("bearer" = [READ])),
    params(
        ("id" = ProfileId, Path, description = "The subject of the account"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag you hold: 304 while it is current"),
    ),
    responses(
        (status = 200, description = "The user", body = UserView, headers(("ETag" = String, description = "The version, for If-Match"))),
        (status = 304, description = "You hold the current version"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "`invalid_parameter`: the id is not a UUID"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "`not_found`"),
        (status = 410, body = Problem, content_type = "application/problem+json", description = "`gone`: the caller's own profile was deleted"),
    ),
)]
pub async fn show(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<ProfileId>,
    condition: IfNoneMatch,
) -> Result<Response, ApiError> {
    caller.require(READ)?;
    let mut db = app.db.acquire().await?;
    actions::admit(&mut db, ProfileId(caller.subject())).await?;
    let profile = profiles::find(&mut db, id).await?.ok_or(ProfileError::NotFound)?;
    if condition.holds(profile.version) {
        return Ok(etag::not_modified(profile.version));
    }
    Ok(answer(profile))
}

/// Suspend a user, or lift it
///
/// Needs the scope `users:write`. A suspended user is refused everything under `/v1/users` with `account_suspended`;
/// to end their sessions, lock the account at auth. Nobody changes their own status, and a deleted user stays deleted.
#[utoipa::path(
    put, path = "/v1/users/{id}/status", operation_id = "change_user_status", tag = "users", security(("bearer" = [WRITE])),
    params(
        ("id" = ProfileId, Path, description = "The subject of the account"),
        ("If-Match" = String, Header, description = "The ETag of the version you have seen"),
    ),
    request_body = ChangeStatus,
    responses(
        (status = 200, description = "The user as it is now", body = UserView, headers(("ETag" = String, description = "The new version"))),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "`not_found`"),
        (status = 410, body = Problem, content_type = "application/problem+json", description = "`gone`: the caller's own profile was deleted"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "`illegal_transition`, `own_status`"),
        (status = 412, body = Problem, content_type = "application/problem+json", description = "`version_mismatch`"),
        (status = 428, body = Problem, content_type = "application/problem+json", description = "`precondition_required`: send If-Match"),
    ),
)]
pub async fn change_status(
    State(app): State<AppState>,
    caller: Caller,
    Path(about): Path<ProfileId>,
    if_match: IfMatch,
    Json(body): Json<ChangeStatus>,
) -> Result<Response, ApiError> {
    caller.require(WRITE)?;
    let reason = body.reason.as_deref().map(Reason::parse).transpose();
    let reason = reason.map_err(|invalid| ApiError::field("/reason", invalid))?;
    let decision = Decision { by: ProfileId(caller.subject()), about, verdict: body.status, reason };
    Ok(answer(actions::decide(&app.db, &decision, &if_match, app.clock.now()).await?))
}

fn answer(profile: Profile) -> Response {
    (etag::header(profile.version), axum::Json(UserView::from(profile))).into_response()
}
