//! What every service does the same way at its edges.
//!
//! Transport, identity, settings, time and logs; no words of the business. A module enters when
//! two services use it, it is about an edge, and its name says what it is.

pub mod clock;
pub mod config;
pub mod error;
pub mod etag;
pub mod extract;
pub mod id;
pub mod lifecycle;
pub mod middleware;
pub mod openapi;
pub mod page;
pub mod postgres;
pub mod server;
pub mod telemetry;
pub mod token;
