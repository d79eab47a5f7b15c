//! The binaries of the services, as Cargo makes them.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// A binary as it was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Tells it from others that were there.
    digest: u64,
}

/// What Cargo says of a thing it has made, one in each line.
#[derive(Deserialize)]
struct Made {
    executable: Option<PathBuf>,
}

/// Builds packages, and answers with their binaries by name. What is wrong with the code, Cargo itself prints.
///
/// # Errors
/// It does not compile, or a binary cannot be read.
pub async fn build(root: &Path, packages: &[String]) -> anyhow::Result<BTreeMap<String, Program>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--message-format", "json-render-diagnostics"]);
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    cargo.current_dir(root).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let built = cargo.spawn().context("cargo cannot be started")?.wait_with_output().await?;
    ensure!(built.status.success(), "cargo build failed; see above");
    let lines = built.stdout.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let programs = tokio::task::spawn_blocking(move || {
        let made = lines.iter().filter_map(|line| serde_json::from_slice::<Made>(line).ok());
        made.filter_map(|made| made.executable).map(read).collect::<anyhow::Result<BTreeMap<_, _>>>()
    });
    programs.await?
}

fn read(path: PathBuf) -> anyhow::Result<(String, Program)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(&path).with_context(|| path.display().to_string())?);
    Ok((name, Program { path, digest: hasher.finish() }))
}
