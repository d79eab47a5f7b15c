//! What a request from the gateway is like: of RFC 9112 the part that all servers read alike, and nothing forged.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use percent_encoding::percent_decode_str;

/// Stands in every value that must not arrive.
const FORGED: &str = "forged";
/// What is between the gateway and its neighbours alone.
const NEVER: [&str; 8] = [
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "proxy",
];
/// RFC 9110 section 6.5.1: what frames, routes or authenticates a request is not in its trailers.
const NOT_TRAILERS: [&str; 12] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub method: String,
    pub target: String,
    /// Names in lower case.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether its body arrived to its end.
    pub is_whole: bool,
}

impl Arrival {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|(given, _)| given == name).count()
    }
}

/// Reads a head, up to and with its empty line, of a request to the upstream at `address`.
///
/// # Errors
/// It is not one of which everybody has the same view, or says what only the gateway may say.
pub fn read(raw: &[u8], address: SocketAddr) -> anyhow::Result<Arrival> {
    let text: String = raw.iter().map(|byte| char::from(*byte)).collect();
    let mut lines = text.strip_suffix("\r\n\r\n").context("no empty line")?.split("\r\n");
    let (method, target) = request_line(lines.next().unwrap_or_default())?;
    let fields = lines.map(field).collect::<anyhow::Result<_>>()?;
    let arrival = Arrival { method, target, fields, body: Vec::new(), is_whole: false };
    check_target(&arrival.target)?;
    check_framing(&arrival)?;
    check_hop_by_hop(&arrival)?;
    check_origin(&arrival, address)?;
    Ok(arrival)
}

fn request_line(line: &str) -> anyhow::Result<(String, String)> {
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { bail!("the request line is {line:?}") };
    ensure!(is_token(method), "the method is {method:?}");
    Ok((method.to_owned(), target.to_owned()))
}

/// A tab within a value is the one control character that is lawful.
fn field(line: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = line.split_once(':').with_context(|| format!("no field: {line:?}"))?;
    ensure!(is_token(name), "a field name is {name:?}");
    ensure!(value.chars().all(|char| char == '\t' || !char.is_ascii_control()), "a value of {name} is {value:?}");
    ensure!(!value.contains(FORGED), "forged {name} arrived");
    let plain: String = name.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '-' }).collect();
    let has_twin = ["content-length", "transfer-encoding", "host"].iter().any(|twin| plain.eq_ignore_ascii_case(twin));
    ensure!(!has_twin || name == plain, "{name} can be taken for {plain}");
    Ok((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn check_target(target: &str) -> anyhow::Result<()> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%:@!$&'()*+,=".contains(&byte);
    ensure!(path.bytes().all(is_path_byte), "the path is {path:?}");
    ensure!(query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "the query is {query:?}");
    let segments = path.strip_prefix("/v1/").with_context(|| format!("nothing is routed at {target:?}"))?;
    ensure!(!segments.trim_end_matches('/').contains("//") && !segments.ends_with("//"), "an empty segment: {path:?}");
    for segment in segments.split('/') {
        let once = percent_decode_str(segment).decode_utf8().context("the path is not UTF-8")?;
        let twice = percent_decode_str(&once).decode_utf8().context("the path is not UTF-8")?;
        let is_plain = |text: &str| !matches!(text, "." | "..") && !text.contains(['/', '\\', '\0', '\r', '\n']);
        ensure!([segment, &once, &twice].into_iter().all(is_plain), "a segment is {segment:?}");
    }
    Ok(())
}

fn check_framing(arrival: &Arrival) -> anyhow::Result<()> {
    let (lengths, codings) = (arrival.count("content-length"), arrival.count("transfer-encoding"));
    ensure!(lengths + codings <= 1, "{lengths} Content-Length and {codings} Transfer-Encoding");
    if let Some(length) = arrival.field("content-length") {
        let is_plain = matches!(length.as_bytes(), [b'0'] | [b'1'..=b'9', ..]) && length.len() < 19;
        ensure!(is_plain && length.bytes().all(|byte| byte.is_ascii_digit()), "Content-Length is {length:?}");
    }
    let coding = arrival.field("transfer-encoding").unwrap_or("chunked");
    ensure!(coding == "chunked", "Transfer-Encoding is {coding:?}");
    Ok(())
}

fn check_hop_by_hop(arrival: &Arrival) -> anyhow::Result<()> {
    for name in NEVER {
        ensure!(arrival.count(name) == 0, "{name} arrived");
    }
    let options = arrival.field("connection").unwrap_or_default();
    ensure!(arrival.count("connection") <= 1 && matches!(options, "" | "te" | "upgrade"), "Connection is {options:?}");
    let has_te = arrival.fields.iter().all(|(name, value)| name != "te" || (value == "trailers" && options == "te"));
    ensure!(has_te, "TE arrived that Connection does not name, or that is not `trailers`");
    let upgrade = arrival.field("upgrade");
    ensure!(upgrade.is_none() || (upgrade == Some("websocket") && options == "upgrade"), "Upgrade is {upgrade:?}");
    Ok(())
}

/// What the gateway alone says, once.
fn check_origin(arrival: &Arrival, address: SocketAddr) -> anyhow::Result<()> {
    for (name, expected) in
        [("host", address.to_string().as_str()), ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "http")]
    {
        let given = arrival.field(name);
        ensure!(arrival.count(name) == 1 && given == Some(expected), "{name} is {given:?}");
    }
    for name in ["x-request-id", "traceparent"] {
        ensure!(arrival.count(name) == 1, "not one {name}");
    }
    let host = arrival.field("x-forwarded-host").unwrap_or("a");
    let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    ensure!(arrival.count("x-forwarded-host") <= 1 && is_host, "X-Forwarded-Host is {host:?}");
    let path = arrival.target.split('?').next().unwrap_or_default().to_owned() + "/";
    let is_closed = path.starts_with("/v1/closed/") || path.starts_with("/v1/open/closed/");
    ensure!(!is_closed || arrival.count("authorization") == 1, "without one token: {}", arrival.target);
    Ok(())
}

/// Checks the lines of trailers.
///
/// # Errors
/// One is not lawful, or would change how the request was read.
pub fn check_trailers(lines: &[String]) -> anyhow::Result<()> {
    for line in lines {
        let (name, _) = field(line)?;
        ensure!(!NOT_TRAILERS.contains(&name.replace(['_', '.'], "-").as_str()), "{name} is a trailer");
    }
    Ok(())
}
