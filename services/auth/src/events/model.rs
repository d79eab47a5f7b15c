//! What can happen to an account.

/// What can happen to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// Its address was verified, and other services may know of it.
    AccountCreated,
    RolesChanged,
    Locked,
    Unlocked,
}

impl EventKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountCreated => "account.created",
            Self::RolesChanged => "account.roles_changed",
            Self::Locked => "account.locked",
            Self::Unlocked => "account.unlocked",
        }
    }
}
