//! Headers that end at the next hop (RFC 9110 section 7.6.1).

use http::{HeaderMap, HeaderName, header};

/// Whether the header of this name is for the next hop alone.
///
/// `Trailer` is not: it announces fields that are passed on.
pub(crate) fn ends_here(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "proxy-authenticate"
            | "proxy-authorization"
    )
}

/// Whether the sender of these headers reads trailers.
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// The headers that end here as well because a `Connection` of these values says so.
pub(crate) fn nominated<'a>(connection: impl IntoIterator<Item = &'a [u8]>) -> Vec<HeaderName> {
    let options = connection.into_iter().flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let may_be_headers = options.filter(|option| !matches!(*option, b"keep-alive" | b"close"));
    may_be_headers.filter_map(|option| HeaderName::from_bytes(option).ok()).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn connection_nominates_headers_in_any_spelling() {
        let connection = [&b"close, X-Secret"[..], b" x-OTHER ,,bad name", b"keep-alive"];

        assert_eq!(nominated(connection), ["x-secret", "x-other"]);
    }

    #[test]
    fn trailers_are_wanted_only_when_te_says_so() {
        let takes = |value| takes_trailers(&HeaderMap::from_iter([(header::TE, HeaderValue::from_static(value))]));

        assert!(takes("gzip, Trailers"));
        assert!(!takes("gzip"));
        assert!(!takes_trailers(&HeaderMap::new()));
    }
}
