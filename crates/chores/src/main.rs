//! `cargo portico`: the chores around the code; `cargo run` starts the suite.

use std::process::ExitCode;

use clap::Parser;
use portico_chores::Chore;

/// Chores around the code of Portico. The suite itself is started with `cargo run`.
#[derive(Parser)]
#[command(name = "cargo portico", version)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().chore.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
