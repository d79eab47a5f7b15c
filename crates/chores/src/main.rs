//! `cargo portico`: the chores around the code; `cargo run` starts the suite.

use std::process::ExitCode;

use clap::Parser as _;
use portico_chores::Cli;

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
