use axum::response::IntoResponse as _;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::*;

const LOGIN: &str = "[login]\nquota = 10\nwindow_secs = 60\nper = \"client\"";

fn admitted(limiter: &Limiter, limits: &PolicySet, requester: &Requester<'_>, now: Instant, times: usize) -> usize {
    (0..times).filter(|_| limiter.check_local(limits, requester, now).refusal().is_none()).count()
}

fn told(limiter: &Limiter, limits: &PolicySet, now: Instant) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(told) = limiter.check_local(limits, &NOBODY, now).told() {
        told.tell(&mut headers);
    }
    headers
}

#[test]
fn every_answer_says_what_the_policy_is_and_what_is_left() {
    let (limiter, now) = alone();
    let limits = limits(LOGIN);

    let first = told(&limiter, &limits, now);
    let second = told(&limiter, &limits, now + Duration::from_millis(2_500));

    assert_eq!(first["ratelimit-policy"], "\"login\";q=10;w=60");
    assert_eq!(first["ratelimit"], "\"login\";r=9;t=6");
    assert_eq!(second["ratelimit"], "\"login\";r=8;t=4");
}

#[test]
fn several_policies_are_told_as_one_list() {
    let (limiter, now) = alone();
    let limits = limits(
        "[a]\nquota = 100\nwindow_secs = 1\nburst = 5\nper = \"route\"\n[b]\nquota = 1000\nwindow_secs = 86400\nper = \"client\"",
    );

    let headers = told(&limiter, &limits, now);

    assert_eq!(headers["ratelimit-policy"], "\"a\";q=100;w=1, \"b\";q=1000;w=86400");
    assert_eq!(headers["ratelimit"], "\"a\";r=4;t=1, \"b\";r=999;t=87");
}

#[test]
fn the_fields_of_a_service_stay() {
    let (limiter, now) = alone();
    let mut headers = HeaderMap::new();
    headers.insert("ratelimit", HeaderValue::from_static("\"theirs\";r=1"));

    limiter.check_local(&limits(LOGIN), &NOBODY, now).told().unwrap().tell(&mut headers);

    let all: Vec<_> = headers.get_all("ratelimit").iter().collect();
    assert_eq!(all, ["\"theirs\";r=1", "\"login\";r=9;t=6"]);
}

#[test]
fn a_route_without_limits_tells_nothing() {
    let (limiter, now) = alone();
    let limits = limits("");

    assert!(limits.is_empty());
    assert!(told(&limiter, &limits, now).is_empty());
}

#[test]
fn a_refused_client_learns_which_limit_and_when_to_come_back() {
    let (limiter, now) = alone();
    let limits = limits(LOGIN);
    admitted(&limiter, &limits, &NOBODY, now, 10);

    let verdict = limiter.check_local(&limits, &NOBODY, now + Duration::from_millis(100));

    assert_eq!(verdict.refused_by().map(|(policy, wait)| (&*policy.name, wait)), Some(("login", 6)));
    let response = verdict.refusal().unwrap().into_response();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "6");
    assert_eq!(response.headers()["ratelimit"], "\"login\";r=0;t=6");
    assert_eq!(response.headers()["ratelimit-policy"], "\"login\";q=10;w=60");
}

#[test]
fn waiting_as_long_as_told_makes_the_next_one_allowed_by_all_policies() {
    let (limiter, now) = alone();
    let limits = limits(
        "[a]\nquota = 2\nwindow_secs = 1\nper = \"client\"\n[b]\nquota = 3\nwindow_secs = 100\nburst = 2\nper = \"client\"",
    );
    admitted(&limiter, &limits, &NOBODY, now, 20);

    let (_, wait) = limiter.check_local(&limits, &NOBODY, now).refused_by().unwrap();

    assert_eq!(wait, 34);
    assert_eq!(admitted(&limiter, &limits, &NOBODY, now + Duration::from_secs(wait), 1), 1);
}

#[test]
fn the_last_admitted_request_is_not_a_refusal() {
    let (limiter, now) = alone();
    let limits = limits("[one]\nquota = 1\nwindow_secs = 60\nper = \"client\"");

    let verdict = limiter.check_local(&limits, &NOBODY, now);

    assert!(verdict.refused_by().is_none());
    assert!(verdict.refusal().is_none());
}

#[test]
fn clients_are_counted_apart_and_routes_share_a_policy_unless_it_is_per_route() {
    let (limiter, now) = alone();
    let route = LOGIN.replace("client", "route");

    assert_eq!(admitted(&limiter, &limits_on("/a", LOGIN), &client(1), now, 20), 10);
    assert_eq!(admitted(&limiter, &limits_on("/a", LOGIN), &client(2), now, 20), 10);
    assert_eq!(admitted(&limiter, &limits_on("/b", LOGIN), &client(1), now, 20), 0);
    assert_eq!(admitted(&limiter, &limits_on("/a", &route), &client(1), now, 20), 10);
    assert_eq!(admitted(&limiter, &limits_on("/a", &route), &client(2), now, 20), 0);
    assert_eq!(admitted(&limiter, &limits_on("/b", &route), &client(2), now, 20), 10);
}

#[test]
fn a_policy_read_again_goes_on_and_one_with_other_numbers_begins_anew() {
    let (limiter, now) = alone();
    admitted(&limiter, &limits(LOGIN), &NOBODY, now, 10);

    assert_eq!(admitted(&limiter, &limits(LOGIN), &NOBODY, now, 20), 0);
    assert_eq!(admitted(&limiter, &limits(&LOGIN.replace("10", "11")), &NOBODY, now, 20), 11);
}

#[test]
fn a_clock_read_before_the_limiter_was_made_is_no_panic() {
    let now = Instant::now();
    let config = StoreConfig { redis_url: None, redis_timeout: Duration::from_millis(50) };
    let limiter = Limiter::new(&config, now + Duration::from_secs(5)).unwrap();

    assert_eq!(admitted(&limiter, &limits(LOGIN), &NOBODY, now, 20), 10);
}
