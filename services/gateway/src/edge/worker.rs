//! A thread that serves its share of the connections, with nothing shared on the way.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use portico_common::clock::Clock;
use portico_common::server::ServerConfig;
use tokio::runtime::{self, LocalOptions};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::connection::ClientConnection;
use super::conversation;
use super::door::{Accepted, Door};
use super::slots::Slots;
use super::team::{Load, Seat, Team};
use crate::gateway::Gateway;
use crate::http1::Buffers;
use crate::metrics::Recorder;
use crate::proxy::Copies;
use crate::upstream::Pool;

/// How often the time of the connections is looked at. No limit of theirs needs to be kept more exactly.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What the connections of one thread share.
pub(crate) struct Worker {
    pub gateway: Arc<Gateway>,
    /// Kept-alive connections to services.
    pub pool: Rc<Pool>,
    /// What this worker counts.
    pub recorder: Rc<Recorder>,
    /// What messages are read and written into.
    pub buffers: Rc<Buffers>,
    /// What copies of requests take.
    pub copies: Copies,
    pub(super) settings: ServerConfig,
    /// Connections may end after their current request, and no client should send another.
    is_leaving: Cell<bool>,
    watched: RefCell<HashMap<u64, Rc<ClientConnection>>>,
    next_key: Cell<u64>,
    /// The last connection has ended while it is leaving.
    emptied: Notify,
    date: Cell<[u8; DATE]>,
}

/// Takes a connection out of those that are watched.
pub(super) struct Watched {
    worker: Rc<Worker>,
    key: u64,
    _seat: Seat,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watched = self.worker.watched.borrow_mut();
        watched.remove(&self.key);
        if watched.is_empty() && self.worker.is_leaving() {
            self.worker.emptied.notify_one();
        }
    }
}

impl Worker {
    /// Whether connections should be left after the request they are at.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving.get()
    }

    fn serve(self: &Rc<Self>, accepted: Accepted, seat: Seat) {
        self.recorder.accepted();
        let client = Rc::new(ClientConnection::new(accepted.peer, self.gateway.tls.is_some()));
        let watched = self.watch(&client, seat);
        tokio::task::spawn_local(conversation::serve(accepted, client, watched, Rc::clone(self)));
    }

    /// Has the time of a connection looked at until the value is dropped.
    fn watch(self: &Rc<Self>, client: &Rc<ClientConnection>, seat: Seat) -> Watched {
        let key = self.next_key.replace(self.next_key.get() + 1);
        self.watched.borrow_mut().insert(key, Rc::clone(client));
        Watched { worker: Rc::clone(self), key, _seat: seat }
    }

    fn has_left(&self) -> bool {
        self.is_leaving() && self.watched.borrow().is_empty()
    }

    fn leave(&self) {
        self.is_leaving.set(true);
        for client in self.watched.borrow().values() {
            client.leave();
        }
    }

    /// The time as answers tell it (RFC 9110 section 6.6.1).
    pub(super) fn date(&self) -> [u8; DATE] {
        self.date.get()
    }

    /// Looks at the time of all connections, for as long as it is polled.
    async fn look_after_connections(&self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            for client in self.watched.borrow().values() {
                client.look(now, &self.settings, self.is_leaving());
            }
            self.pool.close_idle(now);
            self.date.set(date());
        }
    }
}

/// The length of `Sun, 06 Nov 1994 08:49:37 GMT`.
const DATE: usize = 29;

fn date() -> [u8; DATE] {
    let mut date = [b' '; DATE];
    // Years of more than four digits are not what this text can say.
    let written = Clock::system().now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if written.len() == DATE {
        date.copy_from_slice(written.as_bytes());
    }
    date
}

/// What a worker should do; without anybody to say it, as with `Cut`.
#[derive(Clone, Copy)]
enum Order {
    Serve,
    Leave,
    Cut,
}

