//! The services that the runner starts by their declaration. `cargo portico new service` adds one.

use portico_service::Service;

/// All of them.
pub const DECLARED: &[&Service] = &[&portico_product::SERVICE];
