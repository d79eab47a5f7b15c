//! Accounts as admins see them.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use portico_common::error::{ApiError, Problem, kinds};
use portico_common::etag::{self, IfMatch, IfNoneMatch};
use portico_common::extract::{Json, Path, Query};
use portico_common::page::{Limit, Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use crate::accounts::{self, Account, AccountError, AccountId, EmailAddress, Role, Roles};
use crate::sessions::LiveCaller;
use crate::state::AppState;

const SCOPE: &str = "accounts:write";

type Tagged = ([(HeaderName, HeaderValue); 1], axum::Json<AccountView>);

/// Whether an account may sign in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountStatus {
    Active,
    Locked,
}

/// An account: credentials, not profile.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountView {
    /// Its id, the `sub` of its tokens.
    id: AccountId,
    /// The address it signs in with.
    email: String,
    /// Whether the address was verified.
    email_verified: bool,
    /// The name given at registration.
    display_name: Option<String>,
    /// Its roles.
    roles: Vec<Role>,
    /// Whether it may sign in.
    status: AccountStatus,
    /// When it registered.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let status = if account.is_locked() { AccountStatus::Locked } else { AccountStatus::Active };
        let Account {
            id,
            email,
            email_verified_at,
            display_name,
            password_hash: _,
            roles,
            locked_at: _,
            tokens_valid_from: _,
            version: _,
            created_at,
            updated_at,
        } = account;
        Self {
            id,
            email: email.to_string(),
            email_verified: email_verified_at.is_some(),
            display_name,
            roles: roles.to_vec(),
            status,
            created_at,
            updated_at,
        }
    }
}

fn tagged(account: Account) -> Tagged {
    (etag::header(account.version), axum::Json(account.into()))
}

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountQuery {
    /// Only the account with this address.
    email: Option<String>,
    /// How many to a page.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List accounts, newest first
#[utoipa::path(get, path = "/v1/auth/accounts", operation_id = "list_accounts", tag = "auth", security(("bearer" = [SCOPE])),
    params(AccountQuery), responses(
    (status = 200, description = "A page of accounts", body = Page<AccountView>),
))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: LiveCaller,
    uri: Uri,
    Query(query): Query<AccountQuery>,
) -> Result<Response, ApiError> {
    caller.require(SCOPE)?;
    let limit = Limit::parse(query.limit)?;
    let bound_to = ("accounts", &query.email);
    let before = query.cursor.as_ref().map(|cursor| app.cursors.open(&bound_to, cursor)).transpose()?;
    let email = query.email.as_deref().map(EmailAddress::parse).transpose();
    let email =
        email.map_err(|invalid| ApiError::new(&kinds::INVALID_PARAMETER, format!("email: {}", invalid.detail)))?;
    let mut db = app.db.acquire().await?;
    let rows = accounts::list(&mut db, email.as_ref(), before, limit.rows()).await?;
    let seal = |account: &Account| app.cursors.seal(&bound_to, &account.id);
    Ok(Page::from_rows(rows, limit, seal, AccountView::from).respond(&uri))
}

/// Read an account
#[utoipa::path(get, path = "/v1/auth/accounts/{id}", operation_id = "get_account", tag = "auth", security(("bearer" = [SCOPE])),
    params(("id" = uuid::Uuid, Path, description = "The account")), responses(
    (status = 200, description = "The account", body = AccountView, headers(("ETag" = String, description = "Its version"))),
    (status = 304, description = "It has not changed since the `If-None-Match`"),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn show(
    State(app): State<AppState>,
    caller: LiveCaller,
    Path(id): Path<AccountId>,
    condition: IfNoneMatch,
) -> Result<Response, ApiError> {
    caller.require(SCOPE)?;
    let mut db = app.db.acquire().await?;
    let account = accounts::find(&mut db, id).await?.ok_or(AccountError::NotFound)?;
    if condition.holds(account.version) {
        return Ok(etag::not_modified(account.version));
    }
    Ok(tagged(account).into_response())
}

/// All roles of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetRoles {
    /// At least one.
    #[schema(min_items = 1)]
    roles: Vec<Role>,
}

/// Set the roles of an account
///
/// Access tokens with the old roles are refused everywhere within a second; the sessions go on and
/// get the new roles with their next refresh. Nobody can change their own.
#[utoipa::path(put, path = "/v1/auth/accounts/{id}/roles", operation_id = "set_account_roles", tag = "auth", security(("bearer" = [SCOPE])),
    params(
        ("id" = uuid::Uuid, Path, description = "The account"),
        ("If-Match" = String, Header, description = "The `ETag` of the version this is meant for"),
    ),
    request_body = SetRoles, responses(
    (status = 200, description = "The account with its new roles", body = AccountView, headers(("ETag" = String, description = "Its new version"))),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`own_account`", body = Problem, content_type = "application/problem+json"),
    (status = 412, description = "`version_mismatch`", body = Problem, content_type = "application/problem+json"),
    (status = 428, description = "`precondition_required`", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn set_roles(
    State(app): State<AppState>,
    caller: LiveCaller,
    Path(id): Path<AccountId>,
    condition: IfMatch,
    Json(body): Json<SetRoles>,
) -> Result<Tagged, ApiError> {
    caller.require(SCOPE)?;
    let roles = Roles::parse(body.roles).map_err(|invalid| ApiError::field("/roles", invalid))?;
    refuse_own(&caller, id)?;
    let account = actions::set_roles(&app.db, &app.tokens, id, &roles, &condition, &app.clock).await?;
    Ok(tagged(account))
}

/// Lock an account
///
/// It cannot sign in, its sessions end, and its access tokens are refused everywhere within a second.
#[utoipa::path(post, path = "/v1/auth/accounts/{id}/lock", operation_id = "lock_account", tag = "auth", security(("bearer" = [SCOPE])),
    params(("id" = uuid::Uuid, Path, description = "The account")), responses(
    (status = 200, description = "The locked account", body = AccountView, headers(("ETag" = String, description = "Its version"))),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "`own_account`", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn lock(
    State(app): State<AppState>,
    caller: LiveCaller,
    Path(id): Path<AccountId>,
) -> Result<Tagged, ApiError> {
    caller.require(SCOPE)?;
    refuse_own(&caller, id)?;
    Ok(tagged(actions::lock(&app.db, &app.tokens, id, app.clock.now()).await?))
}

/// Unlock an account
#[utoipa::path(post, path = "/v1/auth/accounts/{id}/unlock", operation_id = "unlock_account", tag = "auth", security(("bearer" = [SCOPE])),
    params(("id" = uuid::Uuid, Path, description = "The account")), responses(
    (status = 200, description = "The account", body = AccountView, headers(("ETag" = String, description = "Its version"))),
    (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn unlock(
    State(app): State<AppState>,
    caller: LiveCaller,
    Path(id): Path<AccountId>,
) -> Result<Tagged, ApiError> {
    caller.require(SCOPE)?;
    Ok(tagged(actions::unlock(&app.db, id, app.clock.now()).await?))
}

/// The last admin could otherwise lock everybody out with one call.
fn refuse_own(caller: &LiveCaller, id: AccountId) -> Result<(), AccountError> {
    if caller.account() == id { Err(AccountError::OwnAccount) } else { Ok(()) }
}
