//! Reading a request off a connection: lines end in CR LF, sizes are plain numbers.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;

use super::law::Arrival;

type Reader = BufReader<TcpStream>;

/// Why nothing more is read.
pub enum Fault {
    /// The peer left, between requests or within one.
    Closed,
    Ambiguous(String),
}

impl Fault {
    /// A complaint about a request, with its head as it came.
    pub fn about(complaint: &anyhow::Error, head: &[u8]) -> Self {
        Self::Ambiguous(format!("{complaint}, in \"{:.200}\"", head.escape_ascii().to_string()))
    }
}

/// Reads up to the empty line; it is included.
pub async fn head(reader: &mut Reader) -> Result<Vec<u8>, Fault> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let count = reader.read_until(b'\n', &mut head).await.map_err(|_| Fault::Closed)?;
        if count == 0 {
            return Err(Fault::Closed);
        }
    }
    Ok(head)
}

/// Reads a body and the lines of its trailers.
pub async fn body(reader: &mut Reader, arrival: &Arrival) -> Result<(Vec<u8>, Vec<String>), Fault> {
    if arrival.field("transfer-encoding").is_some() {
        return chunked(reader).await;
    }
    let length = arrival.field("content-length").map_or(0, |length| length.parse().expect("checked digits"));
    Ok((bytes(reader, length).await?, Vec::new()))
}

async fn chunked(reader: &mut Reader) -> Result<(Vec<u8>, Vec<String>), Fault> {
    let mut body = Vec::new();
    loop {
        let size = line(reader).await?;
        let is_plain = (1..=8).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_plain {
            return Err(Fault::Ambiguous(format!("a chunk size is {size:?}")));
        }
        match usize::from_str_radix(&size, 16).expect("checked digits") {
            0 => return Ok((body, trailers(reader).await?)),
            size => body.extend(bytes(reader, size).await?),
        }
        let end = line(reader).await?;
        if !end.is_empty() {
            return Err(Fault::Ambiguous(format!("a chunk ends in {end:?}")));
        }
    }
}

async fn trailers(reader: &mut Reader) -> Result<Vec<String>, Fault> {
    let mut lines = Vec::new();
    loop {
        let line = line(reader).await?;
        if line.is_empty() {
            return Ok(lines);
        }
        lines.push(line);
    }
}

/// Reads a line; of ASCII, and without its CR LF.
async fn line(reader: &mut Reader) -> Result<String, Fault> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).await.map_err(|_| Fault::Closed)?;
    if !line.ends_with(b"\n") {
        return Err(Fault::Closed);
    }
    let text = line.strip_suffix(b"\r\n").filter(|text| text.is_ascii() && !text.contains(&b'\r'));
    let text = text.ok_or_else(|| Fault::Ambiguous(format!("a line is \"{}\"", line.escape_ascii())))?;
    Ok(String::from_utf8_lossy(text).into_owned())
}

async fn bytes(reader: &mut Reader, count: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let count = u64::try_from(count).expect("a size of today");
    reader.take(count).read_to_end(&mut bytes).await.map_err(|_| Fault::Closed)?;
    if bytes.len() as u64 == count { Ok(bytes) } else { Err(Fault::Closed) }
}
