//! The service, running for one test.

use axum::http::{Method, header};
use portico_common::clock::Clock;
use portico_common::config::Secret;
use portico_common::telemetry::{LogFormat, TelemetryConfig, TraceConfig};
use portico_testkit::{Client, Issuer, Reply, RunningService, TestDb, User};
use portico_user::{Config, MIGRATOR, serve};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::feed::{Feed, SOON};

pub const ME: &str = "/v1/users/me";
pub const MERGE_PATCH: &str = "application/merge-patch+json";

// Dropped in this order: the service before its schema.
pub struct TestApp {
    pub service: RunningService,
    pub feed: Feed,
    pub issuer: Issuer,
    pub clock: Clock,
    pub admin: User,
    pub db: TestDb,
}

impl TestApp {
    /// Starts it on a clock that only the test moves.
    pub async fn start() -> Self {
        let clock = Clock::fixed("2026-03-04T05:06:07Z".parse().unwrap());
        let issuer = Issuer::start_at(clock.clone()).await;
        let (db, feed) = (TestDb::create(&MIGRATOR).await, Feed::start().await);
        let service = launch(&db, &feed, &issuer, &clock).await;
        Self { service, feed, issuer, clock, admin: User::admin(), db }
    }

    /// Another replica on the same schema and feed.
    pub async fn replica(&self) -> RunningService {
        launch(&self.db, &self.feed, &self.issuer, &self.clock).await
    }

    /// Ends the service wherever it is; what it has open in the database is cut by `cut`.
    pub async fn kill(&mut self, cut: impl AsyncFnOnce()) {
        self.service.lifecycle.finish().await;
        cut().await;
        self.service.lifecycle.stop();
        timeout(SOON, &mut self.service.task).await.unwrap().unwrap();
    }

    pub fn client(&self, user: &User) -> Client {
        self.service.client().with_token(self.issuer.token(user))
    }

    pub fn admin(&self) -> Client {
        self.client(&self.admin)
    }

    /// A user as the admin sees them.
    pub async fn user(&self, id: Uuid) -> Reply {
        self.admin().get(&format!("/v1/users/{id}")).await
    }

    /// Gives a user another status, on whatever version.
    pub async fn set_status(&self, id: Uuid, status: &str) -> Reply {
        let admin = self.admin();
        let request = admin.request(Method::PUT, &format!("/v1/users/{id}/status"));
        let request = request.header(header::IF_MATCH, "*").json(&json!({ "status": status }));
        admin.send(request).await
    }
}

async fn launch(db: &TestDb, feed: &Feed, issuer: &Issuer, clock: &Clock) -> RunningService {
    let (database, token, events_url) = (db.config(), issuer.config(), feed.url());
    let clock = clock.clone();
    RunningService::start(|server, listeners, lifecycle| {
        let service = portico_service::Config {
            server,
            database,
            token,
            telemetry: TelemetryConfig {
                log: "off".to_owned(),
                log_format: LogFormat::Text,
                traces: TraceConfig::default(),
            },
            cursor_key: Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        };
        serve(Config { service, events_url }, listeners, clock, lifecycle)
    })
    .await
}

/// A `PATCH` of one's own profile to be completed by hand.
pub fn patch_me(client: &Client, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    client.request(Method::PATCH, ME).header(header::CONTENT_TYPE, content_type).body(body)
}

/// The values of one member of every item of a list.
pub fn column(reply: &Reply, member: &str) -> Vec<Value> {
    let items = reply.body["items"].as_array().unwrap_or_else(|| panic!("{:?}", reply.body));
    items.iter().map(|item| item[member].clone()).collect()
}
