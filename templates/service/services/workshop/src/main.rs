//! The binary of the workshop service.

use portico_workshop::SERVICE;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    SERVICE.run().await
}
