//! The server: two listeners, patience with limits, and a shutdown that loses no request.
//!
//! hyper is driven directly because a client must not hold a connection by being slow, and
//! `axum::serve` has no timers. Requests that are not HTTP at all (bad framing, too many or too
//! long headers, a target too long) are answered by hyper: 400, 431 or 414 without a body.

mod config;
mod connection;
mod endpoint;
mod health;

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

pub use config::ServerConfig;
pub use connection::HttpService;
pub use endpoint::{Endpoint, pause_after};
pub use health::{Check, internal_router, probe};

use crate::lifecycle::Lifecycle;
use crate::telemetry::{self, TelemetryConfig};

/// More open files than connections and logs can need; some systems refuse to hear of no limit at all.
const ENOUGH_FILES: u64 = 65_536;

/// The two bound sockets of a process.
#[derive(Debug)]
pub struct Listeners {
    /// For clients and the gateway.
    pub public: TcpListener,
    /// For health checks and feeds; the gateway never routes to it.
    pub internal: TcpListener,
}

impl Listeners {
    /// Binds both addresses of the settings, and lets the process hold as many connections as the system allows.
    ///
    /// # Errors
    /// An address cannot be bound; the error names it and its setting.
    pub async fn bind(config: &ServerConfig) -> anyhow::Result<Self> {
        raise_limit_of_files();
        let public = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("LISTEN: cannot listen on {}", config.listen))?;
        let internal = TcpListener::bind(config.internal_listen)
            .await
            .with_context(|| format!("INTERNAL_LISTEN: cannot listen on {}", config.internal_listen))?;
        Ok(Self { public, internal })
    }

    /// Where clients connect; tells the port the system chose for port 0.
    pub fn public_addr(&self) -> SocketAddr {
        address_of(&self.public)
    }

    /// Where health checks connect.
    pub fn internal_addr(&self) -> SocketAddr {
        address_of(&self.internal)
    }
}

/// What every binary does before it serves: logs, signals, sockets.
///
/// # Errors
/// A setting cannot be used, or an address cannot be bound.
pub async fn begin(config: &ServerConfig, telemetry: &TelemetryConfig) -> anyhow::Result<(Listeners, Lifecycle)> {
    telemetry::init(telemetry)?;
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signal().context("listening to signals")?;
    Ok((Listeners::bind(config).await?, lifecycle))
}

/// Takes what the system lets this process have: every connection is a file, and the 1,024 most systems begin with are
/// fewer than a listener holds. Where that is refused, the limit stays as it is.
fn raise_limit_of_files() {
    let Rlimit { current: Some(current), maximum } = getrlimit(Resource::Nofile) else { return };
    let wanted = maximum.map_or(ENOUGH_FILES, |maximum| maximum.min(ENOUGH_FILES)).max(current);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
}

fn address_of(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound socket has an address")
}

/// A listener that takes connections, and lets them end.
pub trait Front: Sized + Send {
    /// Where clients connect.
    fn address(&self) -> SocketAddr;

    /// Accepts connections for as long as it is polled.
    fn accept(&mut self) -> impl Future<Output = ()> + Send;

    /// Accepts no more, lets requests in flight end, and cuts what has not ended in time.
    fn drain(self) -> impl Future<Output = ()> + Send;
}

/// Serves both listeners until the life stops; see [`serve_behind`].
///
/// # Errors
/// The system does not tell a listener's address.
pub async fn serve(
    listeners: Listeners,
    public: impl HttpService,
    internal: Router,
    config: &ServerConfig,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let public = Endpoint::new(listeners.public, public, config)?;
    serve_behind(public, listeners.internal, internal, config, lifecycle).await
}

/// Serves a public front and the internal listener until the life stops, then leaves without losing a request.
///
/// Not ready at once → still serving for `drain_delay`, while balancers look away → no new
/// connections, idle ones closed, busy ones told to go (`Connection: close`, GOAWAY) and given
/// `drain_timeout` → background tasks end. The internal listener answers until all that is done,
/// then what is still asked there is cut. Dropping the future closes every connection.
///
/// # Errors
/// The system does not tell a listener's address.
pub async fn serve_behind(
    mut public: impl Front,
    listener: TcpListener,
    internal: Router,
    config: &ServerConfig,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let mut internal = Endpoint::new(listener, internal, config)?;
    lifecycle.set_started();
    tracing::info!(listen = %public.address(), internal.listen = %internal.address(), "serving");

    tokio::select! {
        () = public.accept() => {}
        () = internal.accept() => {}
        () = stopping_seen(config, lifecycle) => {}
    }
    tokio::select! {
        () = public.drain() => {}
        () = internal.accept() => {}
    }
    lifecycle.finish().await;
    drop(internal);
    tracing::info!("stopped");
    Ok(())
}

/// Waits until stopping has begun and those who send requests had time to notice.
async fn stopping_seen(config: &ServerConfig, lifecycle: &Lifecycle) {
    lifecycle.stopping().await;
    tracing::info!(delay_secs = config.drain_delay.as_secs_f64(), "not ready, still serving");
    tokio::time::sleep(config.drain_delay).await;
}
