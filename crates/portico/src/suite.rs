//! The four services in one process, each with its own listeners, role and schema.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use portico_auth::mail::{Mail, Mailbox};
use portico_common::clock::Clock;
use portico_common::lifecycle::Lifecycle;
use portico_common::postgres::{DatabaseConfig, migrate, provision};
use portico_common::server::{Listeners, ServerConfig, probe};
use portico_common::telemetry::{LogFormat, TelemetryConfig, TraceConfig};
use portico_common::token::TokenConfig;
use portico_gateway::{
    AccessLogConfig, CacheConfig, EdgeConfig, ProxyConfig, RouteEntry, RouteFile, RoutesConfig, StoreConfig,
};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::task::JoinSet;
use tracing::Instrument as _;
use url::Url;

use crate::secrets::Secrets;
use crate::service::Service;
use portico_chores::state::Addresses;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// What a suite is made from.
pub struct Plan {
    /// Services and routes.
    pub routes: RouteFile,
    /// The file they come from, whose changes the gateway takes over.
    pub routes_file: PathBuf,
    /// Routes of guests beside them.
    pub guests: Vec<RouteEntry>,
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// The database, with a role that may make roles and schemas.
    pub database_url: Url,
    /// Goes before the names of schemas and roles, so that several suites can share a database.
    pub prefix: String,
    /// Keys and passwords.
    pub secrets: Secrets,
    /// Where the links in mail lead to.
    pub link_base_url: Url,
    /// Where e-mail ends up.
    pub mailbox: Mailbox,
    /// The time.
    pub clock: Clock,
    /// What is traced, and where to.
    pub traces: TraceConfig,
}

/// A suite whose services all said they are ready.
pub struct Suite {
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// The gateway's address for clients on this machine.
    pub address: String,
    /// Where the services listen, by name.
    pub services: BTreeMap<String, Addresses>,
    tasks: JoinSet<anyhow::Result<()>>,
    lifecycle: Lifecycle,
}

/// What the services have in common.
struct Shared<'a> {
    plan: &'a Plan,
    issuer: String,
    auth_public: SocketAddr,
    auth_internal: SocketAddr,
}

impl Suite {
    /// Makes roles, schemas and tables, starts every service of the list, and waits until all are ready.
    ///
    /// # Errors
    /// The database refuses, a port is taken, or a service does not come up.
    pub async fn start(plan: &Plan, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let services = services(&plan.routes)?;
        for service in &services {
            prepare_schema(plan, *service).await?;
        }
        let gateway = bind_gateway(plan).await?;
        let mut listeners = BTreeMap::new();
        for service in &services {
            listeners.insert(service.name(), Listeners::bind(&ServerConfig::local()).await?);
        }
        Self::serve(plan, gateway, listeners, lifecycle).await
    }

    async fn serve(
        plan: &Plan,
        gateway: Listeners,
        mut listeners: BTreeMap<&'static str, Listeners>,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Self> {
        let auth = listeners.get("auth").context("portico.toml lists no service `auth`")?;
        let shared = Shared {
            issuer: address_for_clients(gateway.public_addr()),
            auth_public: auth.public_addr(),
            auth_internal: auth.internal_addr(),
            plan,
        };
        let mut suite = Self {
            gateway: gateway.public_addr(),
            address: shared.issuer.clone(),
            services: listeners.iter().map(|(name, at)| ((*name).to_owned(), addresses(at))).collect(),
            tasks: JoinSet::new(),
            lifecycle: lifecycle.clone(),
        };
        let mut internal = vec![gateway.internal_addr()];
        // In the order of the list: auth, which all others ask for its keys, is the first.
        for service in Service::all() {
            if let Some(listeners) = listeners.remove(service.name()) {
                internal.push(listeners.internal_addr());
                suite.serve_service(&shared, service, listeners);
            }
        }
        suite.serve_gateway(&shared, gateway)?;
        suite.until_ready(&internal).await?;
        Ok(suite)
    }

