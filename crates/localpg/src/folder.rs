//! Folders and files that are ours alone.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep};

use crate::{
    account::{is_root, own_uid},
    error::Error,
};

/// Root's folders can be passed through, because the user Postgres runs as has its data below; they cannot be listed.
fn own_mode() -> u32 {
    if is_root() { 0o711 } else { 0o700 }
}

/// Makes a folder of our own, or takes one that exists if it is really ours; for places where others can write too.
pub(crate) fn make_private(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().mode(0o700).create(path);
    if let Err(error) = made
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(Error::folder(path)(error));
    }
    let found = fs::symlink_metadata(path).map_err(Error::folder(path))?;
    if !found.is_dir() || found.uid() != own_uid() {
        return Err(Error::Untrusted { path: path.to_owned() });
    }
    narrow(path, &found)
}

/// Makes a folder where only the owner of the project writes, so one that exists is trusted.
pub(crate) fn make_in_project(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::folder(path))?;
    let found = fs::metadata(path).map_err(Error::folder(path))?;
    if found.uid() == own_uid() { narrow(path, &found) } else { Ok(()) }
}

fn narrow(path: &Path, found: &Metadata) -> Result<(), Error> {
    if found.mode() & 0o7777 == own_mode() {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(own_mode())).map_err(Error::folder(path))
}

/// Writes a file that only we can read, all of it or nothing.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let write = || {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(Error::folder(path))
}

/// Opens a file that only we can read, empty or with what was in it.
pub(crate) fn open_private(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    options.write(true).create(true).mode(0o600).open(path).map_err(Error::folder(path))
}

/// Takes the lock a file stands for, if nobody has it; it is let go when the file is closed, however that happens.
pub(crate) fn try_lock(file: &File, path: &Path) -> Result<bool, Error> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(Error::folder(path)(error)),
    }
}

/// Waits for a lock that others hold only for as long as it takes to start a cluster.
pub(crate) async fn lock(path: &Path, bound: Duration) -> Result<File, Error> {
    let file = open_private(path, OpenOptions::new().truncate(false))?;
    let deadline = Instant::now() + bound;
    while !try_lock(&file, path)? {
        if Instant::now() > deadline {
            return Err(Error::TooSlow {
                what: "another process's start of the same database",
                seconds: bound.as_secs(),
            });
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(file)
}

/// Whether every user can get into a folder and all folders above it.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| {
        real.ancestors().all(|folder| fs::metadata(folder).is_ok_and(|found| found.mode() & 0o001 != 0))
    })
}
