//! The binary of the auth service.

use clap::Parser as _;
use portico_auth::Command;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Command::parse().run().await
}
