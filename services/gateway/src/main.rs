//! The binary of the gateway.

use clap::Parser as _;
use portico_gateway::Command;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Command::parse().run().await
}
