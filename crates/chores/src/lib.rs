//! Chores around the code: looking a machine over, and checking the queries.
//!
//! They depend on none of the services, because they are needed when a service does not compile:
//! a new query does not until it has been checked.

mod book;
mod diagram;
mod doctor;
mod git;
mod list;
mod migrations;
mod new;
mod prepare;
pub mod project;
mod queries;
mod rename;
mod schemas;
pub mod state;
mod upgrade;

use clap::{Parser, Subcommand};
use new::New;
use portico_common::config::Secret;
use project::Project;

/// Chores around the code of Portico. The suite itself is started with `cargo run`.
#[derive(Debug, Parser)]
#[command(name = "cargo portico", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub chore: Chore,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Chore {
    /// Say what is wrong with this machine and how to fix it
    Doctor {
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
        /// Port the gateway is to use
        #[arg(long, env = "PORTICO_PORT", default_value_t = 8080)]
        port: u16,
        /// Port the development pages are to use
        #[arg(long, env = "PORTICO_DEV_PORT", default_value_t = 8090)]
        dev_port: u16,
        /// A running Postgres to use, as for `up`
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: Option<Secret>,
    },
    /// Chores around the database
    #[command(subcommand)]
    Db(Db),
    /// Make a service or a resource from the templates
    #[command(subcommand)]
    New(New),
    /// Make the project one's own: another name in the place of this one, in every file
    Rename {
        /// The name: one word of letters and digits, in lower case
        name: String,
        /// Where it will be kept, as OWNER/NAME on GitHub; NAME/NAME when left out
        #[arg(long, value_name = "OWNER/NAME")]
        repository: Option<String>,
    },
    /// Chores around the templates that new services are made from
    #[command(subcommand)]
    Template(Template),
    /// Show the book in docs/ at a port of this machine, and again after each change
    Docs {
        /// Only build it, into target/book
        #[arg(long)]
        build: bool,
        /// Port to show it at
        #[arg(long, default_value_t = 3000)]
        port: u16,
        /// Change the book that mdBook writes to standard input; mdBook calls this
        #[arg(long, hide = true)]
        preprocess: bool,
        /// What mdBook adds
        #[arg(hide = true, requires = "preprocess")]
        more: Vec<String>,
    },
}

/// Chores around the database.
#[derive(Debug, Subcommand)]
pub enum Db {
    /// Check every query in the code against the migrations and keep the answers in .sqlx/
    Prepare {
        /// Change nothing, and fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// Make the file of a service's next migration
    New {
        /// The service
        service: String,
        /// What it does: lower-case words with underscores between them
        name: String,
    },
    /// Say of every migration whether the database of the running suite has it
    Status {
        /// Another database to look at
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: Option<Secret>,
    },
    /// Apply what waits to the database of the running suite, as the next start would
    Migrate {
        /// Another database, with a role that may take on those of the services
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: Option<Secret>,
    },
    /// Forget the database of `cargo run` in this checkout, with its keys and passwords
    Reset,
    /// Draw every schema as the migrations make it, in docs/schemas.md
    Diagram {
        /// Change nothing, and fail if something would change
        #[arg(long)]
        check: bool,
    },
}

/// Chores around the templates.
#[derive(Debug, Subcommand)]
pub enum Template {
    /// Make the service in templates/service anew, which shows and tests what templates/new makes
    Sample {
        /// Change nothing, and fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// Print what a newer release of the template changes, as a patch for this project
    Diff {
        /// A clone or the address of the template, if it is not where it was
        #[arg(long, value_name = "REPOSITORY")]
        from: Option<String>,
        /// The release: a tag, a branch or a commit
        #[arg(long, default_value = "HEAD", value_name = "REVISION")]
        to: String,
    },
}

impl Chore {
    /// Does it.
    ///
    /// # Errors
    /// It could not be done, or found something wrong; the message says what to do about it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Doctor { json, port, dev_port, database_url } => {
                anyhow::ensure!(
                    doctor::run(json, &[port, dev_port], database_url.as_ref()).await?,
                    "something is wrong; see above"
                );
                Ok(())
            }
            Self::Db(Db::Prepare { check }) => prepare::prepare(&Project::find()?, check).await,
            Self::New(new) => new::run(&Project::find()?, new).await,
            Self::Rename { name, repository } => rename::rename(&Project::find()?, &name, repository.as_deref()),
            Self::Template(Template::Sample { check }) => new::sample(&Project::find()?, check),
            Self::Template(Template::Diff { from, to }) => upgrade::diff(&Project::find()?, from.as_deref(), &to),
            // Whether it can for a renderer, mdBook asks with words of its own; book.toml names those it is for.
            Self::Docs { preprocess: true, more, .. } if !more.is_empty() => Ok(()),
            Self::Docs { preprocess: true, .. } => book::preprocess(&Project::find()?),
            Self::Docs { build: true, .. } => book::build(&Project::find()?),
            Self::Docs { port, .. } => book::serve(&Project::find()?, port),
            Self::Db(Db::New { service, name }) => migrations::create(&Project::find()?, &service, &name),
            Self::Db(Db::Status { database_url }) => migrations::status(&Project::find()?, database_url.as_ref()).await,
            Self::Db(Db::Migrate { database_url }) => {
                migrations::migrate(&Project::find()?, database_url.as_ref()).await
            }
            Self::Db(Db::Reset) => migrations::reset(&Project::find()?).await,
            Self::Db(Db::Diagram { check }) => diagram::diagram(&Project::find()?, check).await,
        }
    }
}
