//! The built binary as a process, told by its environment and ended by signals as in production.

use std::fs;
use std::net::SocketAddr;
use std::process::ExitStatus;

use portico_testkit::{Client, Issuer, RunningProcess};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Connection, PATIENCE};

/// A running gateway, killed with the value.
pub struct Process {
    pub public: SocketAddr,
    pub internal: SocketAddr,
    running: RunningProcess,
    _folder: TempDir,
}

impl Process {
    /// Starts one with these routes and settings, and waits until it is ready.
    pub async fn start(routes: &str, issuer: &Issuer, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("portico.toml"), routes).expect("written");
        let tokens = issuer.config();
        let mut command = command("serve");
        command
            .env("PORTICO_TOML", folder.path().join("portico.toml"))
            .env("AUTH_ISSUER", &tokens.auth_issuer)
            .env("JWKS_URL", tokens.jwks_url.as_str())
            .env("REVOCATIONS_URL", tokens.revocations_url.as_str())
            .env("WORKERS", "2")
            .envs(settings.iter().copied());
        let running = RunningProcess::start(&mut command).await;
        let process = Self { public: running.public, internal: running.internal, running, _folder: folder };
        process.until_readiness_is(200).await;
        process
    }

    /// A client of its public listener.
    pub fn client(&self) -> Client {
        Client::new(self.public)
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(self.public).await
    }

    /// Waits until it says that it is ready (200), or is not (503).
    pub async fn until_readiness_is(&self, status: u16) {
        let client = Client::new(self.internal);
        let said = async { while client.get("/health/ready").await.status != status {} };
        timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("readiness is never {status}"));
    }

    /// Asks it to end, as ECS does.
    pub async fn terminate(&self) {
        self.running.terminate().await;
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        self.running.ended().await
    }

    /// How much memory it has, where the system tells.
    pub fn resident_bytes(&self) -> Option<u64> {
        self.running.memory("VmRSS")
    }
}

/// The built gateway, told nothing by the environment of the tests.
pub fn command(what: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portico-gateway"));
    command.arg(what).env_clear();
    command
}
