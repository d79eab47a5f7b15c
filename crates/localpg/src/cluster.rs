//! The runner's database: kept between runs, or someone else's server.

use std::path::{Path, PathBuf};

use url::Url;

use crate::{
    error::Error,
    home::Home,
    locate::{Installation, Search, locate_or_fetch},
    probe::Need,
    server::{self, Launch, Server},
};

/// What a persistent cluster needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// A folder of the project that is ours alone (`.portico`); the cluster goes into `postgres` below it.
    pub dir: PathBuf,
    /// A running server to use instead; then nothing is started, stopped or erased.
    pub url: Option<Url>,
    /// Where to look for binaries.
    pub search: Search,
}

/// A database server to work with. Dropping it shuts down what was started, without waiting for that.
#[derive(Debug)]
pub struct Cluster {
    url: Url,
    managed: Option<Managed>,
}

/// The server is dropped before the lock is let go of.
#[derive(Debug)]
struct Managed {
    server: Server,
    home: Home,
}

impl Cluster {
    /// Starts the project's cluster, which is made first where there is none, and waits until it takes connections.
    ///
    /// # Errors
    /// There are no binaries, another launcher uses the folder, or Postgres did not start.
    pub async fn persistent(options: Options) -> Result<Self, Error> {
        if let Some(url) = options.url {
            return Ok(Self { url, managed: None });
        }
        let home = Home::open(&options.dir).await?;
        let installation = binaries(&options.search, &home).await?;
        if home.major()?.is_none() {
            home.create(&installation).await?;
        }
        let password = home.password()?;
        let cluster = home.cluster();
        let launch = Launch { installation: &installation, account: home.account, cluster: &cluster, settings: &[] };
        let server = server::start(&launch).await?;
        Ok(Self { url: server.url(&password)?, managed: Some(Managed { server, home }) })
    }

    /// Removes the project's cluster with all its data, so that the next start makes a new one.
    ///
    /// # Errors
    /// A launcher is using it, or the folder cannot be removed.
    pub async fn erase(dir: &Path) -> Result<(), Error> {
        Home::open(dir).await?.erase()
    }

    /// The superuser's URL of one of the server's databases; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(database);
        url.into()
    }

    /// Where the data is, if it is ours.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.managed.as_ref().map(|managed| managed.home.data())
    }

    /// Waits until the server we started ends although nobody stopped it, and says why; may be dropped and
    /// called again. Never ends for someone else's server.
    pub async fn exited(&mut self) -> Error {
        match &mut self.managed {
            Some(managed) => managed.server.exited().await,
            None => std::future::pending().await,
        }
    }

    /// Shuts down cleanly what was started, and waits for the end.
    ///
    /// # Errors
    /// It ended with a failure, or took so long that force was used.
    pub async fn stop(self) -> Result<(), Error> {
        match self.managed {
            // The lock stays with us until the server is gone.
            Some(Managed { server, home: _home }) => server.stop().await,
            None => Ok(()),
        }
    }
}

/// Binaries of the version the data was written by, if there is data.
async fn binaries(search: &Search, home: &Home) -> Result<Installation, Error> {
    let major = home.major()?;
    let found = locate_or_fetch(search, Need { account: home.account, major }).await;
    found.map_err(|tried| match major {
        Some(major) => Error::WrongVersion { data: home.data(), major, tried },
        None => tried.into(),
    })
}
