//! A gateway under test, what is behind it, and clients that are not polite.

mod played;
mod process;
mod raw;
mod strict;
mod upstream;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portico_common::clock::Clock;
use portico_common::server::ServerConfig;
use portico_common::telemetry::{LogFormat, TelemetryConfig, TraceConfig};
use portico_common::token::TokenConfig;
use portico_gateway::{
    AccessLogConfig, CacheConfig, Config, EdgeConfig, ProxyConfig, RouteFile, RoutesConfig, StoreConfig, serve,
};
use portico_testkit::{Client, Issuer, RunningService, User};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::logs;

pub use played::{Play, PlayedUpstream};
pub use process::{Process, command};
pub use raw::{Connection, RawReply, RawUpstream};
pub use strict::{Arrival, StrictUpstream};
pub use upstream::Upstream;

/// Longer than anything that works takes; only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// So that a changed file is soon noticed.
const RELOAD_EVERY: Duration = Duration::from_millis(20);

/// A gateway in front of one counting upstream that plays every service.
pub struct Suite {
    pub gateway: RunningService,
    pub issuer: Issuer,
    pub upstream: Upstream,
}

/// What most tests route by; `UPSTREAM` stands for the address of the counting upstream.
pub const ROUTES: &str = r#"
[services.shop]
url = "http://UPSTREAM"
port = 1
internal_port = 2

[[routes]]
prefix = "/v1/closed"
service = "shop"
token = "required"

[[routes]]
prefix = "/v1/open"
service = "shop"
token = "optional"

[[routes]]
prefix = "/v1/open/closed"
service = "shop"
token = "required"

[[routes]]
prefix = "/v1/guest"
url = "http://UPSTREAM"
token = "ignored"

[[routes]]
prefix = "/v1/small"
service = "shop"
token = "optional"
body_limit_bytes = 1000

[[routes]]
prefix = "/v1/large"
service = "shop"
token = "optional"
body_limit_bytes = 1_000_000_000

[[routes]]
prefix = "/v1/quick"
service = "shop"
token = "optional"
timeout_secs = 0.3
idle_timeout_secs = 0.3

[[routes]]
prefix = "/v1/short"
service = "shop"
token = "optional"
total_timeout_secs = 0.3
"#;

impl Suite {
    /// A gateway with [`ROUTES`].
    pub async fn start() -> Self {
        Self::with_routes(ROUTES).await
    }

    /// A gateway with routes of the test's own.
    pub async fn with_routes(routes: &str) -> Self {
        Self::with(routes, ProxyConfig::default()).await
    }

    /// A gateway with routes and beliefs of the test's own.
    pub async fn with(routes: &str, proxy: ProxyConfig) -> Self {
        Self::in_front_of(Upstream::start().await, routes, proxy).await
    }

    /// A gateway in front of an upstream of the test's own.
    pub async fn in_front_of(upstream: Upstream, routes: &str, proxy: ProxyConfig) -> Self {
        let issuer = Issuer::start().await;
        let routes = routes.replace("UPSTREAM", &upstream.address.to_string());
        let gateway = start_gateway(&routes, proxy, issuer.config()).await;
        Self { gateway, issuer, upstream }
    }

    /// A gateway that logs this share of its requests.
    pub async fn start_with_sample(access_log_sample: f64) -> Self {
        Self::with_config(|config| Config { access_log: AccessLogConfig { access_log_sample }, ..config }).await
    }

    /// A gateway with [`ROUTES`] and other limits of its server.
    pub async fn with_server(limits: impl FnOnce(ServerConfig) -> ServerConfig) -> Self {
        Self::with_config(|config| Config { server: limits(config.server), ..config }).await
    }

    /// A gateway with [`ROUTES`] and other settings.
    pub async fn with_config(change: impl FnOnce(Config) -> Config) -> Self {
        Self::with_routes_and_config(ROUTES, change).await
    }

    /// A gateway with routes and settings of the test's own.
    pub async fn with_routes_and_config(routes: &str, change: impl FnOnce(Config) -> Config) -> Self {
        let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
        let routes = routes.replace("UPSTREAM", &upstream.address.to_string());
        let tokens = issuer.config();
        let gateway = start_with(&routes, |server| change(config(server, ProxyConfig::default(), tokens))).await;
        Self { gateway, issuer, upstream }
    }

