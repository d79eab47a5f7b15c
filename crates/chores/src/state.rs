//! What runs now, for scripts and tests: `.portico/state.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The running suite. Written when it is ready, removed when it stops.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The process that runs it.
    pub pid: u32,
    /// The gateway, the one address clients need.
    pub gateway: String,
    /// Whether only this machine can reach the gateway.
    pub is_loopback: bool,
    /// The development pages: what runs, and the mailbox.
    pub dev: String,
    /// The database, with a role that may do everything.
    pub database_url: String,
    /// Where each service listens.
    pub services: BTreeMap<String, Addresses>,
    /// The guests that were started beside them.
    #[serde(default)]
    pub guests: BTreeMap<String, GuestAddresses>,
    /// The demo accounts.
    pub logins: Vec<Login>,
}

/// The two listeners of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Addresses {
    /// Where the gateway reaches it.
    pub public: String,
    /// Health and feeds.
    pub internal: String,
}

/// A guest of `--with`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GuestAddresses {
    /// Where it listens.
    pub address: String,
    /// Where clients reach it: paths of the gateway.
    pub routes: Vec<String>,
}

/// A demo account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login {
    /// Its role.
    pub role: String,
    /// Its address.
    pub email: String,
    /// Its password, made at the first start.
    pub password: String,
}