/// A running worker. When it is dropped, the worker cuts its connections and ends.
pub(super) struct WorkerHandle {
    orders: watch::Sender<Order>,
    load: Load,
    ended: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerHandle {
    pub fn start(
        team: Team,
        listener: std::net::TcpListener,
        slots: Slots,
        gateway: &Arc<Gateway>,
        settings: &ServerConfig,
    ) -> io::Result<Self> {
        let (orders, heard) = watch::channel(Order::Serve);
        let (ending, ended) = oneshot::channel::<()>();
        let (report, start) = std::sync::mpsc::sync_channel(1);
        let (gateway, settings, load) = (Arc::clone(gateway), settings.clone(), team.load());
        let recorder = gateway.metrics.recorder();
        let span = tracing::Span::current();
        let thread = thread::Builder::new().name(format!("worker-{}", team.index())).spawn(move || {
            let _ending = ending;
            let _entered = span.entered();
            // It stays on the thread that made it.
            let runtime = runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let opened = runtime.and_then(|runtime| {
                let door = runtime.block_on(async { Door::new(listener, slots) })?;
                Ok((runtime, door))
            });
            let (runtime, door) = match opened {
                Ok(opened) => opened,
                Err(error) => return drop(report.send(Err(error))),
            };
            let _ = report.send(Ok(()));
            let worker = Rc::new(Worker {
                gateway,
                pool: Rc::new(Pool::new()),
                recorder: Rc::new(recorder),
                buffers: Rc::default(),
                copies: Copies::default(),
                settings,
                is_leaving: Cell::new(false),
                watched: RefCell::default(),
                next_key: Cell::new(0),
                emptied: Notify::new(),
                date: Cell::new(date()),
            });
            // What is still at work then is dropped with the runtime.
            runtime.block_on(run(worker, door, team, heard));
        })?;
        start.recv().map_err(io::Error::other)??;
        Ok(Self { orders, load, ended, thread: Some(thread) })
    }

    /// How many connections it has.
    pub fn connections(&self) -> usize {
        self.load.connections()
    }

    /// Tells it to let nobody in any more and its connections go, and to end with the last of them.
    pub fn leave(&self) {
        self.orders.send_replace(Order::Leave);
    }

    /// Waits until it has ended, and its thread with it: a process that exits while a thread still gives back its
    /// memory can crash. What has ended may be waited for again.
    pub async fn ended(&mut self) {
        if self.thread.is_none() {
            return;
        }
        let _ = (&mut self.ended).await;
        // Only what is local to the thread is left to drop.
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("worker lost");
        }
    }

    /// Tells it to cut its connections, and waits until it has ended.
    pub async fn cut(mut self) {
        self.orders.send_replace(Order::Cut);
        self.ended().await;
    }
}

async fn run(worker: Rc<Worker>, door: Door, mut team: Team, mut orders: watch::Receiver<Order>) {
    let looking = Rc::clone(&worker);
    tokio::task::spawn_local(async move { looking.look_after_connections().await });
    let mut door = Some(door);
    while !(worker.has_left() && team.is_empty()) {
        let arrived = tokio::select! {
            accepted = next(door.as_ref()) => team.share(accepted),
            Some(arrived) = team.handed_over() => arrived.map(Some),
            order = orders.changed() => match order.map_or(Order::Cut, |()| *orders.borrow()) {
                Order::Serve => continue,
                Order::Leave => {
                    worker.leave();
                    team.close();
                    for accepted in door.take().map(Door::close).into_iter().flatten() {
                        worker.serve(accepted, team.seat());
                    }
                    continue;
                }
                Order::Cut => break,
            },
            () = worker.emptied.notified() => continue,
        };
        match arrived {
            Ok(Some((accepted, seat))) => worker.serve(accepted, seat),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "connection lost while it was handed over"),
        }
    }
}

async fn next(door: Option<&Door>) -> Accepted {
    match door {
        Some(door) => door.next().await,
        None => pending().await,
    }
}
