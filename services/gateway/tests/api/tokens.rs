//! No bad token reaches a service, on routes that need one and on routes that do not.

mod forge;

use futures_util::FutureExt as _;
use http::Method;
use portico_common::clock::Clock;
use portico_testkit::{Reply, User};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::helpers::{PATIENCE, Suite};

fn assert_refused(reply: &Reply, case: &str) {
    assert_eq!(reply.status, 401, "{case}");
    assert_eq!(reply.body["code"], "invalid_token", "{case}");
    assert!(reply.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""), "{case}");
    reply.assert_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_good_token_is_let_through_and_passed_on() {
    let suite = Suite::start().await;
    let token = suite.issuer.token(&User::customer());

    let reply = suite.client().with_token(&token).get("/v1/closed/echo").await;

    assert_eq!(reply.status, 200);
    let headers = reply.body["headers"].as_array().unwrap();
    assert!(headers.contains(&serde_json::json!(["authorization", format!("Bearer {token}")])));
}

#[tokio::test]
async fn no_bad_token_reaches_a_service() {
    let suite = Suite::start().await;
    let (client, bad) = (suite.client(), forge::bad_tokens(&suite.issuer));

    for (case, token) in &bad {
        for path in ["/v1/closed/echo", "/v1/open/echo"] {
            let request = client.request(Method::GET, path);
            let reply = client.send(request.header("authorization", format!("Bearer {token}"))).await;
            assert_refused(&reply, &format!("{case} at {path}"));
        }
    }

    assert!(bad.len() >= 50, "{} cases", bad.len());
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn credentials_that_are_not_one_bearer_token_are_refused() {
    let suite = Suite::start().await;
    let token = suite.issuer.token(&User::customer());
    let good = format!("Authorization: Bearer {token}");
    let cases = [
        format!("{good}\n{good}"),
        format!("{good}\nAuthorization: Basic dTpw"),
        format!("Authorization: Basic {token}"),
        format!("Authorization: {token}"),
        format!("Authorization: Bearer{token}"),
        format!("Authorization: Bearer {token}, Bearer {token}"),
        format!("Authorization: Bearer {token} {token}"),
        format!("Authorization: Bearer \"{token}\""),
        format!("Authorization: DPoP {token}"),
        "Authorization: Bearer".to_owned(),
        "Authorization:".to_owned(),
    ];

    for case in &cases {
        for path in ["/v1/closed/echo", "/v1/open/echo"] {
            let reply = suite.raw(&format!("GET {path} HTTP/1.1\nHost: a\n{case}")).await;
            assert_eq!(reply.status, 401, "{case}");
            assert_eq!(reply.json()["code"], "invalid_token", "{case}");
        }
    }

    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn without_a_token_a_closed_route_says_what_it_needs() {
    let suite = Suite::start().await;

    let reply = suite.client().get("/v1/closed/echo").await;

    reply.assert_problem(401, "unauthenticated");
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_token_elsewhere_than_in_its_header_is_none() {
    let suite = Suite::start().await;
    let token = suite.issuer.token(&User::customer());

    let in_query = suite.client().get(&format!("/v1/closed/echo?access_token={token}")).await;
    let in_cookie = suite.client().request(Method::GET, "/v1/closed/echo");
    let in_cookie = suite.client().send(in_cookie.header("cookie", format!("access_token={token}"))).await;

    in_query.assert_problem(401, "unauthenticated");
    in_cookie.assert_problem(401, "unauthenticated");
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_second_token_in_the_query_is_refused_however_it_is_spelt() {
    let suite = Suite::start().await;
    let (client, other) = (suite.customer(), suite.issuer.token(&User::customer()));

    for query in [format!("access_token={other}"), format!("a=1&access%5Ftoken={other}"), "access_token".to_owned()] {
        for path in ["/v1/closed/echo", "/v1/open/echo"] {
            client.get(&format!("{path}?{query}")).await.assert_problem(400, "invalid_request");
        }
    }

    assert_eq!(suite.upstream.hits(), 0);
    assert_eq!(client.get("/v1/closed/echo?my_access_token=1&a=access_token").await.status, 200);
}

#[tokio::test]
async fn a_remembered_token_is_refused_within_a_second_of_its_end() {
    const LEEWAY: i64 = 30;
    let suite = Suite::start().await;
    let now = Clock::system().timestamp();
    let ends = now + 2;
    let token = forge::with_times(&suite.issuer, now - 60, ends - LEEWAY);
    let client = suite.client().with_token(&token);
    assert_eq!(client.get("/v1/closed/echo").await.status, 200);

    let refused = async {
        loop {
            let asked = Clock::system().timestamp();
            let reply = client.get("/v1/closed/echo").await;
            if reply.status != 200 {
                return reply;
            }
            assert!(asked <= ends, "let in at {asked}, though it ended at {ends}");
        }
    };
    let reply = timeout(PATIENCE, refused).await.expect("the token to end");

    assert!(Clock::system().timestamp() >= ends, "it was refused before its end");
    assert_refused(&reply, "expired");
    assert!(reply.header("www-authenticate").contains("expired"));
    assert!(suite.upstream.hits() > 1, "it was never remembered");
}

#[tokio::test]
async fn an_open_route_takes_no_token_and_good_ones() {
    let suite = Suite::start().await;

    assert_eq!(suite.client().get("/v1/open/echo").await.status, 200);
    assert_eq!(suite.customer().get("/v1/open/echo").await.status, 200);
}

#[tokio::test]
async fn a_revoked_session_is_refused() {
    let suite = Suite::start().await;
    let user = User::customer();
    let client = suite.client().with_token(suite.issuer.token(&user));
    assert_eq!(client.get("/v1/closed/echo").await.status, 200);

    suite.issuer.revoke(user.session);

    let refused = async {
        loop {
            let reply = client.get("/v1/closed/echo").await;
            if reply.status == 401 {
                return reply;
            }
        }
    };
    let reply = timeout(PATIENCE, refused).await.expect("the revocation to arrive");
    assert_refused(&reply, "revoked");
    let before = suite.upstream.hits();
    assert_refused(&client.get("/v1/open/echo").await, "revoked");
    assert_eq!(suite.upstream.hits(), before);
}

/// A verifier that looks for keys where a token says would connect.
#[tokio::test]
async fn no_token_says_where_its_key_is_to_be_found() {
    let suite = Suite::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bad =
        forge::tokens_with_a_key_of_their_own(&suite.issuer, &format!("http://{}", listener.local_addr().unwrap()));

    for (case, token) in &bad {
        for path in ["/v1/closed/echo", "/v1/open/echo"] {
            assert_refused(&suite.client().with_token(token).get(path).await, &format!("{case} at {path}"));
        }
    }

    assert!(listener.accept().now_or_never().is_none(), "somebody asked for a key");
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_second_token_beside_the_first_is_refused_wherever_it_could_be_read() {
    let suite = Suite::start().await;
    let (good, other) = (suite.issuer.token(&User::customer()), suite.issuer.token(&User::admin()));
    let header = format!("Authorization: Bearer {good}");
    let lines = [
        format!("{header}\nAuthorization: Bearer {other}"),
        format!("Authorization: Bearer {other}\n{header}"),
        format!("{header}\nauthorization: bearer {other}"),
        format!("{header}\nAuthorization:"),
        format!("Authorization: Bearer {good},{other}"),
    ];

    for lines in lines {
        let reply = suite.raw(&format!("GET /v1/closed/echo HTTP/1.1\nHost: a\n{lines}")).await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (401, Some("invalid_token")), "{lines}");
    }
    assert_eq!(suite.upstream.hits(), 0);
}
