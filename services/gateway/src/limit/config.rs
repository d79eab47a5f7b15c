//! `[limits.NAME]` of `portico.toml`: how many requests, in how long, counted per whom.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::MAX_POLICIES;
use super::policy::{Policy, PolicySet};

const LONGEST_WINDOW_SECS: u32 = 31 * 86_400;
const LONGEST_NAME: usize = 64;

/// The fastest a policy may be. Beyond it, intervals of whole microseconds would differ by a tenth from what is asked.
const MAX_PER_SECOND: u32 = 100_000;

/// A named rate limit, which routes share by naming it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitEntry {
    /// How many requests a window allows; they are replenished evenly.
    pub quota: NonZeroU32,
    /// The length of the window.
    pub window_secs: NonZeroU32,
    /// How many requests may come at once; the whole quota, if it does not say.
    pub burst: Option<NonZeroU32>,
    /// Whose requests are counted together.
    pub per: Per,
    /// What happens while the shared store cannot be asked.
    #[serde(default)]
    pub on_store_loss: OnStoreLoss,
}

/// Whose requests are counted together. Without a subject or a key, the client's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// An IPv4 address, or an IPv6 network of 64 bits, which is what one customer of a provider gets.
    Client,
    /// The `sub` of a good token.
    Subject,
    /// The value of `X-Api-Key`, which nobody has checked: only together with a limit per client does it hold.
    ApiKey,
    /// Everybody, on each route by itself.
    Route,
}

/// What happens while the shared store cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreLoss {
    /// Each gateway counts for itself.
    #[default]
    Local,
    /// Nothing is counted and everything let through.
    Open,
    /// Nothing is let through: 503.
    Closed,
}

/// All policies of a file, checked.
#[derive(Debug)]
pub(crate) struct Policies(BTreeMap<String, Arc<Policy>>);

impl Policies {
    /// Checks the policies; the error names the key at fault.
    pub fn new(entries: &BTreeMap<String, LimitEntry>) -> anyhow::Result<Self> {
        let policy = |(name, entry): (&String, &LimitEntry)| {
            entry.check(name).with_context(|| format!("limits.{name}"))?;
            Ok((name.clone(), Arc::new(Policy::new(name, entry))))
        };
        entries.iter().map(policy).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The policies that a route names, each of which must allow its requests.
    pub fn of_route(&self, prefix: &str, names: &[String]) -> anyhow::Result<PolicySet> {
        ensure!(names.len() <= MAX_POLICIES, "limits: at most {MAX_POLICIES} on a route");
        for (index, name) in names.iter().enumerate() {
            ensure!(!names[..index].contains(name), "limits: {name} is named twice");
        }
        let find = |name: &String| {
            let known = || self.0.keys().cloned().collect::<Vec<_>>().join(", ");
            self.0.get(name).cloned().with_context(|| format!("limits: there is no limit {name}, only {}", known()))
        };
        Ok(PolicySet::new(prefix, names.iter().map(find).collect::<anyhow::Result<_>>()?))
    }
}

impl LimitEntry {
    /// How many requests may come at once.
    pub(super) fn burst(&self) -> NonZeroU32 {
        self.burst.unwrap_or(self.quota)
    }

    fn check(&self, name: &str) -> anyhow::Result<()> {
        ensure!(
            is_name(name),
            "a name is at most {LONGEST_NAME} lower-case letters, digits, - and _, beginning with a letter"
        );
        let (quota, window) = (self.quota.get(), self.window_secs.get());
        ensure!(window <= LONGEST_WINDOW_SECS, "window_secs: at most {LONGEST_WINDOW_SECS}, which is 31 days");
        ensure!(quota.div_ceil(window) <= MAX_PER_SECOND, "quota: more than {MAX_PER_SECOND} in a second");
        ensure!(
            self.burst() <= self.quota,
            "burst: more than the quota; for more at once, multiply both quota and window_secs"
        );
        Ok(())
    }
}

/// Only characters that mean themselves in a structured field, in a key of the store and in a metric's label.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        limits: BTreeMap<String, LimitEntry>,
    }

    fn parse(text: &str) -> Result<Policies, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        Policies::new(&file.limits).map_err(|error| format!("{error:#}"))
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_policy_needs_a_quota_a_window_and_whom_to_count() {
        let file: File = toml::from_str("[limits.login]\nquota = 10\nwindow_secs = 60\nper = \"api_key\"").unwrap();

        let entry = &file.limits["login"];

        assert_eq!((entry.burst().get(), entry.per, entry.on_store_loss), (10, Per::ApiKey, OnStoreLoss::Local));
        assert!(parse("[limits.a]\nquota = 10\nwindow_secs = 60").unwrap_err().contains("per"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_named() {
        let cases = [
            ("a", "quota = 0\nwindow_secs = 60\nper = \"client\"", "nonzero"),
            ("a", "quota = -1\nwindow_secs = 60\nper = \"client\"", "-1"),
            ("a", "quota = 1\nwindow_secs = 0\nper = \"client\"", "nonzero"),
            ("a", "quota = 1\nwindow_secs = 2678401\nper = \"client\"", "limits.a: window_secs"),
            ("a", "quota = 100001\nwindow_secs = 1\nper = \"client\"", "limits.a: quota"),
            ("a", "quota = 1\nwindow_secs = 1\nburst = 2\nper = \"client\"", "limits.a: burst"),
            ("a", "quota = 1\nwindow_secs = 1\nburst = 0\nper = \"client\"", "nonzero"),
            ("a", "quota = 1\nwindow_secs = 1\nper = \"moon\"", "moon"),
            ("a", "quota = 1\nwindow_secs = 1\nper = \"client\"\non_store_loss = \"maybe\"", "maybe"),
            ("a", "quota = 1\nwindow_secs = 1\nper = \"client\"\nwindow = 1", "window"),
            ("Upper", "quota = 1\nwindow_secs = 1\nper = \"client\"", "limits.Upper: a name"),
            ("\"a\\\"b\"", "quota = 1\nwindow_secs = 1\nper = \"client\"", "a name"),
            ("\"\"", "quota = 1\nwindow_secs = 1\nper = \"client\"", "a name"),
        ];

        for (name, keys, complaint) in cases {
            let error = parse(&format!("[limits.{name}]\n{keys}")).unwrap_err();

            assert!(error.contains(complaint), "{name} {keys}: {error}");
        }
    }

    #[test]
    fn a_route_names_known_policies_once_each() {
        let text: String = ["a", "b", "c", "d", "e"]
            .map(|name| format!("[limits.{name}]\nquota = 1\nwindow_secs = 1\nper = \"client\"\n"))
            .concat();
        let policies = parse(&text).unwrap();
        let complaint = |list: &[&str]| policies.of_route("/", &names(list)).unwrap_err().to_string();

        assert!(policies.of_route("/", &names(&["a", "b", "c", "d"])).is_ok());
        assert!(policies.of_route("/", &[]).unwrap().is_empty());
        assert!(complaint(&["a", "x"]).contains("no limit x, only a, b, c, d, e"));
        assert!(complaint(&["a", "b", "a"]).contains("a is named twice"));
        assert!(complaint(&["a", "b", "c", "d", "e"]).contains("at most 4"));
    }
}
