//! The addresses of one service, and which of them is asked next.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::endpoint::{Endpoint, EndpointView, Exchange};
use super::record::Use;

/// Of two endpoints that cost nearly the same either is asked.
const CLEARLY: f64 = 0.8;

/// Who can be asked; empty until the first name is resolved.
#[derive(Default)]
pub(crate) struct Endpoints(ArcSwap<Vec<Arc<Endpoint>>>);

impl Endpoints {
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let endpoints = Self::default();
        endpoints.replace(addresses);
        endpoints
    }

    /// Takes over the addresses that are good now. Those that stay keep what is known of them; requests at those
    /// that go end by themselves.
    pub fn replace(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        let known = self.0.load();
        let now = Instant::now();
        let mut endpoints: Vec<Arc<Endpoint>> = Vec::new();
        for address in addresses {
            if endpoints.iter().any(|endpoint| endpoint.address == address) {
                continue;
            }
            let kept = known.iter().find(|endpoint| endpoint.address == address).cloned();
            endpoints.push(kept.unwrap_or_else(|| Arc::new(Endpoint::new(address, now))));
        }
        self.0.store(Arc::new(endpoints));
    }

    pub fn len(&self) -> usize {
        self.0.load().len()
    }

    /// Chooses one that was not tried, if there is one: of two at random the one with less to do.
    ///
    /// One that is left out is chosen if all are. An ejected one is, too, to show by a request that may be repeated
    /// that it is well again.
    pub fn pick(&self, tried: &[SocketAddr], may_repeat: bool, now: Instant) -> Option<Exchange> {
        let endpoints = self.0.load();
        if let [only] = &endpoints[..] {
            return Some(only.begin(now));
        }
        let untried: Vec<&Arc<Endpoint>> =
            endpoints.iter().filter(|endpoint| !tried.contains(&endpoint.address)).collect();
        if may_repeat && let Some(due) = untried.iter().find(|endpoint| endpoint.try_trial(now)) {
            return Some(due.begin_trial(now));
        }
        let good = |endpoint: &&&Arc<Endpoint>| endpoint.may_be_asked(now) == Use::Good;
        let usable: Vec<&Arc<Endpoint>> = untried.iter().filter(good).copied().collect();
        let candidates = if usable.is_empty() { &untried } else { &usable };
        match candidates[..] {
            [] => endpoints.first().map(|endpoint| endpoint.begin(now)),
            [only] => Some(only.begin(now)),
            _ => {
                let first = fastrand::usize(..candidates.len());
                let second = (first + fastrand::usize(1..candidates.len())) % candidates.len();
                let (first, second) = (candidates[first], candidates[second]);
                let is_clearly_cheaper = second.cost(now) < first.cost(now) * CLEARLY;
                Some(if is_clearly_cheaper { second } else { first }.begin(now))
            }
        }
    }

    /// Notes that nobody waits any longer for an answer of this one.
    pub fn failed(&self, address: SocketAddr) {
        let now = Instant::now();
        let endpoints = self.0.load();
        if endpoints.len() > 1
            && let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.address == address)
        {
            endpoint.begin(now).answered(now, true, self.may_eject(now));
        }
    }

    /// What is known of each.
    pub fn view(&self, now: Instant) -> Vec<EndpointView> {
        self.0.load().iter().map(|endpoint| endpoint.view(now)).collect()
    }

    /// All there are now.
    pub fn all(&self) -> Arc<Vec<Arc<Endpoint>>> {
        self.0.load_full()
    }

    /// How many are not left out.
    pub fn usable(&self, now: Instant) -> usize {
        self.0.load().iter().filter(|endpoint| !endpoint.is_out(now)).count()
    }

    /// Whether one more may be left out for how it did: then at most half of them are.
    pub fn may_eject(&self, now: Instant) -> bool {
        let endpoints = self.0.load();
        let out = endpoints.iter().filter(|endpoint| endpoint.is_out(now)).count();
        (out + 1) * 2 <= endpoints.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn three() -> Endpoints {
        Endpoints::new([1, 2, 3].map(address))
    }

    fn fail(endpoints: &Endpoints, port: u16, times: usize, now: Instant) {
        let others: Vec<_> = [1, 2, 3].into_iter().filter(|other| *other != port).map(address).collect();
        for _ in 0..times {
            let exchange = endpoints.pick(&others, false, now).unwrap();
            exchange.answered(now, true, endpoints.may_eject(now));
        }
    }

    #[test]
    fn a_slower_endpoint_gets_few_requests() {
        let endpoints = three();
        let mut now = Instant::now();
        let mut slow = 0;

        for _ in 0..1000 {
            now += Duration::from_millis(10);
            let exchange = endpoints.pick(&[], true, now).unwrap();
            let is_slow = exchange.address() == address(3);
            slow += u32::from(is_slow);
            exchange.answered(now + Duration::from_millis(if is_slow { 210 } else { 10 }), false, true);
        }

        assert!(slow < 100, "{slow} of 1000");
        assert!(slow > 0, "it is still tried");
    }

    #[test]
    fn an_ejected_endpoint_is_left_out_and_comes_back_by_one_request() {
        let endpoints = three();
        let now = Instant::now();
        fail(&endpoints, 1, 5, now);

        let asked = |now| (0..50).filter_map(|_| endpoints.pick(&[], true, now)).collect::<Vec<_>>();
        assert!(asked(now).iter().all(|exchange| exchange.address() != address(1)));
        let later = now + Duration::from_secs(2);
        let trials: Vec<_> = asked(later).into_iter().filter(|exchange| exchange.address() == address(1)).collect();
        assert_eq!(trials.len(), 1);
        trials[0].answered(later, false, true);
        assert!(asked(later).iter().any(|exchange| exchange.address() == address(1)));
    }

    #[test]
    fn when_all_fail_all_are_still_tried() {
        let endpoints = three();
        let now = Instant::now();
        for port in [1, 2, 3] {
            fail(&endpoints, port, 50, now);
        }

        assert!(endpoints.pick(&[], false, now).is_some());
        assert!(endpoints.pick(&[1, 2, 3].map(address), true, now).is_some());
    }

    #[test]
    fn who_is_not_well_is_asked_only_when_nobody_is_well() {
        let (endpoints, now) = (three(), Instant::now());
        let all = endpoints.all();
        let check = |is_well: [bool; 3]| {
            for (endpoint, is_well) in all.iter().zip(is_well) {
                endpoint.checked(is_well);
                endpoint.checked(is_well);
            }
            let asked = (0..200).filter_map(|_| Some(endpoints.pick(&[], true, now)?.address().port()));
            (endpoints.usable(now), asked.collect::<BTreeSet<_>>())
        };

        assert_eq!(check([false, true, true]), (2, BTreeSet::from([2, 3])));
        assert_eq!(check([false, true, false]), (1, BTreeSet::from([2])));
        assert_eq!(check([false, false, false]), (0, BTreeSet::from([1, 2, 3])));
        assert_eq!(check([true, false, false]), (1, BTreeSet::from([1])));
    }

    #[test]
    fn what_was_tried_is_avoided() {
        let endpoints = three();
        let now = Instant::now();

        for _ in 0..50 {
            assert_eq!(endpoints.pick(&[address(1), address(2)], true, now).unwrap().address(), address(3));
        }
    }

    #[test]
    fn an_address_that_stays_keeps_its_record() {
        let endpoints = three();
        let now = Instant::now();
        fail(&endpoints, 1, 5, now);

        endpoints.replace([1, 2, 4].map(address));

        let asked: Vec<_> = (0..50).filter_map(|_| endpoints.pick(&[], false, now)).collect();
        assert!(asked.iter().all(|exchange| exchange.address() != address(1) && exchange.address() != address(3)));
        assert!(asked.iter().any(|exchange| exchange.address() == address(4)));
    }
}
