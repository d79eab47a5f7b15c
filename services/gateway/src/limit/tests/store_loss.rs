use futures_util::future::join_all;
use portico_common::config::Secret;

use super::fake_store::{FakeStore, Mood};
use super::*;

const TIMEOUT: Duration = Duration::from_millis(400);
const TEN: &str = "[ten]\nquota = 10\nwindow_secs = 86400\nper = \"client\"";

fn limiter(url: &str) -> Arc<Limiter> {
    let config = StoreConfig { redis_url: Some(Secret::new(url)), redis_timeout: TIMEOUT };
    let limiter = Arc::new(Limiter::new(&config, Instant::now()).unwrap());
    let follower = Arc::clone(&limiter);
    tokio::spawn(async move { follower.follow().await });
    limiter
}

async fn connected(url: &str) -> Arc<Limiter> {
    let limiter = limiter(url);
    until_store_is(&limiter, true).await;
    limiter
}

async fn admitted(limiter: &Limiter, limits: &PolicySet, times: usize) -> usize {
    let mut count = 0;
    for _ in 0..times {
        count += usize::from(limiter.check(limits, &NOBODY, Instant::now()).await.refusal().is_none());
    }
    count
}

#[tokio::test]
async fn a_store_that_answers_decides() {
    let store = FakeStore::start(Mood::Well).await;
    let limiter = connected(&store.url).await;

    assert_eq!(admitted(&limiter, &limits(TEN), 30).await, 30);
    assert_eq!(limiter.store().unwrap().failures(), 0);
}

#[tokio::test]
async fn a_store_that_hangs_delays_nothing_but_what_was_under_way_until_it_is_back() {
    let store = FakeStore::start(Mood::Well).await;
    let limiter = connected(&store.url).await;
    let limits = limits(TEN);
    store.becomes(Mood::Hung);

    let under_way = join_all((0..5).map(|_| limiter.check(&limits, &NOBODY, Instant::now()))).await;
    let lost = Instant::now();
    let after = admitted(&limiter, &limits, 50).await;

    assert!(lost.elapsed() < TIMEOUT, "a lost store was asked again");
    assert_eq!(under_way.iter().filter(|verdict| verdict.refusal().is_none()).count() + after, 10);
    assert_eq!(limiter.store().unwrap().failures(), 5);
    assert_eq!(store.connections(), 1);

    store.becomes(Mood::Well);
    until_store_is(&limiter, true).await;

    assert_eq!(admitted(&limiter, &limits, 30).await, 30);
    assert_eq!(store.connections(), 2);
}

#[tokio::test]
async fn a_store_that_hangs_up_is_left_and_found_again() {
    let store = FakeStore::start(Mood::Well).await;
    let limiter = connected(&store.url).await;
    let limits = limits(TEN);
    store.becomes(Mood::Gone);

    let admitted_without = admitted(&limiter, &limits, 50).await;

    assert_eq!(admitted_without, 10);
    assert!(!limiter.store().unwrap().is_available());
    store.becomes(Mood::Well);
    until_store_is(&limiter, true).await;
}

#[tokio::test]
async fn answers_that_are_not_the_scripts_are_a_loss() {
    let answers: [&[u8]; 11] = [
        b"\x00\xff\xfenonsense\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n",
        b"$-1\r\n",
        b"*0\r\n",
        b"*1\r\n:1\r\n",
        b"*3\r\n:1\r\n:1\r\n:1\r\n",
        b"*2\r\n:2\r\n:1\r\n",
        b"*2\r\n:1\r\n:-1\r\n",
        b"*2\r\n:1\r\n:86400000001\r\n",
        b"-NOSCRIPT No matching script.\r\n",
    ];

    for answer in answers {
        let store = FakeStore::start(Mood::Well).await;
        let limiter = connected(&store.url).await;
        store.becomes(Mood::Says(answer));

        let admitted = admitted(&limiter, &limits(TEN), 30).await;

        assert_eq!(admitted, 10, "{}", answer.escape_ascii());
        assert_eq!(limiter.store().unwrap().failures(), 1, "{}", answer.escape_ascii());
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_never_asked() {
    let store = FakeStore::start(Mood::Says(b"-READONLY You can't write against a read only replica.\r\n")).await;
    let limiter = limiter(&store.url);

    let admitted = admitted(&limiter, &limits(TEN), 30).await;
    let tried = async {
        while limiter.store().unwrap().failures() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), tried).await.unwrap();

    assert_eq!(admitted, 10);
    assert!(!limiter.store().unwrap().is_available());
}

#[tokio::test]
async fn a_gateway_starts_without_its_store() {
    let nowhere = FakeStore::start(Mood::Well).await.url.clone();
    let limiter = limiter(&nowhere);

    assert_eq!(admitted(&limiter, &limits(TEN), 30).await, 10);
}

#[tokio::test]
async fn a_quota_used_up_at_the_store_stays_used_up_without_it() {
    let store = FakeStore::start(Mood::Well).await;
    let limiter = connected(&store.url).await;
    let limits = limits(TEN);
    store.becomes(Mood::Says(b"*2\r\n:0\r\n:86400000000\r\n"));
    let at_the_store = admitted(&limiter, &limits, 1).await;

    store.becomes(Mood::Gone);
    let without = admitted(&limiter, &limits, 30).await;

    assert_eq!((at_the_store, without), (0, 0));
}

#[tokio::test]
async fn an_open_policy_lets_everything_through_untold_and_a_local_one_beside_it_still_counts() {
    let open = "[open]\nquota = 1\nwindow_secs = 60\nper = \"client\"\non_store_loss = \"open\"\n";
    let limiter = limiter("redis://127.0.0.1:1");
    let (open_only, both) = (limits(open), limits(&format!("{open}{TEN}")));

    assert!(limiter.check(&open_only, &NOBODY, Instant::now()).await.told().is_none());
    assert_eq!(admitted(&limiter, &open_only, 30).await, 30);
    assert_eq!(admitted(&limiter, &both, 30).await, 10);
}

#[tokio::test]
async fn a_closed_policy_lets_nothing_through_and_says_that_it_is_our_fault() {
    let closed = limits("[a]\nquota = 9\nwindow_secs = 60\nper = \"client\"\non_store_loss = \"closed\"");
    let limiter = limiter("redis://127.0.0.1:1");

    let verdict = limiter.check(&closed, &NOBODY, Instant::now()).await;

    assert_eq!(verdict.refusal().unwrap().code(), "limits_unavailable");
    assert!(verdict.refused_by().is_none());
}

#[test]
fn the_password_of_the_store_is_never_shown() {
    for url in ["redis://:hunter2@", "http://:hunter2@localhost", "hunter2", "redis://:hunter2@host:port/x"] {
        let config = StoreConfig { redis_url: Some(Secret::new(url)), redis_timeout: TIMEOUT };

        let error = Limiter::new(&config, Instant::now()).err().unwrap();

        assert!(format!("{error:#} {error:?}").contains("REDIS_URL"));
        assert!(!format!("{error:#} {error:?} {config:?}").contains("hunter2"));
    }
}
