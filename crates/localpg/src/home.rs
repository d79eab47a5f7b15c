//! Where a persistent cluster lives, who runs it, and the lock that keeps a second launcher out.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{account::Account, error::Error, folder, locate::Installation};
use crate::{initdb, initdb::Durability, postmaster};

/// For root, whose project may be where the user Postgres runs as cannot go.
const ELSEWHERE: &str = "/var/lib/portico";
/// A cluster that was not finished has this in its name, so it is never taken for one.
const STAGING: &str = "postgres.new-";

/// Held for as long as the cluster is in use.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) account: Account,
    folder: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes the folder if need be, takes its lock, and sees to it that no server of an earlier run is left.
    pub(crate) async fn open(folder: &Path) -> Result<Self, Error> {
        folder::make_in_project(folder)?;
        let real = folder.canonicalize().map_err(Error::folder(folder))?;
        let (folder, account) = within_reach(real)?;
        let lock = take_lock(&folder)?;
        let home = Self { account, folder, _lock: lock };
        postmaster::settle(&home.data()).await?;
        Ok(home)
    }

    /// Data, password and log, which come and go together.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.cluster().join("data")
    }

    /// The major version the data was written by, if there is data.
    pub(crate) fn major(&self) -> Result<Option<u32>, Error> {
        if !self.cluster().exists() {
            return Ok(None);
        }
        let path = self.data().join("PG_VERSION");
        let text = fs::read_to_string(&path).map_err(Error::folder(&path))?;
        let major = text.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
        major.map(Some).map_err(Error::folder(path))
    }

    pub(crate) fn password(&self) -> Result<String, Error> {
        let password = fs::read_to_string(self.cluster().join("password"));
        password.map_err(|_| Error::NoPassword { folder: self.cluster() })
    }

    /// Makes the cluster under another name first, so that a half-made one is never mistaken for a whole one.
    pub(crate) async fn create(&self, installation: &Installation) -> Result<(), Error> {
        self.sweep();
        let staging = tempfile::Builder::new().prefix(STAGING).tempdir_in(&self.folder);
        let staging = staging.map_err(Error::folder(&self.folder))?;
        folder::make_private(staging.path())?;
        initdb::create(installation, self.account, staging.path(), Durability::Kept).await?;
        fs::rename(staging.path(), self.cluster()).map_err(Error::folder(self.cluster()))?;
        drop(staging.keep());
        Ok(())
    }

    /// Removes the cluster with all its data.
    pub(crate) fn erase(&self) -> Result<(), Error> {
        self.sweep();
        if !self.cluster().exists() {
            return Ok(());
        }
        fs::remove_dir_all(self.cluster()).map_err(Error::folder(self.cluster()))
    }

    /// What a launcher that was killed half-way left behind. An `initdb` of it may still write for a moment, so
    /// what cannot be removed now is left to the next sweep.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().as_bytes().starts_with(STAGING.as_bytes())) {
            if let Err(error) = fs::remove_dir_all(entry.path()) {
                tracing::debug!(folder = %entry.path().display(), %error, "left for the next sweep");
            }
        }
    }
}

/// The project's folder if the user Postgres runs as can get there, else one of root's own made for this project.
fn within_reach(folder: PathBuf) -> Result<(PathBuf, Account), Error> {
    let account = Account::choose(Some(&folder.join("postgres/data")))?;
    if account == Account::Own || account.can_enter(&folder) {
        return Ok((folder, account));
    }
    let name = digest::digest(&digest::SHA256, folder.as_os_str().as_bytes());
    let name = BASE64_URL_SAFE_NO_PAD.encode(&name.as_ref()[..12]);
    let elsewhere = Path::new(ELSEWHERE);
    folder::make_in_project(elsewhere)?;
    let ours = elsewhere.join(name);
    folder::make_private(&ours)?;
    let account = Account::choose(Some(&ours.join("postgres/data")))?;
    tracing::info!(
        project = %folder.display(), data = %ours.display(),
        "the user postgres runs as cannot reach the project, so the data is kept elsewhere"
    );
    Ok((ours, account))
}

/// The lock file holds the pid of who has the lock.
fn take_lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("postgres.lock");
    let mut lock = folder::open_private(&path, OpenOptions::new().read(true).truncate(false))?;
    if folder::try_lock(&lock, &path)? {
        let note = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        note.map_err(Error::folder(path))?;
        return Ok(lock);
    }
    let mut holder = String::new();
    let pid = lock.read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
    Err(Error::InUse { dir: folder.to_owned(), pid })
}
