//! Rate limits: so many requests, told in headers, counted by who cannot be forged.

use portico_testkit::{Client, Reply, User};

use crate::helpers::{ROUTES, Suite};

/// [`ROUTES`] with three limits of two requests an hour, the routes under `/v1/limited`.
fn routes() -> String {
    let limit = |name, per| format!("[limits.{name}]\nquota = 2\nwindow_secs = 3600\nper = \"{per}\"\n");
    let route = |name, limits| {
        format!(
            "[[routes]]\nprefix = \"/v1/limited/{name}\"\nservice = \"shop\"\ntoken = \"optional\"\nlimits = [{limits}]\n"
        )
    };
    [
        ROUTES.to_owned(),
        limit("client", "client"),
        limit("subject", "subject"),
        route("client", "\"client\""),
        route("same", "\"client\""),
        route("subject", "\"subject\""),
    ]
    .concat()
}

async fn statuses(client: &Client, path: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(client.get(path).await.status.as_u16());
    }
    statuses
}

#[tokio::test]
async fn what_is_left_is_told_and_one_too_many_is_429() {
    let suite = Suite::with_routes(&routes()).await;
    let client = suite.client();

    let replies: [Reply; 3] = [
        client.get("/v1/limited/client/echo").await,
        client.get("/v1/limited/client/echo").await,
        client.get("/v1/limited/client/echo").await,
    ];

    assert_eq!(replies[0].header("ratelimit-policy"), r#""client";q=2;w=3600"#);
    assert!(replies[0].header("ratelimit").starts_with(r#""client";r=1;t="#), "{}", replies[0].header("ratelimit"));
    assert!(replies[1].header("ratelimit").starts_with(r#""client";r=0;t="#), "{}", replies[1].header("ratelimit"));
    replies[2].assert_problem(429, "rate_limited");
    assert!(replies[2].header("ratelimit").starts_with(r#""client";r=0;t="#));
    let wait: u64 = replies[2].header("retry-after").parse().unwrap();
    assert!((1790..=1800).contains(&wait), "{wait}");
    assert_eq!(suite.upstream.hits(), 2);
}

#[tokio::test]
async fn routes_that_name_a_limit_share_it_and_others_are_free() {
    let suite = Suite::with_routes(&routes()).await;
    let client = suite.client();

    assert_eq!(statuses(&client, "/v1/limited/client/echo", 2).await, [200, 200]);
    assert_eq!(statuses(&client, "/v1/limited/same/echo", 1).await, [429]);
    assert_eq!(statuses(&client, "/v1/open/echo", 3).await, [200, 200, 200]);
    assert_eq!(client.get("/v1/open/echo").await.header("ratelimit"), "");
}

#[tokio::test]
async fn a_forged_origin_does_not_help() {
    let suite = Suite::with_routes(&routes()).await;
    let client = suite.client();
    let mut statuses = Vec::new();

    for number in 0..4 {
        let request = client.request(http::Method::GET, "/v1/limited/client/echo");
        let request = request.header("x-forwarded-for", format!("10.0.0.{number}"));
        statuses.push(client.send(request.header("x-real-ip", format!("10.0.1.{number}"))).await.status.as_u16());
    }

    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[tokio::test]
async fn subjects_are_counted_each_by_itself_and_a_bad_token_counts_for_nobody() {
    let suite = Suite::with_routes(&routes()).await;
    let (one, other) = (suite.customer(), suite.customer());
    let forged = suite.client().with_token(format!("{}x", suite.issuer.token(&User::customer())));
    let path = "/v1/limited/subject/echo";

    assert_eq!(statuses(&one, path, 3).await, [200, 200, 429]);
    assert_eq!(statuses(&forged, path, 3).await, [401, 401, 401]);
    assert_eq!(statuses(&other, path, 3).await, [200, 200, 429]);
}
