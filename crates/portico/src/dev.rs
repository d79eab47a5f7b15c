//! The development pages: what runs, and the mailbox. On loopback only, and only in the runner.

use std::net::SocketAddr;

use axum::extract::{Query, Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use portico_auth::mail::{Mailbox, Message};
use portico_common::lifecycle::Lifecycle;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use portico_chores::state::State;

#[derive(Clone)]
struct Dev {
    state: State,
    mailbox: Mailbox,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailQuery {
    to: Option<String>,
}

/// Serves the pages until the suite stops.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, state: State, mailbox: Mailbox, lifecycle: Lifecycle) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/", get(home))
        .route("/mail", get(mail))
        .route("/api/mail", get(api_mail))
        .route("/verify-email", get(verify_email))
        .route("/reset-password", get(reset_password))
        .with_state(Dev { state, mailbox })
        .layer(from_fn(move |request, next| refuse_other_names(address, request, next)));
    axum::serve(listener, router).with_graceful_shutdown(async move { lifecycle.stopping().await }).await?;
    Ok(())
}

/// A page on another site could point its own name at loopback and read the mail here; it could not send our name.
async fn refuse_other_names(own: SocketAddr, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_ours = host == own.to_string() || host == format!("localhost:{}", own.port());
    if is_ours { next.run(request).await } else { StatusCode::MISDIRECTED_REQUEST.into_response() }
}

async fn api_mail(Shared(dev): Shared<Dev>, Query(query): Query<MailQuery>) -> Json<Vec<Message>> {
    Json(dev.mailbox.messages(query.to.as_deref()))
}

async fn home(Shared(dev): Shared<Dev>) -> Html<String> {
    let State { gateway, services, logins, .. } = &dev.state;
    let links = [
        ("Gateway", gateway.clone()),
        ("API reference", format!("{gateway}/docs")),
        ("OpenAPI document", format!("{gateway}/openapi.json")),
    ];
    let links: String = links.iter().map(|(name, url)| row(name, &link(url))).collect();
    let services: String = services
        .iter()
        .map(|(name, at)| {
            row(name, &format!("{} · {}", escape(&at.public), link(&format!("{}/health/ready", at.internal))))
        })
        .collect();
    let logins: String = logins
        .iter()
        .map(|login| row(&login.role, &format!("{} <code>{}</code>", escape(&login.email), escape(&login.password))))
        .collect();
    page(
        "What runs",
        &format!(
            "<table>{links}{}</table><h2>Services</h2><table>{services}</table><h2>Demo logins</h2><table>{logins}</table>",
            row("Mailbox", "<a href=\"/mail\">/mail</a> · <a href=\"/api/mail\">/api/mail</a>")
        ),
    )
}

async fn mail(Shared(dev): Shared<Dev>, Query(query): Query<MailQuery>) -> Html<String> {
    let messages = dev.mailbox.messages(query.to.as_deref());
    let list: String = messages.iter().map(letter).collect();
    let empty = if messages.is_empty() { "<p>No mail yet. Register an account and look again.</p>" } else { "" };
    page("Mailbox", &format!("<p><a href=\"/\">What runs</a></p>{empty}{list}"))
}

/// What the links in mail carry.
#[derive(Deserialize)]
struct FromMail {
    email: String,
    code: Option<String>,
}

async fn verify_email(Shared(dev): Shared<Dev>, Query(mail): Query<FromMail>) -> Html<String> {
    let FromMail { email, code } = mail;
    let body = json!({ "email": email, "code": code.unwrap_or_default() });
    call("Verify the address", &dev.state, "/v1/auth/email/verify", &body)
}

async fn reset_password(Shared(dev): Shared<Dev>, Query(mail): Query<FromMail>) -> Html<String> {
    let Some(code) = mail.code else {
        let body = json!({ "email": mail.email });
        return call("Ask for a code to set a new password", &dev.state, "/v1/auth/password/forgot", &body);
    };
    let body = json!({ "email": mail.email, "code": code, "new_password": "a new and long password" });
    call("Set a new password", &dev.state, "/v1/auth/password/reset", &body)
}

/// Stands in for the front end that a link in mail leads to: the call it would make.
fn call(title: &str, state: &State, path: &str, body: &Value) -> Html<String> {
    let body = body.to_string().replace('\'', "'\\''");
    let curl = format!("curl -i {}{path} -H 'content-type: application/json' -d '{body}'", state.gateway);
    let text = "Your front end takes it from here: set LINK_BASE_URL of auth to its address. Until then, by hand:";
    page(title, &format!("<p>{text}</p><pre>{}</pre>", escape(&curl)))
}

fn letter(message: &Message) -> String {
    let links: Vec<_> = message.links.iter().map(|url| link(url)).collect();
    format!(
        "<article><h2>{}</h2><p>to {}</p><pre>{}</pre><p>{}</p></article>",
        escape(&message.subject),
        escape(&message.to),
        escape(&message.text),
        links.join("<br>")
    )
}

fn row(name: &str, html: &str) -> String {
    format!("<tr><th>{}</th><td>{html}</td></tr>", escape(name))
}

fn link(url: &str) -> String {
    // Mail is written by others: only addresses a browser may open by itself become links.
    if url.starts_with("http://") || url.starts_with("https://") {
        format!("<a href=\"{0}\" rel=\"noreferrer\">{0}</a>", escape(url))
    } else {
        escape(url)
    }
}

/// Five characters are all that HTML text and quoted attributes are sensitive to.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn page(title: &str, content: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title} · Portico</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}}\
         th{{text-align:left;padding:.2rem 2rem .2rem 0;font-weight:600}}\
         article{{border:1px solid #8885;border-radius:.5rem;padding:0 1rem;margin:1rem 0}}\
         pre{{white-space:pre-wrap;overflow-wrap:anywhere}}</style><h1>{title}</h1>{content}</html>"
    ))
}
