//! Registering and verifying an address. No answer tells whether an address has an account.

use axum::extract::State;
use axum::http::StatusCode;
use portico_common::error::{ApiError, FieldErrors, Problem};
use portico_common::extract::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccountError, DisplayName, EmailAddress, Registration, actions};
use crate::client::ClientInfo;
use crate::letters::{self, LetterKind};
use crate::responses::ThrottleProblem;
use crate::state::AppState;
use crate::throttle::Counter;

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    /// Where the code goes.
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// At least 15 characters, not easily guessed; kept exactly as sent.
    #[schema(format = Password, min_length = 15, max_length = 1024)]
    password: String,
    /// What to call the person.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    display_name: Option<String>,
}

/// What was mailed, if there was anything to mail.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sent {
    /// Always `verification_sent`.
    #[schema(example = "verification_sent")]
    status: &'static str,
}

const VERIFICATION_SENT: (StatusCode, axum::Json<Sent>) =
    (StatusCode::ACCEPTED, axum::Json(Sent { status: "verification_sent" }));

/// Register an account
///
/// A code and a link go to the address; the account can be used once it is verified. The answer is
/// the same for an address that has an account, whose owner is told by mail.
#[utoipa::path(post, path = "/v1/auth/register", operation_id = "register", tag = "auth", request_body = Register, responses(
    (status = 202, description = "A mail is on its way", body = Sent),
    ThrottleProblem,
))]
pub(crate) async fn register(
    State(app): State<AppState>,
    client: ClientInfo,
    Json(body): Json<Register>,
) -> Result<(StatusCode, axum::Json<Sent>), ApiError> {
    let now = app.clock.now();
    app.throttle.count(Counter::From(client.source()), now)?;
    let mut errors = FieldErrors::default();
    let email = errors.take("/email", EmailAddress::parse(&body.email));
    let name = body.display_name.as_deref().map(DisplayName::parse).transpose();
    let name = errors.take("/display_name", name).flatten().map(DisplayName::into_string);
    let mut context: Vec<&str> = email.iter().flat_map(|email| [email.as_str(), email.local_part()]).collect();
    context.extend(name.as_deref());
    let Some(email) = email.as_ref().filter(|_| errors.is_empty()) else {
        // All that is wrong is told at once, but what is refused anyway is not worth a hash.
        errors.take("/password", app.passwords.check_new(body.password, &context).await?);
        return Err(errors.into());
    };
    app.throttle.count_mail(email, client.source(), now)?;
    let hashed = app.passwords.hash_new(body.password, &context).await;
    if !matches!(hashed, Ok(Ok(_))) {
        app.throttle.uncount_mail(email, client.source());
    }
    let password_hash = hashed?.map_err(|invalid| ApiError::field("/password", invalid))?;
    let registration = Registration { password_hash, display_name: name };
    actions::register(&app.db, email.clone(), registration, now).await?;
    app.postman.wake();
    Ok(VERIFICATION_SENT)
}

/// An address and the code mailed to it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyEmail {
    /// The address that was registered.
    #[schema(format = Email)]
    email: String,
    /// The code, in any case, with or without the dash.
    #[schema(example = "ABCD-2345")]
    code: String,
}

/// Verify an address
///
/// A code is good once, for 15 minutes.
#[utoipa::path(post, path = "/v1/auth/email/verify", operation_id = "verify_email", tag = "auth", request_body = VerifyEmail, responses(
    (status = 204, description = "The address is verified"),
    ThrottleProblem,
    (status = 400, description = "`invalid_code`: wrong, used or expired; or `malformed_json`", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn verify(
    State(app): State<AppState>,
    client: ClientInfo,
    Json(body): Json<VerifyEmail>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    app.throttle.count(Counter::From(client.source()), now)?;
    let email = EmailAddress::parse(&body.email).map_err(|invalid| ApiError::field("/email", invalid))?;
    let counter = Counter::Code(email.clone(), client.source());
    app.throttle.count(counter.clone(), now)?;
    let outcome = actions::verify_email(&app.db, &app.code_key, &email, &body.code, now).await;
    match &outcome {
        Err(AccountError::InvalidCode) => {}
        Ok(()) => app.throttle.forget(&counter),
        Err(_) => app.throttle.uncount(&counter),
    }
    outcome?;
    Ok(StatusCode::NO_CONTENT)
}

/// An address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    /// The address.
    #[schema(format = Email)]
    email: String,
}

impl Address {
    /// Checks the address, and that neither the client asks too often nor anybody for mail to it.
    pub fn parse(&self, app: &AppState, client: &ClientInfo) -> Result<EmailAddress, ApiError> {
        let now = app.clock.now();
        app.throttle.count(Counter::From(client.source()), now)?;
        let email = EmailAddress::parse(&self.email).map_err(|invalid| ApiError::field("/email", invalid))?;
        app.throttle.count_mail(&email, client.source(), now)?;
        Ok(email)
    }
}

/// Send a new code
///
/// The answer is the same whether or not the address waits to be verified.
#[utoipa::path(post, path = "/v1/auth/email/resend", operation_id = "resend_verification", tag = "auth", request_body = Address, responses(
    (status = 202, description = "A mail is on its way, if the address waits to be verified", body = Sent),
    ThrottleProblem,
))]
pub(crate) async fn resend(
    State(app): State<AppState>,
    client: ClientInfo,
    Json(body): Json<Address>,
) -> Result<(StatusCode, axum::Json<Sent>), ApiError> {
    let email = body.parse(&app, &client)?;
    let mut db = app.db.acquire().await?;
    letters::enqueue(&mut db, LetterKind::VerifyEmail, &email, None, app.clock.now())
        .await
        .map_err(AccountError::Database)?;
    app.postman.wake();
    Ok(VERIFICATION_SENT)
}
