//! A suite of its own for each test, on schemas and roles of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use portico::demo;
use portico::secrets::Secrets;
use portico::service::Service;
use portico::suite::{Plan, Suite};
use portico_auth::mail::Mailbox;
use portico_chores::state::Addresses;
use portico_common::clock::Clock;
use portico_common::lifecycle::Lifecycle;
use portico_common::telemetry::{LogFormat, TelemetryConfig, TraceConfig};
use portico_common::token::TokenConfig;
use portico_gateway::{AccessLogConfig, CacheConfig, EdgeConfig, ProxyConfig, RouteFile, RoutesConfig, StoreConfig};
use portico_testkit::{Client, Reply, RunningService};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

pub struct TestSuite {
    gateway: SocketAddr,
    /// The gateway's address as it is in tokens.
    issuer: String,
    services: BTreeMap<String, Addresses>,
    plan: Plan,
    lifecycle: Lifecycle,
}

impl TestSuite {
    pub async fn start() -> Self {
        Self::start_traced(TraceConfig::default()).await
    }

    /// One of which these settings say what is traced.
    pub async fn start_traced(traces: TraceConfig) -> Self {
        Self::with(|_| {}, traces).await
    }

    /// A suite whose gateway holds every request against the service's document.
    pub async fn start_validating() -> Self {
        let validate = |routes: &mut RouteFile| routes.routes.iter_mut().for_each(|route| route.validate = true);
        let suite = Self::with(validate, TraceConfig::default()).await;
        let is_let_through = async |client: &Client, path| client.get(path).await.status == 200;
        let (read, soon) = ("the document was read", Duration::from_secs(10));
        suite.until(read, soon, async || is_let_through(&suite.client(), "/.well-known/jwks.json").await).await;
        suite.until(read, soon, async || is_let_through(&suite.client(), "/v1/categories").await).await;
        let customer = suite.client_as("customer").await;
        suite.until(read, soon, async || is_let_through(&customer, "/v1/users/me").await).await;
        suite
    }

    async fn with(change: impl FnOnce(&mut RouteFile), traces: TraceConfig) -> Self {
        let database_url = portico_localpg::test_cluster().await.unwrap().parse().unwrap();
        let routes_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../portico.toml");
        let mut routes = RouteFile::read(&routes_file).unwrap();
        change(&mut routes);
        let plan = Plan {
            routes,
            routes_file,
            guests: Vec::new(),
            gateway: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            database_url,
            prefix: format!("t_{}_", &Uuid::new_v4().simple().to_string()[..12]),
            secrets: Secrets::generate(),
            link_base_url: "http://localhost".parse().unwrap(),
            mailbox: Mailbox::new(),
            clock: Clock::system(),
            traces,
        };
        let lifecycle = Lifecycle::new();
        let suite = Suite::start(&plan, &lifecycle).await.unwrap();
        demo::seed(&plan).await.unwrap();
        let (gateway, issuer, services) = (suite.gateway, suite.address.clone(), suite.services.clone());
        tokio::spawn(suite.run());
        Self { gateway, issuer, services, plan, lifecycle }
    }

    /// One more gateway in front of the same services.
    pub async fn another_gateway(&self) -> RunningService {
        let mut routes = self.plan.routes.clone();
        for (name, at) in &self.services {
            routes.set_url(name, at.public.parse().unwrap()).unwrap();
        }
        let auth = &self.services["auth"];
        let at = |address: &str, path: &str| format!("{address}{path}").parse().unwrap();
        let tokens = TokenConfig {
            auth_issuer: self.issuer.clone(),
            auth_audience: "portico".to_owned(),
            jwks_url: at(&auth.public, "/.well-known/jwks.json"),
            revocations_url: at(&auth.internal, "/internal/v1/revocations"),
        };
        RunningService::start(|server, listeners, lifecycle| {
            let config = portico_gateway::Config {
                server,
                tokens,
                telemetry: TelemetryConfig {
                    log: "info".to_owned(),
                    log_format: LogFormat::Text,
                    traces: TraceConfig::default(),
                },
                routes: RoutesConfig { routes: PathBuf::new(), ..RoutesConfig::default() },
                proxy: ProxyConfig::default(),
                edge: EdgeConfig::default(),
                access_log: AccessLogConfig::default(),
                store: StoreConfig::default(),
                cache: CacheConfig::default(),
            };
            portico_gateway::serve(config, routes, listeners, Clock::system(), lifecycle)
        })
        .await
    }

