//! One line a request, which tells how it went and nothing that is secret.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use http::Method;
use jsonwebtoken::Header;
use portico_testkit::{Issuer, User};
use serde_json::Value;
use tokio::time::timeout;

use crate::helpers::{PATIENCE, Suite};

/// What all gateways of all tests have logged.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps what is logged. One subscriber for all tests, there before any line is logged: a line that is first
/// reached on a thread without one stays switched off for all.
pub fn capture() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing_subscriber::fmt().json().with_writer(|| Log).init());
}

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn text() -> String {
    String::from_utf8(LOGGED.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text")
}

/// The fields of the access line of the request with this id, once it is there.
pub async fn line_of(request_id: &str) -> Value {
    let found = async {
        loop {
            if let Some(line) = written_line_of(request_id) {
                return line;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, found).await.expect("its line in time")
}

fn written_line_of(request_id: &str) -> Option<Value> {
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    let whole = str::from_utf8(&logged).expect("text").rsplit_once('\n')?.0;
    // All tests write here: most lines are of others, and are not worth being parsed.
    let about_it = whole.lines().filter(|line| line.contains(request_id));
    let mut lines = about_it.map(|line| serde_json::from_str::<Value>(line).expect("json"));
    let line = lines
        .find(|line| line["target"] == "portico_gateway::access_log" && line["fields"]["request.id"] == request_id)?;
    Some(line["fields"].clone())
}

#[tokio::test]
async fn each_request_is_one_line_without_secrets() {
    let suite = Suite::start().await;
    let token = suite.issuer.token(&User::customer());
    let client = suite.client();
    let secret = token.split('.').next_back().expect("a signature");
    let ask = async |id: &str, token: &str, path: &str| {
        let client = if token.is_empty() { client.clone() } else { client.with_token(token) };
        client.send(client.request(Method::GET, path).header("x-request-id", id)).await;
        let line = line_of(id).await;
        (line["http.route"].clone(), line["http.status"].as_u64(), line["problem.code"].clone())
    };

    let good = ask("logs-good", &token, "/v1/closed/echo?reset=hunter2").await;
    let bad = ask("logs-bad", &format!("{token}x"), "/v1/closed/echo").await;
    let lost = ask("logs-lost", "", "/nowhere").await;
    let own = ask("logs-own", "", "/problems/internal").await;

    assert_eq!(good, ("/v1/closed".into(), Some(200), Value::Null));
    assert_eq!(bad, ("/v1/closed".into(), Some(401), "invalid_token".into()));
    assert_eq!(lost, ("/nowhere".into(), Some(404), "route_not_found".into()));
    assert_eq!(own, ("/problems/{code}".into(), Some(200), Value::Null));
    let line = line_of("logs-good").await;
    assert_eq!((&line["upstream"], &line["http.method"]), (&"shop".into(), &"GET".into()));
    assert!(line["duration_ms"].is_number());
    assert!(!text().contains("hunter2") && !text().contains(secret));
}

#[tokio::test]
async fn a_request_whose_client_leaves_has_its_line_too() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/hang HTTP/1.1\r\nHost: a\r\nX-Request-Id: logs-left\r\n\r\n").await;
    suite.upstream.arrived().await;
    drop(connection);
    suite.upstream.abandoned().await;

    let line = line_of("logs-left").await;
    assert_eq!(line["message"], "request abandoned by the client");
    assert!(line.get("http.status").is_none());
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_reason() {
    let suite = Suite::start().await;
    let revoked = User::customer();
    suite.issuer.revoke(revoked.session);
    let revoked = suite.issuer.token(&revoked);
    let mut expired = suite.issuer.claims(&User::customer());
    expired.exp = 1;
    let unknown_key = Header { kid: Some("other".to_owned()), ..Issuer::header() };
    let is_known = async { while suite.client().with_token(&revoked).get("/v1/closed/echo").await.status == 200 {} };
    timeout(PATIENCE, is_known).await.expect("the revocation in time");
    let customer = suite.issuer.claims(&User::customer());
    let cases = [
        ("jwt_revoked", revoked),
        ("jwt_expired", suite.issuer.sign(&Issuer::header(), &expired)),
        ("jwt_unknown_key", suite.issuer.sign(&unknown_key, &customer)),
        ("jwt_malformed", "x".to_owned()),
        ("unauthenticated", String::new()),
    ];

    for (reason, token) in cases {
        let client = if token.is_empty() { suite.client() } else { suite.client().with_token(token) };
        let id = format!("logs-reason-{reason}");
        let request = client.request(Method::GET, "/v1/closed/echo").header("x-request-id", &id);
        let reply = timeout(PATIENCE, client.send(request)).await.expect("an answer");

        let line = line_of(&id).await;
        assert_eq!(reply.status, 401, "{reason}");
        assert_eq!(line["reason"], reason);
        assert_eq!(line["problem.code"], reply.body["code"]);
    }
}

#[tokio::test]
async fn without_sampling_only_what_went_wrong_is_logged() {
    let suite = Suite::start_with_sample(0.0).await;
    let ask = async |id: &str, path: &str| {
        let client = suite.client();
        client.send(client.request(Method::GET, path).header("x-request-id", id)).await.status.as_u16()
    };

    let statuses = [
        ask("logs-unsampled", "/v1/open/echo").await,
        ask("logs-teapot", "/v1/open/teapot").await,
        ask("logs-refused", "/nowhere").await,
        ask("logs-failed", "/v1/quick/hang").await,
    ];

    assert_eq!(statuses, [200, 418, 404, 504]);
    line_of("logs-refused").await;
    line_of("logs-failed").await;
    assert!(["logs-unsampled", "logs-teapot"].iter().all(|id| written_line_of(id).is_none()));
}

#[tokio::test]
async fn nothing_secret_is_logged_however_the_request_ends() {
    let suite = Suite::start().await;
    let secret = "birdsong-5d41402abc4b2a76";
    for path in ["/v1/open/echo", "/v1/closed/echo", "/nowhere", "/v1/quick/hang", "/healthz"] {
        let client = suite.client();
        let request = client
            .request(Method::POST, &format!("{path}?token={secret}"))
            .header("authorization", format!("Bearer {secret}"))
            .header("cookie", format!("session={secret}"))
            .header("x-api-key", secret)
            .header("traceparent", secret)
            .header("x-request-id", format!("{secret}?"))
            .body(secret);
        client.send(request).await;
    }
    let client = suite.client();
    client.send(client.request(Method::GET, "/nowhere").header("x-request-id", "logs-last")).await;
    line_of("logs-last").await;

    assert!(!text().contains("birdsong"));
}
