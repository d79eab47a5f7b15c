//! The command line.

use std::io::{self, Write};

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::{Shell, generate};
use portico_chores::Chore;
use portico_chores::project::Project;

use crate::up::{UpArgs, up};
use crate::{openapi, reference};

/// Runs the whole of Portico on this machine: gateway, auth, user and product on a Postgres of their own.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    up: UpArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything and run until Ctrl-C (what happens without a command, too)
    Up(UpArgs),
    /// Write the API of each service to docs/openapi/
    Openapi,
    /// Write docs/reference/ from the code (settings, errors, permissions, commands), and docs/openapi/ with it
    Reference {
        /// Change nothing, and fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// Print what lets a shell complete the words after `portico`
    Completions {
        /// The shell
        shell: Shell,
    },
    #[command(flatten)]
    Chore(Chore),
}

/// Does what the command line asks for.
///
/// # Errors
/// It could not be done; the message says what to do about it.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command.unwrap_or(Command::Up(cli.up)) {
        Command::Up(args) => up(&args).await,
        Command::Openapi => openapi::write(&Project::find()?),
        Command::Reference { check } => reference::write(&Project::find()?, check),
        Command::Completions { shell } => {
            completions(shell, &mut io::stdout());
            Ok(())
        }
        Command::Chore(chore) => chore.run().await,
    }
}

fn completions(shell: Shell, out: &mut dyn Write) {
    generate(shell, &mut Cli::command(), "portico", out);
}

#[cfg(test)]
mod tests;
