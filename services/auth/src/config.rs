//! The settings of the service.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use portico_common::config::{Secret, seconds};
use portico_common::postgres::DatabaseConfig;
use portico_common::server::ServerConfig;
use portico_common::telemetry::TelemetryConfig;
use url::Url;

/// Everything the service is told from outside; mail delivery is given to `serve` beside it.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// The two listeners.
    #[command(flatten)]
    pub server: ServerConfig,
    /// The schema.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// The logs.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// How passwords are kept.
    #[command(flatten)]
    pub passwords: PasswordConfig,
    /// How tokens are made.
    #[command(flatten)]
    pub tokens: IssuerConfig,

    /// Address of the front end that links in mail lead to: LINK_BASE_URL/verify-email and …/reset-password
    #[arg(long, env = "LINK_BASE_URL")]
    pub link_base_url: Url,

    /// How many proxies of ours requests pass: 1 is the gateway alone, and each proxy in front of the gateway is one more.
    /// So many entries from the right of X-Forwarded-For are believed; 0 takes the peer's address as the client's
    #[arg(long, env = "TRUSTED_PROXIES", default_value_t = 1)]
    pub trusted_proxies: u8,
}

/// How passwords are hashed. The costs are OWASP's; stored hashes follow a change at the next login.
#[derive(Debug, Clone, clap::Args)]
pub struct PasswordConfig {
    /// Secret mixed into every password hash, kept outside the database: 32 bytes in base64
    #[arg(long, env = "PASSWORD_PEPPER", hide_env_values = true)]
    pub password_pepper: Secret,

    /// Memory one hash takes, in KiB
    #[arg(long, env = "ARGON2_MEMORY_KIB", default_value_t = 19_456, value_parser = clap::value_parser!(u32).range(7_168..=1_048_576))]
    pub argon2_memory_kib: u32,

    /// Passes over that memory
    #[arg(long, env = "ARGON2_PASSES", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub argon2_passes: u32,

    /// Hashes computed at once; the number of cores if not given
    #[arg(long, env = "HASH_CONCURRENCY", value_parser = clap::value_parser!(u16).range(1..))]
    pub hash_concurrency: Option<u16>,

    /// Requests that may wait for a hash; more are answered with 503
    #[arg(long, env = "HASH_QUEUE", default_value_t = 64)]
    pub hash_queue: u16,
}

impl PasswordConfig {
    /// OWASP's costs under the given pepper, for tests and the runner.
    pub fn with_pepper(password_pepper: Secret) -> Self {
        Self { password_pepper, argon2_memory_kib: 19_456, argon2_passes: 2, hash_concurrency: None, hash_queue: 64 }
    }
}

/// The algorithms access tokens can be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256.
    #[default]
    #[value(name = "ES256")]
    Es256,
    /// Ed25519.
    #[value(name = "EdDSA")]
    EdDsa,
    /// RSA PKCS#1 v1.5 with 2048 bits, for clients that know nothing else.
    #[value(name = "RS256")]
    Rs256,
}

/// Whom tokens are from and for, how they are signed, and how long they live.
#[derive(Debug, Clone, clap::Args)]
pub struct IssuerConfig {
    /// The issuer's public address, which tokens name in `iss` and clients find the metadata under
    #[arg(long, env = "AUTH_ISSUER")]
    pub auth_issuer: String,

    /// The audience of access tokens
    #[arg(long, env = "AUTH_AUDIENCE", default_value = "portico")]
    pub auth_audience: String,

    /// Key that encrypts the signing keys in the database: 32 bytes in base64
    #[arg(long, env = "MASTER_KEY", hide_env_values = true)]
    pub master_key: Secret,

    /// Algorithm of access tokens; after a change the old key stays published until its tokens have expired
    #[arg(long, env = "SIGNING_ALGORITHM", value_enum, default_value_t)]
    pub signing_algorithm: SigningAlgorithm,

    /// Age at which a signing key is replaced
    #[arg(long = "key-rotation-secs", env = "KEY_ROTATION_SECS", default_value = "7776000", value_parser = seconds)]
    pub key_rotation: Duration,

    /// Life of an access token
    #[arg(long = "access-token-secs", env = "ACCESS_TOKEN_SECS", default_value = "600", value_parser = seconds)]
    pub access_token: Duration,

    /// How long a session may be idle: the life of a refresh token
    #[arg(long = "session-idle-secs", env = "SESSION_IDLE_SECS", default_value = "1209600", value_parser = seconds)]
    pub session_idle: Duration,

    /// How long a session may last, however busy it is
    #[arg(long = "session-absolute-secs", env = "SESSION_ABSOLUTE_SECS", default_value = "5184000", value_parser = seconds)]
    pub session_absolute: Duration,
}

