//! The binary of the gateway.

use clap::Parser as _;
use mimalloc::MiMalloc;
use portico_gateway::Command;

/// Each request allocates a few buffers of a few kilobytes, for which the system's allocator takes twice as long.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

// The workers have threads of their own; what runs beside them is little.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    Command::parse().run().await
}
