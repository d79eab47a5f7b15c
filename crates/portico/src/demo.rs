//! Demo data: an account for each role and a catalogue, made once.

use portico_auth::{PasswordConfig, Role, SeedAccount, seed_account};
use portico_common::clock::Clock;
use portico_common::config::Secret;
use portico_common::postgres::{DatabaseConfig, pool};

use crate::secrets::{DEMO_ROLES, Secrets};
use crate::service::Service;
use crate::suite::Plan;
use portico_chores::state::Login;

/// Who they are, in the order of [`DEMO_ROLES`].
const PEOPLE: [(Role, &str); 3] =
    [(Role::Admin, "Alex Admin"), (Role::Editor, "Edith Editor"), (Role::Customer, "Casey Customer")];

/// Makes what is not there yet; doing it again changes nothing.
///
/// # Errors
/// The database refuses.
pub async fn seed(plan: &Plan) -> anyhow::Result<()> {
    accounts(&plan.database(Service::Auth), &plan.secrets, &plan.clock).await?;
    let product = Service::Declared(&portico_product::SERVICE);
    let products = pool(&plan.database(product), product.name())?;
    portico_product::seed(&products, plan.clock.now()).await?;
    products.close().await;
    Ok(())
}

/// The demo logins, with the passwords made at the first start.
pub fn logins(secrets: &Secrets) -> Vec<Login> {
    DEMO_ROLES
        .map(|role| Login {
            role: role.to_owned(),
            email: format!("{role}@portico.localhost"),
            password: secrets.demo_password(role).to_owned(),
        })
        .into()
}

async fn accounts(database: &DatabaseConfig, secrets: &Secrets, clock: &Clock) -> anyhow::Result<()> {
    let db = pool(database, Service::Auth.name())?;
    let passwords = PasswordConfig::with_pepper(secrets.password_pepper());
    for (login, (role, name)) in logins(secrets).into_iter().zip(PEOPLE) {
        let seed = SeedAccount {
            email: login.email,
            password: Secret::new(login.password),
            display_name: Some(name.to_owned()),
            roles: vec![role],
        };
        seed_account(&db, &passwords, seed, clock.now()).await?;
    }
    db.close().await;
    Ok(())
}
