//! One throw-away cluster for all test binaries of a run, found by the process they have in common.

use std::{
    env, fs,
    os::unix::process::parent_id,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::{
    account::{Account, own_uid},
    environment,
    error::Error,
    folder,
    initdb::{self, Durability},
    locate::{Search, locate_or_fetch},
    postmaster::speaks_postgres,
    probe::Need,
    process::Process,
    server::{self, Launch, Server},
};

const JANITOR: &str = include_str!("scripts/janitor.sh");
/// The first process may have to fetch an archive while the others wait.
const START_BOUND: Duration = Duration::from_secs(400);

/// Nothing in it outlives the run, so nothing has to reach the disk.
const SETTINGS: [&str; 6] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=300",
];

static URL: OnceCell<String> = OnceCell::const_new();

/// The superuser's URL of the cluster that all tests of this run share; the first call starts it. It ends when the
/// `cargo` that runs the tests does (or this process, when started by hand).
///
/// `TEST_DATABASE_URL` names a running server to use instead.
///
/// # Errors
/// There are no binaries, or Postgres did not start.
pub async fn test_cluster() -> Result<String, Error> {
    let url = URL.get_or_try_init(|| async {
        match environment::test_database_url() {
            Some(url) => Ok(url),
            None => shared(&temporary_folder()?, &Owner::of_this_run(), &Search::from_env()).await,
        }
    });
    url.await.cloned()
}

/// The process whose end is the end of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    pid: u32,
    started: String,
}

impl Owner {
    /// `cargo test` and nextest start every test binary themselves. A shell, which may live for weeks, is no owner.
    fn of_this_run() -> Self {
        let parent = Process::find(parent_id());
        let is_runner =
            parent.is_some_and(|parent| ["cargo", "rustdoc"].iter().any(|name| parent.program().starts_with(name)));
        Self::of(if is_runner { parent_id() } else { std::process::id() })
    }

    fn of(pid: u32) -> Self {
        // Without a process table the pid alone has to do.
        let started = Process::find(pid).map_or_else(|| "unknown".to_owned(), |process| process.started);
        Self { pid, started }
    }

    fn folder_name(&self) -> String {
        format!("{}-{}", self.pid, self.started)
    }

    fn from_folder_name(name: &str) -> Option<Self> {
        let (pid, started) = name.split_once('-')?;
        Some(Self { pid: pid.parse().ok()?, started: started.to_owned() })
    }

    fn is_running(&self) -> bool {
        Self::of(self.pid) == *self
    }
}

/// What the processes of a run tell each other.
#[derive(Serialize, Deserialize)]
struct State {
    url: String,
    port: u16,
    supervisor: u32,
}

/// A folder for the clusters of this user's test runs. Root's must be open, for the user Postgres runs as.
fn temporary_folder() -> Result<PathBuf, Error> {
    let is_usable = |parent: &PathBuf| account_is_own() || folder::is_open_to_all(parent);
    let parents = [env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
    let mut answer = Err(Error::Untrusted { path: env::temp_dir() });
    for parent in parents.into_iter().filter(is_usable) {
        let folder = parent.join(format!("portico-tests-{}", own_uid()));
        answer = folder::make_private(&folder).map(|()| folder);
        if answer.is_ok() {
            break;
        }
    }
    answer
}

fn account_is_own() -> bool {
    own_uid() != 0
}

/// The cluster of that owner, started if no other process has.
async fn shared(base: &Path, owner: &Owner, search: &Search) -> Result<String, Error> {
    let cluster = base.join(owner.folder_name());
    folder::make_private(&cluster)?;
    let _lock = folder::lock(&cluster.join("lock"), START_BOUND).await?;
    if let Some(state) = running(&cluster).await {
        return Ok(state.url);
    }
    sweep(base);
    start(&cluster, owner, search).await
}

/// What an earlier process of the run wrote down, if it is still true.
async fn running(cluster: &Path) -> Option<State> {
    let state = read_state(cluster)?;
    let is_alive = is_supervisor(&state, cluster) && speaks_postgres(state.port).await;
    is_alive.then_some(state)
}

fn read_state(cluster: &Path) -> Option<State> {
    serde_json::from_slice(&fs::read(cluster.join("state.json")).ok()?).ok()
}

fn is_supervisor(state: &State, cluster: &Path) -> bool {
    Process::find(state.supervisor).is_some_and(|process| process.is_postgres_on(cluster))
}

async fn start(cluster: &Path, owner: &Owner, search: &Search) -> Result<String, Error> {
    remove_if_there(&cluster.join("data"))?;
    let account = Account::choose(None)?;
    let installation = locate_or_fetch(search, Need { account, major: None }).await?;
    let password = initdb::create(&installation, account, cluster, Durability::ThrownAway).await?;
    let launch = Launch { installation: &installation, account, cluster, settings: &SETTINGS };
    let server = server::start(&launch).await?;
    let (url, port) = (server.url(&password)?.to_string(), server.port);
    let supervisor = hand_over(server, owner, cluster)?;
    let state = serde_json::json!(State { url: url.clone(), port, supervisor });
    folder::write_private(&cluster.join("state.json"), state.to_string().as_bytes())?;
    Ok(url)
}

/// Gives the pipe that keeps Postgres running to a process that outlives this one; answers with the supervisor's pid.
fn hand_over(server: Server, owner: &Owner, cluster: &Path) -> Result<u32, Error> {
    let failed = |source| Error::Spawn { program: "/bin/sh".into(), source };
    let Some((pipe, supervisor)) = server.release() else {
        return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
    };
    let mut janitor = Account::Own.command("/bin/sh");
    janitor.args(["-c", JANITOR, "portico-janitor", &owner.pid.to_string(), &supervisor.to_string()]).arg(cluster);
    janitor.stdout(pipe.into_owned_fd().map_err(failed)?).stderr(Stdio::null());
    // Nobody waits for it: it ends after this process.
    janitor.spawn().map(|_| supervisor).map_err(failed)
}

/// Removes what runs left behind whose janitor was killed too.
fn sweep(base: &Path) {
    // Without a process table every owner would look gone.
    if Process::find(std::process::id()).is_none() {
        return;
    }
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let folder = entry.path();
        let owner = entry.file_name().to_str().and_then(Owner::from_folder_name);
        let is_gone = owner.is_some_and(|owner| !owner.is_running());
        let is_closing = || read_state(&folder).is_some_and(|state| is_supervisor(&state, &folder));
        if is_gone && !is_closing() {
            tracing::debug!(folder = %folder.display(), "leftover test cluster removed");
            // Its janitor may be removing it too; whoever is later finds nothing.
            drop(fs::remove_dir_all(&folder));
        }
    }
}

fn remove_if_there(folder: &Path) -> Result<(), Error> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(Error::folder(folder)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
