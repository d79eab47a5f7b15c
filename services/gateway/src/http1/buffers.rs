//! Memory that is used again.

use std::cell::RefCell;
use std::mem;

use bytes::BytesMut;

/// Room for the usual head, of a request with its token or of an answer with a small body.
const USUAL: usize = 2 * 1024;
/// What became larger is not kept.
const LARGEST: usize = 2 * USUAL;
const MOST: usize = 64;

/// As much is read at once of what may be a head: room for the usual one with a small body.
pub(crate) const READ: usize = 4 * 1024;

/// What the messages of one worker are written into and read into. What was given back last is taken first: the
/// processor still has it at hand, which of memory fresh from the allocator it seldom has.
#[derive(Default)]
pub(crate) struct Buffers {
    written: RefCell<Vec<Vec<u8>>>,
    read: RefCell<Vec<BytesMut>>,
}

impl Buffers {
    /// An empty one to write a head into.
    pub fn take(&self) -> Vec<u8> {
        self.written.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(USUAL))
    }

    pub fn give_back(&self, mut buffer: Vec<u8>) {
        let mut kept = self.written.borrow_mut();
        if (USUAL..=LARGEST).contains(&buffer.capacity()) && kept.len() < MOST {
            buffer.clear();
            kept.push(buffer);
        }
    }

    /// Lends `unread` memory to read into, if it has none. A connection that waits for a message needs none: it looks with
    /// what is lent whether something has come, and [rests](Self::rest) if not.
    pub fn lend(&self, unread: &mut BytesMut) {
        if unread.capacity() == 0 {
            *unread = self.read.borrow_mut().pop().unwrap_or_else(|| BytesMut::with_capacity(READ));
        }
    }

    /// Takes the memory of `unread` back if all that was read has been taken; it is of use if nobody holds on to that.
    pub fn rest(&self, unread: &mut BytesMut) {
        if !unread.is_empty() {
            return;
        }
        let mut unread = mem::take(unread);
        let mut kept = self.read.borrow_mut();
        if kept.len() < MOST && unread.try_reclaim(READ) && unread.capacity() == READ {
            kept.push(unread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_into_again_unless_somebody_holds_it_or_it_is_large() {
        let buffers = Buffers::default();
        let is_taken_again = |capacity, holds: bool| {
            let mut unread = BytesMut::with_capacity(capacity);
            unread.extend_from_slice(b"a head");
            let head = Some(unread.split().freeze()).filter(|_| holds);
            let begin = unread.as_ptr() as usize - 6;
            buffers.rest(&mut unread);
            assert_eq!(unread.capacity(), 0);
            buffers.lend(&mut unread);
            drop(head);
            assert_eq!((unread.len(), unread.capacity()), (0, READ));
            unread.as_ptr() as usize == begin
        };

        assert!(is_taken_again(READ, false));
        assert!(!is_taken_again(READ, true));
        assert!(!is_taken_again(65_536, false));
    }
}