    /// A gateway that tells a collector of its requests.
    pub async fn with_traces(traces: TraceConfig, proxy: ProxyConfig) -> Self {
        let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
        let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
        let tokens = issuer.config();
        let gateway = start_with(&routes, |server| {
            let mut config = config(server, proxy, tokens);
            config.telemetry.traces = traces;
            config
        });
        Self { gateway: gateway.await, issuer, upstream }
    }

    /// A gateway that may hold so much.
    pub async fn with_cache(routes: &str, cache: CacheConfig) -> Self {
        let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
        let tokens = issuer.config();
        let gateway = start_with(routes, |server| Config { cache, ..config(server, ProxyConfig::default(), tokens) });
        Self { gateway: gateway.await, issuer, upstream }
    }

    /// A client without a token.
    pub fn client(&self) -> Client {
        self.gateway.client()
    }

    /// A client with a good token.
    pub fn customer(&self) -> Client {
        self.client().with_token(self.issuer.token(&User::customer()))
    }

    /// A connection to write anything to.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.gateway.public).await
    }

    /// Sends `head` (lines, without the empty one) on a connection of its own, and reads the answer.
    pub async fn raw(&self, head: &str) -> RawReply {
        raw::exchange(self.gateway.public, head).await
    }
}

/// Starts a gateway and waits until it is ready.
pub async fn start_gateway(routes: &str, proxy: ProxyConfig, tokens: TokenConfig) -> RunningService {
    start_with(routes, |server| config(server, proxy, tokens)).await
}

async fn start_with(routes: &str, config: impl FnOnce(ServerConfig) -> Config) -> RunningService {
    logs::capture();
    let routes = RouteFile::parse(routes).expect("the test's routes");
    RunningService::start(|server, listeners, lifecycle| {
        serve(config(server), routes, listeners, Clock::system(), lifecycle)
    })
    .await
}

/// Starts a gateway that speaks TLS, to clients that are not waited for long.
pub async fn start_gateway_over_tls(routes: &str, edge: EdgeConfig, tokens: TokenConfig) -> RunningService {
    start_with(routes, |server| {
        let server = ServerConfig { header_timeout: Duration::from_secs(2), ..server };
        Config { edge, ..config(server, ProxyConfig::default(), tokens) }
    })
    .await
}

/// Starts a gateway that follows a route file, and waits until it is ready.
pub async fn start_gateway_with_file(path: &Path, tokens: TokenConfig) -> RunningService {
    logs::capture();
    let routes = RouteFile::read(path).expect("the test's routes");
    RunningService::start(|server, listeners, lifecycle| {
        let mut config = config(server, ProxyConfig::default(), tokens);
        config.routes = RoutesConfig { routes: path.to_owned(), reload_every: RELOAD_EVERY, ..RoutesConfig::default() };
        serve(config, routes, listeners, Clock::system(), lifecycle)
    })
    .await
}

/// The settings of a gateway under test.
pub fn config(server: ServerConfig, proxy: ProxyConfig, tokens: TokenConfig) -> Config {
    Config {
        server,
        tokens,
        telemetry: TelemetryConfig {
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            traces: TraceConfig::default(),
        },
        routes: RoutesConfig { routes: PathBuf::new(), ..RoutesConfig::default() },
        proxy,
        edge: EdgeConfig { workers: NonZeroUsize::new(2), ..EdgeConfig::default() },
        access_log: AccessLogConfig::default(),
        store: StoreConfig::default(),
        cache: CacheConfig::default(),
    }
}

/// Waits until something is so. Only a failing test waits to the end of its patience.
pub async fn until(what: &str, patience: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            yield_now().await;
        }
    };
    timeout(patience, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Asks until the answer has this status.
pub async fn until_answered(client: &Client, path: &str, status: u16) {
    let what = format!("{path} answers {status}");
    until(&what, PATIENCE, async || client.get(path).await.status == status).await;
}
