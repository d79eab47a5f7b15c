//! The settings of the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::{seconds, seconds_or_none};

/// Addresses and limits of the two listeners.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ServerConfig {
    /// Address of the public listener, such as 0.0.0.0:8081.
    #[arg(long, env = "LISTEN", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Address of the internal listener (health, feeds), which clients must not reach.
    #[arg(long, env = "INTERNAL_LISTEN", value_name = "ADDRESS")]
    pub internal_listen: SocketAddr,
    /// How long to keep serving after SIGTERM while load balancers notice.
    #[arg(long = "drain-delay-secs", env = "DRAIN_DELAY_SECS", value_name = "SECONDS", default_value = "5", value_parser = seconds_or_none)]
    pub drain_delay: Duration,
    /// How long requests in flight may take to end after that; then they are cut.
    #[arg(long = "drain-timeout-secs", env = "DRAIN_TIMEOUT_SECS", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub drain_timeout: Duration,
    /// How long a new connection may take to send its first request's headers.
    #[arg(long = "header-timeout-secs", env = "HEADER_TIMEOUT_SECS", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub header_timeout: Duration,
    /// How long a connection may wait between requests; must be longer than the load balancer's own (ALB: 60).
    #[arg(long = "idle-timeout-secs", env = "IDLE_TIMEOUT_SECS", value_name = "SECONDS", default_value = "75", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// How long a client may read nothing of its answer.
    #[arg(long = "write-timeout-secs", env = "WRITE_TIMEOUT_SECS", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub write_timeout: Duration,
    /// How long a request may take from its headers, body included, to the headers of its answer.
    #[arg(long = "request-timeout-secs", env = "REQUEST_TIMEOUT_SECS", value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub request_timeout: Duration,
    /// The largest body, in bytes, that is read into memory.
    #[arg(long = "body-limit-bytes", env = "BODY_LIMIT_BYTES", value_name = "BYTES", default_value_t = 1 << 20)]
    pub body_limit: usize,
    /// How many connections each listener holds; more wait in the system's backlog.
    #[arg(long, env = "MAX_CONNECTIONS", value_name = "COUNT", default_value = "10000", value_parser = connections)]
    pub max_connections: usize,
}

impl ServerConfig {
    /// For tests and the runner: loopback, ports the system chooses, no drain delay, a short drain.
    pub fn local() -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: any_port,
            internal_listen: any_port,
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(3),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(15),
            body_limit: 1 << 20,
            max_connections: 10_000,
        }
    }
}

fn connections(raw: &str) -> Result<usize, String> {
    match raw.parse() {
        Ok(0) | Err(_) => Err("must be a whole number, at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        server: ServerConfig,
    }

    const ADDRESSES: [&str; 5] = ["program", "--listen", "127.0.0.1:1", "--internal-listen", "127.0.0.1:2"];

    #[test]
    fn the_defaults_fit_into_the_thirty_seconds_ecs_grants() {
        let server = Program::try_parse_from(ADDRESSES).unwrap().server;

        assert!(server.drain_delay + server.drain_timeout < Duration::from_secs(30));
        assert!(server.idle_timeout > Duration::from_mins(1));
    }

    #[test]
    fn a_bad_setting_is_refused_by_name() {
        let refused = |setting| Program::try_parse_from(ADDRESSES.into_iter().chain(setting)).unwrap_err().to_string();

        assert!(refused(["--request-timeout-secs", "0"]).contains("--request-timeout-secs"));
        assert!(refused(["--drain-delay-secs", "soon"]).contains("--drain-delay-secs"));
        assert!(refused(["--max-connections", "0"]).contains("--max-connections"));
    }
}
