//! A service's built binary as a process.

use std::fs;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running process of a service, killed with the value.
pub struct RunningProcess {
    /// Its public listener.
    pub public: SocketAddr,
    /// Its internal listener.
    pub internal: SocketAddr,
    child: Child,
}

impl RunningProcess {
    /// Starts `command` with two free ports and waits until it says in its log, as JSON, that it serves.
    ///
    /// # Panics
    /// It does not within 20 seconds.
    pub async fn start(command: &mut Command) -> Self {
        let mut child = command
            .env("LISTEN", "127.0.0.1:0")
            .env("INTERNAL_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the built binary");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let serving = async {
            while let Some(line) = lines.next_line().await.expect("text") {
                let line: Value = serde_json::from_str(&line).expect("a JSON line");
                if line["message"] == "serving" {
                    return line;
                }
            }
            panic!("the process ended before it served");
        };
        let serving = timeout(PATIENCE, serving).await.expect("a process that serves in time");
        // Its output is read on, for it must never wait for that.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let address = |field: &str| serving[field].as_str().and_then(|text| text.parse().ok()).expect("an address");
        Self { public: address("listen"), internal: address("internal.listen"), child }
    }

    /// Asks it to end, as ECS does.
    ///
    /// # Panics
    /// It has ended already.
    pub async fn terminate(&self) {
        let id = self.child.id().expect("a running process").to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status().await.expect("kill");
        assert!(sent.success());
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// It does not within 20 seconds.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("its end in time").expect("its status")
    }

    /// How much memory it has, in bytes, by a line of `/proc/PID/status` (proc(5)): `VmRSS` all that is resident,
    /// `RssAnon` what of it is no file. Nothing where the system does not tell.
    pub fn memory(&self, line: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let told = status.lines().find_map(|told| told.strip_prefix(line)?.strip_prefix(':'))?;
        told.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }
}
