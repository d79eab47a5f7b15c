//! The operating-system user Postgres runs as: this one, or an unprivileged one where this one is root.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{
        fs::{MetadataExt as _, lchown},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
};

use crate::{environment, error::Error};

/// Postgres refuses to run as root, so root steps down; it never creates a user for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    Own,
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// For root: whoever owns the data that exists already, else `postgres`, else `nobody`.
    pub(crate) fn choose(existing_data: Option<&Path>) -> Result<Self, Error> {
        if !is_root() {
            return Ok(Self::Own);
        }
        let owner = existing_data
            .and_then(|data| fs::symlink_metadata(data).ok())
            .filter(|data| data.is_dir() && data.uid() != 0)
            .map(|data| Self::Other { uid: data.uid(), gid: data.gid() });
        owner.or_else(|| Self::named("postgres")).or_else(|| Self::named("nobody")).ok_or(Error::NoAccount)
    }

    fn named(name: &str) -> Option<Self> {
        let ask = |flag: &str| {
            let answer = Self::Own.command("id").args([flag, name]).output().ok()?;
            String::from_utf8(answer.stdout).ok()?.trim().parse::<u32>().ok().filter(|id| *id != 0)
        };
        Some(Self::Other { uid: ask("-u")?, gid: ask("-g")? })
    }

    /// A command that runs as this user, knows nothing of our environment but `PATH`, and is not reached
    /// by a Ctrl-C meant for the launcher.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", environment::search_path())
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0);
        if let Self::Other { uid, gid } = self {
            command.gid(gid).uid(uid);
        }
        command
    }

    /// Whether this user can get to what is in a folder; asked of the system, which knows every rule.
    pub(crate) fn can_enter(self, folder: &Path) -> bool {
        let mut shell = self.command("/bin/sh");
        shell.args(["-c", "cd -- \"$1\"", "sh"]).arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
        shell.status().is_ok_and(|status| status.success())
    }

    /// Makes this user the owner of a file or folder that we made.
    pub(crate) fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => lchown(path, Some(uid), Some(gid)),
        }
    }
}

/// Whether this process may do anything, and so must not be what Postgres runs as.
pub(crate) fn is_root() -> bool {
    own_uid() == 0
}

pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
