//! What workers know of each other: how many connections each has, and how to give it one more.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::door::Accepted;
use super::slots::Slot;

/// A worker that has so much more than another, as a share of its own, hands over what comes. To move every connection
/// for a difference of one would cost more than it brings where they are short.
const MUCH_MORE: usize = 4;

/// All workers, as one of them sees them.
pub(super) struct Team {
    me: usize,
    members: Arc<[Arc<Member>]>,
    inbox: mpsc::UnboundedReceiver<HandedOver>,
}

struct Member {
    connections: AtomicUsize,
    inbox: mpsc::UnboundedSender<HandedOver>,
}

/// A connection that belongs to no runtime yet.
struct HandedOver {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    slot: Slot,
    seat: Seat,
}

/// A connection as counted for its worker, until it is dropped.
pub(super) struct Seat(Arc<Member>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many connections a worker has.
pub(super) struct Load(Arc<Member>);

impl Load {
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }
}

impl Team {
    /// So many members.
    pub fn of(count: usize) -> Vec<Self> {
        let (members, inboxes): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| {
                let (sender, inbox) = mpsc::unbounded_channel();
                (Arc::new(Member { connections: AtomicUsize::new(0), inbox: sender }), inbox)
            })
            .unzip();
        let members: Arc<[_]> = members.into();
        let team = inboxes.into_iter().enumerate();
        team.map(|(me, inbox)| Self { me, members: Arc::clone(&members), inbox }).collect()
    }

    /// Which of them this is.
    pub fn index(&self) -> usize {
        self.me
    }

    pub fn load(&self) -> Load {
        Load(Arc::clone(&self.members[self.me]))
    }

    /// Counts one for this worker.
    pub fn seat(&self) -> Seat {
        take_seat(&self.members[self.me])
    }

    /// Gives a connection back that is to be served here; one that another should have is handed over.
    pub fn share(&self, accepted: Accepted) -> io::Result<Option<(Accepted, Seat)>> {
        let mine = self.members[self.me].connections.load(Ordering::Relaxed);
        let others = self.members.iter().map(|member| (member, member.connections.load(Ordering::Relaxed)));
        let other = others.min_by_key(|(_, theirs)| *theirs).filter(|(_, theirs)| {
            let more = mine.saturating_sub(*theirs);
            more > mine / MUCH_MORE
        });
        let Some((other, _)) = other else {
            return Ok(Some((accepted, self.seat())));
        };
        let Accepted { stream, peer, slot } = accepted;
        let handed = HandedOver { stream: stream.into_std()?, peer, slot, seat: take_seat(other) };
        match other.inbox.send(handed) {
            Ok(()) => Ok(None),
            // It is leaving.
            Err(mpsc::error::SendError(handed)) => handed.arrive().map(|(accepted, _)| Some((accepted, self.seat()))),
        }
    }

    /// The next connection that another hands over; none once all have arrived and no more are taken.
    pub async fn handed_over(&mut self) -> Option<io::Result<(Accepted, Seat)>> {
        self.inbox.recv().await.map(HandedOver::arrive)
    }

    /// Takes over no more.
    pub fn close(&mut self) {
        self.inbox.close();
    }

    /// Whether all that was handed over has arrived.
    pub fn is_empty(&self) -> bool {
        self.inbox.is_empty()
    }
}

fn take_seat(member: &Arc<Member>) -> Seat {
    member.connections.fetch_add(1, Ordering::Relaxed);
    Seat(Arc::clone(member))
}

impl HandedOver {
    fn arrive(self) -> io::Result<(Accepted, Seat)> {
        let Self { stream, peer, slot, seat } = self;
        Ok((Accepted { stream: TcpStream::from_std(stream)?, peer, slot }, seat))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::net::TcpListener;

    use super::super::slots::Slots;
    use super::*;

    /// Connections that were just accepted, as many as asked for.
    async fn accepted(count: usize) -> Vec<Accepted> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slots = Slots::new(count, None);
        let mut all = Vec::new();
        for _ in 0..count {
            let _client = TcpStream::connect(address).await.unwrap();
            let (stream, peer) = listener.accept().await.unwrap();
            let place = slots.place().await;
            all.push(Accepted { stream, peer, slot: slots.take(Some(place), peer.ip()).ok().unwrap() });
        }
        all
    }

    #[tokio::test]
    async fn who_accepts_every_connection_ends_up_with_its_share_of_them() {
        let [busy, mut other, third] = <[Team; 3]>::try_from(Team::of(3)).ok().unwrap();

        let kept: Vec<_> = accepted(30).await.into_iter().filter_map(|it| busy.share(it).unwrap()).collect();

        let loads = [&busy, &other, &third].map(|team| team.load().connections());
        assert_eq!(loads.iter().sum::<usize>(), 30);
        assert!(loads.iter().all(|load| (8..=12).contains(load)), "{loads:?}");
        assert_eq!(kept.len(), loads[0]);
        let handed = other.handed_over().now_or_never().unwrap().unwrap().unwrap();
        drop((kept, handed));
        assert_eq!([busy.load().connections(), other.load().connections()], [0, loads[1] - 1]);
    }

    #[tokio::test]
    async fn what_a_leaving_worker_does_not_take_stays_where_it_was_accepted() {
        let [busy, mut leaving] = <[Team; 2]>::try_from(Team::of(2)).ok().unwrap();
        leaving.close();

        let kept: Vec<_> = accepted(5).await.into_iter().filter_map(|it| busy.share(it).unwrap()).collect();

        assert_eq!((kept.len(), busy.load().connections(), leaving.load().connections()), (5, 5, 0));
    }
}
