//! What happened in a service, for other services: a transactional outbox read as a feed.
//!
//! An event is written in the transaction of its effect. Readers come to `GET /internal/v1/events` and keep the cursor
//! they were given with the effect of what they read, so that each event counts once.

mod feed;
mod http;
mod model;
mod store;

pub use feed::{Pulse, cursor, patience};
pub use http::{Batch, EventsQuery, answer, feed};
pub use model::{Event, Position};
pub use store::{append, head, read};
