//! The route file is taken over while requests go on: whole, or not at all.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portico_testkit::{Client, Issuer, RunningService};
use tokio::time::timeout;

use crate::helpers::{Connection, PATIENCE, ROUTES, Upstream, start_gateway_with_file, until_answered};

const NEW_ROUTE: &str = r#"
[[routes]]
prefix = "/v1/new"
service = "shop"
token = "optional"
"#;

/// Waits until the metric says whether the file is in force.
async fn until_it_is_current(gateway: &RunningService, is_current: bool) {
    let (internal, line) = (
        Client::new(gateway.internal),
        format!("portico_gateway_config_last_reload_successful {}", u8::from(is_current)),
    );
    let said = async { while !String::from_utf8_lossy(&internal.get("/metrics").await.bytes).contains(&line) {} };
    timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("never: {line}"));
}

#[tokio::test]
async fn a_changed_file_is_in_force_and_a_wrong_one_changes_nothing() {
    let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portico.toml");
    let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
    fs::write(&path, &routes).unwrap();
    let gateway = start_gateway_with_file(&path, issuer.config()).await;
    let client = gateway.client();
    assert_eq!(client.get("/v1/new/echo").await.status, 404);

    fs::write(&path, format!("{routes}{NEW_ROUTE}")).unwrap();
    until_answered(&client, "/v1/new/echo", 200).await;
    fs::write(&path, format!("{NEW_ROUTE}{NEW_ROUTE}")).unwrap();
    until_it_is_current(&gateway, false).await;
    let renamed = NEW_ROUTE.replace("/v1/new", "/v1/newer");
    until_answered(&client, "/v1/new/echo", 200).await;
    fs::write(&path, format!("{routes}{renamed}")).unwrap();
    until_answered(&client, "/v1/newer/echo", 200).await;

    until_it_is_current(&gateway, true).await;
    assert_eq!(client.get("/v1/new/echo").await.status, 404);
    assert_eq!(client.get("/v1/open/echo").await.status, 200);
}

/// Puts another file in its place, so that nobody reads half of it.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("a writable folder");
    fs::rename(new, path).expect("a folder of one file system");
}

/// Asks until told to stop, and says how often, and how often that failed.
async fn ask_until(client: Client, is_over: Arc<AtomicBool>) -> (usize, usize) {
    let (mut asked, mut failed) = (0, 0);
    while !is_over.load(Ordering::SeqCst) {
        asked += 1;
        failed += usize::from(client.get("/v1/open/echo").await.status != 200);
    }
    (asked, failed)
}

#[tokio::test]
async fn a_hundred_reloads_under_load_fail_no_request_and_forget_nothing() {
    let (issuer, upstream, unwell) = (Issuer::start().await, Upstream::start().await, Upstream::start().await);
    unwell.says_it_is_well(false);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portico.toml");
    let places = format!("endpoints = [\"{}\", \"{}\"]\nhealth = \"/healthz\"", upstream.address, unwell.address);
    let routes = ROUTES.replacen("port = 1", &format!("port = 1\n{places}"), 1);
    let routes = routes.replace("UPSTREAM", &upstream.address.to_string());
    replace(&path, &routes);
    let gateway = start_gateway_with_file(&path, issuer.config()).await;
    let (client, internal) = (gateway.client(), Client::new(gateway.internal));
    let is_left_out = async || internal.get("/admin").await.body.to_string().contains("\"standing\":\"unwell\"");
    timeout(PATIENCE, async { while !is_left_out().await {} }).await.expect("a health check in time");
    let asked_before = unwell.hits();
    let is_over = Arc::<AtomicBool>::default();
    let asking = tokio::spawn(ask_until(gateway.client(), Arc::clone(&is_over)));

    for number in 0..100 {
        replace(&path, &format!("{routes}{}", NEW_ROUTE.replace("/v1/new", &format!("/v1/new{number}"))));
        until_answered(&client, &format!("/v1/new{number}/echo"), 200).await;
    }
    is_over.store(true, Ordering::SeqCst);

    let (asked, failed) = asking.await.unwrap();
    assert!(asked >= 20 && failed == 0, "{failed} of {asked} failed");
    // Who is not well would be asked by half of what came after a reload that forgot it.
    assert_eq!(unwell.hits(), asked_before);
}

#[tokio::test]
async fn an_answer_that_has_begun_at_an_address_that_is_gone_ends_whole() {
    let (issuer, old, new) = (Issuer::start().await, Upstream::start().await, Upstream::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portico.toml");
    let at = |upstream: &Upstream| ROUTES.replace("UPSTREAM", &upstream.address.to_string());
    replace(&path, &at(&old));
    let gateway = start_gateway_with_file(&path, issuer.config()).await;
    let mut connection = Connection::open(gateway.public).await;
    connection.write("GET /v1/open/stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    connection.read_head().await;

    replace(&path, &format!("{}{NEW_ROUTE}", at(&new)));
    until_answered(&gateway.client(), "/v1/new/echo", 200).await;
    old.go_on();

    assert_eq!(connection.read_to_end().await, b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n");
    assert!(new.hits() > 0);
}
