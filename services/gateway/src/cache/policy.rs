//! What an answer allows a cache that many share to do with it (RFC 9111 section 3, RFC 5861).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode, header};

use super::directives::{A_YEAR_SECS, Directives, seconds};
use super::vary::Vary;

/// For how long an answer may be given, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    /// How old it was when it came.
    pub age: Duration,
    /// As old as this it is stale.
    pub fresh_for: Duration,
    /// So much longer it may be given while another is asked for.
    pub stale_while_revalidate: Duration,
    /// So much longer it may be given when the service fails.
    pub stale_if_error: Duration,
    pub vary: Vary,
}

/// The terms of an answer to a public `GET`; `None` if it is not to be stored.
///
/// Only what says itself for how long it is good is stored: nothing is guessed.
pub(super) fn terms(status: StatusCode, headers: &HeaderMap) -> Option<Terms> {
    let directives = Directives::read(headers);
    let is_barred = directives.no_store
        || directives.is_restricted
        || !is_storable(status)
        || headers.contains_key(header::SET_COOKIE)
        || headers.contains_key(header::CONTENT_RANGE)
        || headers.contains_key(header::TRAILER)
        || is_endless(headers);
    if is_barred {
        return None;
    }
    let lifetime = directives.s_maxage.or(directives.max_age).or_else(|| expires(headers))?;
    let beyond = |given: Option<u32>| if directives.must_revalidate { 0 } else { given.unwrap_or(0) };
    let while_revalidate = beyond(directives.stale_while_revalidate);
    let if_error = beyond(directives.stale_if_error);
    let age = age(headers);
    if age >= lifetime.saturating_add(while_revalidate.max(if_error)) {
        return None;
    }
    Some(Terms {
        age: secs(age),
        fresh_for: secs(lifetime),
        stale_while_revalidate: secs(while_revalidate),
        stale_if_error: secs(if_error),
        vary: Vary::of(headers)?,
    })
}

fn secs(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn is_storable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 301 | 308 | 404 | 410)
}

/// An event stream goes on for as long as somebody listens.
fn is_endless(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    given.is_some_and(|given| given.starts_with(b"text/event-stream"))
}

/// `Expires` as a time after `Date`, both by the clock of the service; what is no date has expired.
fn expires(headers: &HeaderMap) -> Option<u32> {
    if !headers.contains_key(header::EXPIRES) {
        return None;
    }
    let dates = (date(headers, &header::EXPIRES), date(headers, &header::DATE));
    let (Some(expires), Some(date)) = dates else {
        return Some(0);
    };
    let lifetime = expires.duration_since(date).unwrap_or_default();
    Some(u32::try_from(lifetime.as_secs()).map_or(A_YEAR_SECS, |secs| secs.min(A_YEAR_SECS)))
}

/// The one date in a header.
pub(super) fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next()?, values.next());
    let text = first.to_str().ok().filter(|_| second.is_none())?;
    httpdate::parse_http_date(text).ok()
}

/// The greatest age it says it has; what cannot be read is too old.
fn age(headers: &HeaderMap) -> u32 {
    let ages = headers.get_all(header::AGE).iter();
    ages.map(|value| seconds(value.as_bytes().trim_ascii()).unwrap_or(u32::MAX)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn answer(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        headers
    }

    fn of(lines: &[&str]) -> Option<Terms> {
        terms(StatusCode::OK, &answer(lines))
    }

    fn fresh_secs(lines: &[&str]) -> Option<u64> {
        of(lines).map(|terms| terms.fresh_for.as_secs())
    }

    #[test]
    fn what_says_how_long_it_is_good_is_stored_for_so_long() {
        for (lines, expected) in [
            (&["Cache-Control: max-age=30"][..], Some(30)),
            (&["Cache-Control: max-age=30, s-maxage=5"], Some(5)),
            (&["Cache-Control: s-maxage=50, max-age=0"], Some(50)),
            (&["Expires: Wed, 21 Oct 2015 07:28:30 GMT", "Date: Wed, 21 Oct 2015 07:28:00 GMT"], Some(30)),
            (&["Cache-Control: max-age=7", "Expires: 0", "Date: Wed, 21 Oct 2015 07:28:00 GMT"], Some(7)),
            (&["Cache-Control: max-age=0, stale-while-revalidate=9"], Some(0)),
            (&["Cache-Control: public"], None),
            (&["Cache-Control: max-age=0"], None),
            (&["Last-Modified: Wed, 21 Oct 2015 07:28:30 GMT"], None),
            (&["Expires: Wed, 21 Oct 2015 07:28:30 GMT"], None),
            (&["Expires: 0", "Date: Wed, 21 Oct 2015 07:28:00 GMT"], None),
            (&["Expires: Wed, 21 Oct 2015 07:28:00 GMT", "Date: Wed, 21 Oct 2015 07:28:30 GMT"], None),
        ] {
            assert_eq!(fresh_secs(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn one_reason_against_it_is_enough() {
        for line in [
            "Cache-Control: no-store",
            "Cache-Control: private",
            "Cache-Control: no-cache",
            "Cache-Control: private=\"x\"",
            "Set-Cookie: a=b",
            "Content-Range: bytes 0-1/2",
            "Trailer: x-sum",
            "Vary: *",
            "Content-Type: Text/Event-Stream; charset=utf-8",
            "Age: 60",
            "Age: unclear",
        ] {
            assert_eq!(of(&["Cache-Control: max-age=60", line]), None, "{line}");
        }
    }

    #[test]
    fn only_some_statuses_are_stored() {
        let good = answer(&["Cache-Control: max-age=60"]);
        let stored: Vec<u16> =
            (200..600).filter(|code| terms(StatusCode::from_u16(*code).unwrap(), &good).is_some()).collect();

        assert_eq!(stored, [200, 203, 204, 301, 308, 404, 410]);
    }

    #[test]
    fn what_must_be_asked_for_again_is_never_given_stale() {
        let stale = "Cache-Control: max-age=1, stale-while-revalidate=5, stale-if-error=9";
        let allowed = of(&[stale]).unwrap();
        let forbidden = of(&[stale, "Cache-Control: must-revalidate"]).unwrap();

        assert_eq!((allowed.stale_while_revalidate.as_secs(), allowed.stale_if_error.as_secs()), (5, 9));
        assert_eq!((forbidden.stale_while_revalidate, forbidden.stale_if_error), (Duration::ZERO, Duration::ZERO));
    }

    proptest! {
        #[test]
        fn nothing_is_good_for_longer_than_it_says(
            (s_maxage, max_age) in (proptest::option::of(any::<u32>()), any::<u32>()),
            age in any::<u32>(),
        ) {
            let shared = s_maxage.map(|secs| format!(", s-maxage={secs}")).unwrap_or_default();
            let control = format!("Cache-Control: max-age={max_age}{shared}");

            let terms = of(&[&control, &format!("Age: {age}")]);

            let said = u64::from(s_maxage.unwrap_or(max_age));
            if let Some(terms) = terms {
                prop_assert!(terms.fresh_for.as_secs() <= said && terms.age < terms.fresh_for);
            } else {
                prop_assert!(said.min(A_YEAR_SECS.into()) <= u64::from(age));
            }
        }

        #[test]
        fn any_header_can_be_read(
            name in prop_oneof![Just("age"), Just("expires"), Just("date"), Just("vary"), Just("cache-control")],
            value in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let mut headers = answer(&["expires: Wed, 21 Oct 2015 07:28:30 GMT"]);
                headers.append(name, value);
                terms(StatusCode::OK, &headers);
            }
        }
    }
}
