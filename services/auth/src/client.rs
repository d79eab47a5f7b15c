//! Who a request comes from, as far as it can be told.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use portico_common::error::ApiError;

use crate::state::AppState;
use crate::throttle::Source;

const MAX_USER_AGENT_CHARS: usize = 200;

/// The client's address, and what it calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientInfo {
    pub ip: IpAddr,
    pub user_agent: Option<String>,
}

impl ClientInfo {
    /// What its requests are counted under.
    pub fn source(&self) -> Source {
        Source::new(self.ip)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientInfo
where
    AppState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let ConnectInfo(peer) =
            ConnectInfo::<SocketAddr>::from_request_parts(parts, state).await.map_err(ApiError::internal)?;
        let proxies = AppState::from_ref(state).trusted_proxies;
        Ok(Self { ip: client_ip(&parts.headers, peer.ip(), proxies), user_agent: user_agent(&parts.headers) })
    }
}

/// Each proxy of ours appends the address it saw, so only as many entries from the right are to be believed.
fn client_ip(headers: &HeaderMap, peer: IpAddr, trusted_proxies: u8) -> IpAddr {
    let Some(skipped) = usize::from(trusted_proxies).checked_sub(1) else {
        return peer;
    };
    let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let entries: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    entries.iter().rev().nth(skipped).and_then(|entry| entry.parse().ok()).unwrap_or(peer)
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(value.chars().take(MAX_USER_AGENT_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_entries_of_our_own_proxies_are_believed() {
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 203.0.113.9"));
        headers.append("x-forwarded-for", HeaderValue::from_static("10.0.0.2"));
        let ip = |proxies| client_ip(&headers, peer, proxies).to_string();

        assert_eq!(ip(0), "10.0.0.1");
        assert_eq!(ip(1), "10.0.0.2");
        assert_eq!(ip(2), "203.0.113.9");
        assert_eq!(ip(9), "10.0.0.1");
    }

    #[test]
    fn an_entry_that_is_no_address_is_not_believed() {
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), HeaderValue::from_static("unknown"))]);

        assert_eq!(client_ip(&headers, peer, 1), peer);
    }
}
