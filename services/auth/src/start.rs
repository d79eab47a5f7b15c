//! Building the service from its settings and running it.

use chrono::TimeDelta;
use portico_common::clock::Clock;
use portico_common::lifecycle::Lifecycle;
use portico_common::page::Cursors;
use portico_common::server::{self, Listeners};
use portico_common::telemetry::Traces;
use portico_common::token::Verifier;
use portico_common::{middleware, postgres};
use portico_service::events::Pulse;
use tokio::sync::watch;

use crate::background::{self, KeyKeeper, NewsDesk};
use crate::codes::CodeKey;
use crate::config::{Config, IssuerConfig};
use crate::keys::{KeyPolicy, Keyring, MasterKey};
use crate::letters::{PostOffice, Postman};
use crate::mail::Mail;
use crate::passwords::PasswordGate;
use crate::sessions::SessionRules;
use crate::state::AppState;
use crate::throttle::Throttle;
use crate::tokens::TokenIssuer;
use crate::{SCHEMA, crypto, routes};

const NAME: &str = "auth";

/// Serves until the life stops. The schema must be up to date.
///
/// # Errors
/// A setting cannot be used, the database cannot be reached, or `MASTER_KEY` does not open the stored keys.
pub async fn serve(
    config: Config,
    mail: Mail,
    listeners: Listeners,
    clock: Clock,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    config.check()?;
    let traces = Traces::start(&config.telemetry.traces, NAME)?;
    let (beat, pulse) = Pulse::new(lifecycle.clone());
    let state = state(&config, clock, pulse)?;
    start_tasks(&config, mail, beat, &state, &lifecycle).await?;

    let checks = vec![postgres::check(&state.db)];
    let public = middleware::standard(routes::public(state.clone()), NAME, &config.server, &traces);
    let internal = server::internal_router(&lifecycle, checks).merge(routes::internal(state));
    let internal = middleware::internal(internal, NAME, &config.server, &traces);
    server::serve(listeners, public, internal, &config.server, &lifecycle).await?;
    traces.finish().await;
    Ok(())
}

fn state(config: &Config, clock: Clock, pulse: Pulse) -> anyhow::Result<AppState> {
    let IssuerConfig { auth_issuer, auth_audience, master_key, .. } = &config.tokens;
    let keyring = Keyring::default();
    let token_life = TimeDelta::from_std(config.tokens.access_token)?;
    Ok(AppState {
        db: postgres::pool(&config.database, SCHEMA)?,
        verifier: Verifier::new(auth_issuer, auth_audience, clock.clone()),
        tokens: TokenIssuer::new(auth_issuer, auth_audience, token_life, keyring.clone()),
        keyring,
        session_rules: SessionRules {
            idle: TimeDelta::from_std(config.tokens.session_idle)?,
            absolute: TimeDelta::from_std(config.tokens.session_absolute)?,
        },
        passwords: PasswordGate::new(&config.passwords)?,
        code_key: CodeKey::new(&config.passwords.password_pepper.key()?),
        throttle: Throttle::default(),
        postman: Postman::default(),
        cursors: Cursors::new(&crypto::derive_key(&master_key.key::<32>()?, "cursors")),
        pulse,
        trusted_proxies: config.trusted_proxies,
        clock,
    })
}

/// Takes a first look at keys and revocations, without which nothing can be answered, and keeps at it.
async fn start_tasks(
    config: &Config,
    mail: Mail,
    beat: watch::Sender<()>,
    state: &AppState,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let AppState { db, clock, verifier, keyring, code_key, postman, session_rules, .. } = state.clone();
    let policy = KeyPolicy {
        algorithm: config.tokens.signing_algorithm,
        rotation: TimeDelta::from_std(config.tokens.key_rotation)?,
        token_life: TimeDelta::from_std(config.tokens.access_token)?,
        master: MasterKey::new(&config.tokens.master_key.key()?),
    };
    let keeper = KeyKeeper {
        db: db.clone(),
        clock: clock.clone(),
        policy,
        keyring,
        verifier: verifier.clone(),
        beat: beat.clone(),
    };
    keeper.look().await?;
    let mut desk = NewsDesk::new(db.clone(), clock.clone(), verifier, beat);
    desk.look().await?;
    let link_base = config.link_base_url.clone();
    let office = PostOffice { db: db.clone(), clock: clock.clone(), mail, code_key, link_base, postman };

    lifecycle.spawn("signing keys", keeper.run());
    lifecycle.spawn("feeds", desk.run());
    lifecycle.spawn("letters", office.run());
    lifecycle.spawn("sweep", background::sweep(db, clock, session_rules));
    Ok(())
}
