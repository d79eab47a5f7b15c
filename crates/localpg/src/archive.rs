//! The pinned archive of server binaries: fetched once, checked against a hash in this file, kept in a cache.

use std::{
    env::consts::{ARCH, OS},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    error::{Attempt, Error, chain},
    locate::Search,
    probe::{Need, Version},
    unpack,
};

const REGISTRY: &str = "https://registry.npmjs.org";
const VERSION: &str = "17.10.0-beta.17";
const MAJOR: u32 = 17;
/// Three times what the biggest archive weighs.
const MAX_BYTES: usize = 100 << 20;

/// The archive for one kind of machine; to move to another version, change all hashes with it.
#[derive(Clone, Copy)]
struct Pin {
    os: &'static str,
    arch: &'static str,
    package: &'static str,
    sha512: &'static str,
}

const PINS: [Pin; 4] = [
    Pin {
        os: "linux",
        arch: "x86_64",
        package: "linux-x64",
        sha512: "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    },
    Pin {
        os: "linux",
        arch: "aarch64",
        package: "linux-arm64",
        sha512: "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
    },
    Pin {
        os: "macos",
        arch: "x86_64",
        package: "darwin-x64",
        sha512: "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
    },
    Pin {
        os: "macos",
        arch: "aarch64",
        package: "darwin-arm64",
        sha512: "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
    },
];

impl Pin {
    fn of_this_machine() -> Option<Self> {
        PINS.into_iter().find(|pin| pin.os == OS && pin.arch == ARCH)
    }

    fn url(self, base: &str) -> String {
        let Self { package, .. } = self;
        format!("{}/@embedded-postgres/{package}/-/{package}-{VERSION}.tgz", base.trim_end_matches('/'))
    }

    /// The hash is part of the name, so a changed pin is never answered from an older cache.
    fn folder(self, cache: &Path) -> PathBuf {
        let hash: String = self.sha512.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        cache.join(format!("postgres-{VERSION}-{}-{hash}", self.package))
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("there is no archive for {OS} on {ARCH}")]
    NoArchive,
    #[error("the pinned archive is version {VERSION}, but the data needs {0}")]
    OtherMajor(u32),
    #[error("there is no folder to keep it in (HOME is not set)")]
    NoCache,
    #[error("cannot fetch it")]
    Fetch(#[from] reqwest::Error),
    #[error("it is bigger than {MAX_BYTES} bytes")]
    TooBig,
    #[error("its checksum is sha512-{found}, not the pinned sha512-{pinned}; it was not used")]
    Checksum { pinned: &'static str, found: String },
    #[error(transparent)]
    Unpack(#[from] Error),
    #[error("{0}")]
    Unusable(String),
    #[error("unpacking stopped half-way")]
    Stopped(#[from] tokio::task::JoinError),
}

/// Where an archive fetched earlier has its binaries.
pub(crate) fn cached_bin_dir(cache: &Path) -> Option<PathBuf> {
    let bin_dir = Pin::of_this_machine()?.folder(cache).join("bin");
    bin_dir.is_dir().then_some(bin_dir)
}

/// Whether the archive for this machine could be fetched now; nothing is fetched.
///
/// # Errors
/// There is none for this machine, or its address cannot be reached.
pub async fn can_fetch(search: &Search) -> Result<(), Attempt> {
    let base = search.mirror.as_deref().unwrap_or(REGISTRY);
    let pin = Pin::of_this_machine();
    let place = pin.map_or("archive".to_owned(), |pin| pin.url(base));
    let asked = async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        client.head(pin.ok_or(Failure::NoArchive)?.url(base)).send().await?.error_for_status()?;
        Ok::<_, Failure>(())
    };
    asked.await.map_err(|failure| Attempt { place, outcome: chain(&failure) })
}

/// Fetches the archive for this machine into the cache.
pub(crate) async fn fetch(search: &Search, need: Need) -> Result<(PathBuf, Version), Attempt> {
    let base = search.mirror.as_deref().unwrap_or(REGISTRY);
    let place = Pin::of_this_machine().map_or("archive".to_owned(), |pin| pin.url(base));
    let fetched = fetch_pinned(Pin::of_this_machine(), base, search.cache.as_deref(), need).await;
    fetched.map_err(|failure| Attempt { place, outcome: chain(&failure) })
}

async fn fetch_pinned(
    pin: Option<Pin>,
    base: &str,
    cache: Option<&Path>,
    need: Need,
) -> Result<(PathBuf, Version), Failure> {
    let pin = pin.ok_or(Failure::NoArchive)?;
    if let Some(major) = need.major.filter(|major| *major != MAJOR) {
        return Err(Failure::OtherMajor(major));
    }
    let cache = cache.ok_or(Failure::NoCache)?.to_owned();
    tracing::info!(version = VERSION, url = pin.url(base), "fetching PostgreSQL, once");
    let archive = download(&pin.url(base)).await?;
    check(pin, &archive)?;
    tokio::task::spawn_blocking(move || install(&archive, &cache, &pin.folder(&cache), need)).await?
}

async fn download(url: &str) -> Result<Vec<u8>, Failure> {
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .build()?;
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut archive = Vec::new();
    while let Some(part) = response.chunk().await? {
        if archive.len() + part.len() > MAX_BYTES {
            return Err(Failure::TooBig);
        }
        archive.extend_from_slice(&part);
    }
    Ok(archive)
}

fn check(pin: Pin, archive: &[u8]) -> Result<(), Failure> {
    let found = BASE64_STANDARD.encode(digest::digest(&digest::SHA512, archive));
    if found == pin.sha512 { Ok(()) } else { Err(Failure::Checksum { pinned: pin.sha512, found }) }
}

/// Unpacks beside the final place and moves there in one step, so that nobody ever sees half of it.
fn install(archive: &[u8], cache: &Path, folder: &Path, need: Need) -> Result<(PathBuf, Version), Failure> {
    if !cache.is_dir() {
        fs::create_dir_all(cache).and_then(|()| unpack::open(cache)).map_err(Error::folder(cache))?;
    }
    let staging = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(cache).map_err(Error::folder(cache))?;
    unpack::unpack(archive, staging.path()).map_err(Error::folder(staging.path()))?;
    need.probe(&staging.path().join("bin")).map_err(Failure::Unusable)?;
    if fs::rename(staging.path(), folder).is_ok() {
        drop(staging.keep());
    } else if need.probe(&folder.join("bin")).is_err() {
        // In the way is not what a faster process put there, but something broken.
        fs::remove_dir_all(folder).map_err(Error::folder(folder))?;
        fs::rename(staging.keep(), folder).map_err(Error::folder(folder))?;
    }
    need.probe(&folder.join("bin")).map_err(Failure::Unusable)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::packed;