impl IssuerConfig {
    /// The defaults of the settings, for tests and the runner.
    pub fn local(auth_issuer: &str, master_key: Secret) -> Self {
        Self {
            auth_issuer: auth_issuer.to_owned(),
            auth_audience: "portico".to_owned(),
            master_key,
            signing_algorithm: SigningAlgorithm::default(),
            key_rotation: Duration::from_hours(90 * 24),
            access_token: Duration::from_mins(10),
            session_idle: Duration::from_hours(14 * 24),
            session_absolute: Duration::from_hours(60 * 24),
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.master_key.key::<32>().context("MASTER_KEY")?;
        let issuer: Url = self.auth_issuer.parse().context("AUTH_ISSUER must be an http or https address")?;
        let is_plain = issuer.query().is_none() && issuer.fragment().is_none();
        ensure!(
            is_plain && matches!(issuer.scheme(), "http" | "https"),
            "AUTH_ISSUER must be an http or https address without query or fragment"
        );
        ensure!(!self.auth_issuer.ends_with('/'), "AUTH_ISSUER must not end with a slash: tokens repeat it exactly");
        ensure!(
            self.access_token <= self.session_idle && self.session_idle <= self.session_absolute,
            "ACCESS_TOKEN_SECS <= SESSION_IDLE_SECS <= SESSION_ABSOLUTE_SECS must hold"
        );
        ensure!(
            self.access_token <= Duration::from_hours(1),
            "ACCESS_TOKEN_SECS must be at most an hour: revocations are kept in memory that long"
        );
        Ok(())
    }
}

impl Config {
    /// Checks what the parser cannot: the contents of secrets and rules across settings.
    ///
    /// # Errors
    /// The first setting that cannot be used, by name.
    pub fn check(&self) -> anyhow::Result<()> {
        self.passwords.password_pepper.key::<32>().context("PASSWORD_PEPPER")?;
        self.tokens.check()?;
        self.telemetry.traces.check()?;
        ensure!(
            matches!(self.link_base_url.scheme(), "http" | "https"),
            "LINK_BASE_URL must be an http or https address"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn parse(changes: &[&str]) -> Result<Config, String> {
        let defaults = [
            "auth",
            "--listen=127.0.0.1:0",
            "--internal-listen=127.0.0.1:0",
            "--database-url=postgres://localhost/x",
            "--link-base-url=https://app.example.com",
        ];
        let required =
            [("--auth-issuer", "https://api.example.com"), ("--master-key", KEY), ("--password-pepper", KEY)];
        let mut arguments: Vec<String> = defaults.map(str::to_owned).into();
        let is_changed = |name: &str| changes.iter().any(|change| change.starts_with(name));
        let kept = required.iter().filter(|(name, _)| !is_changed(name));
        arguments.extend(kept.map(|(name, value)| format!("{name}={value}")));
        arguments.extend(changes.iter().filter(|change| change.contains('=')).map(|&change| change.to_owned()));
        let config = Program::try_parse_from(arguments).map_err(|error| error.to_string())?.config;
        config.check().map_err(|error| format!("{error:#}"))?;
        Ok(config)
    }

    #[test]
    fn the_required_settings_are_enough() {
        let config = parse(&[]).unwrap();

        assert_eq!(config.trusted_proxies, 1);
        assert_eq!(config.tokens.access_token, Duration::from_mins(10));
        assert_eq!(config.tokens.signing_algorithm, SigningAlgorithm::Es256);
    }

    #[test]
    fn a_missing_or_bad_setting_is_named() {
        for (changes, name) in [
            (&["--master-key"][..], "--master-key"),
            (&["--password-pepper"], "--password-pepper"),
            (&["--auth-issuer"], "--auth-issuer"),
            (&["--master-key=c2hvcnQ="], "MASTER_KEY"),
            (&["--password-pepper=not base64"], "PASSWORD_PEPPER"),
            (&["--auth-issuer=api.example.com"], "AUTH_ISSUER"),
            (&["--auth-issuer=https://api.example.com/"], "AUTH_ISSUER"),
            (&["--auth-issuer=https://api.example.com?x=1"], "AUTH_ISSUER"),
            (&["--access-token-secs=7200"], "ACCESS_TOKEN_SECS"),
            (&["--session-idle-secs=60"], "SESSION_IDLE_SECS"),
            (&["--signing-algorithm=HS256"], "--signing-algorithm"),
            (&["--hash-concurrency=0"], "--hash-concurrency"),
        ] {
            let error = parse(changes).unwrap_err();

            assert!(error.contains(name), "{changes:?}: {error}");
        }
    }
}
