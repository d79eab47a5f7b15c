//! The built binary as a process, and the memory it takes.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use portico_testkit::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::helpers::{ISSUER, PASSWORD, TestApp};

/// A running service, killed with the value.
struct Process {
    child: Child,
    client: Client,
}

impl Process {
    /// Another process on the schema of `app`, which computes one hash at a time.
    async fn start(app: &TestApp) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portico-auth"))
            .arg("serve")
            .env_clear()
            .env("LISTEN", "127.0.0.1:0")
            .env("INTERNAL_LISTEN", "127.0.0.1:0")
            .env("DATABASE_URL", app.config.database.database_url.expose())
            .env("DATABASE_SCHEMA", app.config.database.database_schema.as_deref().unwrap())
            .env("MASTER_KEY", app.config.tokens.master_key.expose())
            .env("PASSWORD_PEPPER", app.config.passwords.password_pepper.expose())
            .env("AUTH_ISSUER", ISSUER)
            .env("LINK_BASE_URL", app.config.link_base_url.as_str())
            .env("MAIL_FROM", "Portico <portico@example.com>")
            .env("SMTP_URL", "smtp://127.0.0.1:1")
            .env("HASH_CONCURRENCY", "1")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let serving = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["message"] == "serving" {
                    return line["listen"].as_str().and_then(|text| text.parse::<SocketAddr>().ok());
                }
            }
            None
        };
        let address = timeout(Duration::from_mins(1), serving).await.expect("in time").expect("it serves");
        // Its output is read on, for it must never wait for that.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, client: Client::new(address) }
    }

    /// Memory of its own, as a container's limit counts it, where the system tells.
    fn anonymous_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_passwords_hashed_one_after_the_other_take_the_memory_of_one() {
    let app = TestApp::start().await;
    let process = Process::start(&app).await;

    for wave in 0..3 {
        let replies = join_all((0..40).map(|number| {
            let body = json!({ "email": format!("user{wave}-{number}@example.com"), "password": PASSWORD });
            process.client.post("/v1/auth/register", body)
        }))
        .await;
        assert!(replies.iter().all(|reply| reply.status == 202));
    }

    // Elsewhere than on Linux there is nothing to compare.
    let held = process.anonymous_bytes();
    assert!(held.is_none_or(|held| held < 48 << 20), "{held:?} bytes, of which a hash takes 19 MiB");
}
