//! The walk through a chunked body (RFC 9112 section 7.1), up to its trailers.

const MOST_DIGITS: u8 = 16;
const LONGEST_EXTENSION: u16 = 256;

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunks {
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
        length: u16,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// The last chunk is over, trailers follow.
    End,
}

impl Chunks {
    pub const START: Self = Self::Size { size: 0, digits: 0 };

    /// Goes through bytes up to their end, the end of the last chunk or the first that is wrong; tells how many.
    pub fn walk(&mut self, bytes: &[u8]) -> (usize, Result<(), &'static str>) {
        let mut at = 0;
        while at < bytes.len() && *self != Self::End {
            if let Self::Data { left } = *self {
                at += self.skip_data(left, bytes.len() - at);
                continue;
            }
            match self.step(bytes[at]) {
                Ok(next) => *self = next,
                Err(flaw) => return (at, Err(flaw)),
            }
            at += 1;
        }
        (at, Ok(()))
    }

    /// How much data of a chunk comes next, if it is data.
    pub fn data_left(self) -> Option<u64> {
        if let Self::Data { left } = self { Some(left) } else { None }
    }

    /// Goes through data, of which `left` bytes are to come and some are there; tells how many.
    pub fn skip_data(&mut self, left: u64, available: usize) -> usize {
        let skipped = usize::try_from(left).map_or(available, |left| left.min(available));
        let left = left - skipped as u64;
        *self = if left == 0 { Self::DataCr } else { Self::Data { left } };
        skipped
    }

    /// Goes through a byte that is no data.
    ///
    /// # Errors
    /// It is not one that may stand here.
    pub fn step(self, byte: u8) -> Result<Self, &'static str> {
        match (self, byte) {
            (Self::Size { size, digits }, _) => Self::step_size(size, digits, byte),
            (Self::Extension { size, .. }, b'\r') => Ok(Self::SizeLf { size }),
            (Self::Extension { size, length }, _) => Self::step_extension(size, length, byte),
            (Self::SizeLf { size: 0 }, b'\n') => Ok(Self::End),
            (Self::SizeLf { size }, b'\n') => Ok(Self::Data { left: size }),
            (Self::DataCr, b'\r') => Ok(Self::DataLf),
            (Self::DataLf, b'\n') => Ok(Self::START),
            _ => Err("a chunk, or the line with its size, does not end in CR LF"),
        }
    }

    fn step_size(size: u64, digits: u8, byte: u8) -> Result<Self, &'static str> {
        match (byte, char::from(byte).to_digit(16)) {
            (_, Some(_)) if digits == MOST_DIGITS => Err("a chunk size has more than 16 digits"),
            (_, Some(digit)) => Ok(Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }),
            (b'\r', None) if digits > 0 => Ok(Self::SizeLf { size }),
            (b';', None) if digits > 0 => Ok(Self::Extension { size, length: 1 }),
            _ => Err("a chunk size is not hexadecimal"),
        }
    }

    /// Extensions must be ignored (RFC 9112 section 7.1.1), and never go further than here. Where a line with one
    /// ends is clear as long as there is no control character in it.
    fn step_extension(size: u64, length: u16, byte: u8) -> Result<Self, &'static str> {
        if length == LONGEST_EXTENSION {
            return Err("a chunk extension is longer than 256 bytes");
        }
        if !matches!(byte, b' '..=b'~') {
            return Err("a chunk extension has a character that is not allowed");
        }
        Ok(Self::Extension { size, length: length + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> (usize, bool, Chunks) {
        let mut chunks = Chunks::START;
        let (length, result) = chunks.walk(bytes);
        (length, result.is_ok(), chunks)
    }

    #[test]
    fn a_body_ends_with_its_last_chunk() {
        assert_eq!(walk(b"3\r\nabc\r\n0\r\n\r\n"), (11, true, Chunks::End));
        assert_eq!(walk(b"0003\r\nabc\r\n00\r\n"), (15, true, Chunks::End));
        assert_eq!(walk(b"0000000000000002;a=\"b c\";d\r\n\r\n\r\n0\r\n"), (35, true, Chunks::End));
        assert_eq!(walk(b"ffffFFFFffffFFFF\r\nabc"), (21, true, Chunks::Data { left: u64::MAX - 3 }));
    }

    #[test]
    fn a_size_line_has_one_form() {
        for (line, good) in [
            (&b"\r\n"[..], 0),
            (b"+3\r\n", 0),
            (b"-3\r\n", 0),
            (b" 3\r\n", 0),
            (b";a\r\n", 0),
            (b"0x3\r\n", 1),
            (b"3 \r\n", 1),
            (b"3\t;a\r\n", 1),
            (b"3\n", 1),
            (b"3\r\r\n", 2),
            (b"3_0\r\n", 1),
            (b"00000000000000003\r\n", 16),
            (b"3;a\n", 3),
            (b"3;a\0\r\n", 3),
            (b"3;a\rb\r\n", 4),
            (b"3;\x80\r\n", 2),
        ] {
            let (length, is_lawful, _) = walk(line);
            assert_eq!((length, is_lawful), (good, false), "{line:?}");
        }
    }

    #[test]
    fn data_ends_in_cr_lf() {
        for (body, good) in [(&b"3\r\nabcd"[..], 6), (b"3\r\nabc\n", 6), (b"3\r\nabc\r\r\n", 7), (b"3\r\nabc0\r\n", 6)]
        {
            let (length, is_lawful, _) = walk(body);
            assert_eq!((length, is_lawful), (good, false), "{body:?}");
        }
    }

    #[test]
    fn extensions_are_limited() {
        let line = |length: usize| format!("1;{}\r\n", "a".repeat(length - 1));

        assert!(walk(line(256).as_bytes()).1);
        assert!(!walk(line(257).as_bytes()).1);
    }
}
