//! `portico`: the suite on a developer's machine, and the chores around it.

use std::process::ExitCode;

use clap::Parser as _;
use portico::cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
