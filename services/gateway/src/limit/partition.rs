//! Whose bucket a request takes from: the partition of a quota.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_lc_rs::digest;
use http::HeaderValue;
use uuid::Uuid;

use super::config::Per;
use super::policy::{Policy, PolicySet};

const API_KEY_DIGEST_BYTES: usize = 16;

/// What is known of who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requester<'a> {
    /// Where the request comes from, behind the proxies of our own.
    pub client: IpAddr,
    /// The `sub` of a token that was found good.
    pub subject: Option<Uuid>,
    /// `X-Api-Key`.
    pub api_key: Option<&'a HeaderValue>,
}

/// Those whose requests are counted together. Kinds never meet, whatever their values.
#[derive(Hash, PartialEq, Eq)]
pub(super) enum Partition<'a> {
    Address(Ipv4Addr),
    /// The first 64 bits of IPv6 addresses.
    Network(u64),
    Subject(Uuid),
    ApiKey(&'a [u8]),
    Route(&'a str),
}

impl<'a> Partition<'a> {
    pub fn of(policy: &Policy, limits: &'a PolicySet, requester: &Requester<'a>) -> Self {
        let api_key = requester.api_key.map(HeaderValue::as_bytes).filter(|key| !key.is_empty());
        match (policy.per, requester.subject, api_key) {
            (Per::Route, ..) => Self::Route(&limits.route),
            (Per::Subject, Some(subject), _) => Self::Subject(subject),
            (Per::ApiKey, _, Some(key)) => Self::ApiKey(key),
            (Per::Client | Per::Subject | Per::ApiKey, ..) => Self::of_client(requester.client),
        }
    }

    fn of_client(client: IpAddr) -> Self {
        match client.to_canonical() {
            IpAddr::V4(address) => Self::Address(address),
            IpAddr::V6(address) => Self::Network((address.to_bits() >> 64) as u64),
        }
    }
}

/// As it stands in keys of the shared store. API keys are secrets and appear as a digest.
impl fmt::Display for Partition<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(formatter, "client:{address}"),
            Self::Network(prefix) => {
                write!(formatter, "client:{}/64", Ipv6Addr::from_bits(u128::from(*prefix) << 64))
            }
            Self::Subject(subject) => write!(formatter, "subject:{subject}"),
            Self::ApiKey(key) => {
                formatter.write_str("api_key:")?;
                let digest = digest::digest(&digest::SHA256, key);
                digest.as_ref()[..API_KEY_DIGEST_BYTES].iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
            Self::Route(prefix) => write!(formatter, "route:{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::config::Policies;
    use super::*;

    fn limits(per: &str) -> PolicySet {
        let entry = toml::from_str(&format!("quota = 1\nwindow_secs = 1\nper = \"{per}\"")).unwrap();
        let policies = Policies::new(&BTreeMap::from([("a".to_owned(), entry)])).unwrap();
        policies.of_route("/v1/a", &["a".to_owned()]).unwrap()
    }

    fn name(per: &str, client: &str, subject: Option<Uuid>, api_key: Option<&HeaderValue>) -> String {
        let limits = limits(per);
        let requester = Requester { client: client.parse().unwrap(), subject, api_key };
        Partition::of(&limits.policies[0], &limits, &requester).to_string()
    }

    #[test]
    fn an_ipv6_client_is_its_network_and_a_mapped_one_its_ipv4_address() {
        assert_eq!(name("client", "2001:db8:1:2:3:4:5:6", None, None), "client:2001:db8:1:2::/64");
        assert_eq!(name("client", "2001:db8:1:2:ffff::1", None, None), "client:2001:db8:1:2::/64");
        assert_eq!(name("client", "::ffff:203.0.113.9", None, None), "client:203.0.113.9");
        assert_eq!(name("client", "203.0.113.9", None, None), "client:203.0.113.9");
    }

    #[test]
    fn a_caller_without_subject_or_key_is_counted_as_a_client() {
        let key = HeaderValue::from_static("");

        assert_eq!(name("subject", "203.0.113.9", None, None), "client:203.0.113.9");
        assert_eq!(name("api_key", "203.0.113.9", Some(Uuid::nil()), Some(&key)), "client:203.0.113.9");
    }

    #[test]
    fn a_subject_and_a_key_count_wherever_they_come_from() {
        let key = HeaderValue::from_bytes(b"s3cr\xe9t").unwrap();

        assert_eq!(name("subject", "203.0.113.9", Some(Uuid::nil()), None), format!("subject:{}", Uuid::nil()));
        let by_key = name("api_key", "203.0.113.9", None, Some(&key));
        assert_eq!(by_key, name("api_key", "2001:db8::1", Some(Uuid::nil()), Some(&key)));
        assert_eq!(by_key.len(), "api_key:".len() + 2 * API_KEY_DIGEST_BYTES);
        assert!(!by_key.contains("s3cr"));
    }

    #[test]
    fn a_limit_per_route_counts_everybody_on_it() {
        assert_eq!(name("route", "203.0.113.9", Some(Uuid::nil()), None), "route:/v1/a");
    }
}
