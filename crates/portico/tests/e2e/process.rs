//! The runner as a process: ready, killed, started again, stopped.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portico_chores::state::State;
use portico_testkit::Client;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use url::Url;
use uuid::Uuid;

/// The runner with a data folder of its own.
struct Runner {
    process: Child,
    state: State,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

fn data_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::new_v4().simple().to_string())
}

fn command(data: &PathBuf) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portico"));
    command
        .args(["up", "--json", "--port", "0", "--dev-port", "0", "--data"])
        .arg(data)
        .env_remove("DATABASE_URL")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    command
}

fn start(data: &PathBuf) -> Runner {
    ready(&mut command(data))
}

fn ready(command: &mut Command) -> Runner {
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut state = None;
    for line in lines.by_ref() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["ready"].is_object() {
            state = Some(serde_json::from_value(line["ready"].clone()).unwrap());
            break;
        }
    }
    Runner { process, state: state.expect("the runner got ready"), lines }
}

impl Runner {
    fn client(&self) -> Client {
        Client::new(self.state.gateway.strip_prefix("http://").unwrap().parse().unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

/// What the runner says when it does not start.
fn refused(command: &mut Command) -> String {
    let ended = command.output().unwrap();
    assert!(!ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stderr).unwrap()
}

/// Whether a server still answers behind a database address.
async fn is_postgres_there(url: &str) -> bool {
    PgConnection::connect(url).await.is_ok()
}

async fn until_postgres_is_gone(url: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_postgres_there(url).await {
        assert!(Instant::now() < deadline, "Postgres is still there");
    }
}

async fn emails(runner: &Runner) -> BTreeSet<String> {
    let admin = runner.state.logins.iter().find(|login| login.role == "admin").unwrap();
    let body = json!({ "email": admin.email, "password": admin.password });
    let login = runner.client().post("/v1/auth/login", body).await;
    assert_eq!(login.status, 200, "{}", login.body);
    let client = runner.client().with_token(login.body["access_token"].as_str().unwrap());
    let users = client.get("/v1/users").await;
    users.body["items"].as_array().unwrap().iter().map(|user| user["email"].to_string()).collect()
}

#[tokio::test]
async fn killed_and_started_again_it_leaves_no_postgres_and_keeps_the_data() {
    let data = data_folder();
    let mut first = start(&data);
    let before = first.client().get("/v1/products?limit=100").await.body;
    assert!(before["items"].as_array().unwrap().len() >= 60, "the demo catalogue");
    emails(&first).await;

    first.process.kill().unwrap();
    first.process.wait().unwrap();
    until_postgres_is_gone(&first.state.database_url).await;
    let mut second = start(&data);

    assert_eq!(second.client().get("/v1/products?limit=100").await.body["items"], before["items"]);
    assert_eq!(second.state.logins[0].password, first.state.logins[0].password);
    emails(&second).await;
    second.signal("INT");
    let status = second.process.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(second.lines.all(|line| line.is_ok()), "the log ends with the process");
    until_postgres_is_gone(&second.state.database_url).await;
    assert!(!data.join("state.json").exists());
    std::fs::remove_dir_all(&data).unwrap();
}

#[tokio::test]
async fn a_second_runner_on_the_same_data_says_who_has_it() {
    let data = data_folder();
    let mut first = start(&data);

    let text = refused(&mut command(&data));

    assert!(text.contains(&first.process.id().to_string()), "{text}");
    assert_eq!(first.client().get("/healthz").await.status, 200);
    first.signal("TERM");
    assert!(first.process.wait().unwrap().success());
    std::fs::remove_dir_all(&data).unwrap();
}

#[tokio::test]
async fn the_development_pages_show_mail_and_refuse_other_names() {
    let data = data_folder();
    let mut runner = start(&data);
    let dev = Client::new(runner.state.dev.strip_prefix("http://").unwrap().parse().unwrap());
    let account = json!({ "email": "<b>@example.com", "password": "correct-horse-battery-staple" });
    let account = runner.client().post("/v1/auth/register", account).await;
    assert_eq!(account.status, 422, "that is no address: {}", account.body);
    let account = json!({ "email": "eve@example.com", "password": "correct-horse-battery-staple" });
    assert_eq!(runner.client().post("/v1/auth/register", account).await.status, 202);

    let deadline = Instant::now() + Duration::from_secs(10);
    while dev.get("/api/mail?to=eve@example.com").await.body.as_array().is_none_or(Vec::is_empty) {
        assert!(Instant::now() < deadline, "no mail");
    }

    assert_eq!(dev.get("/").await.status, 200);
    let page = dev.get("/mail").await;
    assert!(String::from_utf8(page.bytes).unwrap().contains("eve@example.com"));
    let rebound = dev.request(reqwest::Method::GET, "/api/mail").header("host", "evil.example.com");
    assert_eq!(dev.send(rebound).await.status, 421);
    runner.signal("INT");
    assert!(runner.process.wait().unwrap().success());
    std::fs::remove_dir_all(&data).unwrap();
}

#[test]
fn it_runs_only_where_demo_accounts_may_be() {
    let data = data_folder();

    for environment in ["production", "staging"] {
        let text = refused(command(&data).env("PORTICO_ENV", environment));
        assert!(text.contains(&format!("PORTICO_ENV is `{environment}`")), "{text}");
    }
    assert!(!data.exists());
}

#[tokio::test]
async fn it_leaves_a_database_alone_that_others_have_filled() {
    let (data, other_data) = (data_folder(), data_folder());
    let mut server = start(&data);
    let url = |database| {
        let mut url: Url = server.state.database_url.parse().unwrap();
        url.set_path(database);
        url.to_string()
    };
    let mut admin = PgConnection::connect(&server.state.database_url).await.unwrap();
    sqlx::raw_sql("CREATE DATABASE theirs").execute(&mut admin).await.unwrap();
    sqlx::raw_sql("CREATE DATABASE empty").execute(&mut admin).await.unwrap();
    let mut theirs = PgConnection::connect(&url("theirs")).await.unwrap();
    sqlx::raw_sql("CREATE SCHEMA users").execute(&mut theirs).await.unwrap();

    let text = refused(command(&other_data).env("DATABASE_URL", url("theirs")));
    let schemas =
        "SELECT count(*) FROM pg_namespace WHERE nspname IN ('auth', 'users', 'product', 'portico_development')";
    let schemas: i64 = sqlx::query_scalar(schemas).fetch_one(&mut theirs).await.unwrap();

    assert!(text.contains("a schema `users` that was not made here"), "{text}");
    assert_eq!(schemas, 1);
    for _ in ["made by it", "known by it"] {
        let mut runner = ready(command(&other_data).env("DATABASE_URL", url("empty")));
        emails(&runner).await;
        runner.signal("INT");
        assert!(runner.process.wait().unwrap().success());
    }
    server.signal("INT");
    assert!(server.process.wait().unwrap().success());
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::remove_dir_all(&other_data).unwrap();
}
