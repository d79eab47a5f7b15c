//! Names that are looked up, by a resolver that does as it is told.

use std::cell::Cell;

use anyhow::bail;

use super::*;
use crate::metrics::Metrics;

fn upstream(places: &[&str]) -> Upstream {
    let places = places.iter().map(|place| (*place).to_owned()).collect();
    let site = Site { url: "http://shop.internal:80".parse().unwrap(), places, health: None };
    Upstream::new("shop", site, Metrics::default().upstream("shop")).unwrap()
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 80))
}

fn addresses(upstream: &Upstream) -> Vec<SocketAddr> {
    upstream.endpoints.all().iter().map(|endpoint| endpoint.address).collect()
}

#[tokio::test]
async fn a_name_that_moves_is_followed_and_one_that_stays_keeps_its_record() {
    let upstream = upstream(&[]);
    upstream.resolve_by(async |_| Ok(vec![address(1), address(2), address(1)])).await;
    let before = upstream.endpoints.all();

    upstream.resolve_by(async |_| Ok(vec![address(2), address(3)])).await;

    assert_eq!(addresses(&upstream), [address(2), address(3)]);
    assert_eq!(before.len(), 2);
    assert!(std::sync::Arc::ptr_eq(&before[1], &upstream.endpoints.all()[0]));
}

#[tokio::test]
async fn the_last_good_addresses_stay_while_a_name_cannot_be_looked_up() {
    let upstream = upstream(&["a.internal:80", "b.internal:80"]);
    upstream.resolve_by(async |name| Ok(vec![address(if name == "a.internal:80" { 1 } else { 2 })])).await;

    upstream.resolve_by(async |_| bail!("no such host")).await;
    upstream
        .resolve_by(async |name| if name == "a.internal:80" { Ok(vec![address(9)]) } else { bail!("timed out") })
        .await;

    assert_eq!(addresses(&upstream), [address(1), address(2)]);
}

#[tokio::test]
async fn a_request_at_an_address_that_is_gone_ends_as_it_would_have() {
    let (upstream, now) = (upstream(&[]), Instant::now());
    upstream.resolve_by(async |_| Ok(vec![address(1)])).await;
    let exchange = upstream.endpoints.pick(&[], true, now).unwrap();

    upstream.resolve_by(async |_| Ok(vec![address(2)])).await;
    exchange.answered(now, false, upstream.endpoints.may_eject(now));

    assert_eq!(exchange.address(), address(1));
    assert_eq!(upstream.endpoints.pick(&[], true, now).unwrap().address(), address(2));
}

#[tokio::test]
async fn requests_that_need_the_first_address_wait_for_one_lookup() {
    let (upstream, lookups) = (upstream(&[]), Cell::new(0));
    let look_up = async |_: &str| {
        lookups.set(lookups.get() + 1);
        tokio::task::yield_now().await;
        Ok(vec![address(1)])
    };

    join_all((0..50).map(|_| upstream.resolve_first_by(look_up))).await;

    assert_eq!((lookups.get(), addresses(&upstream)), (1, vec![address(1)]));
}

#[tokio::test]
async fn a_name_without_an_address_is_not_looked_up_for_every_request() {
    let (upstream, lookups) = (upstream(&[]), Cell::new(0));
    let look_up = async |_: &str| {
        lookups.set(lookups.get() + 1);
        bail!("no such host")
    };

    join_all((0..50).map(|_| upstream.resolve_first_by(look_up))).await;

    assert_eq!((lookups.get(), addresses(&upstream)), (1, vec![]));
}

#[tokio::test]
async fn addresses_are_never_looked_up() {
    let upstream = upstream(&["10.0.0.1:80", "10.0.0.2:80"]);

    upstream.resolve_by(async |name| panic!("{name} was looked up")).await;

    assert_eq!(addresses(&upstream), [address(1), address(2)]);
}
