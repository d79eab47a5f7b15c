//! The binary of the product service.

use portico_product::SERVICE;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    SERVICE.run().await
}
