//! What is told of the documents that requests are held against.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use portico_common::server::Check;

use crate::gateway::Gateway;

impl Gateway {
    /// The readiness check: documents that requests are held against have been asked for, so that none is refused only
    /// because the gateway has just begun. A service that is away does not hold up the others.
    pub fn check_documents(self: &Arc<Self>) -> Check {
        let gateway = Arc::clone(self);
        Check::new("documents", move || {
            let has_any = !gateway.routing.load().table.enforced().is_empty();
            let is_ready = !has_any || gateway.has_asked.load(Ordering::Acquire);
            async move {
                anyhow::ensure!(is_ready, "the services' documents have not been read yet");
                Ok(())
            }
        })
    }

    /// Lets metrics tell whether they are in force.
    pub fn publish_document_gauge(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.metrics.gauge(
            "portico_gateway_documents_last_read_successful",
            "Whether all documents read last that requests are held against are in force.",
            move || gateway.documents_are_current().map(|are_current| if are_current { 1.0 } else { 0.0 }),
        );
    }

    /// Whether the documents read last are in force, if requests are held against any.
    fn documents_are_current(&self) -> Option<bool> {
        let table = Arc::clone(&self.routing.load().table);
        let mut enforced = table.enforced().values().peekable();
        enforced.peek()?;
        Some(enforced.all(|enforced| enforced.is_current()))
    }
}
