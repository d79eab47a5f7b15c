//! What an account may do: roles, and the scopes each brings into its tokens.

use std::collections::BTreeSet;

use portico_common::error::Invalid;
use serde::{Deserialize, Serialize};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Type};
use utoipa::ToSchema;

/// What kind of user an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Has a profile.
    Customer,
    /// Also writes the catalogue.
    Editor,
    /// Also manages users and accounts.
    Admin,
}

impl Role {
    /// The role by its name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// What its tokens allow.
    pub fn scopes(self) -> &'static [&'static str] {
        const ALL: &[&str] = &[
            "profile:read",
            "profile:write",
            "products:write",
            "products:read_all",
            "users:read",
            "users:write",
            "accounts:write",
        ];
        match self {
            Self::Customer => &ALL[..2],
            Self::Editor => &ALL[..4],
            Self::Admin => ALL,
        }
    }
}

/// The roles of one account: at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// The roles of an account that registered itself.
    pub fn customer() -> Self {
        Self(BTreeSet::from([Role::Customer]))
    }

    /// Takes a list of roles, in which repetition means nothing.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(roles: impl IntoIterator<Item = Role>) -> Result<Self, Invalid> {
        let roles: BTreeSet<_> = roles.into_iter().collect();
        if roles.is_empty() {
            return Err(Invalid::new("empty", "an account has at least one role"));
        }
        Ok(Self(roles))
    }

    /// Their names, in a fixed order.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|role| role.name().to_owned()).collect()
    }

    /// The roles, in a fixed order.
    pub fn to_vec(&self) -> Vec<Role> {
        self.0.iter().copied().collect()
    }

    /// What tokens of the account allow, as RFC 6749 writes it.
    pub fn scope(&self) -> String {
        let most = self.0.iter().map(|role| role.scopes()).max_by_key(|scopes| scopes.len());
        most.unwrap_or_default().join(" ")
    }
}

/// All scopes there are, for the metadata.
pub(crate) fn all_scopes() -> &'static [&'static str] {
    Role::Admin.scopes()
}

impl Type<Postgres> for Roles {
    fn type_info() -> PgTypeInfo {
        <Vec<String> as Type<Postgres>>::type_info()
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        <Vec<String> as Type<Postgres>>::compatible(ty)
    }
}

impl<'r> Decode<'r, Postgres> for Roles {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let names = Vec::<String>::decode(value)?;
        let known = |name: &String| {
            <Role as clap::ValueEnum>::from_str(name, false).map_err(|_| format!("`{name}` is no role"))
        };
        Ok(Self(names.iter().map(known).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_brings_what_the_lesser_ones_do() {
        let scope = |roles: &[Role]| Roles::parse(roles.iter().copied()).unwrap().scope();

        assert_eq!(scope(&[Role::Customer]), "profile:read profile:write");
        assert_eq!(scope(&[Role::Editor]), "profile:read profile:write products:write products:read_all");
        assert_eq!(scope(&[Role::Admin, Role::Customer]), scope(&[Role::Admin]));
        assert!(scope(&[Role::Admin]).ends_with("users:read users:write accounts:write"));
    }

    #[test]
    fn names_are_what_the_api_writes() {
        for role in [Role::Customer, Role::Editor, Role::Admin] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
            assert_eq!(<Role as clap::ValueEnum>::from_str(role.name(), false), Ok(role));
        }
    }

    #[test]
    fn an_account_cannot_be_without_a_role() {
        assert!(Roles::parse([]).is_err());
    }
}
