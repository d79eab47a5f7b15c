//! What git knows of the checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// What a command of git prints.
///
/// # Errors
/// git is missing, or the command fails.
pub fn ask(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let asked = Command::new("git").args(arguments).current_dir(root).output().context("git")?;
    ensure!(asked.status.success(), "`git {}`: {}", arguments.join(" "), String::from_utf8_lossy(&asked.stderr).trim());
    Ok(String::from_utf8(asked.stdout)?)
}

/// Whether all is committed.
///
/// # Errors
/// git cannot say.
pub fn is_clean(root: &Path) -> anyhow::Result<bool> {
    Ok(ask(root, &["status", "--porcelain"])?.is_empty())
}

/// The files that git keeps, below `root`.
///
/// # Errors
/// git cannot say.
pub fn tracked(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = ask(root, &["ls-files", "-z"])?;
    Ok(listed.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from).collect())
}
