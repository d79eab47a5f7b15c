//! Web sockets: a tunnel through the gateway, opened only by a service that agrees.

use portico_testkit::User;

use crate::helpers::{Connection, ROUTES, RawUpstream, Suite};

const GRANTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: yes\r\n\r\n";

fn handshake(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// A suite whose service is written by the test, and a client's connection.
async fn start() -> (RawUpstream, Suite, Connection) {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let client = suite.connect().await;
    (upstream, suite, client)
}

#[tokio::test]
async fn bytes_pass_both_ways_once_the_service_agrees() {
    let (upstream, _suite, mut client) = start().await;

    client.write(handshake("/v1/open/socket", "")).await;
    let (mut service, head) = upstream.next_request().await;
    service.write(GRANTED).await;
    let granted = client.read_head().await.to_lowercase();
    client.write(b"\x81\x02hi\r\n\0any bytes").await;
    let up = service.read(16).await;
    service.write(b"\x82\x01\xff").await;
    let down = client.read(3).await;

    let head = head.to_lowercase();
    assert!(head.contains("\r\nupgrade: websocket\r\n") && head.contains("\r\nconnection: upgrade\r\n"), "{head}");
    assert!(head.contains("\r\nsec-websocket-key: "), "{head}");
    assert!(granted.starts_with("http/1.1 101 ") && granted.contains("\r\nupgrade: websocket\r\n"), "{granted}");
    assert!(granted.contains("\r\nsec-websocket-accept: yes\r\n"), "{granted}");
    assert_eq!(up, b"\x81\x02hi\r\n\0any bytes");
    assert_eq!(down, b"\x82\x01\xff");
}

#[tokio::test]
async fn the_end_of_either_side_is_the_end_of_the_other() {
    for client_leaves in [true, false] {
        let (upstream, _suite, mut client) = start().await;
        client.write(handshake("/v1/open/socket", "")).await;
        let (mut service, _) = upstream.next_request().await;
        service.write(GRANTED).await;
        client.read_head().await;

        if client_leaves {
            drop(client);
            service.closed().await;
        } else {
            drop(service);
            client.closed().await;
        }
    }
}

#[tokio::test]
async fn a_locked_route_asks_for_the_token_first() {
    let suite = Suite::start().await;
    let mut client = suite.connect().await;

    client.write(handshake("/v1/closed/socket", "")).await;

    assert!(client.read_head().await.starts_with("HTTP/1.1 401 "));
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn what_is_sent_before_the_service_agrees_never_passes_as_a_request_of_its_own() {
    let (upstream, _suite, mut client) = start().await;

    let smuggled = "GET /v1/closed/secret HTTP/1.1\r\nHost: a\r\n\r\n";
    client.write(handshake("/v1/open/socket", "") + smuggled).await;
    let (mut service, _) = upstream.next_request().await;
    service.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno").await;

    assert!(client.read_head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(client.read(2).await, b"no");
    // It was HTTP after all: the gateway reads it as the next request, which needs a token.
    assert!(client.read_head().await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn a_good_token_opens_a_locked_one_and_reaches_the_service() {
    let (upstream, suite, mut client) = start().await;
    let credentials = format!("Authorization: Bearer {}\r\n", suite.issuer.token(&User::customer()));

    client.write(handshake("/v1/closed/socket", &credentials)).await;
    let (mut service, head) = upstream.next_request().await;
    service.write(GRANTED).await;
    client.read_head().await;
    client.write("up").await;
    let up = service.read(2).await;
    service.write("down").await;
    let down = client.read(4).await;

    assert!(head.to_lowercase().contains(&credentials.to_lowercase()), "{head}");
    assert_eq!((up, down), (b"up".to_vec(), b"down".to_vec()));
}
