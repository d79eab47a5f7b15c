//! The services the runner can start.

use sqlx::migrate::Migrator;
use utoipa::openapi::OpenApi;

/// One of our services that owns a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Accounts, sessions, tokens.
    Auth,
    /// Profiles.
    User,
    /// The catalogue.
    Product,
}

impl Service {
    /// All of them, in the order they are started.
    pub const ALL: [Self; 3] = [Self::Auth, Self::User, Self::Product];

    /// The service of this name in `portico.toml`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// Its name in `portico.toml`, and its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::User => "user",
            Self::Product => "product",
        }
    }

    /// What brings its schema up to date.
    pub fn migrator(self) -> &'static Migrator {
        match self {
            Self::Auth => &portico_auth::MIGRATOR,
            Self::User => &portico_user::MIGRATOR,
            Self::Product => &portico_product::MIGRATOR,
        }
    }

    /// Its API.
    pub fn api(self) -> OpenApi {
        match self {
            Self::Auth => portico_auth::api(),
            Self::User => portico_user::api(),
            Self::Product => portico_product::api(),
        }
    }
}
