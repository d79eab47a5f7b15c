//! `--watch`: each service is a process of its own, and the ones whose code has changed are replaced while all else goes on.
//!
//! The database, the mailbox and the gateway are the runner's, as without it. A service is reached at a [`Relay`], whose
//! address stays; so a new version is started beside the old one, and takes over when it is ready. One that does not
//! compile, or does not get ready, changes nothing.

mod build;
mod relay;
mod service;
mod smtp;
mod sources;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use portico_common::lifecycle::Lifecycle;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::service::Service;
use crate::suite::{self, Plan, Suite};
use build::{Program, build};
use relay::Relay;
pub use service::Log;
use service::{Door, Surroundings, WatchedService};
use sources::Sources;

/// Where sources are that the runner, and the gateway in it, take over only when they are started again.
const OF_THE_RUNNER: [&str; 5] =
    ["services/gateway", "crates/common", "crates/portico", "crates/chores", "crates/localpg"];

/// The services, and what they are built from.
struct Watch {
    root: PathBuf,
    sources: Sources,
    services: Vec<WatchedService>,
}

/// Builds and starts every service of the list, and the gateway in front of them; the suite also runs what looks for
/// changes. `log` is what the services log.
///
/// # Errors
/// A service does not compile or get ready, the database refuses, or a port is taken.
pub async fn start(plan: &Plan, root: &Path, log: Log, lifecycle: &Lifecycle) -> anyhow::Result<Suite> {
    // What changes while it is built is built again.
    let sources = sources::look(root).await;
    let services = suite::services(&plan.routes)?;
    let programs = build(root, &packages(&services)).await?;

    let gateway = suite::bind_gateway(plan).await?;
    let mail = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut doors = BTreeMap::new();
    for service in &services {
        suite::provide_schema(plan, *service).await?;
        doors.insert(service.name(), Door { public: Relay::bind().await?, internal: Relay::bind().await? });
    }
    let addresses = doors.iter().map(|(name, door)| ((*name).to_owned(), door.addresses())).collect();
    let auth = doors.get("auth").map(|door| (door.public.address, door.internal.address));
    let auth = auth.context("portico.toml lists no service `auth`")?;
    let issuer = suite::address_for_clients(gateway.public_addr());
    let surroundings = Surroundings { plan, issuer, auth, mail: mail.local_addr()?, log };
    lifecycle.spawn("mail", smtp::receive(mail, plan.mailbox.clone(), plan.clock.clone()));

    let mut watch = Watch { root: root.to_owned(), sources, services: Vec::new() };
    for service in services {
        let door = doors.remove(service.name()).context("every service has a door")?;
        let mut watched = WatchedService::new(service, surroundings.variables(service), root, door);
        watched.follow(&programs).await?;
        watch.services.push(watched);
    }
    let mut suite = Suite::in_front_of(plan, gateway, addresses, auth, lifecycle).await?;
    suite.spawn(watch.run(lifecycle.clone()));
    Ok(suite)
}

fn packages(services: &[Service]) -> Vec<String> {
    services.iter().map(|service| service.package()).collect()
}

impl Watch {
    async fn run(mut self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        tokio::select! {
            () = self.follow() => {}
            () = lifecycle.stopping() => {}
        }
        // Each takes a moment to let its requests end.
        let stopping: JoinSet<()> = self.services.into_iter().map(WatchedService::stop).collect();
        stopping.join_all().await;
        Ok(())
    }

    async fn follow(&mut self) {
        let packages: Vec<_> = self.services.iter().map(WatchedService::package).collect();
        loop {
            let changed = tokio::select! {
                changed = sources::changed(&self.root, &mut self.sources) => changed,
                name = service::ended(&mut self.services) => {
                    tracing::error!(service = name, "it ended by itself, and is started again after the next change");
                    continue;
                }
            };
            let changed: Vec<_> = changed.iter().filter_map(|path| path.strip_prefix(&self.root).ok()).collect();
            tracing::info!(files = changed.len(), first = %changed[0].display(), "changed, building");
            if let Some(path) = changed.iter().find(|path| OF_THE_RUNNER.iter().any(|root| path.starts_with(root))) {
                tracing::warn!(file = %path.display(), "the gateway and the runner take this over when they are started again");
            }
            match build(&self.root, &packages).await {
                Ok(programs) => self.replace(&programs).await,
                Err(error) => tracing::error!("{error:#}; what ran goes on"),
            }
        }
    }

    async fn replace(&mut self, programs: &BTreeMap<String, Program>) {
        for service in &mut self.services {
            if let Err(error) = service.follow(programs).await {
                tracing::error!("{error:#}; the version before it goes on");
            }
        }
    }
}
