//! What is written to people, and when delivery is tried again.

use chrono::TimeDelta;
use portico_common::typed_id;

use crate::accounts::EmailAddress;

typed_id!(
    /// Names a letter.
    LetterId
);

/// After so many failures, which take about a day, a letter is given up.
pub(super) const MAX_ATTEMPTS: i32 = 20;

/// What a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterKind {
    /// The code that verifies the address.
    VerifyEmail,
    /// Somebody registered an address that has an account.
    AlreadyRegistered,
    /// The code that resets the password.
    ResetPassword,
    /// The password was changed.
    PasswordChanged,
    /// A refresh token was used twice, and the session ended.
    SessionEnded,
}

impl LetterKind {
    const ALL: [Self; 5] =
        [Self::VerifyEmail, Self::AlreadyRegistered, Self::ResetPassword, Self::PasswordChanged, Self::SessionEnded];

    pub fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::AlreadyRegistered => "already_registered",
            Self::ResetPassword => "reset_password",
            Self::PasswordChanged => "password_changed",
            Self::SessionEnded => "session_ended",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A letter waiting to be delivered.
#[derive(Debug)]
pub(crate) struct Letter {
    pub id: LetterId,
    pub kind: String,
    pub recipient: EmailAddress,
    pub password_hash: Option<String>,
    pub display_name: Option<String>,
    pub attempts: i32,
}

/// How long to wait after the given number of failures: 5 s, doubling up to two hours.
pub(super) fn pause_after(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(11);
    TimeDelta::seconds(5 << doublings).min(TimeDelta::hours(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_two_hours() {
        assert_eq!(pause_after(1), TimeDelta::seconds(5));
        assert_eq!(pause_after(2), TimeDelta::seconds(10));
        assert_eq!(pause_after(12), TimeDelta::hours(2));
        assert_eq!(pause_after(i32::MAX), TimeDelta::hours(2));
        let total: TimeDelta = (1..MAX_ATTEMPTS).map(pause_after).sum();
        assert!(total > TimeDelta::hours(12));
    }

    #[test]
    fn kinds_read_back() {
        for kind in LetterKind::ALL {
            assert_eq!(LetterKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(LetterKind::from_name("other"), None);
    }
}
