//! Where the binaries are: chosen by hand, on PATH, where systems put them, or in our cache.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    account::{Account, is_root, own_uid},
    archive, environment,
    error::{Attempt, NotFound},
    probe::{Need, Version},
};

/// Where to look for server binaries. [`Search::from_env`] knows the usual places.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A folder with `postgres` and `initdb`, chosen by hand (`PG_BIN`).
    pub bin_dir: Option<PathBuf>,
    /// The folders of PATH.
    pub path: Vec<PathBuf>,
    /// Folders with one `*` in them that stands for a version; newest first.
    pub versioned: Vec<PathBuf>,
    /// Where a fetched archive is kept, and fetched to.
    pub cache: Option<PathBuf>,
    /// The base address of the archive, instead of the public registry's (`PORTICO_PG_MIRROR`).
    pub mirror: Option<String>,
}

impl Search {
    /// The usual places of this machine and user.
    pub fn from_env() -> Self {
        // The user that root steps down to could not get at a cache in root's home.
        let cache = if is_root() { Some("/var/cache".into()) } else { environment::user_cache() };
        Self {
            bin_dir: environment::bin_dir(),
            path: std::env::split_paths(&environment::search_path()).collect(),
            versioned: VERSIONED.iter().map(PathBuf::from).collect(),
            cache: cache.map(|folder| folder.join("portico")),
            mirror: environment::mirror(),
        }
    }
}

const VERSIONED: [&str; 5] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// Binaries that run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The folder with `postgres` and `initdb`.
    pub bin_dir: PathBuf,
    /// Which version they are.
    pub version: Version,
    /// How they were found.
    pub source: Source,
}

/// How binaries were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The folder chosen by hand.
    BinDir,
    /// A folder of PATH.
    Path,
    /// What `pg_config --bindir` says.
    PgConfig,
    /// A folder where systems put a version.
    Versioned,
    /// An archive fetched earlier.
    Cache,
    /// The archive fetched just now.
    Archive,
}

/// Finds binaries that are on this machine already; fetches nothing. It runs programs and waits for them, so
/// asynchronous code calls it on a thread of its own.
///
/// # Errors
/// None of the places has binaries that run and are new enough; the error lists them all.
pub fn locate(search: &Search) -> Result<Installation, NotFound> {
    let account = Account::choose(None).map_err(|error| NotFound {
        tried: vec![Attempt { place: "user to run as".to_owned(), outcome: error.to_string() }],
    })?;
    locate_for(search, Need { account, major: None })
}

/// The same, for the user and the version that data already decided.
pub(crate) fn locate_for(search: &Search, need: Need) -> Result<Installation, NotFound> {
    let mut seen = HashSet::new();
    let mut tried = Vec::new();
    for place in [in_bin_dir, on_path, from_pg_config, in_versioned, in_cache] {
        let (source, name, folders) = place(search);
        if folders.is_empty() {
            tried.push(log_miss(name.clone(), "nothing there".to_owned()));
        }
        for folder in folders {
            if !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
                continue;
            }
            match need.probe(&folder) {
                Ok((bin_dir, version)) => {
                    tracing::debug!(?source, folder = %bin_dir.display(), %version, "binaries found");
                    return Ok(Installation { bin_dir, version, source });
                }
                Err(reason) => tried.push(log_miss(format!("{name}: {}", folder.display()), reason)),
            }
        }
    }
    Err(NotFound { tried })
}

/// What is here, else the pinned archive.
pub(crate) async fn locate_or_fetch(search: &Search, need: Need) -> Result<Installation, NotFound> {
    let (places, asked) = (search.clone(), need);
    let found = tokio::task::spawn_blocking(move || locate_for(&places, asked)).await;
    let mut missing = match found {
        Ok(Ok(installation)) => return Ok(installation),
        Ok(Err(missing)) => missing,
        Err(panic) => NotFound { tried: vec![log_miss("search".to_owned(), panic.to_string())] },
    };
    match archive::fetch(search, need).await {
        Ok((bin_dir, version)) => Ok(Installation { bin_dir, version, source: Source::Archive }),
        Err(attempt) => {
            missing.tried.push(log_miss(attempt.place, attempt.outcome));
            Err(missing)
        }
    }
}

