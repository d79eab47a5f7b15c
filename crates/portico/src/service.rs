//! The services the runner can start.

use clap::CommandFactory as _;
use sqlx::migrate::Migrator;
use utoipa::openapi::OpenApi;

/// The services that are started by their declaration alone.
const DECLARED: &[&portico_service::Service] = &[&portico_product::SERVICE];

/// One of our services that owns a schema.
#[derive(Clone, Copy)]
pub enum Service {
    /// Accounts, sessions, tokens.
    Auth,
    /// Profiles.
    User,
    /// One that needs nothing but a database and whose tokens to accept.
    Declared(&'static portico_service::Service),
}

impl Service {
    /// All of them, in the order they are started.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Auth, Self::User].into_iter().chain(DECLARED.iter().copied().map(Self::Declared))
    }

    /// The service of this name in `portico.toml`.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|service| service.name() == name)
    }

    /// Its name in `portico.toml`, and its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::User => "user",
            Self::Declared(service) => service.name,
        }
    }

    /// What brings its schema up to date.
    pub fn migrator(self) -> &'static Migrator {
        match self {
            Self::Auth => &portico_auth::MIGRATOR,
            Self::User => &portico_user::MIGRATOR,
            Self::Declared(service) => service.migrator,
        }
    }

    /// Its API.
    pub fn api(self) -> OpenApi {
        match self {
            Self::Auth => portico_auth::api(),
            Self::User => portico_user::api(),
            Self::Declared(service) => service.api(),
        }
    }

    /// The command line of its binary.
    pub fn command(self) -> clap::Command {
        match self {
            Self::Auth => portico_auth::Command::command(),
            Self::User => portico_user::Command::command(),
            Self::Declared(service) => service.command(),
        }
    }

    /// Its package, which its binary is called after.
    pub fn package(self) -> String {
        self.command().get_name().to_owned()
    }
}
