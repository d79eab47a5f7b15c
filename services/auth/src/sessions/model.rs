//! What a session is and when it ends.

use chrono::{DateTime, TimeDelta, Utc};
use portico_common::typed_id;

use crate::accounts::AccountId;

typed_id!(
    /// Names a session: the `sid` of tokens.
    SessionId
);

/// A signed-in device.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub generation: i64,
    pub authenticated_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

impl Session {
    pub fn is_alive(&self, rules: &SessionRules, now: DateTime<Utc>) -> bool {
        self.ended_at.is_none() && now < self.ends_at(rules)
    }

    /// When it ends if it is not used again.
    pub fn ends_at(&self, rules: &SessionRules) -> DateTime<Utc> {
        (self.last_used_at + rules.idle).min(self.expires_at)
    }
}

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRules {
    pub idle: TimeDelta,
    pub absolute: TimeDelta,
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndReason {
    Logout,
    Revoked,
    PasswordChanged,
    AccountLocked,
    TokenReused,
}

impl EndReason {
    pub fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password_changed",
            Self::AccountLocked => "account_locked",
            Self::TokenReused => "token_reused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_or_at_its_absolute_end() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let rules = SessionRules { idle: TimeDelta::days(14), absolute: TimeDelta::days(60) };
        let session = Session {
            id: SessionId::new(start),
            account_id: AccountId::new(start),
            generation: 0,
            authenticated_at: start,
            last_used_at: start + TimeDelta::days(50),
            expires_at: start + rules.absolute,
            ended_at: None,
            ip: None,
            user_agent: None,
        };

        assert_eq!(session.ends_at(&rules), start + TimeDelta::days(60));
        assert!(session.is_alive(&rules, start + TimeDelta::days(59)));
        assert!(!session.is_alive(&rules, start + TimeDelta::days(60)));
        let idle = Session { last_used_at: start, ..session.clone() };
        assert!(!idle.is_alive(&rules, start + TimeDelta::days(14)));
        assert!(!Session { ended_at: Some(start), ..session }.is_alive(&rules, start));
    }
}
