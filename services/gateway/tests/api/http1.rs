//! How a connection of HTTP/1 goes on, and how it ends.

use crate::helpers::{RawUpstream, Suite};

const GET: &str = "GET /v1/open/teapot HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &str = "GET /v1/open/teapot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/// Of `/v1/open/teapot`.
const BODY: &[u8] = b"short and stout";

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;
    let posts = "POST /v1/open/count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
                 POST /v1/open/count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";

    connection.write(format!("{GET}{posts}{LAST}{GET}")).await;

    let answers = String::from_utf8(connection.read_to_end().await).unwrap();
    let statuses: Vec<_> = answers.matches("HTTP/1.1 ").collect();
    assert_eq!(statuses.len(), 4, "{answers}");
    let places = ["418", "\r\n\r\n3", "\r\n\r\n4", "connection: close"].map(|part| answers.find(part));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {answers}");
    assert_eq!(suite.upstream.hits(), 4, "what follows the last request is none");
}

#[tokio::test]
async fn an_old_client_keeps_its_connection_only_if_it_asks_to() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;
    let request = "GET /v1/open/teapot HTTP/1.0\r\nHost: a\r\n";

    connection.write(format!("{request}Connection: keep-alive\r\n\r\n")).await;
    let kept = connection.read_head().await;
    assert_eq!(connection.read(BODY.len()).await, BODY);
    connection.write(format!("{request}\r\n")).await;
    let last = connection.read_head().await;

    assert!(kept.starts_with("HTTP/1.0 418 ") && kept.contains("connection: keep-alive"), "{kept}");
    assert!(last.starts_with("HTTP/1.0 418 ") && last.contains("connection: close"), "{last}");
    assert_eq!(connection.read_to_end().await, BODY);
}

#[tokio::test]
async fn an_old_client_is_told_the_end_of_an_answer_by_the_end_of_the_connection() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("GET /v1/open/stream HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").await;
    let head = connection.read_head().await;
    assert_eq!(connection.read(5).await, b"first");
    suite.upstream.go_on();

    assert_eq!(connection.read_to_end().await, b"second");
    assert!(!head.contains("transfer-encoding") && head.contains("connection: close"), "{head}");
}

#[tokio::test]
async fn a_connection_goes_on_behind_a_body_that_nobody_wanted() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;

    connection.write("POST /v1/closed/count HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n").await;
    let refused = connection.read_head().await;
    connection.write(vec![b'a'; 200_000]).await;
    connection.write(LAST).await;

    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    let rest = String::from_utf8(connection.read_to_end().await).unwrap();
    assert!(rest.contains("HTTP/1.1 418 ") && rest.ends_with("short and stout"), "{rest}");
    assert_eq!(suite.upstream.hits(), 1);
}

#[tokio::test]
async fn a_client_that_was_not_told_to_send_its_body_finds_the_connection_closed() {
    let suite = Suite::start().await;
    let mut connection = suite.connect().await;
    let head = "POST /v1/closed/count HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 60\r\n\r\n";

    connection.write(head).await;
    // It may send the body or not; as a request it must never be read.
    connection.write(GET).await;

    let answer = String::from_utf8(connection.read_to_end().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close"), "{answer}");
    assert_eq!((answer.matches("HTTP/1.1").count(), suite.upstream.hits()), (1, 0));
}

#[tokio::test]
async fn an_answer_tells_when_it_was_made_and_what_it_would_be_as_long_as() {
    let suite = Suite::start().await;

    let get = suite.raw("GET /problems HTTP/1.1\nHost: a").await;
    let head = suite.raw("HEAD /problems HTTP/1.1\nHost: a").await;

    assert_eq!(head.header("content-length"), [get.body.len().to_string()]);
    assert_eq!(head.body, b"");
    for reply in [get, head] {
        assert_eq!(reply.header("date").len(), 1, "{}", reply.head);
        assert!(reply.header("date")[0].ends_with(" gmt"), "{}", reply.head);
    }
}

#[tokio::test]
async fn the_date_of_a_service_stays_and_statuses_without_a_body_have_none() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&crate::helpers::ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

    for (status, length) in [("204 No Content", ""), ("304 Not Modified", "Content-Length: 9\r\n")] {
        let mut connection = suite.connect().await;
        connection.write(LAST).await;
        upstream.answer(&format!("HTTP/1.1 {status}\r\n{date}{length}\r\n")).await;

        let answer = String::from_utf8(connection.read_to_end().await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert_eq!(answer.matches("date: ").count(), 1, "{answer}");
        assert!(answer.contains("date: Sun, 06 Nov 1994 08:49:37 GMT") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert_eq!(answer.contains("content-length: 9"), status.starts_with("304"), "{answer}");
    }
}