    /// Starts the gateway alone, in front of services that run elsewhere; `auth` is where its two listeners are.
    ///
    /// # Errors
    /// The gateway does not come up.
    pub async fn in_front_of(
        plan: &Plan,
        gateway: Listeners,
        services: BTreeMap<String, Addresses>,
        auth: (SocketAddr, SocketAddr),
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Self> {
        let (address, internal) = (address_for_clients(gateway.public_addr()), gateway.internal_addr());
        let (auth_public, auth_internal) = auth;
        let shared = Shared { plan, issuer: address.clone(), auth_public, auth_internal };
        let (tasks, lifecycle) = (JoinSet::new(), lifecycle.clone());
        let mut suite = Self { gateway: gateway.public_addr(), address, services, tasks, lifecycle };
        suite.serve_gateway(&shared, gateway)?;
        suite.until_ready(&[internal]).await?;
        Ok(suite)
    }

    /// Runs something that is part of the suite: when it ends, the suite does.
    pub fn spawn(&mut self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(task);
    }

    fn serve_gateway(&mut self, shared: &Shared<'_>, listeners: Listeners) -> anyhow::Result<()> {
        let mut routes = shared.plan.routes.clone();
        let mut upstreams = Vec::new();
        for (name, at) in &self.services {
            let url: Url = at.public.parse()?;
            routes.set_url(name, url.clone())?;
            upstreams.push((name.clone(), url));
        }
        routes.add(&shared.plan.guests)?;
        let config = portico_gateway::Config {
            server: gateway_server(shared.plan.gateway),
            tokens: shared.tokens(),
            telemetry: telemetry(shared.plan),
            routes: RoutesConfig {
                routes: shared.plan.routes_file.clone(),
                upstreams,
                added: shared.plan.guests.clone(),
                ..RoutesConfig::default()
            },
            proxy: ProxyConfig::default(),
            edge: EdgeConfig::default(),
            access_log: AccessLogConfig::default(),
            store: StoreConfig::default(),
            cache: CacheConfig::default(),
        };
        let (clock, lifecycle) = (shared.plan.clock.clone(), self.lifecycle.child());
        let serving = portico_gateway::serve(config, routes, listeners, clock, lifecycle);
        self.tasks.spawn(serving.instrument(portico_common::telemetry::service_span("gateway")));
        Ok(())
    }

    fn serve_service(&mut self, shared: &Shared<'_>, service: Service, listeners: Listeners) {
        let (clock, lifecycle) = (shared.plan.clock.clone(), self.lifecycle.child());
        let span = portico_common::telemetry::service_span(service.name());
        match service {
            Service::Auth => {
                let mail = Mail::Mailbox(shared.plan.mailbox.clone());
                let serving = portico_auth::serve(shared.auth(), mail, listeners, clock, lifecycle);
                self.tasks.spawn(serving.instrument(span));
            }
            Service::User => {
                let serving = portico_user::serve(shared.user(), listeners, clock, lifecycle);
                self.tasks.spawn(serving.instrument(span));
            }
            Service::Declared(declared) => {
                let serving = declared.serve(shared.declared(service), listeners, clock, lifecycle);
                self.tasks.spawn(serving.instrument(span));
            }
        }
    }

    async fn until_ready(&mut self, internal: &[SocketAddr]) -> anyhow::Result<()> {
        let all_ready = async {
            for address in internal {
                while probe(*address).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        tokio::select! {
            () = all_ready => Ok(()),
            ended = self.tasks.join_next() => Err(failure(ended)),
            () = tokio::time::sleep(READY_WITHIN) => bail!("not every service was ready within {READY_WITHIN:?}"),
        }
    }

    /// Runs until the lifecycle stops and every service has ended, or one fails.
    ///
    /// # Errors
    /// A service failed; the others were stopped.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let is_orderly = self.lifecycle.is_stopping() && matches!(ended, Ok(Ok(())));
            if !is_orderly && outcome.is_ok() {
                outcome = Err(failure(Some(ended)));
                self.lifecycle.stop();
            }
        }
        outcome
    }
}

fn failure(ended: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>) -> anyhow::Error {
    match ended {
        Some(Ok(Err(error))) => error.context("a service failed"),
        Some(Err(error)) => anyhow::Error::new(error).context("a service panicked"),
        Some(Ok(Ok(()))) | None => anyhow::anyhow!("a service ended by itself"),
    }
}

/// The gateway's listeners.
///
/// # Errors
/// Its port is taken.
pub async fn bind_gateway(plan: &Plan) -> anyhow::Result<Listeners> {
    let bound = Listeners::bind(&gateway_server(plan.gateway)).await;
    bound.with_context(|| format!("the gateway cannot listen on {}; choose another port with --port", plan.gateway))
}

/// The services of the list, auth first.
///
/// # Errors
/// The runner does not know one, or auth is missing.
pub fn services(routes: &RouteFile) -> anyhow::Result<Vec<Service>> {
    let unknown = routes.services.keys().find(|name| Service::named(name).is_none());
    ensure!(unknown.is_none(), "portico.toml lists a service that this runner does not know");
    ensure!(routes.services.contains_key("auth"), "portico.toml must list the service `auth`");
    Ok(Service::all().filter(|service| routes.services.contains_key(service.name())).collect())
}

/// The schema and role of a service, and everything in it, up to date.
async fn prepare_schema(plan: &Plan, service: Service) -> anyhow::Result<()> {
    provide_schema(plan, service).await?;
    let schema = plan.schema(service);
    migrate(&plan.database(service), &schema, service.migrator()).await.with_context(|| format!("the schema {schema}"))
}

/// The schema and role of a service.
///
/// # Errors
/// The database refuses.
pub async fn provide_schema(plan: &Plan, service: Service) -> anyhow::Result<()> {
    let (schema, role) = (plan.schema(service), plan.role(service));
    // What it is told has passwords in it, which a slow statement would take into the log.
    let options = PgConnectOptions::from_url(&plan.database_url)?.disable_statement_logging();
    let mut admin = PgConnection::connect_with(&options).await.context("the database cannot be reached")?;
    provision(&mut admin, &schema, &role, &plan.secrets.role_password(service)).await?;
    admin.close().await?;
    Ok(())
}

impl Plan {
    /// The schema a service owns.
    pub fn schema(&self, service: Service) -> String {
        let entry = self.routes.services.get(service.name());
        let schema = entry.and_then(|entry| entry.schema.as_deref()).unwrap_or(service.name());
        format!("{}{schema}", self.prefix)
    }

