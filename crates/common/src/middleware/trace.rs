//! W3C Trace Context, level 1 (<https://www.w3.org/TR/trace-context/>): a trace is joined or started.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the trace.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const SAMPLED: u8 = 1;

/// This request's place in a trace: the caller's trace, or a new one, and a span id of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// The trace, as 32 hex digits.
    pub fn trace_id(&self) -> impl fmt::Display + use<> {
        Hex::<32>(self.trace_id)
    }

    /// This request's span, as 16 hex digits.
    pub fn span_id(&self) -> impl fmt::Display + use<> {
        Hex::<16>(self.span_id.into())
    }

    /// The trace as the number it is.
    pub(crate) fn trace(&self) -> u128 {
        self.trace_id
    }

    /// This request's span as the number it is.
    pub(crate) fn span(&self) -> u64 {
        self.span_id
    }

    /// Whether the trace is to be exported, as far as was decided.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Decides that.
    pub(crate) fn set_sampled(&mut self, is_sampled: bool) {
        self.flags = if is_sampled { SAMPLED } else { 0 };
    }

    /// A number from 0 to below 1, drawn evenly for each request, to choose some of them by.
    pub fn draw(&self) -> f64 {
        let [a, b, c, d, ..] = self.span_id.to_le_bytes();
        f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
    }

    /// The `traceparent` for requests made on behalf of this one.
    ///
    /// # Panics
    /// Never: hex digits and dashes are visible ASCII.
    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.header_text()).expect("hex digits and dashes are visible ASCII")
    }

    /// The same as text.
    pub fn header_text(&self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], &self.trace_id.to_be_bytes());
        write_hex(&mut text[36..52], &self.span_id.to_be_bytes());
        write_hex(&mut text[53..55], &[self.flags]);
        text
    }
}

fn write_hex(room: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (digits, byte) in room.chunks_exact_mut(2).zip(bytes) {
        digits[0] = DIGITS[usize::from(byte >> 4)];
        digits[1] = DIGITS[usize::from(byte & 0xf)];
    }
}

/// Joins the trace of the one valid `traceparent`, or starts a sampled one.
pub fn trace_context_from(headers: &HeaderMap) -> TraceContext {
    let joined = caller_from(headers).map(|caller| (caller.trace_id, caller.flags));
    let (trace_id, flags) = joined.unwrap_or_else(|| (Uuid::new_v4().as_u128(), SAMPLED));
    TraceContext { trace_id, span_id: Uuid::new_v4().as_u64_pair().1, flags }
}

/// The caller's span, if its trace is joined.
pub(crate) fn caller_span_from(headers: &HeaderMap) -> Option<u64> {
    caller_from(headers).map(|caller| caller.span_id)
}

fn caller_from(headers: &HeaderMap) -> Option<TraceContext> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    match (given.next(), given.next()) {
        (Some(only), None) => only.to_str().ok().and_then(parse),
        _ => None,
    }
}

/// `version-trace_id-parent_id-flags`; a later version may add fields, which are ignored as the standard asks.
fn parse(value: &str) -> Option<TraceContext> {
    let mut fields = value.split('-');
    let version = hex(fields.next()?, 2)?;
    let trace_id = hex(fields.next()?, 32)?;
    let span_id = hex(fields.next()?, 16)?;
    let flags = hex(fields.next()?, 2)?;
    let is_valid = version != 0xff && (version != 0 || fields.next().is_none()) && trace_id != 0 && span_id != 0;
    let (span_id, flags) = (u64::try_from(span_id).ok()?, u8::try_from(flags).ok()? & SAMPLED);
    is_valid.then_some(TraceContext { trace_id, span_id, flags })
}

fn hex(field: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if field.len() != digits || !field.bytes().all(is_hex) {
        return None;
    }
    u128::from_str_radix(field, 16).ok()
}

struct Hex<const DIGITS: usize>(u128);

impl<const DIGITS: usize> fmt::Display for Hex<DIGITS> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:0DIGITS$x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn context(values: &[&str]) -> TraceContext {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        trace_context_from(&headers)
    }

    #[test]
    fn a_valid_trace_is_joined_under_a_new_span() {
        let context = context(&["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"]);

        assert_eq!(context.trace_id().to_string(), TRACE);
        assert_ne!(context.span_id().to_string(), "b7ad6b7169203331");
        let sent = context.header_value();
        assert!(sent.to_str().unwrap().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        assert!(sent.to_str().unwrap().ends_with("-00"));
    }

    #[test]
    fn fields_of_a_later_version_are_ignored() {
        let context = context(&["01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"]);

        assert_eq!(context.trace_id().to_string(), TRACE);
    }

    #[test]
    fn an_invalid_trace_is_restarted() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        ] {
            let context = context(&[bad]);

            assert_ne!(context.trace_id().to_string(), TRACE, "{bad}");
            assert_eq!(context.header_value().len(), 55, "{bad}");
        }
    }

    #[test]
    fn draws_are_even() {
        let draws: Vec<f64> = (0..1_000).map(|_| context(&[]).draw()).collect();

        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        let low = draws.iter().filter(|draw| **draw < 0.25).count();
        assert!((150..350).contains(&low), "{low}");
    }

    #[test]
    fn two_traces_are_none() {
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

        assert_ne!(context(&[valid, valid]).trace_id().to_string(), TRACE);
    }
}
