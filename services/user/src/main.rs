//! The binary of the user service.

use clap::Parser as _;
use portico_user::Command;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Command::parse().run().await
}
