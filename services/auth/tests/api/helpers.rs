//! The service under test, and the steps tests share.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use portico_auth::mail::{Mail, Mailbox};
use portico_auth::{Config, IssuerConfig, MIGRATOR, PasswordConfig, Role, SeedAccount, seed_account};
use portico_common::clock::Clock;
use portico_common::config::Secret;
use portico_common::server::ServerConfig;
use portico_common::telemetry::{LogFormat, TelemetryConfig, TraceConfig};
use portico_testkit::{Client, Reply, RunningService, TestDb};
use reqwest::Method;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://api.example.com";
pub const PASSWORD: &str = "seldom crooked lantern mango";
pub const OTHER_PASSWORD: &str = "brittle violet orbit saddle";
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// One running service with a schema of its own.
pub struct TestApp {
    pub service: RunningService,
    pub client: Client,
    pub mailbox: Mailbox,
    pub clock: Clock,
    pub config: Config,
    pub db: TestDb,
}

/// Somebody who signed in.
pub struct SignedIn {
    pub client: Client,
    pub access_token: String,
    pub refresh_token: String,
}

pub fn clock() -> Clock {
    Clock::fixed(DateTime::from_timestamp(1_790_000_000, 0).unwrap())
}

pub fn config(db: &TestDb) -> Config {
    Config {
        server: ServerConfig::local(),
        database: db.config(),
        telemetry: TelemetryConfig {
            log: "warn".to_owned(),
            log_format: LogFormat::Text,
            traces: TraceConfig::default(),
        },
        passwords: PasswordConfig::with_pepper(Secret::new(KEY)),
        tokens: IssuerConfig::local(ISSUER, Secret::new(KEY)),
        link_base_url: "https://app.example.com".parse().unwrap(),
        trusted_proxies: 1,
    }
}

pub async fn run(config: &Config, mail: Mail, clock: &Clock) -> RunningService {
    RunningService::start(|server, listeners, lifecycle| {
        let config = Config { server, ..config.clone() };
        portico_auth::serve(config, mail, listeners, clock.clone(), lifecycle)
    })
    .await
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(adapt: impl FnOnce(&mut Config)) -> Self {
        let db = TestDb::create(&MIGRATOR).await;
        let mut config = config(&db);
        adapt(&mut config);
        let (mailbox, clock) = (Mailbox::new(), clock());
        let service = run(&config, Mail::Mailbox(mailbox.clone()), &clock).await;
        let client = service.client();
        Self { service, client, mailbox, clock, config, db }
    }

    /// Another process of the same service on the same schema.
    pub async fn replica(&self, adapt: impl FnOnce(&mut Config)) -> RunningService {
        let mut config = self.config.clone();
        adapt(&mut config);
        run(&config, Mail::Mailbox(self.mailbox.clone()), &self.clock).await
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The code of the mail that arrived as number `count` at the address.
    pub async fn code(&self, email: &str, count: usize) -> String {
        self.mailbox.wait_for(email, count).await[0].codes[0].clone()
    }

    /// Waits until no letter is on its way any more.
    pub async fn all_letters_delivered(&self) {
        let left = async || -> i64 {
            sqlx::query_scalar("SELECT count(*) FROM letters").fetch_one(&self.db.pool).await.unwrap()
        };
        while left().await > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// A verified account.
    pub async fn account(&self, email: &str, role: Role) {
        let seed = SeedAccount {
            email: email.to_owned(),
            password: Secret::new(PASSWORD),
            display_name: Some("Ada".to_owned()),
            roles: vec![role],
        };
        seed_account(&self.db.pool, &self.config.passwords, seed, self.now()).await.unwrap();
    }

    /// A verified account that has just signed in.
    pub async fn signed_in(&self, email: &str, role: Role) -> SignedIn {
        self.account(email, role).await;
        self.login(email).await
    }

    pub async fn login(&self, email: &str) -> SignedIn {
        self.login_with(email, PASSWORD).await
    }

    pub async fn login_with(&self, email: &str, password: &str) -> SignedIn {
        let reply = self.try_login(email, password).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        self.holder(&reply)
    }

    pub async fn try_login(&self, email: &str, password: &str) -> Reply {
        self.client.post("/v1/auth/login", json!({ "email": email, "password": password })).await
    }

    pub async fn refresh(&self, token: &str) -> Reply {
        self.client.post("/v1/auth/refresh", json!({ "refresh_token": token })).await
    }

    /// The holder of the tokens in an answer.
    pub fn holder(&self, reply: &Reply) -> SignedIn {
        let token = |name: &str| reply.body[name].as_str().unwrap().to_owned();
        let access_token = token("access_token");
        SignedIn { client: self.client.with_token(&access_token), access_token, refresh_token: token("refresh_token") }
    }

    pub fn internal(&self) -> Client {
        Client::new(self.service.internal)
    }
}

impl SignedIn {
    pub fn claims(&self) -> Value {
        part(&self.access_token, 1)
    }

    pub fn header(&self) -> Value {
        part(&self.access_token, 0)
    }

    /// Whether the service still lets the holder in.
    pub async fn is_let_in(&self) -> bool {
        self.client.get("/v1/auth/sessions").await.status == 200
    }

    pub async fn put(&self, path: &str, etag: Option<&str>, body: Value) -> Reply {
        let request = self.client.request(Method::PUT, path).json(&body);
        let request = match etag {
            Some(etag) => request.header("if-match", etag),
            None => request,
        };
        self.client.send(request).await
    }
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A request that comes, as far as the service can tell, from another machine.
pub async fn post_from(client: &Client, ip: &str, path: &str, body: Value) -> Reply {
    client.send(client.request(Method::POST, path).header("x-forwarded-for", ip).json(&body)).await
}

/// How a `bytea` of the text would look in a dump.
pub fn as_hex(text: &str) -> String {
    text.bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from_digit(digit.into(), 16).unwrap())
        .collect()
}
