//! Against Redis or Valkey at `REDIS_URL`: started by `tests/external/run`, which asks for the ignored tests.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Parser;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::{self, Runtime};
use uuid::Uuid;

use super::super::PerPolicy;
use super::super::gcra::Rate;
use super::super::local::{Ask, Table};
use super::super::shared::command;
use super::*;

/// Microseconds since 1970, as the server counts them.
const TODAY: u64 = 1_790_000_000_000_000;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    store: StoreConfig,
}

fn config() -> StoreConfig {
    let mut config = Program::parse_from(["test"]).store;
    assert!(config.redis_url.is_some(), "REDIS_URL is not set");
    // What is tested is counting, on a machine that may be busy.
    config.redis_timeout = Duration::from_secs(5);
    config
}

/// A name that no earlier run has used.
fn fresh_name() -> String {
    format!("t-{}", Uuid::new_v4())
}

/// A gateway whose connection is driven by `main`.
fn gateway(config: &StoreConfig, main: &Runtime) -> Arc<Limiter> {
    let gateway = Arc::new(Limiter::new(config, Instant::now()).unwrap());
    let follower = Arc::clone(&gateway);
    main.spawn(async move { follower.follow().await });
    main.block_on(until_store_is(&gateway, true));
    gateway
}

fn worker() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
#[ignore = "needs a store"]
fn three_gateways_with_two_workers_each_admit_exactly_the_quota_together() {
    let (config, main, admitted) = (config(), Runtime::new().unwrap(), AtomicUsize::new(0));
    let limits = limits(&format!("[{}]\nquota = 100\nwindow_secs = 86400\nper = \"client\"", fresh_name()));
    let gateways = [(); 3].map(|()| gateway(&config, &main));
    let work = |gateway: &Limiter| {
        worker().block_on(async {
            for _ in 0..50 {
                let verdict = gateway.check(&limits, &NOBODY, Instant::now()).await;
                admitted.fetch_add(usize::from(verdict.refusal().is_none()), Ordering::Relaxed);
            }
        });
    };

    thread::scope(|scope| {
        for gateway in gateways.iter().chain(&gateways) {
            scope.spawn(|| work(gateway));
        }
    });

    assert_eq!(admitted.into_inner(), 100);
    assert!(gateways.iter().all(|gateway| gateway.store().unwrap().failures() == 0));
}

/// The script, with the test's clock in place of the server's.
struct Script {
    text: String,
    connection: RefCell<redis::Connection>,
}

impl Script {
    fn new() -> Self {
        let text = include_str!("../charge.lua").replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}");
        assert!(text.contains("ARGV[#ARGV]"));
        let client = redis::Client::open(config().redis_url.unwrap().expose()).unwrap();
        Self { text, connection: RefCell::new(client.get_connection().unwrap()) }
    }

    fn charge(&self, buckets: &[(String, Rate)], now: u64) -> Vec<u64> {
        let mut command = command("EVAL", &self.text, buckets);
        command.arg(now / 1_000_000).arg(now % 1_000_000);
        command.query(&mut *self.connection.borrow_mut()).unwrap()
    }
}

#[test]
#[ignore = "needs a store"]
fn the_script_agrees_with_the_local_arithmetic() {
    let script = Script::new();
    // Intervals are minutes at least, so that no key expires by the server's clock.
    let rate = (1..20_u32, 100_000..2_678_400_u32)
        .prop_flat_map(|(quota, window)| (1..=quota).prop_map(move |burst| Rate::new(quota, window, burst)));
    let steps = prop::collection::vec((0..200_000_000_000_u64, 1_u8..8), 1..60);
    let sequences = (prop::collection::vec(rate, 3), steps);

    let outcome = TestRunner::default().run(&sequences, |(rates, steps)| {
        let (table, scope, mut now) = (Table::new(), fresh_name(), TODAY);
        for (pause, chosen) in steps {
            now += pause;
            let asks: PerPolicy<Ask> = std::array::from_fn(|index| {
                let rate = rates.get(index).filter(|_| chosen & (1 << index) != 0)?;
                Some(Ask { tag: index as u64 + 1, rate: *rate })
            });
            let buckets: Vec<_> = asks.iter().flatten().map(|ask| (format!("{scope}:{}", ask.tag), ask.rate)).collect();

            let (local, shared) = (table.charge(&asks, now), script.charge(&buckets, now));

            prop_assert_eq!(shared[0] == 1, local.admitted);
            prop_assert_eq!(&shared[1..], local.used.into_iter().flatten().collect::<Vec<_>>());
        }
        Ok(())
    });

    assert_eq!(outcome, Ok(()));
}

#[test]
#[ignore = "needs a store"]
fn a_server_whose_clock_is_put_back_makes_nobody_wait_for_longer_than_usual() {
    let (script, rate) = (Script::new(), Rate::new(2, 7_200, 2));
    let bucket = [(fresh_name(), rate)];
    let admitted: Vec<_> = (0..3).map(|_| script.charge(&bucket, TODAY)[0]).collect();

    let yesterday = TODAY - 86_400_000_000;
    let at_once = script.charge(&bucket, yesterday)[0];
    let after_an_hour = script.charge(&bucket, yesterday + rate.interval)[0];

    assert_eq!((admitted.as_slice(), at_once, after_an_hour), ([1, 1, 0].as_slice(), 0, 1));
}

#[test]
#[ignore = "needs a store"]
fn what_is_kept_expires_when_the_bucket_is_full_and_names_no_secret() {
    let (config, main, name) = (config(), Runtime::new().unwrap(), fresh_name());
    let limits = limits(&format!("[{name}]\nquota = 10\nwindow_secs = 100\nper = \"api_key\""));
    let gateway = gateway(&config, &main);
    let key = http::HeaderValue::from_static("hunter2");
    let requester = Requester { api_key: Some(&key), ..NOBODY };

    let is_admitted = worker().block_on(gateway.check(&limits, &requester, Instant::now())).refusal().is_none();

    assert!(is_admitted);
    let client = redis::Client::open(config.redis_url.unwrap().expose()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("*{name}*")).query(&mut connection).unwrap();
    assert_eq!(keys.len(), 1);
    assert!(!keys[0].contains("hunter2"));
    let left: u64 = redis::cmd("PTTL").arg(&keys[0]).query(&mut connection).unwrap();
    assert!((1..=10_000).contains(&left), "{left}");
}

#[test]
#[ignore = "needs a store"]
fn a_store_that_forgets_its_scripts_is_lost_for_a_moment_only() {
    let (config, main) = (config(), Runtime::new().unwrap());
    let limits = limits(&format!("[{}]\nquota = 10\nwindow_secs = 86400\nper = \"client\"", fresh_name()));
    let gateway = gateway(&config, &main);
    let client = redis::Client::open(config.redis_url.unwrap().expose()).unwrap();
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut client.get_connection().unwrap()).unwrap();
    let is_admitted = || worker().block_on(gateway.check(&limits, &NOBODY, Instant::now())).refusal().is_none();

    let without = is_admitted();
    let was_lost = !gateway.store().unwrap().is_available();
    main.block_on(until_store_is(&gateway, true));

    assert!(without && was_lost);
    assert!(is_admitted());
}
