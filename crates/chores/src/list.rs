//! The list of services and routes, `portico.toml`, as far as chores need it. The gateway reads all of it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use serde::Deserialize;

use crate::project::Project;

/// The list.
#[derive(Debug, Deserialize)]
pub struct List {
    /// The services, by name.
    pub services: BTreeMap<String, Entry>,
    /// The routes.
    #[serde(default)]
    pub routes: Vec<Route>,
}

/// A service.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// The port of its public listener.
    pub port: u16,
    /// The port of its internal listener.
    pub internal_port: u16,
    /// The schema that it owns.
    pub schema: Option<String>,
}

/// A route.
#[derive(Debug, Deserialize)]
pub struct Route {
    /// The path it is for, with all below it.
    pub prefix: String,
}

impl List {
    /// Reads it.
    ///
    /// # Errors
    /// It is not there, or not right.
    pub fn read(project: &Project) -> anyhow::Result<Self> {
        let text = fs::read_to_string(project.root.join("portico.toml"))?;
        toml::from_str(&text).context("portico.toml")
    }
}
