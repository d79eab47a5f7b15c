//! Keyset paging: authenticated cursors and the one shape of every list.

use aws_lc_rs::hmac;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{ApiError, kinds};

const TAG_LENGTH: usize = 16;

/// Seals and opens cursors: opaque, unforgeable, and good only for the query they were made for.
#[derive(Clone)]
pub struct Cursors(hmac::Key);

impl Cursors {
    /// Cursors under `key`, which all replicas of a service share.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Writes the position of the last row of a page; `query` is the filters and the sort.
    ///
    /// # Panics
    /// Either of them is not plain data that JSON can hold.
    pub fn seal(&self, query: &impl Serialize, position: &impl Serialize) -> String {
        let payload = serde_json::to_vec(position).expect("positions are plain data");
        let tag = hmac::sign(&self.0, &signed(query, &payload));
        let mut sealed = tag.as_ref()[..TAG_LENGTH].to_vec();
        sealed.push(fingerprint(query));
        sealed.extend_from_slice(&payload);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Reads a position back.
    ///
    /// # Errors
    /// `invalid_cursor` for anything we did not make, `cursor_mismatch` for one of another query.
    pub fn open<T: DeserializeOwned>(&self, query: &impl Serialize, cursor: &str) -> Result<T, ApiError> {
        let invalid = || ApiError::new(&kinds::INVALID_CURSOR, "take the cursor from next_cursor as it is");
        let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (tag, rest) = sealed.split_at_checked(TAG_LENGTH).ok_or_else(invalid)?;
        let (made_for, payload) = rest.split_first().ok_or_else(invalid)?;
        let expected = hmac::sign(&self.0, &signed(query, payload));
        if aws_lc_rs::constant_time::verify_slices_are_equal(tag, &expected.as_ref()[..TAG_LENGTH]).is_ok() {
            return serde_json::from_slice(payload).map_err(|_| invalid());
        }
        if *made_for == fingerprint(query) {
            return Err(invalid());
        }
        Err(ApiError::new(&kinds::CURSOR_MISMATCH, "the filters or the sort changed; start again without a cursor"))
    }
}

fn canonical(query: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(query).expect("queries are plain data")
}

fn signed(query: &impl Serialize, payload: &[u8]) -> Vec<u8> {
    let mut text = canonical(query);
    text.push(0);
    text.extend_from_slice(payload);
    text
}

/// One byte of the query's digest: enough to word the error well, useless to an attacker.
fn fingerprint(query: &impl Serialize) -> u8 {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &canonical(query)).as_ref()[0]
}

/// How many items a page holds: 1 to 100, 25 when the caller does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// Checks the `limit` parameter.
    ///
    /// # Errors
    /// `invalid_parameter`: silent clamping would hide the caller's mistake.
    pub fn parse(requested: Option<u16>) -> Result<Self, ApiError> {
        match requested.unwrap_or(25) {
            limit @ 1..=100 => Ok(Self(limit)),
            other => {
                Err(ApiError::new(&kinds::INVALID_PARAMETER, format!("limit is {other} and must be from 1 to 100")))
            }
        }
    }

    /// The rows to ask the database for: one more than the page, to know whether there are more.
    pub fn rows(self) -> i64 {
        i64::from(self.0) + 1
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// How to go on.
    pub page: PageInfo,
}

/// Where the next page starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PageInfo {
    /// The `cursor` of the next page; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// Makes a page of the rows that [`Limit::rows`] asked for; `seal` makes the cursor of a row.
    pub fn from_rows<R>(mut rows: Vec<R>, limit: Limit, seal: impl Fn(&R) -> String, view: impl Fn(R) -> T) -> Self {
        let has_more = rows.len() > usize::from(limit.0);
        rows.truncate(limit.0.into());
        let next_cursor = rows.last().filter(|_| has_more).map(seal);
        let items = rows.into_iter().map(view).collect();
        Self { items, page: PageInfo { next_cursor, has_more } }
    }
}

impl<T: Serialize> Page<T> {
    /// The answer to `uri`, with the RFC 8288 `Link` to the next page.
    pub fn respond(self, uri: &Uri) -> Response {
        let link = self.page.next_cursor.as_ref().and_then(|cursor| next_link(uri, cursor));
        let mut response = axum::Json(self).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

fn next_link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let kept = uri.query().unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let mut query: String = kept.flat_map(|pair| [pair, "&"]).collect();
    query.push_str("cursor=");
    query.push_str(cursor);
    HeaderValue::try_from(format!("<{}?{query}>; rel=\"next\"", uri.path())).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursors() -> Cursors {
        Cursors::new(&[7; 32])
    }

    proptest! {
        #[test]
        fn a_position_reads_back(key in ".*", id in any::<i64>(), query in ".*") {
            let sealed = cursors().seal(&query, &(&key, id));

            let opened: (String, i64) = cursors().open(&query, &sealed).unwrap();

            prop_assert_eq!(opened, (key, id));
        }

        #[test]
        fn a_flipped_bit_is_refused(id in any::<u64>(), byte in 0_usize..20, bit in 0_u8..8) {
            let sealed = cursors().seal(&"q", &id);
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed).unwrap();
            let at = byte % bytes.len();
            bytes[at] ^= 1 << bit;
            let forged = URL_SAFE_NO_PAD.encode(&bytes);

            let opened: Result<u64, _> = cursors().open(&"q", &forged);

            // The fingerprint byte only words the error; the position itself is still ours.
            prop_assert!(opened.is_err() || (at == TAG_LENGTH && opened.unwrap() == id));
        }

        #[test]
        fn garbage_is_refused(garbage in ".*") {
            prop_assert!(cursors().open::<u64>(&"q", &garbage).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_query_says_so() {
        let sealed = cursors().seal(&"status=active", &1);

        let error = cursors().open::<i32>(&"status=draft", &sealed).unwrap_err();

        assert_eq!(error.code(), "cursor_mismatch");
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let limit = Limit::parse(Some(2)).unwrap();

        let full = Page::from_rows(vec![1, 2, 3], limit, ToString::to_string, |row| row);
        let last = Page::from_rows(vec![1, 2], limit, ToString::to_string, |row| row);

        assert_eq!((full.items, full.page.next_cursor.as_deref()), (vec![1, 2], Some("2")));
        assert_eq!((last.items, last.page.has_more), (vec![1, 2], false));
    }

    #[test]
    fn the_next_link_keeps_the_filters() {
        let uri: Uri = "/v1/things?status=active&cursor=old&limit=2".parse().unwrap();

        let link = next_link(&uri, "new").unwrap();

        assert_eq!(link, "</v1/things?status=active&limit=2&cursor=new>; rel=\"next\"");
    }

    #[test]
    fn a_limit_out_of_range_is_refused() {
        assert!(Limit::parse(Some(0)).is_err());
        assert!(Limit::parse(Some(101)).is_err());
        assert_eq!(Limit::parse(None).unwrap().rows(), 26);
    }
}
