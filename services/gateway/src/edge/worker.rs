//! A thread that serves its share of the connections, with nothing shared on the way.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use portico_common::clock::Clock;
use portico_common::server::ServerConfig;
use tokio::runtime::{self, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::Accepted;
use super::connection::ClientConnection;
use super::conversation;
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
    /// What heads are written into.
    pub buffers: Buffers,
    /// What copies of requests take.
    pub copies: Copies,
    pub(super) settings: ServerConfig,
    /// Connections may end after their current request, and no client should send another.
    is_leaving: Cell<bool>,
    watched: RefCell<HashMap<u64, Rc<ClientConnection>>>,
    next_key: Cell<u64>,
    date: Cell<[u8; DATE]>,
}

/// Takes a connection out of those that are watched.
pub(super) struct Watched {
    worker: Rc<Worker>,
    key: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.worker.watched.borrow_mut().remove(&self.key);
    }
}

impl Worker {
    /// Whether connections should be left after the request they are at.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving.get()
    }

    /// Has the time of a connection looked at until the value is dropped.
    pub(super) fn watch(self: &Rc<Self>, client: &Rc<ClientConnection>) -> Watched {
        let key = self.next_key.replace(self.next_key.get() + 1);
        self.watched.borrow_mut().insert(key, Rc::clone(client));
        Watched { worker: Rc::clone(self), key }
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

enum Command {
    Serve(Accepted),
    Leave,
}

/// A running worker. When it is dropped, the worker cuts its connections and ends.
pub(super) struct WorkerHandle {
    commands: mpsc::UnboundedSender<Command>,
    connections: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
}

impl WorkerHandle {
    pub fn start(index: usize, gateway: &Arc<Gateway>, settings: &ServerConfig) -> io::Result<Self> {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (ending, ended) = oneshot::channel::<()>();
        let connections = Arc::new(AtomicUsize::new(0));
        let (report, start) = std::sync::mpsc::sync_channel(1);
        let (gateway, settings, count) = (Arc::clone(gateway), settings.clone(), Arc::clone(&connections));
        let recorder = gateway.metrics.recorder();
        let span = tracing::Span::current();
        thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            let _ending = ending;
            let _entered = span.entered();
            // It stays on the thread that made it.
            let runtime = runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(report.send(Err(error))),
            };
            let _ = report.send(Ok(()));
            let worker = Rc::new(Worker {
                gateway,
                pool: Rc::new(Pool::new()),
                recorder: Rc::new(recorder),
                buffers: Buffers::default(),
                copies: Copies::default(),
                settings,
                is_leaving: Cell::new(false),
                watched: RefCell::default(),
                next_key: Cell::new(0),
                date: Cell::new(date()),
            });
            runtime.block_on(run(worker, inbox, &count));
        })?;
        start.recv().map_err(io::Error::other)??;
        Ok(Self { commands, connections, ended })
    }

    /// How many connections it has.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn serve(&self, accepted: Accepted) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        // A worker only ends when it is told to; then nothing is accepted any more.
        let _ = self.commands.send(Command::Serve(accepted));
    }

    /// Tells it to let its connections go, and to end with the last of them.
    pub fn leave(&self) {
        let _ = self.commands.send(Command::Leave);
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) {
        let _ = (&mut self.ended).await;
    }

    /// Tells it to cut its connections, and waits until it has ended.
    pub async fn cut(self) {
        drop(self.commands);
        let _ = self.ended.await;
    }
}

async fn run(worker: Rc<Worker>, mut inbox: mpsc::UnboundedReceiver<Command>, count: &AtomicUsize) {
    let mut connections = JoinSet::new();
    let looking = Rc::clone(&worker);
    let looking = tokio::task::spawn_local(async move { looking.look_after_connections().await });
    loop {
        tokio::select! {
            command = inbox.recv() => match command {
                Some(Command::Serve(accepted)) => {
                    worker.recorder.accepted();
                    connections.spawn_local(conversation::serve(accepted, Rc::clone(&worker)));
                }
                Some(Command::Leave) => worker.leave(),
                None => break,
            },
            Some(ended) = connections.join_next() => {
                count.fetch_sub(1, Ordering::Relaxed);
                note_panic(ended);
            }
        }
        if worker.is_leaving() && connections.is_empty() {
            break;
        }
    }
    looking.abort();
    connections.shutdown().await;
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "connection lost to a panic");
    }
}
