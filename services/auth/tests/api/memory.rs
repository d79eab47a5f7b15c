//! The built binary as a process, and the memory it takes.

use futures_util::future::join_all;
use portico_testkit::{Client, RunningProcess};
use serde_json::json;
use tokio::process::Command;

use crate::helpers::{ISSUER, PASSWORD, TestApp};

/// Another process on the schema of `app`, which computes one hash at a time.
async fn process(app: &TestApp) -> RunningProcess {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portico-auth"));
    command
        .arg("serve")
        .env_clear()
        .env("DATABASE_URL", app.config.database.database_url.expose())
        .env("DATABASE_SCHEMA", app.config.database.database_schema.as_deref().unwrap())
        .env("MASTER_KEY", app.config.tokens.master_key.expose())
        .env("PASSWORD_PEPPER", app.config.passwords.password_pepper.expose())
        .env("AUTH_ISSUER", ISSUER)
        .env("LINK_BASE_URL", app.config.link_base_url.as_str())
        .env("MAIL_FROM", "Portico <portico@example.com>")
        .env("SMTP_URL", "smtp://127.0.0.1:1")
        .env("HASH_CONCURRENCY", "1");
    RunningProcess::start(&mut command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_passwords_hashed_one_after_the_other_take_the_memory_of_one() {
    let app = TestApp::start().await;
    let process = process(&app).await;
    let client = Client::new(process.public);

    for wave in 0..3 {
        let replies = join_all((0..40).map(|number| {
            let body = json!({ "email": format!("user{wave}-{number}@example.com"), "password": PASSWORD });
            client.post("/v1/auth/register", body)
        }))
        .await;
        assert!(replies.iter().all(|reply| reply.status == 202));
    }

    // Elsewhere than on Linux there is nothing to compare.
    let held = process.memory("RssAnon");
    assert!(held.is_none_or(|held| held < 48 << 20), "{held:?} bytes, of which a hash takes 19 MiB");
}
