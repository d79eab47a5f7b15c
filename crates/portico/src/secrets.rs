//! The keys and passwords of a development suite, made at its first start.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portico_common::config::Secret;
use serde::{Deserialize, Serialize};

use crate::service::Service;

/// The roles that get a demo login.
pub const DEMO_ROLES: [&str; 3] = ["admin", "editor", "customer"];

/// What must stay the same from one start to the next. Kept in `.portico/secrets.json`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Encrypts auth's signing keys.
    master_key: String,
    /// Goes into every password hash.
    password_pepper: String,
    /// Seals the cursors of lists.
    cursor_key: String,
    /// Of the database role of each service, by service.
    role_passwords: BTreeMap<String, String>,
    /// Of the demo logins, by role.
    demo_passwords: BTreeMap<String, String>,
}

impl Secrets {
    /// New ones, for every service and every demo login.
    pub fn generate() -> Self {
        let mut secrets = Self {
            master_key: STANDARD.encode(random()),
            password_pepper: STANDARD.encode(random()),
            cursor_key: STANDARD.encode(random()),
            role_passwords: BTreeMap::new(),
            demo_passwords: BTreeMap::new(),
        };
        secrets.complete();
        secrets
    }

    /// Adds what is missing because a service or a demo login is new.
    pub fn complete(&mut self) {
        for service in Service::all() {
            self.role_passwords.entry(service.name().to_owned()).or_insert_with(password);
        }
        for role in DEMO_ROLES {
            self.demo_passwords.entry(role.to_owned()).or_insert_with(password);
        }
    }

    /// Encrypts auth's signing keys.
    pub fn master_key(&self) -> Secret {
        Secret::new(&self.master_key)
    }

    /// Goes into every password hash.
    pub fn password_pepper(&self) -> Secret {
        Secret::new(&self.password_pepper)
    }

    /// Seals the cursors of lists.
    pub fn cursor_key(&self) -> Secret {
        Secret::new(&self.cursor_key)
    }

    /// The password of a service's database role.
    pub fn role_password(&self, service: Service) -> Secret {
        Secret::new(self.role_passwords.get(service.name()).map_or("", String::as_str))
    }

    /// The password of a demo login.
    pub fn demo_password(&self, role: &str) -> &str {
        self.demo_passwords.get(role).map_or("", String::as_str)
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// 24 characters, 144 bits, safe in a URL and in a shell.
fn password() -> String {
    // A leading dash would read as an option where it is pasted.
    format!("p{}", &URL_SAFE_NO_PAD.encode(random())[..24])
}
