//! What two requests have in common that may get the same answer.

use std::sync::Arc;

use http::HeaderValue;
use http::uri::PathAndQuery;

/// A route, a scheme, a host, a path and a query: all that a service is told, but for headers of the client's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key(Arc<str>);

impl Key {
    /// `realm` stands for the route, as it is now. The host was checked to be one; it has no slash.
    pub fn new(realm: u64, scheme: &HeaderValue, host: Option<&HeaderValue>, target: &PathAndQuery) -> Self {
        let scheme = scheme.to_str().unwrap_or_default();
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
        Self(format!("{realm} {scheme}://{host}{target}").into())
    }

    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(realm: u64, scheme: &str, host: &str, target: &str) -> Key {
        let host = HeaderValue::try_from(host).unwrap();
        Key::new(realm, &scheme.parse().unwrap(), Some(&host), &target.parse().unwrap())
    }

    #[test]
    fn a_host_is_the_same_in_any_case_and_a_path_is_not() {
        assert_eq!(key(1, "http", "Shop.Example:80", "/a"), key(1, "http", "shop.example:80", "/a"));
        assert_ne!(key(1, "http", "a", "/a"), key(1, "http", "a", "/A"));
    }

    proptest! {
        #[test]
        fn what_differs_in_any_part_has_another_key(
            one in (0..30_u64, "https?", "[a-z0-9.:-]{1,9}", "/[a-z/?&=]{0,9}"),
            other in (0..30_u64, "https?", "[a-z0-9.:-]{1,9}", "/[a-z/?&=]{0,9}"),
        ) {
            let of = |(realm, scheme, host, target): &(u64, String, String, String)| key(*realm, scheme, host, target);

            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }
}
