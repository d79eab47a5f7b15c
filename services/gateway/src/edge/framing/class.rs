//! Classes of bytes, looked up in one table.

const TOKEN: u8 = 1;
const VISIBLE: u8 = 2;
const URI: u8 = 4;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = class(byte);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn class(byte: u8) -> u8 {
    let is_token = byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
    let is_visible = byte.is_ascii_graphic();
    let is_uri = is_visible && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'`');
    (if is_token { TOKEN } else { 0 }) | (if is_visible { VISIBLE } else { 0 }) | (if is_uri { URI } else { 0 })
}

/// RFC 9110 section 5.6.2: what methods and field names are made of.
pub(super) fn is_token(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & TOKEN != 0
}

/// ASCII that is neither a space nor a control character.
pub(super) fn is_visible(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & VISIBLE != 0
}

/// What `http::Uri` takes as it is anywhere behind the first slash.
pub(super) fn is_uri(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & URI != 0
}

/// RFC 9110 section 5.5: visible ASCII, space, tab and obs-text. Looks at eight bytes at once, and at each one only
/// if there may be something: a value without a tab or control character is the rule.
pub(super) fn is_field_text(value: &[u8]) -> bool {
    let (words, rest) = value.as_chunks::<8>();
    let found = words.iter().fold(0, |found, word| found | maybe_control(*word));
    let is_plain = found == 0 && rest.iter().all(|byte| !byte.is_ascii_control());
    is_plain || value.iter().all(|byte| is_text(*byte))
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

/// Not zero if a byte is below 0x20 or 0x7f; the known trick of a subtraction in each byte, exact as an answer about all.
fn maybe_control(word: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let word = u64::from_le_bytes(word);
    let del = word ^ (ONES * 0x7f);
    let below = word.wrapping_sub(ONES * 0x20) & !word;
    let zero = del.wrapping_sub(ONES) & !del;
    (below | zero) & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, Uri};

    use super::*;

    #[test]
    fn the_classes_are_those_of_the_http_crate() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_token(byte), HeaderName::from_bytes(&[byte]).is_ok(), "{byte:#x}");
            assert_eq!(is_field_text(&[byte]), HeaderValue::from_bytes(&[byte]).is_ok(), "{byte:#x}");
            if is_uri(byte) {
                for uri in [&[b'/', byte][..], &[b'/', b'?', byte]] {
                    assert_eq!(Uri::try_from(uri).unwrap().to_string().as_bytes(), uri);
                }
            }
        }
    }

    #[test]
    fn a_control_character_is_found_wherever_it_stands() {
        for length in 1..30 {
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    let mut value = vec![b'~'; length];
                    value[place] = byte;
                    assert_eq!(is_field_text(&value), is_text(byte), "{byte:#x} at {place} of {length}");
                }
            }
        }
    }
}
