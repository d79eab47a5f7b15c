//! The steps of a request, one by one: `cargo bench -p portico-gateway`.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use portico_common::clock::Clock;
use portico_common::token::Verifier;
use portico_gateway::bench::{Steps, pass_headers};
use portico_testkit::{Issuer, User};
use tokio::runtime::Runtime;

const LIMITS: &str = r#"
[limits.many]
quota = 4_000_000
window_secs = 60
per = "client"

[[routes]]
prefix = "/v1/limited/and/the/longest/prefix/of/them/all"
url = "http://127.0.0.1:1"
token = "optional"
limits = ["many"]
"#;

/// As much as the limit replenishes one request in.
const BETWEEN_REQUESTS: Duration = Duration::from_micros(20);

/// More than are remembered, so that none of them is when its turn comes again.
const FRESH: usize = 20_000;

fn routes(criterion: &mut Criterion) {
    let routes = include_str!("../../../portico.toml");
    let steps = Steps::new(&format!("{routes}{LIMITS}")).expect("the routes of the suite");

    criterion.bench_function("route match", |bench| {
        bench.iter(|| steps.finds_route(black_box("/v1/products/0192f0c1-2f0e-7c3a-9c55-1d2f6a0b7c11")));
    });
    let (client, mut now) = (IpAddr::from([10, 1, 2, 3]), Instant::now());
    criterion.bench_function("rate limit", |bench| {
        bench.iter(|| {
            now += BETWEEN_REQUESTS;
            assert!(steps.allows(black_box(client), now));
        });
    });
}

fn headers(criterion: &mut Criterion) {
    let client = HeaderMap::from_iter([
        (HOST, HeaderValue::from_static("shop.example")),
        (
            USER_AGENT,
            HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ),
        (ACCEPT, HeaderValue::from_static("application/json")),
        (ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd")),
        (AUTHORIZATION, HeaderValue::from_static("Bearer of a token that is passed on as it is")),
    ]);
    let room = || (client.clone(), Vec::with_capacity(2048));

    criterion.bench_function("header pass", |bench| {
        bench.iter_batched(room, |(client, mut out)| pass_headers(client, &mut out), BatchSize::SmallInput);
    });
}

fn tokens(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let issuer = runtime.block_on(Issuer::start());
    let config = issuer.config();
    let verifier = Verifier::new(&config.auth_issuer, &config.auth_audience, Clock::system());
    verifier.replace_keys(&issuer.jwks);
    let fresh: Vec<String> = (0..FRESH).map(|_| issuer.token(&User::customer())).collect();
    let known = HeaderValue::try_from(format!("Bearer {}", fresh[0])).expect("a token is visible ASCII");
    let known = HeaderMap::from_iter([(AUTHORIZATION, known)]);

    let mut turn = fresh.iter().cycle();
    criterion.bench_function("token, not seen before", |bench| {
        bench.iter(|| runtime.block_on(verifier.verify(turn.next().expect("a cycle"))));
    });
    runtime.block_on(verifier.verify(&fresh[0])).expect("a good token");
    criterion.bench_function("token, seen before", |bench| bench.iter(|| verifier.recall(black_box(&known)).is_some()));
}

criterion_group!(steps, routes, headers, tokens);
criterion_main!(steps);
