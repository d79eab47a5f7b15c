//! The workshop service over HTTP, on real Postgres: a schema, an issuer and a server for each test.

mod document;
mod gizmos;
mod gizmos_bodies;
