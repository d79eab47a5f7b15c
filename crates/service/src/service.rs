//! A service, from its declaration to its end.

use axum::Router;
use axum::routing::get;
use portico_common::clock::Clock;
use portico_common::error::ProblemKind;
use portico_common::lifecycle::Lifecycle;
use portico_common::server::{self, Listeners};
use portico_common::telemetry::Traces;
use portico_common::token::Verifier;
use portico_common::{middleware, openapi, postgres};
use sqlx::migrate::Migrator;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{AppState, Config, idempotency, problems};

/// A service, as its crate declares it.
pub struct Service {
    /// Its name in `portico.toml`, in logs and in traces.
    pub name: &'static str,
    /// Its package, which its binary is called after.
    pub package: &'static str,
    /// What its command line says it is.
    pub about: &'static str,
    /// The schema it owns, unless `DATABASE_SCHEMA` names another.
    pub schema: &'static str,
    /// What brings the schema up to date.
    pub migrator: &'static Migrator,
    /// Every endpoint of the public listener.
    pub routes: fn() -> OpenApiRouter<AppState>,
    /// What the internal listener has beside health and metrics, such as [`events::feed`](crate::events::feed).
    pub internal: fn(&AppState, &Lifecycle) -> Router,
    /// The kinds of problem that only this service answers with.
    pub problems: &'static [&'static ProblemKind],
}

impl Service {
    /// Serves both listeners until the life stops.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub async fn serve(
        &'static self,
        config: Config,
        listeners: Listeners,
        clock: Clock,
        lifecycle: Lifecycle,
    ) -> anyhow::Result<()> {
        let traces = Traces::start(&config.telemetry.traces, self.name)?;
        let db = postgres::pool(&config.database, self.schema)?;
        let verifier = Verifier::remote(&config.token, clock.clone())?;
        let cursors = config.cursors()?;
        lifecycle.spawn("tokens", verifier.clone().follow());
        lifecycle.spawn("idempotency", idempotency::forget_expired(db.clone(), clock.clone()));

        let checks = vec![postgres::check(&db), verifier.check()];
        let state = AppState { db, clock, verifier, cursors };
        let internal = server::internal_router(&lifecycle, checks).merge((self.internal)(&state, &lifecycle));
        let internal = middleware::internal(internal, self.name, &config.server, &traces);
        let public = middleware::standard(self.router(state), self.name, &config.server, &traces);
        server::serve(listeners, public, internal, &config.server, &lifecycle).await?;
        traces.finish().await;
        Ok(())
    }

    fn router(&self, state: AppState) -> Router {
        let api = self.api();
        let router = openapi::refuse_unknown_parameters(Router::from((self.routes)().with_state(state)), &api);
        router.route("/openapi.json", get(async move || axum::Json(api)))
    }

    /// The OpenAPI document.
    pub fn api(&self) -> OpenApi {
        let problems = [self.problems, problems::ALL].concat();
        openapi::complete((self.routes)().into_openapi(), &problems)
    }
}
