//! What the binary can do.

use std::io::stdin;
use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Parser;
use portico_common::clock::Clock;
use portico_common::config::Secret;
use portico_common::postgres::{self, DatabaseConfig};
use portico_common::server;
use portico_common::telemetry::service_span;
use tracing::Instrument as _;

use crate::accounts::Role;
use crate::config::{Config, PasswordConfig};
use crate::mail::{Mail, SmtpConfig};
use crate::seed::{self, SeedAccount, Seeded};
use crate::{MIGRATOR, SCHEMA, serve};

/// Accounts, sessions and tokens of Portico. Every option can be given by the environment variable it names.
#[derive(Debug, Parser)]
#[command(name = "portico-auth", version)]
pub enum Command {
    /// Serve until SIGTERM
    Serve(Box<ServeConfig>),
    /// Bring the database schema up to date
    Migrate(DatabaseConfig),
    /// Say whether the settings of `serve` can be used, and exit
    Check(Box<ServeConfig>),
    /// Ask the running service whether it is ready; exit code 0 if so
    Health {
        /// Address of the internal listener
        #[arg(long, env = "INTERNAL_LISTEN", value_name = "ADDRESS")]
        internal_listen: SocketAddr,
    },
    /// Make an admin, or make an existing account one; the password comes from `ADMIN_PASSWORD` or the first line of standard input
    CreateAdmin(CreateAdmin),
}

/// The settings of `serve`.
#[derive(Debug, clap::Args)]
pub struct ServeConfig {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    smtp: SmtpConfig,
}

/// The settings of `create-admin`.
#[derive(Debug, clap::Args)]
pub struct CreateAdmin {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    passwords: PasswordConfig,
    /// The address, which counts as verified
    #[arg(long)]
    email: String,
    /// The name, if there is one
    #[arg(long)]
    display_name: Option<String>,
    /// The password; better not given as an option, which others on the machine can see
    #[arg(long, env = "ADMIN_PASSWORD", hide_env_values = true)]
    admin_password: Option<Secret>,
}

impl Command {
    /// Does what the command says.
    ///
    /// # Errors
    /// What went wrong, for a person to read.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(settings) => run_service(*settings).await,
            Self::Migrate(database) => postgres::migrate(&database, SCHEMA, &MIGRATOR).await,
            Self::Check(settings) => check(&settings).map(drop),
            Self::Health { internal_listen } => server::probe(internal_listen).await,
            Self::CreateAdmin(admin) => create_admin(admin).await,
        }
    }
}

fn check(settings: &ServeConfig) -> anyhow::Result<Mail> {
    settings.config.check()?;
    postgres::pool(&settings.config.database, SCHEMA)?;
    Mail::smtp(&settings.smtp)
}

async fn run_service(settings: ServeConfig) -> anyhow::Result<()> {
    let mail = check(&settings)?;
    let config = settings.config;
    let (listeners, lifecycle) = server::begin(&config.server, &config.telemetry).await?;
    serve(config, mail, listeners, Clock::system(), lifecycle).instrument(service_span("auth")).await
}

async fn create_admin(admin: CreateAdmin) -> anyhow::Result<()> {
    let CreateAdmin { database, passwords, email, display_name, admin_password } = admin;
    let password = match admin_password {
        Some(password) => password,
        None => read_password()?,
    };
    let db = postgres::pool(&database, SCHEMA)?;
    let roles = vec![Role::Admin];
    let seed = SeedAccount { email, password, display_name, roles };
    let Seeded { id, is_locked } = seed::make(&db, &passwords, seed, Clock::system().now()).await?;
    println!("{id} is an admin");
    if is_locked {
        println!("the account is locked: it cannot sign in until another admin unlocks it");
    }
    Ok(())
}

fn read_password() -> anyhow::Result<Secret> {
    let mut line = String::new();
    stdin().read_line(&mut line).context("reading the password from standard input")?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Command::command().debug_assert();
    }

    #[test]
    fn serving_needs_somewhere_to_send_mail() {
        let help = Command::command().find_subcommand_mut("serve").unwrap().render_long_help().to_string();

        for name in
            ["SMTP_URL", "MAIL_FROM", "MASTER_KEY", "PASSWORD_PEPPER", "AUTH_ISSUER", "DATABASE_URL", "LINK_BASE_URL"]
        {
            assert!(help.contains(name), "{name}");
        }
        let required: Vec<_> = Command::command()
            .find_subcommand("serve")
            .unwrap()
            .get_arguments()
            .filter(|argument| argument.is_required_set())
            .map(|argument| argument.get_id().to_string())
            .collect();
        assert!(
            required.contains(&"smtp_url".to_owned()) && required.contains(&"mail_from".to_owned()),
            "{required:?}"
        );
    }
}
