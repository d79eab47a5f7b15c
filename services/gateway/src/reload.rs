//! The route file, taken over whenever it changes: whole, or not at all.

use std::sync::Arc;

use tokio::fs;
use tokio::time::sleep;

use crate::RoutesConfig;
use crate::gateway::Gateway;

/// Takes the file over whenever its text is another; ends only when dropped.
///
/// It is read again and again: it is small, and what it costs to notice a change by other means is more code.
/// Requests that have begun end as they began. A wrong file changes nothing, and says so once.
pub(crate) async fn follow(gateway: Arc<Gateway>, config: RoutesConfig) {
    let mut known = fs::read(&config.routes).await.ok();
    loop {
        sleep(config.reload_every).await;
        let Ok(text) = fs::read(&config.routes).await else {
            continue;
        };
        if known.as_ref() == Some(&text) {
            continue;
        }
        known = Some(text);
        match config.read().and_then(|file| gateway.routing_of(&file)) {
            Ok(routing) => {
                gateway.routing.store(Arc::new(routing));
                gateway.rerouted.notify_one();
                gateway.metrics.reload_succeeded();
                tracing::info!("the route file has changed and is in force");
            }
            Err(error) => {
                gateway.metrics.reload_failed();
                tracing::error!(
                    error = format!("{error:#}"),
                    "the route file has changed and is wrong; the old one stays in force"
                );
            }
        }
    }
}