    /// The database role of a service.
    pub fn role(&self, service: Service) -> String {
        format!("{}portico_{}", self.prefix, service.name().replace('-', "_"))
    }

    /// How a service reaches its schema, as its own role.
    pub fn database(&self, service: Service) -> DatabaseConfig {
        let mut url = self.database_url.clone();
        let password = self.secrets.role_password(service);
        // Both are plain characters, and a Postgres address has a host: neither can be refused.
        let _always = (url.set_username(&self.role(service)), url.set_password(Some(password.expose())));
        DatabaseConfig::local(url.as_str(), &self.schema(service))
    }
}

impl Shared<'_> {
    fn tokens(&self) -> TokenConfig {
        let at = |address: SocketAddr, path: &str| format!("http://{address}{path}").parse().expect("an address");
        TokenConfig {
            auth_issuer: self.issuer.clone(),
            auth_audience: "portico".to_owned(),
            jwks_url: at(self.auth_public, "/.well-known/jwks.json"),
            revocations_url: at(self.auth_internal, "/internal/v1/revocations"),
        }
    }

    fn auth(&self) -> portico_auth::Config {
        portico_auth::Config {
            server: ServerConfig::local(),
            database: self.plan.database(Service::Auth),
            telemetry: telemetry(self.plan),
            passwords: portico_auth::PasswordConfig::with_pepper(self.plan.secrets.password_pepper()),
            tokens: portico_auth::IssuerConfig::local(&self.issuer, self.plan.secrets.master_key()),
            link_base_url: self.plan.link_base_url.clone(),
            trusted_proxies: 1,
        }
    }

    fn user(&self) -> portico_user::Config {
        let events = format!("http://{}/internal/v1/events", self.auth_internal);
        portico_user::Config { service: self.declared(Service::User), events_url: events.parse().expect("an address") }
    }

    fn declared(&self, service: Service) -> portico_service::Config {
        portico_service::Config {
            server: ServerConfig::local(),
            database: self.plan.database(service),
            token: self.tokens(),
            telemetry: telemetry(self.plan),
            cursor_key: self.plan.secrets.cursor_key(),
        }
    }
}

/// An address that listens on all interfaces is no address to connect to; this machine is one of them.
pub fn address_for_clients(listen: SocketAddr) -> String {
    match listen.ip() {
        ip if ip.is_unspecified() => format!("http://{}", SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port()))),
        _ => format!("http://{listen}"),
    }
}

fn gateway_server(listen: SocketAddr) -> ServerConfig {
    ServerConfig { listen, ..ServerConfig::local() }
}

/// The process has set its logs up once; what a service would ask for is not looked at. In traces each has its own
/// name, since one for all would hide who is who.
fn telemetry(plan: &Plan) -> TelemetryConfig {
    let traces = TraceConfig { traced_as: None, ..plan.traces.clone() };
    TelemetryConfig { log: "info".to_owned(), log_format: LogFormat::Text, traces }
}

fn addresses(listeners: &Listeners) -> Addresses {
    Addresses {
        public: format!("http://{}", listeners.public_addr()),
        internal: format!("http://{}", listeners.internal_addr()),
    }
}
