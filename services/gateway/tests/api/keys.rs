//! Keys and revocations while the gateway runs: what is new counts at once, what is gone is refused within a second.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream::{self, StreamExt as _};
use http::Method;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Header, encode};
use portico_gateway::ProxyConfig;
use portico_testkit::{Client, Issuer, User, key_pair};
use tokio::time::timeout;

use crate::helpers::{PATIENCE, ROUTES, Suite, Upstream, start_gateway};

const PATH: &str = "/v1/closed/echo";
/// What is promised about keys and revocations.
const PROMISED: Duration = Duration::from_secs(1);

/// Asks until the answer has this status; tells how long that took.
async fn until(client: &Client, status: u16) -> Duration {
    let since = Instant::now();
    let answered = async { while client.get(PATH).await.status != status {} };
    timeout(PATIENCE, answered).await.unwrap_or_else(|_| panic!("never {status}"));
    since.elapsed()
}

/// A key of another id, and the set that publishes it.
fn another_key(id: &str) -> (jsonwebtoken::EncodingKey, JwkSet) {
    let (key, mut jwks) = key_pair();
    jwks.keys[0].common.key_id = Some(id.to_owned());
    (key, jwks)
}

fn header(id: &str) -> Header {
    Header { kid: Some(id.to_owned()), ..Issuer::header() }
}

#[tokio::test]
async fn a_token_of_a_key_that_is_gone_is_refused_within_a_second() {
    let suite = Suite::start().await;
    let customer = suite.customer();
    assert_eq!(customer.get(PATH).await.status, 200);

    suite.issuer.publish(another_key("next").1);

    let took = until(&customer, 401).await;
    assert!(took < PROMISED, "{took:?}");
    customer.get(PATH).await.assert_problem(401, "invalid_token");
}

#[tokio::test]
async fn the_first_token_of_a_new_key_is_let_in() {
    let suite = Suite::start().await;
    let (key, mut jwks) = another_key("next");
    jwks.keys.extend(suite.issuer.jwks.keys.clone());

    suite.issuer.publish(jwks);
    let claims = suite.issuer.claims(&User::customer());
    let token = encode(&header("next"), &claims, &key).unwrap();

    assert_eq!(suite.client().with_token(token).get(PATH).await.status, 200);
    assert_eq!(suite.customer().get(PATH).await.status, 200);
}

#[tokio::test]
async fn ten_thousand_unknown_keys_are_looked_for_at_most_twice() {
    let suite = Suite::start().await;
    let before = suite.issuer.key_fetches();
    let token = suite.issuer.token(&User::customer());
    let (_, rest) = token.split_once('.').unwrap();
    let client = suite.client();

    let statuses = stream::iter(0..10_000).map(|number| {
        let header = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"key-{number}"}}"#);
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        let request = client.request(Method::GET, PATH).bearer_auth(token);
        let client = &client;
        async move { client.send(request).await.status.as_u16() }
    });
    let refused = statuses.buffer_unordered(32).filter(|status| std::future::ready(*status == 401)).count().await;

    assert_eq!((refused, suite.upstream.hits()), (10_000, 0));
    let fetches = suite.issuer.key_fetches() - before;
    assert!(fetches <= 2, "{fetches} fetches");
}

#[tokio::test]
async fn a_session_that_ends_is_refused_by_every_gateway_within_a_second_and_by_later_ones() {
    let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
    let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
    let start = || start_gateway(&routes, ProxyConfig::default(), issuer.config());
    let gateways = [start().await, start().await, start().await];
    let user = User::customer();
    let token = issuer.token(&user);
    let clients: Vec<Client> = gateways.iter().map(|gateway| gateway.client().with_token(token.clone())).collect();
    for client in &clients {
        assert_eq!(client.get(PATH).await.status, 200);
    }

    issuer.revoke(user.session);

    let took = futures_util::future::join_all(clients.iter().map(|client| until(client, 401))).await;
    assert!(took.iter().all(|took| *took < PROMISED), "{took:?}");
    let later = start().await;
    assert_eq!(later.client().with_token(token).get(PATH).await.status, 401);
    let other = later.client().with_token(issuer.token(&User::customer()));
    assert_eq!(other.get(PATH).await.status, 200);
}

#[tokio::test]
async fn tokens_are_let_in_while_the_issuer_is_away() {
    let suite = Suite::start().await;
    let token = suite.issuer.token(&User::customer());
    let unseen = suite.issuer.token(&User::customer());
    let Suite { gateway, issuer, .. } = &suite;
    assert_eq!(gateway.client().with_token(token.clone()).get(PATH).await.status, 200);

    issuer.stop().await;

    assert_eq!(gateway.client().with_token(token).get(PATH).await.status, 200);
    assert_eq!(gateway.client().with_token(unseen).get(PATH).await.status, 200);
}

#[tokio::test]
async fn what_was_revoked_stays_refused_while_the_issuer_is_away() {
    let suite = Suite::start().await;
    let user = User::customer();
    let client = suite.client().with_token(suite.issuer.token(&user));
    suite.issuer.revoke(user.session);
    until(&client, 401).await;

    suite.issuer.stop().await;

    assert_eq!(client.get(PATH).await.status, 401);
    assert_eq!(suite.customer().get(PATH).await.status, 200);
}