fn log_miss(place: String, outcome: String) -> Attempt {
    tracing::debug!(place, outcome, "no binaries");
    Attempt { place, outcome }
}

type Place = (Source, String, Vec<PathBuf>);

fn in_bin_dir(search: &Search) -> Place {
    (Source::BinDir, "PG_BIN".to_owned(), search.bin_dir.iter().cloned().collect())
}

fn on_path(search: &Search) -> Place {
    let folders = search.path.iter().filter(|folder| folder.join("postgres").is_file()).cloned();
    (Source::Path, "PATH".to_owned(), folders.collect())
}

fn from_pg_config(search: &Search) -> Place {
    let ask = |folder: &PathBuf| {
        let program = Some(folder.join("pg_config")).filter(|program| program.is_file())?;
        let output = Account::Own.command(program).arg("--bindir").output().ok()?;
        let printed = String::from_utf8(output.stdout).ok()?;
        Some(PathBuf::from(printed.trim())).filter(|bin_dir| bin_dir.is_absolute())
    };
    let folders = search.path.iter().filter_map(ask);
    (Source::PgConfig, "pg_config --bindir".to_owned(), folders.collect())
}

fn in_versioned(search: &Search) -> Place {
    let names: Vec<_> = search.versioned.iter().map(|pattern| pattern.display().to_string()).collect();
    let folders = search.versioned.iter().flat_map(|pattern| expand(pattern));
    (Source::Versioned, names.join(", "), folders.collect())
}

fn in_cache(search: &Search) -> Place {
    // Others could put programs into a cache that someone opened to them.
    let is_trusted = |folder: &PathBuf| fs::metadata(folder).is_ok_and(|found| [0, own_uid()].contains(&found.uid()));
    let cache = search.cache.as_deref();
    let name = cache.map_or("cache".to_owned(), |folder| format!("cache in {}", folder.display()));
    (Source::Cache, name, cache.and_then(archive::cached_bin_dir).filter(is_trusted).into_iter().collect())
}

/// The folders a pattern with one `*` stands for, the highest version first.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let text = pattern.to_string_lossy();
    let Some((before, after)) = text.split_once('*') else {
        return vec![pattern.to_owned()];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let after = after.trim_start_matches('/');
    let versions = fs::read_dir(parent).into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name();
        Some((version_key(name.to_str()?.strip_prefix(prefix)?), entry.path()))
    });
    let mut versions: Vec<_> = versions.collect();
    versions.sort_by(|one, other| other.cmp(one));
    let folders = versions.into_iter().map(|(_, folder)| folder.join(OsStr::new(after)));
    folders.filter(|folder| folder.is_dir()).collect()
}

/// Compares `9.6` below `15`, and names such as `latest` below every number.
fn version_key(name: &str) -> Vec<u32> {
    name.split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "17", "latest"] {
            fs::create_dir_all(root.path().join(version).join("bin")).unwrap();
        }
        fs::create_dir(root.path().join("18")).unwrap();

        let folders = expand(&root.path().join("*/bin"));

        let names: Vec<_> = folders.iter().map(|folder| folder.strip_prefix(root.path()).unwrap()).collect();
        assert_eq!(names, ["17/bin", "15/bin", "9.6/bin", "latest/bin"].map(Path::new));
    }

    #[test]
    fn a_version_may_follow_a_prefix() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("pgsql-16/bin")).unwrap();
        fs::create_dir_all(root.path().join("other-17/bin")).unwrap();

        let folders = expand(&root.path().join("pgsql-*/bin"));

        assert_eq!(folders, [root.path().join("pgsql-16/bin")]);
    }
}
