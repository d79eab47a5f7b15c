//! Clients over HTTP/1 that hold connections: each is let go in its time, and the others are served meanwhile.

use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use portico_common::server::ServerConfig;
use portico_gateway::{Config, EdgeConfig};
use tokio::time::{Instant, sleep, timeout};

use crate::helpers::{Connection, PATIENCE, Suite};

const BRIEF: Duration = Duration::from_millis(500);
const TEAPOT: &str = "GET /v1/open/teapot HTTP/1.1\r\nHost: a\r\n\r\n";

/// Writes `drop` every 50 milliseconds until the gateway closes; tells what it has said.
async fn drip(mut connection: Connection, drop: &str) -> Vec<u8> {
    let dripping = async {
        while connection.try_write(drop.as_bytes()).await.is_ok() {
            sleep(BRIEF / 10).await;
        }
    };
    timeout(PATIENCE, dripping).await.expect("an end of patience");
    connection.read_to_end().await
}

#[tokio::test]
async fn heads_that_drip_are_cut_and_the_others_are_served() {
    let suite = Suite::with_server(|server| ServerConfig { header_timeout: BRIEF, ..server }).await;
    let slow: Vec<_> = join_all((0..100).map(|_| async {
        let mut connection = suite.connect().await;
        connection.write("GET /v1/open/echo HTTP/1.1\r\nHost: a\r\n").await;
        drip(connection, "X: y\r\n").await
    }))
    .await;

    let (said, served) = (slow, suite.client().get("/v1/open/echo").await);

    assert!(said.iter().all(Vec::is_empty));
    assert_eq!((served.status.as_u16(), suite.upstream.hits()), (200, 1));
}

#[tokio::test]
async fn who_says_nothing_is_cut() {
    let suite = Suite::with_server(|server| ServerConfig { header_timeout: BRIEF, ..server }).await;

    let silent = join_all((0..100).map(|_| async { suite.connect().await.read_to_end().await })).await;

    assert!(silent.iter().all(Vec::is_empty));
}

#[tokio::test]
async fn a_kept_connection_is_closed_when_it_was_idle_for_too_long() {
    let suite = Suite::with_server(|server| ServerConfig { idle_timeout: BRIEF, ..server }).await;
    let mut connection = suite.connect().await;
    for _ in 0..2 {
        connection.write(TEAPOT).await;
        connection.read_head().await;
        assert_eq!(connection.read(15).await, b"short and stout");
    }

    assert_eq!(connection.read_to_end().await, b"");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut() {
    let suite = Suite::with_server(|server| ServerConfig { write_timeout: BRIEF, ..server }).await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/1000000000/zeros HTTP/1.1\r\nHost: a\r\n\r\n").await;
    suite.upstream.abandoned().await;

    assert!(connection.count_to_end().await < 1_000_000_000);
}

/// The grace of ten seconds is waited for: it is no setting.
#[tokio::test]
async fn a_body_that_drips_is_told_so_and_one_that_is_only_slow_passes() {
    let suite = Suite::start().await;
    let (mut dripping, mut slow) = (suite.connect().await, suite.connect().await);
    let post = |length: usize| format!("POST /v1/large/count HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    dripping.write(post(1_000)).await;
    slow.write(post(12 * 1_200)).await;
    let began = Instant::now();

    let drips = async {
        // Written to until the answer is there: each byte is a sign of life that is not enough.
        let mut answered = std::pin::pin!(sleep(Duration::from_secs(11)));
        while timeout(Duration::from_millis(500), answered.as_mut()).await.is_err() {
            let _closed = dripping.try_write(b"x").await;
        }
        dripping.read_head().await
    };
    let flows = async {
        for _ in 0..12 {
            slow.write([b'x'; 1_200]).await;
            sleep(Duration::from_secs(1)).await;
        }
        slow.read_head().await
    };
    let (dripping, slow) = tokio::join!(drips, flows);

    assert!(dripping.starts_with("HTTP/1.1 408 "), "{dripping}");
    assert!(slow.starts_with("HTTP/1.1 200 "), "{slow}");
    assert!(began.elapsed() > Duration::from_secs(10));
}

#[tokio::test]
async fn one_address_holds_so_many_connections_and_no_more() {
    let edge = EdgeConfig { max_connections_per_client: Some(3), ..EdgeConfig::default() };
    let suite = Suite::with_config(|config| Config { edge, ..config }).await;
    let ask = async |connection: &mut Connection| {
        let _closed = connection.try_write(TEAPOT.as_bytes()).await;
        let mut first = [0; 1];
        timeout(PATIENCE, connection.try_read(&mut first))
            .await
            .expect("an answer, or the end")
            .is_ok_and(|read| read > 0)
    };
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = suite.connect().await;
        assert!(ask(&mut connection).await);
        held.push(connection);
    }

    assert!(!ask(&mut suite.connect().await).await, "one too many");
    held.pop();
    let has_room = async { while !ask(&mut suite.connect().await).await {} };
    timeout(PATIENCE, has_room).await.expect("the place to be given back");
    assert!(ask(&mut held[0]).await, "those that were there have noticed nothing");
}

#[tokio::test]
async fn one_connection_too_many_waits_until_another_has_ended() {
    let suite = Suite::with_config(|config| Config {
        server: ServerConfig { max_connections: 3, ..config.server },
        edge: EdgeConfig { workers: NonZeroUsize::new(4), ..EdgeConfig::default() },
        ..config
    })
    .await;
    let answered = async |connection: &mut Connection| {
        assert!(connection.read_head().await.starts_with("HTTP/1.1 418 "));
        assert_eq!(connection.read(15).await, b"short and stout");
    };
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = suite.connect().await;
        connection.write(TEAPOT).await;
        answered(&mut connection).await;
        held.push(connection);
    }

    let mut waiting = suite.connect().await;
    waiting.write(TEAPOT).await;
    for turn in 0..60 {
        let connection = &mut held[turn % 3];
        connection.write(TEAPOT).await;
        answered(connection).await;
    }
    assert!(waiting.try_read(&mut [0; 1]).now_or_never().is_none(), "nobody had let it in");

    held.pop();
    timeout(PATIENCE, answered(&mut waiting)).await.expect("the place of the one that left");
}
