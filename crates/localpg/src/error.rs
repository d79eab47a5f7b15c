//! What can go wrong, in words that say what to do about it.

use std::{error::Error as StdError, fmt, io, path::PathBuf, process::ExitStatus};

/// Why no Postgres is running, or why one could not be stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server binaries that can be used.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The data was written by a major version that is not here.
    #[error(
        "the data in {} was written by PostgreSQL {major}, which was not found; install that version, or remove the folder to start afresh\n{tried}",
        data.display()
    )]
    WrongVersion {
        /// The data folder.
        data: PathBuf,
        /// The major version it needs.
        major: u32,
        /// Where binaries of that version were looked for.
        tried: NotFound,
    },
    /// Another launcher holds the lock of the same folder.
    #[error("another run{} is using the database in {}; stop it first", holder(*pid), dir.display())]
    InUse {
        /// The folder both want.
        dir: PathBuf,
        /// The other launcher.
        pid: Option<u32>,
    },
    /// A Postgres that nobody supervises keeps the data folder.
    #[error("a PostgreSQL with pid {pid} still runs on {}; stop it with `kill -INT {pid}`", data.display())]
    StillRunning {
        /// The data folder.
        data: PathBuf,
        /// The server's pid.
        pid: u32,
    },
    /// A folder or file could not be made, read or changed.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder that must be ours belongs to someone else.
    #[error("{} is not a folder of this user's own, so nothing is kept in it; remove it", path.display())]
    Untrusted {
        /// The folder.
        path: PathBuf,
    },
    /// The data is there but the password that opens it is not.
    #[error("the password of the database in {} is missing; remove the folder to start afresh", folder.display())]
    NoPassword {
        /// The folder of the cluster.
        folder: PathBuf,
    },
    /// Postgres refuses to run as root, and there is no other user to run it as.
    #[error("PostgreSQL cannot run as root, and there is no user `postgres` or `nobody` to run it as")]
    NoAccount,
    /// A program could not be started.
    #[error("cannot run {}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `initdb` ended with an error.
    #[error("initdb failed: {output}")]
    Init {
        /// What it printed.
        output: String,
    },
    /// Postgres ended when it should not have.
    #[error("PostgreSQL ended ({status}); the last lines of its log:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// Something took longer than it ever should.
    #[error("{what} took longer than {seconds} s")]
    TooSlow {
        /// What was waited for.
        what: &'static str,
        /// The bound.
        seconds: u64,
    },
    /// The URL handed in cannot be read.
    #[error("the database URL is not valid")]
    Url(#[from] url::ParseError),
    /// The system gave no random bytes for a password.
    #[error("the system has no random bytes to give")]
    Random,
}

impl Error {
    /// Names the path an input or output error is about.
    pub(crate) fn folder(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Folder { path, source }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

/// One place that was looked at, and why it did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The place.
    pub place: String,
    /// What was wrong with it.
    pub outcome: String,
}

/// No binaries that can be used; its text lists every place and one remedy for each system.
#[derive(Debug)]
pub struct NotFound {
    /// Every place, in the order of the search.
    pub tried: Vec<Attempt>,
}

impl StdError for NotFound {}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no usable PostgreSQL ({} or newer) was found", crate::OLDEST_MAJOR)?;
        writeln!(f, "tried:")?;
        for Attempt { place, outcome } in &self.tried {
            writeln!(f, "  {place}: {outcome}")?;
        }
        write!(f, "{REMEDIES}")
    }
}

const REMEDIES: &str = "any one of these fixes it:
  Debian, Ubuntu: sudo apt-get install postgresql
  Fedora, RHEL:   sudo dnf install postgresql-server
  Arch:           sudo pacman -S postgresql
  Alpine:         sudo apk add postgresql
  macOS:          brew install postgresql@17
  any system:     PG_BIN=<folder with postgres and initdb>, or the URL of a running server in DATABASE_URL (tests: TEST_DATABASE_URL)";

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
