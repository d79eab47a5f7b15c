//! One running Postgres with its supervisor.

use std::{
    fs::{self, OpenOptions},
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep, timeout},
};
use url::Url;

use crate::{account::Account, error::Error, folder, initdb::SUPERUSER, locate::Installation, postmaster};

const SUPERVISE: &str = include_str!("scripts/supervise.sh");
/// Recovery after a crash is part of a start.
const START_BOUND: Duration = Duration::from_mins(2);
/// The supervisor uses force before this.
const STOP_BOUND: Duration = Duration::from_secs(40);
const STARTS: u32 = 10;

/// What it takes to start a server on a cluster that is made already.
pub(crate) struct Launch<'a> {
    pub(crate) installation: &'a Installation,
    pub(crate) account: Account,
    /// Has the cluster in `data`, and gets the server's `log`.
    pub(crate) cluster: &'a Path,
    /// Server settings as `name=value`.
    pub(crate) settings: &'a [&'a str],
}

/// A server that takes connections. Dropping it shuts Postgres down, without waiting for that.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    /// Postgres runs for as long as this is open. It is kept apart from the child, whose `wait` would close it.
    pipe: Option<ChildStdin>,
    supervisor: Child,
    log: PathBuf,
}

/// Starts a server on a free port of the loopback address, and waits until it takes connections.
pub(crate) async fn start(launch: &Launch<'_>) -> Result<Server, Error> {
    let mut starts = 1;
    loop {
        match start_on(launch, free_port()?).await {
            Err(Error::Exited { log, .. }) if starts < STARTS && is_passing(&log) => {
                tracing::debug!(log, "postgres could not start yet");
                starts += 1;
                sleep(Duration::from_millis(100)).await;
            }
            ended => return ended,
        }
    }
}

/// Between our choice of a port and the server's bind someone else can take it; and the last processes of a server
/// that was killed need a moment to notice.
fn is_passing(log: &str) -> bool {
    log.contains("could not create any TCP/IP sockets") || log.contains("pre-existing shared memory block")
}

fn free_port() -> Result<u16, Error> {
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(Error::folder("127.0.0.1"))
}

async fn start_on(launch: &Launch<'_>, port: u16) -> Result<Server, Error> {
    let log = launch.cluster.join("log");
    let mut supervisor = supervise(launch, port, &log)?;
    let mut server = Server { port, pipe: supervisor.stdin.take(), supervisor, log };
    let data = launch.cluster.join("data");
    let deadline = Instant::now() + START_BOUND;
    while !postmaster::is_ready(&data, port).await {
        if let Some(status) = server.supervisor.try_wait().map_err(spawn_error)? {
            return Err(server.exit_error(status));
        }
        if Instant::now() > deadline {
            return Err(Error::TooSlow { what: "the start of PostgreSQL", seconds: START_BOUND.as_secs() });
        }
        sleep(Duration::from_millis(10)).await;
    }
    tracing::debug!(port, version = %launch.installation.version, data = %data.display(), "postgres is ready");
    Ok(server)
}

fn supervise(launch: &Launch<'_>, port: u16, log: &Path) -> Result<Child, Error> {
    let output = folder::open_private(log, OpenOptions::new().truncate(true))?;
    let errors = output.try_clone().map_err(Error::folder(log))?;
    let mut shell = launch.account.command("/bin/sh");
    shell.args(["-c", SUPERVISE, "portico-postgres"]);
    shell.arg(launch.installation.bin_dir.join("postgres")).arg("-D").arg(launch.cluster.join("data"));
    // No socket: its path has a length limit that a deep project folder breaks, and TCP is all we use.
    shell.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "timezone=UTC"]);
    shell.args(["-c", "log_timezone=UTC", "-c", &format!("port={port}")]);
    shell.args(launch.settings.iter().flat_map(|setting| ["-c", setting]));
    shell.stdin(Stdio::piped()).stdout(output).stderr(errors);
    Command::from(shell).spawn().map_err(spawn_error)
}

fn spawn_error(source: io::Error) -> Error {
    Error::Spawn { program: "/bin/sh".into(), source }
}

impl Server {
    pub(crate) fn url(&self, password: &str) -> Result<Url, Error> {
        Ok(Url::parse(&format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{}/postgres", self.port))?)
    }

    /// Shuts down cleanly and waits for the end.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        drop(self.pipe.take());
        let ended = timeout(STOP_BOUND, self.supervisor.wait()).await;
        let ended = ended
            .map_err(|_| Error::TooSlow { what: "the end of PostgreSQL", seconds: STOP_BOUND.as_secs() })?
            .map_err(spawn_error)?;
        if ended.success() { Ok(()) } else { Err(self.exit_error(ended)) }
    }

    /// Waits until Postgres ends although nobody asked it to.
    pub(crate) async fn exited(&mut self) -> Error {
        let ended = self.supervisor.wait().await;
        ended.map_or_else(spawn_error, |status| self.exit_error(status))
    }

    /// Hands over what keeps Postgres running, and the supervisor's pid.
    pub(crate) fn release(mut self) -> Option<(ChildStdin, u32)> {
        Some((self.pipe.take()?, self.supervisor.id()?))
    }

    fn exit_error(&self, status: ExitStatus) -> Error {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        Error::Exited { status, log: lines[lines.len().saturating_sub(12)..].join("\n") }
    }
}
