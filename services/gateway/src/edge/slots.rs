//! How many connections there may be, in all and of one client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Places for connections; clones share them.
#[derive(Clone)]
pub(crate) struct Slots(Arc<Shared>);

struct Shared {
    most: usize,
    most_per_client: Option<usize>,
    taken: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, usize>>,
    freed: Notify,
}

/// One place, given back when dropped.
pub(crate) struct Slot {
    slots: Slots,
    client: IpAddr,
}

impl Slots {
    pub fn new(most: usize, most_per_client: Option<usize>) -> Self {
        Self(Arc::new(Shared {
            most,
            most_per_client,
            taken: AtomicUsize::new(0),
            clients: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// Waits until one more connection may be accepted; those that come meanwhile wait in the system's backlog.
    pub async fn has_room(&self) {
        while self.0.taken.load(Ordering::Acquire) >= self.0.most {
            self.0.freed.notified().await;
        }
    }

    /// Takes a place, unless the client has all that one client may have.
    pub fn take(&self, address: IpAddr) -> Option<Slot> {
        let client = network_of(address);
        if let Some(most) = self.0.most_per_client {
            let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = clients.entry(client).or_default();
            if *taken >= most {
                return None;
            }
            *taken += 1;
        }
        self.0.taken.fetch_add(1, Ordering::AcqRel);
        Some(Slot { slots: self.clone(), client })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let shared = &self.slots.0;
        if shared.most_per_client.is_some() {
            let mut clients = shared.clients.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(taken) = clients.get_mut(&self.client) {
                *taken -= 1;
                if *taken == 0 {
                    clients.remove(&self.client);
                }
            }
        }
        shared.taken.fetch_sub(1, Ordering::AcqRel);
        shared.freed.notify_one();
    }
}

/// An IPv6 client has at least a /64 to itself and can come from any address in it.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_client_gets_no_more_than_its_share_and_gets_it_back() {
        let slots = Slots::new(10, Some(2));
        let (first, _second) = (slots.take(CLIENT).unwrap(), slots.take(CLIENT).unwrap());

        assert!(slots.take(CLIENT).is_none());
        assert!(slots.take("10.0.0.1".parse().unwrap()).is_some());
        drop(first);
        assert!(slots.take(CLIENT).is_some());
    }

    #[test]
    fn the_addresses_of_one_network_are_one_client() {
        let slots = Slots::new(10, Some(1));
        let taken = ["2001:db8::1", "::ffff:10.0.0.1"].map(|address| slots.take(address.parse().unwrap()).unwrap());

        assert!(slots.take("2001:db8::2:2".parse().unwrap()).is_none());
        assert!(slots.take("10.0.0.1".parse().unwrap()).is_none());
        assert!(slots.take("2001:db8:0:1::1".parse().unwrap()).is_some());
        drop(taken);
    }

    #[test]
    fn when_all_are_taken_the_next_waits_for_one_to_be_given_back() {
        let slots = Slots::new(1, None);
        let taken = slots.take(CLIENT).unwrap();

        assert!(slots.has_room().now_or_never().is_none());
        drop(taken);
        assert!(slots.has_room().now_or_never().is_some());
    }
}