    /// A client of the gateway, without a token.
    pub fn client(&self) -> Client {
        Client::new(self.gateway)
    }

    /// The tokens of a demo login.
    pub async fn login(&self, role: &str) -> Value {
        self.login_reply(role).await.body
    }

    /// The answer to a demo login.
    pub async fn login_reply(&self, role: &str) -> Reply {
        let login = demo::logins(&self.plan.secrets).into_iter().find(|login| login.role == role).unwrap();
        let body = json!({ "email": login.email, "password": login.password });
        let reply = self.client().post("/v1/auth/login", body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply
    }

    /// What the suite was made from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the suite keeps secret.
    pub fn secrets(&self) -> &Secrets {
        &self.plan.secrets
    }

    /// A client of the gateway with the token of a demo login.
    pub async fn client_as(&self, role: &str) -> Client {
        self.client().with_token(self.login(role).await["access_token"].as_str().unwrap())
    }

    /// The code in the newest mail to an address.
    pub async fn code_for(&self, address: &str) -> String {
        self.until("the mail arrived", Duration::from_secs(10), async || !self.codes(address).is_empty()).await;
        self.codes(address).remove(0)
    }

    fn codes(&self, address: &str) -> Vec<String> {
        self.plan.mailbox.messages(Some(address)).into_iter().next().map(|message| message.codes).unwrap_or_default()
    }

    /// Asks again until the answer is yes.
    pub async fn until(&self, what: &str, within: Duration, is_so: impl AsyncFn() -> bool) {
        let asking = async {
            while !is_so().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(within, asking).await.unwrap_or_else(|_| panic!("not within {within:?}: {what}"));
    }

    /// Each service's name and address of the database, with its own role.
    pub fn database_urls(&self) -> Vec<(&'static str, String)> {
        Service::all()
            .map(|service| (service.name(), self.plan.database(service).database_url.expose().to_owned()))
            .collect()
    }

    /// A service, its schema, and one of its tables.
    pub async fn tables(&self) -> Vec<(&'static str, String, String)> {
        let mut admin = PgConnection::connect(self.plan.database_url.as_str()).await.unwrap();
        let mut tables = Vec::new();
        for service in Service::all() {
            let schema = self.plan.schema(service);
            let list = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1";
            let names: Vec<String> = sqlx::query_scalar(list).bind(&schema).fetch_all(&mut admin).await.unwrap();
            assert!(!names.is_empty(), "{schema} is empty");
            tables.extend(names.into_iter().map(|table| (service.name(), schema.clone(), table)));
        }
        tables
    }

    /// How many rows each table has.
    pub async fn rows(&self) -> BTreeMap<String, i64> {
        let mut admin = PgConnection::connect(self.plan.database_url.as_str()).await.unwrap();
        let mut rows = BTreeMap::new();
        for (service, schema, table) in self.tables().await {
            let count = format!("SELECT count(*) FROM {schema}.{table}");
            let count = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut admin).await.unwrap();
            rows.insert(format!("{service}.{table}"), count);
        }
        rows
    }
}

impl Drop for TestSuite {
    fn drop(&mut self) {
        self.lifecycle.stop();
        let url = self.plan.database_url.clone();
        let forget = Service::all().map(|service| {
            let (schema, role) = (self.plan.schema(service), self.plan.role(service));
            let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}';");
            format!("{end} DROP SCHEMA {schema} CASCADE; DROP ROLE {role};")
        });
        let forget: String = forget.collect();
        // A service that is in a transaction needs this very thread to end it, so its sessions are ended instead; and
        // the test's runtime is ending, so a thread of its own does it.
        let forgetting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut admin = PgConnection::connect(url.as_str()).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(forget)).execute(&mut admin).await.unwrap();
            });
        });
        assert!(forgetting.join().is_ok() || std::thread::panicking());
    }
}
