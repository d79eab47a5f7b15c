//! The binary: how it leaves, what it takes, and what `check` says.

use std::fs;

use portico_testkit::{Client, Issuer};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::helpers::{Connection, PATIENCE, Process, ROUTES, Upstream, command};
use crate::http2_frames::frame::{Frame, get};
use crate::http2_frames::session::{Seen, Session};

const GET: &str = "GET /v1/open/teapot HTTP/1.1\r\nHost: a\r\n\r\n";

/// A process in front of a counting upstream.
async fn start(settings: &[(&str, &str)]) -> (Process, Upstream) {
    let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
    let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
    (Process::start(&routes, &issuer, settings).await, upstream)
}

/// Asks on a kept connection until an answer says that it is the last.
async fn until_told_to_go(mut connection: Connection) {
    loop {
        connection.write(GET).await;
        let head = connection.read_head().await.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 418 "), "{head}");
        connection.read(15).await;
        if head.contains("\r\nconnection: close\r\n") {
            return connection.closed().await;
        }
    }
}

#[tokio::test]
async fn on_sigterm_it_says_so_serves_on_and_loses_no_request() {
    let (mut gateway, upstream) = start(&[("DRAIN_DELAY_SECS", "1")]).await;
    let mut in_flight = gateway.connect().await;
    in_flight.write("GET /v1/open/stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    in_flight.read_head().await;
    let (kept, client) = (gateway.connect().await, gateway.client());

    gateway.terminate().await;
    gateway.until_readiness_is(503).await;
    let on_a_new_connection = client.get("/v1/open/teapot").await;
    timeout(PATIENCE, until_told_to_go(kept)).await.expect("an answer that says so");
    let is_closed = async { while TcpStream::connect(gateway.public).await.is_ok() {} };
    timeout(PATIENCE, is_closed).await.expect("no new connection");
    upstream.go_on();

    assert_eq!(on_a_new_connection.status, 418);
    assert_eq!(in_flight.read_to_end().await, b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n");
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn on_sigterm_a_client_of_http_2_is_told_to_go_and_gets_its_answer() {
    let (mut gateway, upstream) = start(&[("DRAIN_DELAY_SECS", "0")]).await;
    let (mut session, mut seen) = (Session::open(gateway.public).await, Seen::default());
    session.send(&[Frame::request(1, get("/v1/open/stream"))]).await.unwrap();
    session.read_until(&mut seen, |seen| seen.body(1) == b"first").await;

    gateway.terminate().await;
    session.read_until(&mut seen, |seen| !seen.farewells.is_empty()).await;
    upstream.go_on();
    session.read_until(&mut seen, |seen| seen.is_closed).await;

    assert_eq!(seen.body(1), b"firstsecond");
    assert!(seen.farewells.iter().all(|code| *code == 0), "{:?}", seen.farewells);
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    // Many, so that some have ended by themselves before another has to be cut.
    let workers = ("WORKERS", "8");
    let (mut gateway, upstream) = start(&[("DRAIN_DELAY_SECS", "0"), ("DRAIN_TIMEOUT_SECS", "1"), workers]).await;
    let mut in_flight = gateway.connect().await;
    in_flight.write("GET /v1/open/hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    upstream.arrived().await;

    gateway.terminate().await;

    assert_eq!(in_flight.read_to_end().await, b"");
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_body_that_passes_is_not_kept() {
    const BYTES: usize = 1_000_000_000;
    const MOST_GROWTH: u64 = 20 << 20;
    let (gateway, _upstream) = start(&[]).await;
    gateway.client().get("/v1/open/1000000/zeros").await;
    let before = gateway.resident_bytes();

    let mut down = gateway.connect().await;
    down.write(format!("GET /v1/open/{BYTES}/zeros HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
    let received = down.count_to_end().await;
    let after_down = gateway.resident_bytes();
    let mut up = gateway.connect().await;
    up.write(format!(
        "POST /v1/large/count HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {BYTES}\r\n\r\n"
    ))
    .await;
    let piece = vec![0; 1_000_000];
    for _ in 0..BYTES / piece.len() {
        up.write(&piece).await;
    }
    let head = up.read_head().await;
    let counted = up.read_to_end().await;
    let after_up = gateway.resident_bytes();

    assert!(received > BYTES, "{received} bytes, with the sizes of pieces");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(counted, BYTES.to_string().as_bytes());
    // Elsewhere than on Linux there is nothing to compare.
    for after in [after_down, after_up] {
        let growth = after.zip(before).map(|(after, before)| after.saturating_sub(before));
        assert!(growth.is_none_or(|growth| growth < MOST_GROWTH), "from {before:?} to {after:?}");
    }
}

/// What `check` says of this file, and whether it is content.
async fn checked(routes: &str, settings: &[(&str, &str)]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("portico.toml");
    fs::write(&path, routes).expect("written");
    let output = command("check").env("PORTICO_TOML", &path).envs(settings.iter().copied()).output();
    let output = timeout(PATIENCE, output).await.expect("an end in time").expect("the built gateway");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn check_names_what_is_wrong_and_starts_nothing() {
    let good = ROUTES.replace("UPSTREAM", "shop.internal:8080");
    let twice = format!("{good}\n[[routes]]\nprefix = \"/v1/open\"\nservice = \"shop\"\ntoken = \"optional\"\n");
    let cases = [
        (good.replace("/v1/small", "/v1/small/"), "/v1/small/"),
        (good.replace("body_limit_bytes", "body_limits"), "body_limits"),
        (good.replacen("service = \"shop\"", "service = \"shup\"", 1), "shup"),
        (good.replacen("http://shop.internal:8080", "shop.internal", 1), "shop.internal"),
        (twice, "/v1/open"),
        ("[services".to_owned(), "portico.toml"),
    ];

    assert_eq!(checked(&good, &[]).await, (true, String::new()));
    for (routes, named) in cases {
        let (is_good, said) = checked(&routes, &[]).await;
        assert!(!is_good && said.contains(named), "{named}: {said}");
    }
    let (is_good, said) = checked(&good, &[("TLS_CERT", "/no/cert.pem"), ("TLS_KEY", "/no/key.pem")]).await;
    assert!(!is_good && said.contains("/no/cert.pem"), "{said}");
}

#[tokio::test]
async fn health_tells_by_its_exit_whether_a_gateway_is_ready() {
    let (gateway, _upstream) = start(&[]).await;
    let ask = async |address: &str| {
        let status = command("health").env("INTERNAL_LISTEN", address).status();
        timeout(PATIENCE, status).await.expect("an end in time").expect("the built gateway").success()
    };

    assert!(ask(&gateway.internal.to_string()).await);
    assert!(!ask(&portico_testkit::closed_port().to_string()).await);
    assert_eq!(Client::new(gateway.internal).get("/health/live").await.status, 200);
}

#[tokio::test]
async fn it_does_not_start_on_what_is_missing_or_wrong() {
    let output = command("serve").output();
    let output = timeout(PATIENCE, output).await.expect("an end in time").expect("the built gateway");

    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    for setting in ["--listen", "--internal-listen", "--auth-issuer", "--jwks-url", "--revocations-url"] {
        assert!(said.contains(setting), "{setting}: {said}");
    }
}
