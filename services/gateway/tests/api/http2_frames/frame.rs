//! Frames of HTTP/2 and header blocks, byte for byte (RFC 9113 section 4, RFC 7541 section 6).

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 0x1;
pub const ACK: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;
pub const PADDED: u8 = 0x8;
pub const PRIORITISED: u8 = 0x20;

pub const PROTOCOL_ERROR: u32 = 1;
pub const FLOW_CONTROL_ERROR: u32 = 3;
pub const STREAM_CLOSED: u32 = 5;
pub const FRAME_SIZE_ERROR: u32 = 6;
pub const CANCEL: u32 = 8;
pub const COMPRESSION_ERROR: u32 = 9;
pub const ENHANCE_YOUR_CALM: u32 = 11;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame; its length is that of its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// A whole request without a body, of this header block.
    pub fn request(stream: u32, block: impl Into<Vec<u8>>) -> Self {
        Self::new(HEADERS, END_HEADERS | END_STREAM, stream, block)
    }

    /// The head of a request whose body follows.
    pub fn head(stream: u32, block: impl Into<Vec<u8>>) -> Self {
        Self::new(HEADERS, END_HEADERS, stream, block)
    }

    pub fn data(stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self::new(DATA, 0, stream, payload)
    }

    pub fn last_data(stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self::new(DATA, END_STREAM, stream, payload)
    }

    pub fn reset(stream: u32) -> Self {
        Self::new(RST_STREAM, 0, stream, CANCEL.to_be_bytes())
    }

    pub fn window_update(stream: u32, increment: u32) -> Self {
        Self::new(WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
    }

    pub fn ping(payload: &[u8]) -> Self {
        Self::new(PING, 0, 0, payload)
    }

    /// Settings by their numbers.
    pub fn settings(pairs: &[(u16, u32)]) -> Self {
        let payload: Vec<u8> =
            pairs.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        Self::new(SETTINGS, 0, 0, payload)
    }

    /// What a stream depends on, and its weight.
    pub fn priority(stream: u32, depends_on: u32) -> Self {
        Self::new(PRIORITY, 0, stream, [&depends_on.to_be_bytes()[..], &[15]].concat())
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a length");
        let mut bytes = length.to_be_bytes()[1..].to_vec();
        bytes.extend_from_slice(&[self.kind, self.flags]);
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The status in the head of an answer. The gateway was told to keep no dynamic table for it.
    pub fn status(&self) -> Option<u16> {
        let mut block = &self.payload[..];
        while let [0x20..=0x3f, rest @ ..] = block {
            let is_long = block[0] == 0x3f;
            let more = if is_long { rest.iter().take_while(|byte| **byte >= 0x80).count() + 1 } else { 0 };
            block = &rest[more..];
        }
        match block {
            [indexed @ 0x88..=0x8e, ..] => Some([200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]),
            [0x08 | 0x18 | 0x48, length, rest @ ..] if length & 0x80 == 0 => {
                str::from_utf8(&rest[..usize::from(*length)]).ok()?.parse().ok()
            }
            [0x08 | 0x18 | 0x48, length, rest @ ..] => digits(&rest[..usize::from(length & 0x7f)]).parse().ok(),
            _ => None,
        }
    }
}

/// Reads digits in the code of RFC 7541 appendix B: 0 to 2 have five bits, the others six.
fn digits(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let value = |bits: &[u8]| bits.iter().fold(0, |value, bit| value * 2 + bit);
    let (mut rest, mut text) = (&bits[..], String::new());
    while rest.len() >= 5 {
        let short = value(&rest[..5]);
        if short <= 2 {
            text.push(char::from(b'0' + short));
            rest = &rest[5..];
        } else if rest.len() >= 6 && (25..=31).contains(&value(&rest[..6])) {
            text.push(char::from(b'0' + value(&rest[..6]) - 22));
            rest = &rest[6..];
        } else {
            break;
        }
    }
    text
}

/// A header block of literals that are kept in no table and not compressed.
pub fn block<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    fields.into_iter().flat_map(|(name, value)| literal(0, name.as_bytes(), value.as_bytes())).collect()
}

/// A literal field with a new name: `kind` is 0 without indexing, 0x10 never indexed, 0x40 with indexing.
pub fn literal(kind: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[kind][..], &string(name), &string(value)].concat()
}

/// A string that is not compressed.
fn string(text: &[u8]) -> Vec<u8> {
    [&integer(0, 7, text.len())[..], text].concat()
}

/// RFC 7541 section 5.1.
pub fn integer(first: u8, prefix: u8, value: usize) -> Vec<u8> {
    let most = (1 << prefix) - 1;
    if value < most {
        return vec![first | u8::try_from(value).expect("a small value")];
    }
    let (mut bytes, mut rest) = (vec![first | u8::try_from(most).expect("a prefix")], value - most);
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).expect("seven bits") | 0x80);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
    bytes
}

/// The block of a good request.
pub fn get(path: &str) -> Vec<u8> {
    get_with(path, &[])
}

/// The block of a request with these fields behind its own.
pub fn get_with(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    with_method("GET", path, fields)
}

/// The block of a request with a body.
pub fn post(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    with_method("POST", path, fields)
}

pub fn with_method(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let own = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)];
    block(own.into_iter().chain(fields.iter().copied()))
}
