//! Answers as a client reads them that gives no one the benefit of the doubt.

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// An answer that came in full.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first value of a field; empty if there is none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }

    /// The number the upstream gave the request it answered; none if it is the gateway that answers.
    pub fn arrival(&self) -> Option<usize> {
        self.field("x-arrival").parse().ok()
    }

    /// The `code` of a problem of the gateway.
    pub fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether nothing follows it on its connection.
    pub fn closes(&self) -> bool {
        self.field("connection").split(',').any(|option| option.trim().eq_ignore_ascii_case("close"))
    }
}

/// Splits what came into answers and what of a further one has come; `1xx` answers are passed over.
///
/// # Errors
/// It could be split in another way.
pub fn split(mut bytes: &[u8], is_first_to_head: bool) -> anyhow::Result<(Vec<Answer>, &[u8])> {
    let mut answers = Vec::new();
    while let Some((answer, rest)) = next(bytes, is_first_to_head && answers.is_empty())? {
        bytes = rest;
        if answer.status >= 200 || answer.status == 101 {
            answers.push(answer);
        }
    }
    Ok((answers, bytes))
}

fn next(bytes: &[u8], is_to_head: bool) -> anyhow::Result<Option<(Answer, &[u8])>> {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
    let mut answer = read_head(head).with_context(|| format!("an answer is \"{}\"", head.escape_ascii()))?;
    let has_no_body = is_to_head || answer.status < 200 || matches!(answer.status, 204 | 304);
    let lengths: Vec<_> = answer.fields.iter().filter(|(name, _)| name == "content-length").collect();
    let codings: Vec<_> = answer.fields.iter().filter(|(name, _)| name == "transfer-encoding").collect();
    ensure!(lengths.len() + codings.len() <= 1, "an answer has two ends: {:?}", answer.fields);
    let rest = match (lengths.first(), codings.first()) {
        _ if has_no_body => Some(rest),
        (Some((_, length)), None) => {
            let length: usize = length.parse().context("a Content-Length")?;
            answer.body = rest.get(..length).unwrap_or_default().to_vec();
            rest.get(length..)
        }
        (None, Some((_, coding))) => {
            ensure!(coding == "chunked", "a Transfer-Encoding is {coding}");
            read_chunks(rest, &mut answer.body)?
        }
        _ => bail!("an answer has no end: {:?}", answer.fields),
    };
    Ok(rest.map(|rest| (answer, rest)))
}

fn read_head(head: &[u8]) -> anyhow::Result<Answer> {
    let text: String = head.iter().map(|byte| char::from(*byte)).collect();
    let mut lines = text.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let mut words = status_line.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    ensure!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "no status line: {status_line:?}");
    let status = words.next().unwrap_or_default().parse().context("a status")?;
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(':').context("a field without a colon")?;
        let is_clean = |text: &str| text.chars().all(|char| char == '\t' || !char.is_ascii_control());
        ensure!(is_clean(name) && is_clean(value) && !name.contains([' ', '\t']), "a field is {line:?}");
        Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Ok(Answer { status, fields: fields.collect::<anyhow::Result<_>>()?, body: Vec::new() })
}

/// What follows the last chunk; none if it has not come.
fn read_chunks<'a>(mut bytes: &'a [u8], body: &mut Vec<u8>) -> anyhow::Result<Option<&'a [u8]>> {
    while let Some(end) = find(bytes, b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).context("a chunk size")?;
        let size = usize::from_str_radix(size, 16).with_context(|| format!("a chunk size is {size:?}"))?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            let end = if bytes.starts_with(b"\r\n") { Some(0) } else { find(bytes, b"\r\n\r\n").map(|end| end + 2) };
            return Ok(end.map(|end| &bytes[end + 2..]));
        }
        let Some(data) = bytes.get(..size + 2) else { break };
        ensure!(data.ends_with(b"\r\n"), "a chunk does not end where it should");
        body.extend(&data[..size]);
        bytes = &bytes[size + 2..];
    }
    Ok(None)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
