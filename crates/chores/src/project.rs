//! The checkout the runner works in, and the private folder where it keeps its data.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A checkout, known by its `portico.toml`.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder that holds `portico.toml`.
    pub root: PathBuf,
}

impl Project {
    /// Finds the checkout from the current folder upwards.
    ///
    /// # Errors
    /// There is no `portico.toml` here or above.
    pub fn find() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("the current folder cannot be read")?;
        let root = here.ancestors().find(|folder| folder.join("portico.toml").is_file());
        let root = root
            .with_context(|| format!("no portico.toml in {} or above; run this inside the checkout", here.display()))?;
        Ok(Self { root: root.to_owned() })
    }

    /// `.portico/`, which git ignores.
    pub fn data(&self) -> PathBuf {
        self.root.join(".portico")
    }
}

/// Makes a folder for its owner only, unless it is there.
///
/// # Errors
/// It cannot be made.
pub fn make_private(folder: &Path) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("{} cannot be made", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Reads a JSON file of the data folder; `None` when there is none yet.
///
/// # Errors
/// It cannot be read, or is not what it should be.
pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("{} cannot be read", path.display()))?,
    };
    let value = serde_json::from_str(&text);
    value.map(Some).with_context(|| format!("{} is damaged; start with --fresh", path.display()))
}

/// Writes a JSON file only its owner can read, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub fn write<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let write = || -> anyhow::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(serde_json::to_string_pretty(value)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        Ok(())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// Runs a command of Cargo in a checkout.
///
/// # Errors
/// The command fails.
pub fn cargo(root: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let done = Command::new("cargo").args(arguments).current_dir(root).status().context("cargo")?;
    ensure!(done.success(), "`cargo {}` failed; see above", arguments.join(" "));
    Ok(())
}
