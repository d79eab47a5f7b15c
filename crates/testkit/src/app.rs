//! A declared service running for one test, with an issuer and a schema of its own.

use portico_common::clock::Clock;
use portico_common::config::Secret;
use portico_common::telemetry::{LogFormat, TelemetryConfig, TraceConfig};
use portico_service::{Config, Service};

use crate::{Client, Issuer, RunningService, TestDb, User};

/// The service under test.
pub struct App {
    /// A client without a token.
    pub anonymous: Client,
    /// Whose tokens it accepts.
    pub issuer: Issuer,
    /// The running service.
    pub service: RunningService,
    /// Its schema.
    pub db: TestDb,
}

impl App {
    /// Starts it.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(service: &'static Service) -> Self {
        Self::start_at(service, Clock::system()).await
    }

    /// Starts it with a clock that the test moves.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start_at(service: &'static Service, clock: Clock) -> Self {
        let db = TestDb::create(service.migrator).await;
        let issuer = Issuer::start_at(clock.clone()).await;
        let (database, token) = (db.config(), issuer.config());
        let service = RunningService::start(|server, listeners, lifecycle| {
            let telemetry =
                TelemetryConfig { log: "warn".to_owned(), log_format: LogFormat::Json, traces: TraceConfig::default() };
            let cursor_key = Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
            service.serve(Config { server, database, token, telemetry, cursor_key }, listeners, clock, lifecycle)
        })
        .await;
        Self { anonymous: service.client(), issuer, service, db }
    }

    /// A client with a token of `user`.
    pub fn client(&self, user: &User) -> Client {
        self.anonymous.with_token(self.issuer.token(user))
    }
}
