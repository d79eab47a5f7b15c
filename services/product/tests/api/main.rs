//! The product service over HTTP, on real Postgres: a schema, an issuer and a server for each test.

mod bad_input;
mod categories;
mod concurrency;
mod document;
mod filters;
mod helpers;
mod idempotency;
mod lifecycle;
mod paging;
mod products;
mod search;
mod seed;
mod variants;
mod visibility;
