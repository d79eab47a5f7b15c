//! Signing in and out, and the list of devices.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use chrono::{DateTime, Utc};
use portico_common::error::{ApiError, FieldErrors, Problem};
use portico_common::extract::{Json, OptionalJson, Path, Query};
use portico_common::page::{Limit, Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions::{Credentials, SignedIn};
use super::{
    EndReason, LiveCaller, Session, SessionError, SessionId, SessionRules, actions, refresh as refreshing, store,
};
use crate::accounts::EmailAddress;
use crate::client::ClientInfo;
use crate::passwords::GivenPassword;
use crate::responses::ThrottleProblem;
use crate::state::AppState;
use crate::throttle::Counter;
use crate::tokens::{AccessToken, RefreshToken};

/// What a signed-in client works with.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokensView {
    /// An RFC 9068 access token, to be sent as `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: i64,
    /// Good for one call of refresh.
    refresh_token: String,
    /// Seconds until the session ends if it is not refreshed.
    refresh_expires_in: i64,
    /// What the access token allows, separated by spaces.
    #[schema(example = "profile:read profile:write")]
    scope: String,
}

fn tokens(app: &AppState, signed_in: &SignedIn, now: DateTime<Utc>) -> Result<axum::Json<TokensView>, SessionError> {
    let SignedIn { account, session, refresh_token } = signed_in;
    let AccessToken { token, expires_in, scope } =
        app.tokens.sign(account, session, now).map_err(SessionError::Signing)?;
    Ok(axum::Json(TokensView {
        access_token: token,
        token_type: "Bearer",
        expires_in,
        refresh_token: refresh_token.as_str().to_owned(),
        refresh_expires_in: (session.ends_at(&app.session_rules) - now).num_seconds(),
        scope,
    }))
}

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The address of the account.
    #[schema(format = Email)]
    email: String,
    /// The password, exactly as it was set.
    #[schema(format = Password)]
    password: String,
}

/// Sign in
#[utoipa::path(post, path = "/v1/auth/login", operation_id = "login", tag = "auth", request_body = Login, responses(
    (status = 200, description = "Signed in", body = TokensView),
    (status = 401, description = "`invalid_credentials`: the address or the password is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is right, and `email_not_verified` or `account_locked`", body = Problem, content_type = "application/problem+json"),
    ThrottleProblem,
))]
pub(crate) async fn login(
    State(app): State<AppState>,
    client: ClientInfo,
    Json(body): Json<Login>,
) -> Result<axum::Json<TokensView>, ApiError> {
    let now = app.clock.now();
    let mut errors = FieldErrors::default();
    let email = errors.take("/email", EmailAddress::parse(&body.email));
    let password = errors.take("/password", GivenPassword::parse(body.password));
    let (Some(email), Some(password)) = (email, password) else {
        return Err(errors.into());
    };
    let source = client.source();
    app.throttle.count_login(&email, source, now)?;
    let pair = Counter::Login(email.clone(), source);
    let credentials = Credentials { email, password, client };
    let outcome = actions::login(&app.db, &app.passwords, &app.session_rules, credentials, now).await;
    match &outcome {
        Err(SessionError::InvalidCredentials) => return Err(SessionError::InvalidCredentials.into()),
        // The password was right, whatever else stood in the way.
        Ok(_) | Err(SessionError::EmailNotVerified | SessionError::AccountLocked) => app.throttle.forget(&pair),
        // Nothing was learned about the password.
        Err(_) => app.throttle.uncount(&pair),
    }
    app.throttle.uncount(&Counter::LoginFrom(source));
    Ok(tokens(&app, &outcome?, now)?)
}

/// The refresh token of the session to continue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// The newest refresh token of the session.
    refresh_token: String,
}

/// Continue a session
///
/// Every refresh token is good once. Asked again within ten seconds the answer has the same new
/// refresh token, so that a lost answer does no harm; later, the session ends for everybody who
/// holds one of its tokens.
#[utoipa::path(post, path = "/v1/auth/refresh", operation_id = "refresh", tag = "auth", request_body = Refresh, responses(
    (status = 200, description = "New tokens", body = TokensView),
    (status = 400, description = "`invalid_grant`: the refresh token is not accepted; or `malformed_json`", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn refresh(
    State(app): State<AppState>,
    Json(body): Json<Refresh>,
) -> Result<axum::Json<TokensView>, ApiError> {
    let now = app.clock.now();
    let token = RefreshToken::parse(&body.refresh_token).ok_or(SessionError::InvalidGrant)?;
    let outcome = refreshing::refresh(&app.db, &app.tokens, &app.session_rules, token, now).await;
    app.postman.wake();
    Ok(tokens(&app, &outcome?, now)?)
}

/// What to sign out of.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Logout {
    /// All sessions of the account instead of this one.
    everywhere: bool,
}

