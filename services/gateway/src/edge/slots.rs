//! How many connections there may be, in all and of one client.

use std::collections::HashMap;
use std::future::pending;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for connections; clones share them.
#[derive(Clone)]
pub(crate) struct Slots {
    places: Arc<Semaphore>,
    shares: Option<Arc<Shares>>,
}

/// How many of the places each client has.
struct Shares {
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place for a connection that is still to come.
pub(crate) type Place = OwnedSemaphorePermit;

/// One place, given back when dropped.
pub(crate) struct Slot {
    _place: Option<Place>,
    _share: Option<Share>,
}

/// One place as counted for a client.
struct Share {
    shares: Arc<Shares>,
    client: IpAddr,
}

impl Slots {
    pub fn new(most: usize, most_per_client: Option<usize>) -> Self {
        let shares = most_per_client.map(|most| Arc::new(Shares { most, taken: Mutex::default() }));
        Self { places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))), shares }
    }

    /// Waits until one more connection may be accepted; those that come meanwhile wait in the system's backlog.
    pub async fn place(&self) -> Place {
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(place) => place,
            // It is never closed.
            Err(_) => pending().await,
        }
    }

    /// Gives a client the place, or gives the place back: the client has all that one client may have.
    ///
    /// Without a place it is one too many in all, taken in nevertheless.
    pub fn take(&self, place: Option<Place>, address: IpAddr) -> Result<Slot, Option<Place>> {
        let Some(shares) = &self.shares else {
            return Ok(Slot { _place: place, _share: None });
        };
        let client = network_of(address);
        let mut taken = shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(client).or_default();
        if *count >= shares.most {
            return Err(place);
        }
        *count += 1;
        Ok(Slot { _place: place, _share: Some(Share { shares: Arc::clone(shares), client }) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
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

    fn take(slots: &Slots, address: &str) -> Option<Slot> {
        slots.take(slots.place().now_or_never(), address.parse().unwrap()).ok()
    }

    #[test]
    fn a_client_gets_no_more_than_its_share_and_gets_it_back() {
        let slots = Slots::new(10, Some(2));
        let (first, _second) = (take(&slots, "127.0.0.1").unwrap(), take(&slots, "127.0.0.1").unwrap());

        assert!(take(&slots, "127.0.0.1").is_none());
        assert!(take(&slots, "10.0.0.1").is_some());
        drop(first);
        assert!(take(&slots, "127.0.0.1").is_some());
    }

    #[test]
    fn the_addresses_of_one_network_are_one_client() {
        let slots = Slots::new(10, Some(1));
        let taken = ["2001:db8::1", "::ffff:10.0.0.1"].map(|address| take(&slots, address).unwrap());

        assert!(take(&slots, "2001:db8::2:2").is_none());
        assert!(take(&slots, "10.0.0.1").is_none());
        assert!(take(&slots, "2001:db8:0:1::1").is_some());
        drop(taken);
    }

    #[test]
    fn when_all_are_taken_the_next_waits_for_one_to_be_given_back() {
        let slots = Slots::new(1, None);
        let taken = slots.take(slots.place().now_or_never(), CLIENT).ok();

        assert!(slots.place().now_or_never().is_none());
        drop(taken);
        assert!(slots.place().now_or_never().is_some());
    }
}
