//! The binary of the product service.

use clap::Parser as _;
use portico_product::Command;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Command::parse().run().await
}
