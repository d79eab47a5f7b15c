//! What `Cache-Control` says (RFC 9111 section 5.2), read to the stricter side where it is unclear.

use http::{HeaderMap, header};

/// Longer than anything is kept.
pub(super) const A_YEAR_SECS: u32 = 31_536_000;

/// The directives that mean something to a cache that many share. Times are in seconds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    pub no_store: bool,
    /// `private` or `no-cache`, be it for some fields only.
    pub is_restricted: bool,
    /// `must-revalidate` or `proxy-revalidate`: never to be given once it is stale.
    pub must_revalidate: bool,
    pub max_age: Option<u32>,
    pub s_maxage: Option<u32>,
    pub stale_while_revalidate: Option<u32>,
    pub stale_if_error: Option<u32>,
}

impl Directives {
    pub fn read(headers: &HeaderMap) -> Self {
        let mut read = Self::default();
        for value in headers.get_all(header::CACHE_CONTROL) {
            let mut rest = value.as_bytes();
            while !rest.is_empty() {
                let (directive, after) = split_directive(rest);
                read.take(directive);
                rest = after;
            }
        }
        read
    }

    fn take(&mut self, directive: &[u8]) {
        let mut halves = directive.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        let name = halves.next().unwrap_or_default().to_ascii_lowercase();
        let argument = halves.next();
        match &name[..] {
            b"no-store" => self.no_store = true,
            b"private" | b"no-cache" => self.is_restricted = true,
            b"must-revalidate" | b"proxy-revalidate" => self.must_revalidate = true,
            b"max-age" => lower(&mut self.max_age, argument),
            b"s-maxage" => lower(&mut self.s_maxage, argument),
            b"stale-while-revalidate" => lower(&mut self.stale_while_revalidate, argument),
            b"stale-if-error" => lower(&mut self.stale_if_error, argument),
            _ => {}
        }
    }
}

/// Up to the next comma that is not quoted, and what follows it.
fn split_directive(list: &[u8]) -> (&[u8], &[u8]) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in list.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return (&list[..at], &list[at + 1..]),
            _ => {}
        }
    }
    (list, b"")
}

/// Of several times the shortest counts; what is no time counts as none left.
fn lower(known: &mut Option<u32>, argument: Option<&[u8]>) {
    let given = argument.and_then(seconds).unwrap_or(0);
    *known = Some(known.map_or(given, |known| known.min(given)));
}

/// A number of seconds (RFC 9111 section 1.2.2), quoted or not, at most a year.
pub(super) fn seconds(text: &[u8]) -> Option<u32> {
    let plain = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    let is_number = !plain.is_empty() && plain.iter().all(u8::is_ascii_digit);
    let digits = str::from_utf8(plain).ok().filter(|_| is_number)?;
    // Longer than any number is more than a year as well.
    Some(digits.parse().map_or(A_YEAR_SECS, |seconds: u32| seconds.min(A_YEAR_SECS)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> Directives {
        let lines = lines.iter().map(|line| (header::CACHE_CONTROL, HeaderValue::try_from(*line).unwrap()));
        let mut headers = HeaderMap::new();
        lines.for_each(|(name, value)| {
            headers.append(name, value);
        });
        Directives::read(&headers)
    }

    #[test]
    fn directives_are_read_in_any_spelling_and_over_several_lines() {
        let read = read(&["Public, MAX-AGE=30 ,s-maxage=\"40\"", " stale-while-revalidate = 50", "Must-Revalidate"]);

        let expected = Directives {
            must_revalidate: true,
            max_age: Some(30),
            s_maxage: Some(40),
            stale_while_revalidate: Some(50),
            ..Directives::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_quoted_is_no_directive() {
        assert_eq!(read(&["ext=\"no-store, private, \\\", no-cache\", max-age=1"]).max_age, Some(1));
        assert!(!read(&["ext=\"no-store, private\""]).no_store);
        assert!(read(&["private=\"set-cookie, x\", max-age=9"]).is_restricted);
    }

    #[test]
    fn unclear_times_are_short_ones() {
        for (text, expected) in [
            ("max-age=60, max-age=5", 5),
            ("max-age", 0),
            ("max-age=", 0),
            ("max-age=-1", 0),
            ("max-age=1.5", 0),
            ("max-age=5s", 0),
            ("max-age=99999999999999999999", A_YEAR_SECS),
        ] {
            assert_eq!(read(&[text]).max_age, Some(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_ban_is_never_overlooked(
            before in "[a-z-]{1,8}(=([0-9]{1,3}|\"[a-z, =]{0,9}\"))?",
            spaces in "[ \t]{0,3}",
            ban in prop_oneof![Just("no-store"), Just("NO-STORE"), Just("No-Store")],
            after in "(,[a-z-]{1,8}(=[0-9]{1,3})?){0,3}",
        ) {
            let directives = read(&[&format!("{before},{spaces}{ban}{spaces}{after}")]);

            prop_assert!(directives.no_store);
        }

        #[test]
        fn a_time_is_never_longer_than_any_that_was_given(times in proptest::collection::vec(any::<u64>(), 1..5)) {
            let text: Vec<String> = times.iter().map(|time| format!("s-maxage={time}")).collect();

            let read = read(&[&text.join(", ")]);

            let shortest = times.iter().min().copied().unwrap_or_default();
            prop_assert_eq!(u64::from(read.s_maxage.unwrap()), shortest.min(A_YEAR_SECS.into()));
        }

        #[test]
        fn any_bytes_can_be_read(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                Directives::read(&HeaderMap::from_iter([(header::CACHE_CONTROL, value)]));
            }
        }
    }
}
