//! Where in the body of an answer the next byte stands.

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use hyper::body::{Frame, SizeHint};

use super::head::{fields, until_empty_line};
use crate::edge::framing::Chunks;

const LONGEST_TRAILERS: usize = 8 * 1024;
const MOST_TRAILERS: usize = 32;

/// Takes the body out of the bytes that come (RFC 9112 section 6.3).
#[derive(Debug)]
pub(crate) enum Decoder {
    Length(u64),
    Chunked(Chunks),
    Trailers,
    UntilClose,
    End,
}

/// What could be taken.
pub(crate) enum Taken {
    Frame(Frame<Bytes>),
    End,
    /// Nothing before more bytes come.
    Nothing,
}

impl Decoder {
    pub const END: Self = Self::End;

    pub fn length(length: u64) -> Self {
        if length == 0 { Self::End } else { Self::Length(length) }
    }

    pub fn chunked() -> Self {
        Self::Chunked(Chunks::START)
    }

    pub fn is_end(&self) -> bool {
        matches!(self, Self::End)
    }

    pub fn size_hint(&self) -> SizeHint {
        match self {
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::End => SizeHint::with_exact(0),
            Self::Chunked(_) | Self::Trailers | Self::UntilClose => SizeHint::default(),
        }
    }

    /// Takes the next piece of the body out of `unread`.
    ///
    /// # Errors
    /// What has come is no chunked body.
    pub fn take(&mut self, unread: &mut BytesMut) -> Result<Taken, &'static str> {
        match self {
            Self::End => Ok(Taken::End),
            _ if unread.is_empty() => Ok(Taken::Nothing),
            Self::Length(left) => {
                let data = take_at_most(*left, unread);
                *self = Self::length(*left - data.len() as u64);
                Ok(Taken::Frame(Frame::data(data)))
            }
            Self::UntilClose => Ok(Taken::Frame(Frame::data(unread.split().freeze()))),
            Self::Chunked(chunks) => {
                while let Some(first) = unread.first() {
                    if let Some(left) = chunks.data_left() {
                        let data = take_at_most(left, unread);
                        chunks.skip_data(left, data.len());
                        return Ok(Taken::Frame(Frame::data(data)));
                    }
                    *chunks = chunks.step(*first)?;
                    unread.advance(1);
                    if *chunks == Chunks::End {
                        *self = Self::Trailers;
                        return self.take(unread);
                    }
                }
                Ok(Taken::Nothing)
            }
            Self::Trailers => self.take_trailers(unread),
        }
    }

    /// Whether the body is whole when the service closes the connection here.
    pub fn may_end_here(&self) -> bool {
        matches!(self, Self::UntilClose | Self::End)
    }

    fn take_trailers(&mut self, unread: &mut BytesMut) -> Result<Taken, &'static str> {
        let Some((ends, length)) = until_empty_line(unread) else {
            let is_too_long = unread.len() > LONGEST_TRAILERS;
            return if is_too_long { Err("its trailers are longer than 8 KiB") } else { Ok(Taken::Nothing) };
        };
        if ends.len() > MOST_TRAILERS {
            return Err("it has too many trailers");
        }
        // Copied, so that few bytes do not hold on to the room that all was read into.
        let section = Bytes::copy_from_slice(&unread.split_to(length));
        let trailers = fields(&section, 0, &ends).collect::<Result<HeaderMap, _>>()?;
        *self = Self::End;
        Ok(if trailers.is_empty() { Taken::End } else { Taken::Frame(Frame::trailers(trailers)) })
    }
}

fn take_at_most(most: u64, unread: &mut BytesMut) -> Bytes {
    let length = usize::try_from(most).map_or(unread.len(), |most| most.min(unread.len()));
    unread.split_to(length).freeze()
}
