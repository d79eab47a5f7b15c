//! The built binary as a process, told by its environment and ended by signals as in production.

use std::fs;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};

use portico_testkit::{Client, Issuer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Connection, PATIENCE};

/// A running gateway, killed with the value.
pub struct Process {
    pub public: SocketAddr,
    pub internal: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Process {
    /// Starts one with these routes and settings, and waits until it is ready.
    pub async fn start(routes: &str, issuer: &Issuer, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("portico.toml"), routes).expect("written");
        let tokens = issuer.config();
        let mut child = command("serve")
            .env("PORTICO_TOML", folder.path().join("portico.toml"))
            .env("LISTEN", "127.0.0.1:0")
            .env("INTERNAL_LISTEN", "127.0.0.1:0")
            .env("AUTH_ISSUER", &tokens.auth_issuer)
            .env("JWKS_URL", tokens.jwks_url.as_str())
            .env("REVOCATIONS_URL", tokens.revocations_url.as_str())
            .env("WORKERS", "2")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the built gateway");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let serving = async {
            while let Some(line) = lines.next_line().await.expect("text") {
                let line: Value = serde_json::from_str(&line).expect("a JSON line");
                if line["message"] == "serving" {
                    return line;
                }
            }
            panic!("the gateway ended before it served");
        };
        let serving = timeout(PATIENCE, serving).await.expect("a gateway that serves in time");
        // Its output is read on, for it must never wait for that.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let address = |field: &str| serving[field].as_str().and_then(|text| text.parse().ok()).expect("an address");
        let process = Self { public: address("listen"), internal: address("internal.listen"), child, _folder: folder };
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
        let id = self.child.id().expect("a running process").to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status().await.expect("kill");
        assert!(sent.success());
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("its end in time").expect("its status")
    }

    /// How much memory it has, where the system tells.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }
}

/// The built gateway, told nothing by the environment of the tests.
pub fn command(what: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portico-gateway"));
    command.arg(what).env_clear();
    command
}
