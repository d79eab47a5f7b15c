//! One line a request, which tells how it went and nothing that is secret.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use http::Method;
use portico_testkit::User;
use serde_json::Value;

use crate::helpers::Suite;

thread_local! {
    /// What was logged on this thread, where all tasks of one test run.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Sends what is logged to the thread it is logged on. One subscriber for all tests, there before any line
/// is logged: a line that is first reached on a thread without one stays switched off for all.
pub fn capture() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing_subscriber::fmt().json().with_writer(|| ThreadLog).init());
}

struct ThreadLog;

impl io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn text() -> String {
    LOGGED.with_borrow(|logged| String::from_utf8(logged.clone()).expect("text"))
}

/// The fields of the line of each request.
fn requests() -> Vec<Value> {
    let text = text();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("json"));
    let of_gateway = lines.filter(|line| line["target"] == "portico_gateway::access_log");
    of_gateway.map(|line| line["fields"].clone()).collect()
}

#[tokio::test]
async fn each_request_is_one_line_without_secrets() {
    let suite = Suite::start().await;
    let token = suite.issuer.token(&User::customer());
    let client = suite.client();
    let before = requests().len();

    client.with_token(&token).get("/v1/closed/echo?reset=hunter2").await;
    client.with_token(format!("{token}x")).get("/v1/closed/echo").await;
    client.get("/nowhere").await;
    client.send(client.request(Method::GET, "/problems/internal")).await;

    let lines = requests().split_off(before);
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["http.route"].as_str(), line["http.status"].as_u64(), line["problem.code"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Some("/v1/closed"), Some(200), None),
            (Some("/v1/closed"), Some(401), Some("invalid_token")),
            (Some("/nowhere"), Some(404), Some("route_not_found")),
            (Some("/problems/{code}"), Some(200), None),
        ]
    );
    assert_eq!(lines[0]["upstream"], "shop");
    assert_eq!(lines[0]["http.method"], "GET");
    assert!(lines[0]["duration_ms"].is_number());
    let text = text();
    assert!(!text.contains("hunter2") && !text.contains(token.split('.').next_back().expect("a signature")));
}

#[tokio::test]
async fn a_request_whose_client_leaves_has_its_line_too() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    suite.upstream.arrived().await;
    drop(connection);
    suite.upstream.abandoned().await;

    let lines = requests();
    let line = lines.iter().find(|line| line["http.route"] == "/v1/open").expect("its line");
    assert_eq!(line["message"], "request abandoned by the client");
    assert!(line.get("http.status").is_none());
}
