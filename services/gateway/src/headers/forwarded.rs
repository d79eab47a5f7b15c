//! Where a request came from, as far as it can be believed.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::write_field;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The other end of a connection.
pub(crate) struct Peer {
    /// An IPv4 address that arrived on an IPv6 socket is what it is.
    pub address: IpAddr,
    /// The scheme it is spoken to by.
    pub scheme: &'static str,
    text: HeaderValue,
}

impl Peer {
    pub fn new(address: IpAddr, scheme: &'static str) -> Self {
        let address = address.to_canonical();
        Self { address, scheme, text: HeaderValue::try_from(address.to_string()).expect("an address is visible ASCII") }
    }
}

/// Client, scheme and host: from the connection, and from the trusted proxies in front.
pub(crate) struct Forwarded {
    /// Who asks, as far as it can be believed.
    pub client: IpAddr,
    chain: HeaderValue,
    proto: HeaderValue,
    host: Option<HeaderValue>,
}

impl Forwarded {
    /// Reads the headers as they came. Of `X-Forwarded-For`, the last `trusted_hops` entries count:
    /// each trusted proxy adds one at the end, and what is before them anyone may have written.
    pub fn read(headers: &HeaderMap, peer: &Peer, host: Option<HeaderValue>, trusted_hops: usize) -> Self {
        if trusted_hops == 0 {
            return Self {
                client: peer.address,
                chain: peer.text.clone(),
                proto: HeaderValue::from_static(peer.scheme),
                host,
            };
        }
        let mut chain = String::new();
        let trusted = trusted_addresses(headers, trusted_hops);
        for address in &trusted {
            // Writing to a String cannot fail.
            let _ = write!(chain, "{address}, ");
        }
        let _ = write!(chain, "{}", peer.address);
        Self {
            client: trusted.first().copied().unwrap_or(peer.address),
            chain: HeaderValue::try_from(chain).expect("addresses are visible ASCII"),
            proto: HeaderValue::from_static(trusted_proto(headers, peer.scheme)),
            host,
        }
    }

    /// The scheme the client used.
    pub fn scheme(&self) -> &HeaderValue {
        &self.proto
    }

    /// The host the client asked, if it named one.
    pub fn host(&self) -> Option<&HeaderValue> {
        self.host.as_ref()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_field(X_FORWARDED_FOR.as_str(), self.chain.as_bytes(), out);
        write_field(X_FORWARDED_PROTO.as_str(), self.proto.as_bytes(), out);
        if let Some(host) = &self.host {
            write_field(X_FORWARDED_HOST.as_str(), host.as_bytes(), out);
        }
    }
}

/// The entries the trusted proxies wrote; nothing before one that is not an address can be placed.
fn trusted_addresses(headers: &HeaderMap, trusted_hops: usize) -> Vec<IpAddr> {
    let entries: Vec<&str> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .collect();
    let mut trusted: Vec<IpAddr> = entries
        .iter()
        .rev()
        .take(trusted_hops)
        .map_while(|entry| entry.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
        .collect();
    trusted.reverse();
    trusted
}

/// What the last proxy says of the scheme, or `own` if it says nothing.
fn trusted_proto(headers: &HeaderMap, own: &'static str) -> &'static str {
    let last = headers.get_all(X_FORWARDED_PROTO).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    match last.map(str::trim) {
        Some(proto) if proto.eq_ignore_ascii_case("https") => "https",
        Some(_) => "http",
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn written(given: &[(&'static str, &'static str)], trusted_hops: usize) -> HashMap<String, String> {
        let given = given.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        given.for_each(|(name, value)| {
            headers.append(name, value);
        });
        let peer = Peer::new("::ffff:10.0.0.9".parse().unwrap(), "http");
        let forwarded = Forwarded::read(&headers, &peer, Some(HeaderValue::from_static("shop.example")), trusted_hops);
        let mut out = Vec::new();
        forwarded.write(&mut out);
        let fields = str::from_utf8(&out).unwrap().lines().map(|line| line.split_once(": ").unwrap());
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        let headers = written(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https")], 0);

        assert_eq!(headers["x-forwarded-for"], "10.0.0.9");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "shop.example");
    }

    #[test]
    fn as_many_entries_count_as_there_are_trusted_hops() {
        let given =
            [("x-forwarded-for", "6.6.6.6, 2.2.2.2"), ("x-forwarded-for", "3.3.3.3"), ("x-forwarded-proto", "https")];

        assert_eq!(written(&given, 1)["x-forwarded-for"], "3.3.3.3, 10.0.0.9");
        assert_eq!(written(&given, 2)["x-forwarded-for"], "2.2.2.2, 3.3.3.3, 10.0.0.9");
        assert_eq!(written(&given, 9)["x-forwarded-for"], "6.6.6.6, 2.2.2.2, 3.3.3.3, 10.0.0.9");
        assert_eq!(written(&given, 1)["x-forwarded-proto"], "https");
    }

    #[test]
    fn nothing_is_believed_beyond_an_entry_that_is_no_address() {
        let given = [("x-forwarded-for", "6.6.6.6, evil\t, 3.3.3.3")];

        assert_eq!(written(&given, 3)["x-forwarded-for"], "3.3.3.3, 10.0.0.9");
    }
}
