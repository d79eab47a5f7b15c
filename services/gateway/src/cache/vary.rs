//! For which requests an answer is: those that say the same in the headers that its `Vary` names.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::headers::{ends_here, is_owned};

/// An answer that varies by more is nobody's twice.
const MOST_NAMES: usize = 16;

/// The headers an answer varies by, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Vary(Vec<HeaderName>);

/// What one request said in the headers an answer varies by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    vary: Vary,
    values: Values,
}

/// What a request says in some headers, in the order of their names.
pub(super) type Values = Vec<Option<Vec<u8>>>;

impl Vary {
    /// What an answer varies by; `None` if that cannot be told from what the client sends.
    pub fn of(answer: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        for value in answer.get_all(header::VARY) {
            for name in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if !name.is_empty() {
                    names.push(HeaderName::from_bytes(name).ok()?);
                }
            }
        }
        // A service that forgets to say so must not have its codings given to clients that cannot read them.
        if answer.contains_key(header::CONTENT_ENCODING) {
            names.push(header::ACCEPT_ENCODING);
        }
        names.retain(|name| !is_in_the_key(name));
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        let is_told = names.len() <= MOST_NAMES && names.iter().all(comes_from_the_client);
        is_told.then_some(Self(names))
    }

    pub fn values(&self, request: &HeaderMap) -> Values {
        self.0.iter().map(|name| value_of(request, name)).collect()
    }
}

impl Selection {
    pub fn new(vary: Vary, request: &HeaderMap) -> Self {
        let values = vary.values(request);
        Self { vary, values }
    }

    pub fn vary(&self) -> &Vary {
        &self.vary
    }

    /// Whether a request says the same.
    pub fn is_of(&self, request: &HeaderMap) -> bool {
        self.vary.values(request) == self.values
    }

    pub fn bytes(&self) -> usize {
        let values: usize = self.values.iter().flatten().map(Vec::len).sum();
        values + self.values.len() * size_of::<(HeaderName, Option<Vec<u8>>)>()
    }
}

/// The lines of a header as one, which they are (RFC 9110 section 5.3).
fn value_of(request: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = request.get_all(name).iter().map(HeaderValue::as_bytes).map(<[u8]>::trim_ascii).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

/// What the gateway says of scheme and host is part of every key.
fn is_in_the_key(name: &HeaderName) -> bool {
    matches!(name.as_str(), "host" | "x-forwarded-host" | "x-forwarded-proto")
}

/// Whether the service sees the header as the client sent it.
fn comes_from_the_client(name: &HeaderName) -> bool {
    let is_replaced = matches!(name.as_str(), "*" | "x-request-id" | "traceparent" | "tracestate" | "expect");
    !is_replaced && !ends_here(name.as_str()) && !is_owned(name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn selects(
        answer: &[(&'static str, &'static str)],
        one: &[(&'static str, &'static str)],
    ) -> impl Fn(&[(&'static str, &'static str)]) -> bool {
        let selection = Selection::new(Vary::of(&headers(answer)).unwrap(), &headers(one));
        move |other| selection.is_of(&headers(other))
    }

    #[test]
    fn requests_that_say_the_same_in_other_words_are_alike() {
        let is_alike = selects(
            &[("vary", "Accept-Language, ACCEPT"), ("vary", "accept")],
            &[("accept-language", "de, en"), ("x-other", "1")],
        );

        assert!(is_alike(&[("accept-language", "de"), ("accept-language", " en ")]));
        assert!(!is_alike(&[("accept-language", "de")]));
        assert!(!is_alike(&[("accept-language", "de, en"), ("accept", "")]));
        assert!(!is_alike(&[]));
    }

    #[test]
    fn a_coding_nobody_said_varies_does() {
        let is_alike = selects(&[("content-encoding", "gzip")], &[("accept-encoding", "gzip")]);

        assert!(is_alike(&[("accept-encoding", "gzip")]));
        assert!(!is_alike(&[]));
    }

    #[test]
    fn what_only_the_gateway_says_is_in_the_key_or_cannot_be_told() {
        assert_eq!(
            Vary::of(&headers(&[("vary", "host, X-Forwarded-Proto, x-forwarded-host,")])),
            Some(Vary::default())
        );
        for vary in ["*", "accept, *", "x-forwarded-for", "X-Request-Id", "traceparent", "x-user-id", "te", "a b"] {
            let answer = HeaderMap::from_iter([(header::VARY, HeaderValue::from_str(vary).unwrap())]);
            assert_eq!(Vary::of(&answer), None, "{vary}");
        }
    }

    #[test]
    fn an_answer_that_varies_by_too_much_is_nobodys_twice() {
        let list = |count| (0..count).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(",");
        let of = |count| Vary::of(&HeaderMap::from_iter([(header::VARY, list(count).parse().unwrap())]));

        assert!(of(MOST_NAMES).is_some());
        assert!(of(MOST_NAMES + 1).is_none());
    }
}
