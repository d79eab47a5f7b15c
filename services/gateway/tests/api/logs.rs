//! One line a request, which tells how it went and nothing that is secret.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use http::Method;
use portico_testkit::User;
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
async fn line_of(request_id: &str) -> Value {
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
    let text = text();
    let whole = text.rsplit_once('\n')?.0;
    let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("json"));
    let mut of_gateway = lines.filter(|line| line["target"] == "portico_gateway::access_log");
    of_gateway.find(|line| line["span"]["request.id"] == request_id).map(|line| line["fields"].clone())
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
