//! The few things this crate asks of the environment, read here and nowhere else.

#![expect(
    clippy::disallowed_methods,
    reason = "tests of every crate start a database without a command line that could carry these settings"
)]

use std::{env, ffi::OsString, path::PathBuf};

/// A server that tests should use instead of starting one.
pub(crate) fn test_database_url() -> Option<String> {
    env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// The folder with `postgres` and `initdb` that someone chose by hand.
pub(crate) fn bin_dir() -> Option<PathBuf> {
    path("PG_BIN")
}

/// Where the pinned archive comes from instead of the public registry.
pub(crate) fn mirror() -> Option<String> {
    env::var("PORTICO_PG_MIRROR").ok().filter(|base| !base.is_empty())
}

/// What child processes find their tools with.
pub(crate) fn search_path() -> OsString {
    env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin:/usr/sbin:/sbin".into())
}

/// This user's folder for files that can be fetched again.
pub(crate) fn user_cache() -> Option<PathBuf> {
    path("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).or_else(|| {
        let below_home = if env::consts::OS == "macos" { "Library/Caches" } else { ".cache" };
        env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(below_home))
    })
}

fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