/// Sign out
///
/// The access tokens of the session are refused everywhere within a second.
#[utoipa::path(post, path = "/v1/auth/logout", operation_id = "logout", tag = "auth", security(("bearer" = [])),
    request_body(content = Option<Logout>, description = "May be left out"), responses(
    (status = 204, description = "Signed out"),
))]
pub(crate) async fn logout(
    State(app): State<AppState>,
    caller: LiveCaller,
    OptionalJson(body): OptionalJson<Logout>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    if body.everywhere {
        actions::end_others(&app.db, &app.tokens, caller.account(), None, EndReason::Logout, now).await?;
    } else {
        actions::end(&app.db, &app.tokens, caller.account(), caller.session(), EndReason::Logout, now).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A signed-in device.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Its id, the `sid` of its tokens.
    id: SessionId,
    /// Whether it is the one that asks.
    current: bool,
    /// When it signed in.
    created_at: DateTime<Utc>,
    /// When it was last refreshed.
    last_used_at: DateTime<Utc>,
    /// When it ends if it is not used again.
    expires_at: DateTime<Utc>,
    /// The address it signed in from.
    ip: Option<String>,
    /// What the client called itself.
    user_agent: Option<String>,
}

impl SessionView {
    fn new(session: Session, current: SessionId, rules: &SessionRules) -> Self {
        let expires_at = session.ends_at(rules);
        let Session {
            id,
            account_id: _,
            generation: _,
            authenticated_at: created_at,
            last_used_at,
            expires_at: _,
            ended_at: _,
            ip,
            user_agent,
        } = session;
        Self { id, current: id == current, created_at, last_used_at, expires_at, ip, user_agent }
    }
}

/// Which page of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many to a page.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List the sessions of the account, newest first
#[utoipa::path(get, path = "/v1/auth/sessions", operation_id = "list_sessions", tag = "auth", security(("bearer" = [])),
    params(PageQuery), responses(
    (status = 200, description = "The signed-in devices", body = Page<SessionView>),
))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: LiveCaller,
    uri: Uri,
    Query(query): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = Limit::parse(query.limit)?;
    // The account is part of what the cursor is bound to: it is of no use to anybody else.
    let bound_to = ("sessions", caller.account());
    let before = query.cursor.map(|cursor| app.cursors.open(&bound_to, &cursor)).transpose()?;
    let (now, rules) = (app.clock.now(), app.session_rules);
    let mut db = app.db.acquire().await?;
    let rows = store::list(&mut db, caller.account(), now - rules.idle, now, before, limit.rows()).await?;
    let seal = |session: &Session| app.cursors.seal(&bound_to, &session.id);
    let view = |session| SessionView::new(session, caller.session(), &rules);
    Ok(Page::from_rows(rows, limit, seal, view).respond(&uri))
}

/// Sign out all other sessions of the account
#[utoipa::path(delete, path = "/v1/auth/sessions", operation_id = "revoke_other_sessions", tag = "auth", security(("bearer" = [])), responses(
    (status = 204, description = "Only the session that asks is left"),
))]
pub(crate) async fn revoke_others(State(app): State<AppState>, caller: LiveCaller) -> Result<StatusCode, ApiError> {
    let (now, kept) = (app.clock.now(), Some(caller.session()));
    actions::end_others(&app.db, &app.tokens, caller.account(), kept, EndReason::Revoked, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out one session of the account
///
/// A session has no version that could be stale, so no `If-Match` is needed.
#[utoipa::path(delete, path = "/v1/auth/sessions/{id}", operation_id = "revoke_session", tag = "auth", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 204, description = "Its tokens are refused everywhere within a second"),
    (status = 404, description = "`not_found`: it ended already, or is another account's", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke(
    State(app): State<AppState>,
    caller: LiveCaller,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    actions::end(&app.db, &app.tokens, caller.account(), id, EndReason::Revoked, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
