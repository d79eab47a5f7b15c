//! Changing, forgetting and resetting a password.

use axum::extract::State;
use axum::http::StatusCode;
use portico_common::error::{ApiError, Problem};
use portico_common::extract::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::actions::{self, Change, Reset};
use super::{GivenPassword, PasswordError};
use crate::accounts::{Address, EmailAddress};
use crate::client::ClientInfo;
use crate::letters::{self, LetterKind};
use crate::responses::ThrottleProblem;
use crate::sessions::LiveCaller;
use crate::state::AppState;
use crate::throttle::Counter;

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    /// The password as it is.
    #[schema(format = Password)]
    current_password: String,
    /// At least 15 characters, not easily guessed; kept exactly as sent.
    #[schema(format = Password, min_length = 15, max_length = 1024)]
    new_password: String,
}

/// Change the password
///
/// The current password stands in the place of `If-Match`. All other sessions end.
#[utoipa::path(put, path = "/v1/auth/password", operation_id = "change_password", tag = "auth", security(("bearer" = [])),
    request_body = ChangePassword, responses(
    (status = 204, description = "Changed"),
    ThrottleProblem,
))]
pub(crate) async fn change(
    State(app): State<AppState>,
    caller: LiveCaller,
    Json(body): Json<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    let current =
        GivenPassword::parse(body.current_password).map_err(|invalid| ApiError::field("/current_password", invalid))?;
    let counter = Counter::PasswordChange(caller.account());
    app.throttle.count(counter.clone(), now)?;
    let change = Change { account: caller.account(), session: caller.session(), current, new: body.new_password };
    let outcome = actions::change(&app.db, &app.passwords, &app.tokens, change, now).await;
    match &outcome {
        Err(PasswordError::WrongCurrent) => {}
        // The current password was right, and only the new one is not good enough.
        Ok(()) | Err(PasswordError::Refused(_)) => app.throttle.forget(&counter),
        Err(_) => app.throttle.uncount(&counter),
    }
    outcome?;
    app.postman.wake();
    Ok(StatusCode::NO_CONTENT)
}

/// That the wish was heard.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResetRequested {
    /// Always `reset_requested`.
    #[schema(example = "reset_requested")]
    status: &'static str,
}

/// Ask for a code to reset the password
///
/// The answer is the same for an address without an account, which is not written to.
#[utoipa::path(post, path = "/v1/auth/password/forgot", operation_id = "forgot_password", tag = "auth", request_body = Address, responses(
    (status = 202, description = "A mail is on its way, if there is an account", body = ResetRequested),
    ThrottleProblem,
))]
pub(crate) async fn forgot(
    State(app): State<AppState>,
    client: ClientInfo,
    Json(body): Json<Address>,
) -> Result<(StatusCode, axum::Json<ResetRequested>), ApiError> {
    let email = body.parse(&app, &client)?;
    let mut db = app.db.acquire().await?;
    letters::enqueue(&mut db, LetterKind::ResetPassword, &email, None, app.clock.now()).await?;
    app.postman.wake();
    Ok((StatusCode::ACCEPTED, axum::Json(ResetRequested { status: "reset_requested" })))
}

/// The mailed code and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetPassword {
    /// The address of the account.
    #[schema(format = Email)]
    email: String,
    /// The code, in any case, with or without the dash.
    #[schema(example = "ABCD-2345")]
    code: String,
    /// At least 15 characters, not easily guessed; kept exactly as sent.
    #[schema(format = Password, min_length = 15, max_length = 1024)]
    new_password: String,
}

/// Reset the password by a mailed code
///
/// A code is good once, for 10 minutes. All sessions end.
#[utoipa::path(post, path = "/v1/auth/password/reset", operation_id = "reset_password", tag = "auth", request_body = ResetPassword, responses(
    (status = 204, description = "The password is set; sign in with it"),
    ThrottleProblem,
    (status = 400, description = "`invalid_code`: wrong, used or expired; or `malformed_json`", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn reset(
    State(app): State<AppState>,
    client: ClientInfo,
    Json(body): Json<ResetPassword>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    app.throttle.count(Counter::From(client.source()), now)?;
    let email = EmailAddress::parse(&body.email).map_err(|invalid| ApiError::field("/email", invalid))?;
    let counter = Counter::Code(email.clone(), client.source());
    app.throttle.count(counter.clone(), now)?;
    let reset = Reset { email, code: body.code, new: body.new_password };
    let outcome = actions::reset(&app.db, &app.passwords, &app.tokens, &app.code_key, reset, now).await;
    match &outcome {
        Err(PasswordError::InvalidCode) => {}
        Ok(()) => app.throttle.forget(&counter),
        // A password that is refused is so before the code is looked at: nothing was learned about that.
        Err(_) => app.throttle.uncount(&counter),
    }
    outcome?;
    app.postman.wake();
    Ok(StatusCode::NO_CONTENT)
}
