//! One service as a process of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use portico_chores::state::Addresses;
use portico_common::server::probe;
use portico_common::telemetry::LogFormat;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::build::Program;
use super::relay::Relay;
use crate::child::{Child, Launch, Output};
use crate::service::Service;
use crate::suite::Plan;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// What services log.
#[derive(Clone)]
pub struct Log {
    /// A level, or levels by module.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// What services are told of the suite around them.
pub struct Surroundings<'a> {
    /// What the suite is made from.
    pub plan: &'a Plan,
    /// The gateway's address, as it is in tokens.
    pub issuer: String,
    /// Where auth is reached: its public and its internal listener.
    pub auth: (SocketAddr, SocketAddr),
    /// Who takes mail.
    pub mail: SocketAddr,
    /// What they log.
    pub log: Log,
}

type Variables = Vec<(&'static str, String)>;

impl Surroundings<'_> {
    /// The settings of a service, but for where it listens.
    pub fn variables(&self, service: Service) -> Variables {
        let Self { plan, issuer, auth: (public, internal), mail, log } = self;
        let database = plan.database(service);
        let format = if log.format == LogFormat::Json { "json" } else { "text" };
        let mut variables = vec![
            ("AUTH_ISSUER", issuer.clone()),
            ("DATABASE_MAX_CONNECTIONS", database.database_max_connections.to_string()),
            ("DATABASE_SCHEMA", plan.schema(service)),
            ("DATABASE_URL", database.database_url.expose().to_owned()),
            // The relay has turned away before.
            ("DRAIN_DELAY_SECS", "0".to_owned()),
            ("DRAIN_TIMEOUT_SECS", "3".to_owned()),
            // That one is asked to stop is said by what takes its place.
            ("LOG", format!("{},portico_common::lifecycle=warn", log.filter)),
            ("LOG_FORMAT", format.to_owned()),
        ];
        if matches!(service, Service::Auth) {
            variables.extend([
                ("LINK_BASE_URL", plan.link_base_url.to_string()),
                ("MAIL_FROM", "Portico <no-reply@portico.localhost>".to_owned()),
                ("MASTER_KEY", plan.secrets.master_key().expose().to_owned()),
                ("PASSWORD_PEPPER", plan.secrets.password_pepper().expose().to_owned()),
                ("SMTP_URL", format!("smtp://{mail}")),
            ]);
        } else {
            variables.extend([
                ("CURSOR_KEY", plan.secrets.cursor_key().expose().to_owned()),
                ("EVENTS_URL", format!("http://{internal}/internal/v1/events")),
                ("JWKS_URL", format!("http://{public}/.well-known/jwks.json")),
                ("REVOCATIONS_URL", format!("http://{internal}/internal/v1/revocations")),
            ]);
        }
        variables
    }
}

/// Where a service is reached, whichever process it is at that moment.
pub struct Door {
    /// By the gateway.
    pub public: Relay,
    /// For health and feeds.
    pub internal: Relay,
}

impl Door {
    /// Its addresses.
    pub fn addresses(&self) -> Addresses {
        let at = |relay: &Relay| format!("http://{}", relay.address);
        Addresses { public: at(&self.public), internal: at(&self.internal) }
    }
}

/// A service whose process is replaced when its binary is another one.
pub struct WatchedService {
    service: Service,
    variables: Variables,
    root: PathBuf,
    door: Door,
    running: Option<(Program, Child)>,
}

impl WatchedService {
    /// One that does not run yet.
    pub fn new(service: Service, variables: Variables, root: &Path, door: Door) -> Self {
        Self { service, variables, root: root.to_owned(), door, running: None }
    }

    /// Its package, which its binary is called after.
    pub fn package(&self) -> String {
        self.service.package()
    }

    /// Has the newest binary serve, if it is not what serves already.
    ///
    /// # Errors
    /// It does not get ready; what served before does so still.
    pub async fn follow(&mut self, programs: &BTreeMap<String, Program>) -> anyhow::Result<()> {
        let (name, package) = (self.service.name(), self.package());
        let program = programs.get(&package).with_context(|| format!("cargo made no `{package}`"))?;
        if self.running.as_ref().is_some_and(|(running, _)| running == program) {
            return Ok(());
        }
        let child = self.start(program).await.with_context(|| format!("the service `{name}`"))?;
        if let Some((_, before)) = self.running.replace((program.clone(), child)) {
            before.stop().await;
        }
        tracing::info!(service = name, "serves");
        Ok(())
    }

    async fn start(&self, program: &Program) -> anyhow::Result<Child> {
        self.migrate(program).await?;
        let (public, internal) = (free_address()?, free_address()?);
        let listen = [("LISTEN", public.to_string()), ("INTERNAL_LISTEN", internal.to_string())];
        let variables: Variables = self.variables.iter().cloned().chain(listen).collect();
        let command = [program.path.display().to_string(), "serve".to_owned()];
        let launch = Launch { command: &command, folder: &self.root, variables: &variables, output: Output::Ours };
        let mut child = Child::start(&launch)?;
        tokio::select! {
            ready = until_ready(internal) => ready?,
            how = child.ended() => bail!("{how}"),
        }
        self.door.public.lead_to(public);
        self.door.internal.lead_to(internal);
        Ok(child)
    }

    async fn migrate(&self, program: &Program) -> anyhow::Result<()> {
        let mut migrate = Command::new(&program.path);
        migrate.arg("migrate").envs(self.variables.iter().cloned()).current_dir(&self.root);
        let status = migrate.stdin(Stdio::null()).kill_on_drop(true).status().await?;
        ensure!(status.success(), "its migrations failed; see above");
        Ok(())
    }

    fn has_ended(&mut self) -> bool {
        let has_ended = self.running.as_mut().is_some_and(|(_, child)| !child.is_running());
        if has_ended {
            self.running = None;
        }
        has_ended
    }

    /// Ends it.
    pub async fn stop(self) {
        if let Some((_, child)) = self.running {
            child.stop().await;
        }
    }
}

/// Waits until one of them ends by itself, and tells which.
pub async fn ended(services: &mut [WatchedService]) -> &'static str {
    loop {
        if let Some(ended) = services.iter_mut().find_map(|service| service.has_ended().then_some(service.service)) {
            return ended.name();
        }
        sleep(Duration::from_millis(500)).await;
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

async fn until_ready(internal: SocketAddr) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    while let Err(error) = probe(internal).await {
        ensure!(Instant::now() < deadline, "not ready within {READY_WITHIN:?}: {error:#}");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
