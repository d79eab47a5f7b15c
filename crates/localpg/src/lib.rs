//! A local Postgres without Docker and without configuration: found, started, supervised and stopped.
//!
//! - [`Cluster::persistent`] keeps its data in a folder of the project: what `cargo run` uses.
//! - [`test_cluster()`] is thrown away and fast, and shared by all test binaries of one `cargo test`.
//! - [`locate()`] only says which server binaries would be used: what `portico doctor` prints.
//!
//! # Where binaries come from
//! The first of these that runs and is version 14 or newer: the folder in `PG_BIN`; the folders of PATH; what
//! `pg_config --bindir` says; the versioned folders of Debian, Fedora, Homebrew and Postgres.app; an archive
//! fetched earlier; the archive pinned in this crate, fetched now and checked against its hash
//! (`PORTICO_PG_MIRROR` names another place to fetch it from). A URL of a running server comes before all of them.
//!
//! # How it ends
//! Postgres is the child of a small shell that waits for the end of a pipe the launcher holds. However the launcher
//! ends, the pipe ends with it, and the shell shuts Postgres down and collects it. A test cluster's pipe is held
//! by a second shell that lives as long as the `cargo` the tests run under.
//!
//! # Root
//! Postgres refuses to run as root, so root runs it as the user who owns the data already, else `postgres`, else
//! `nobody`; no user is ever created. Data that this user could not reach in the project (a clone in root's home)
//! is kept in `/var/lib/portico`, and a fetched archive in `/var/cache/portico`.
//!
//! Linux and macOS; on Windows, use WSL.

mod account;
mod archive;
mod cluster;
mod environment;
mod error;
mod folder;
mod home;
mod initdb;
mod locate;
mod postmaster;
mod probe;
mod process;
mod server;
mod test_cluster;
mod unpack;

pub use archive::can_fetch;
pub use cluster::{Cluster, Options};
pub use error::{Attempt, Error, NotFound};
pub use locate::{Installation, Search, Source, locate};
pub use probe::{OLDEST_MAJOR, Version};
pub use test_cluster::test_cluster;
