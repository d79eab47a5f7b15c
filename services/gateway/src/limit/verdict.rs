//! What the limits say of a request, and how the client is told.

use http::{HeaderMap, HeaderName, HeaderValue};
use portico_common::error::ApiError;
use smallvec::SmallVec;

use super::gcra::seconds;
use super::policy::{Policy, PolicySet};
use super::{Levels, PerPolicy};
use crate::problems;

/// Quotas of the policies that apply (draft-ietf-httpapi-ratelimit-headers-11 section 3).
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is left of them (the same draft, section 4).
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What the policies of a route say of a request.
#[derive(Debug)]
#[must_use]
pub(crate) struct Verdict<'a> {
    limits: &'a PolicySet,
    outcome: Outcome,
    /// How much is taken from each bucket, where that is known.
    used: PerPolicy<u64>,
}

/// What a client is told of limits that let it through.
pub(crate) struct Told {
    policy: HeaderValue,
    state: HeaderValue,
}

impl Told {
    /// Tells it. Fields of a service stay beside ours, as the draft lets lists be split.
    pub fn tell(self, headers: &mut HeaderMap) {
        headers.append(RATELIMIT_POLICY, self.policy);
        headers.append(RATELIMIT, self.state);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Admitted,
    Refused,
    /// A policy that is closed without its store has lost it.
    Unknown,
}

impl<'a> Verdict<'a> {
    pub(super) fn new(limits: &'a PolicySet, levels: Levels) -> Self {
        let outcome = if levels.admitted { Outcome::Admitted } else { Outcome::Refused };
        Self { limits, outcome, used: levels.used }
    }

    pub(super) fn unknown(limits: &'a PolicySet) -> Self {
        Self { limits, outcome: Outcome::Unknown, used: [None; _] }
    }

    /// The policy that refuses the request, of several the one to wait for longest, and for how many seconds.
    pub fn refused_by(&self) -> Option<(&'a Policy, u64)> {
        let refusing = self.levels().filter(|(policy, used)| !policy.rate.admits(*used));
        let waits = refusing.map(|(policy, used)| (policy, seconds(policy.rate.next_after(used))));
        // An admitted request may have taken the last one, which refuses only the next.
        waits.max_by_key(|(_, wait)| *wait).filter(|_| self.outcome == Outcome::Refused)
    }

    /// The problem to answer with, unless the request is admitted; complete with all headers.
    pub fn refusal(&self) -> Option<ApiError> {
        let error = match self.outcome {
            Outcome::Admitted => return None,
            Outcome::Unknown => {
                let detail = "the gateway cannot count requests at the moment; try again";
                return Some(ApiError::new(&problems::LIMITS_UNAVAILABLE, detail).retry_after(1));
            }
            Outcome::Refused => ApiError::new(&problems::RATE_LIMITED, self.detail()),
        };
        let (_, wait) = self.refused_by()?;
        let error = error.retry_after(wait).with_header(RATELIMIT_POLICY, self.limits.description.clone());
        Some(error.with_header(RATELIMIT, self.state()))
    }

    /// What the client is told, if anything is known.
    pub fn told(&self) -> Option<Told> {
        self.levels().next()?;
        Some(Told { policy: self.limits.description.clone(), state: self.state() })
    }

    fn detail(&self) -> String {
        self.refused_by().map_or_else(String::new, |(Policy { name, quota, window_secs, .. }, wait)| {
            format!("the limit {name} is {quota} requests in {window_secs} s; try again in {wait} s")
        })
    }

    /// `"login";r=9;t=6`: nine more at once, and none on top of them for six seconds.
    fn state(&self) -> HeaderValue {
        let mut digits = itoa::Buffer::new();
        let mut text = SmallVec::<[u8; 128]>::new();
        for (policy, used) in self.levels() {
            if !text.is_empty() {
                text.extend_from_slice(b", ");
            }
            text.extend_from_slice(b"\"");
            text.extend_from_slice(policy.name.as_bytes());
            text.extend_from_slice(b"\";r=");
            text.extend_from_slice(digits.format(policy.rate.remaining(used)).as_bytes());
            text.extend_from_slice(b";t=");
            text.extend_from_slice(digits.format(seconds(policy.rate.next_after(used))).as_bytes());
        }
        HeaderValue::from_bytes(&text).expect("names are checked to be plain ASCII")
    }

    fn levels(&self) -> impl Iterator<Item = (&'a Policy, u64)> {
        let policies = self.limits.policies.iter().map(|policy| &**policy);
        policies.zip(self.used).filter_map(|(policy, used)| Some((policy, used?)))
    }
}
