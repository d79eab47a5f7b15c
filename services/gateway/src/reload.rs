//! The route file, taken over whenever it changes: whole, or not at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::fs;
use tokio::time::sleep;

use crate::RoutesConfig;
use crate::gateway::Gateway;
use crate::routing::Routing;

/// How often the file is read. It is small; what it costs to notice a change by other means is more code.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Takes the file over whenever its text is another; ends only when dropped.
///
/// Requests that have begun end as they began. A wrong file changes nothing, and says so once.
pub(crate) async fn follow(gateway: Arc<Gateway>, config: RoutesConfig) {
    let mut known = fs::read(&config.routes).await.ok();
    loop {
        sleep(LOOK_EVERY).await;
        let Ok(text) = fs::read(&config.routes).await else {
            continue;
        };
        if known.as_ref() == Some(&text) {
            continue;
        }
        known = Some(text);
        let Gateway { proxy, body_limit, metrics, caches, .. } = &*gateway;
        match config.read().and_then(|file| Routing::new(&file, proxy, *body_limit, metrics, caches)) {
            Ok(routing) => {
                gateway.routing.store(Arc::new(routing));
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
