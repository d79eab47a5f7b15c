//! Buffers that are used again.

use std::cell::RefCell;

use bytes::BytesMut;

/// Room for the usual head, of a request with its token or of an answer with a small body.
const USUAL: usize = 2 * 1024;
/// What became larger is not kept.
const LARGEST: usize = 2 * USUAL;
const MOST: usize = 64;

/// What one worker writes heads into. The buffer given back last is taken first: the processor still has it at hand,
/// which of one fresh from the allocator it seldom has.
#[derive(Default)]
pub(crate) struct Buffers(RefCell<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty one.
    pub fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(USUAL))
    }

    pub fn give_back(&self, mut buffer: Vec<u8>) {
        let mut kept = self.0.borrow_mut();
        if (USUAL..=LARGEST).contains(&buffer.capacity()) && kept.len() < MOST {
            buffer.clear();
            kept.push(buffer);
        }
    }
}

/// Has the next message read into the memory of the one before, which the processor has at hand: if nobody holds on to
/// that, and it is no larger than `usual`. All that was read must have been taken.
pub(crate) fn read_there_again(unread: &mut BytesMut, usual: usize) {
    if !unread.try_reclaim(usual) || unread.capacity() > usual {
        *unread = BytesMut::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_into_again_unless_somebody_holds_it_or_it_is_large() {
        let read = |capacity| {
            let mut unread = BytesMut::with_capacity(capacity);
            unread.extend_from_slice(b"a head");
            let head = unread.split().freeze();
            (unread, head)
        };

        let (mut unread, head) = read(4096);
        let begin = head.as_ptr();
        drop(head);
        read_there_again(&mut unread, 4096);
        assert_eq!((unread.as_ptr(), unread.capacity()), (begin, 4096));

        let (mut unread, _head) = read(4096);
        read_there_again(&mut unread, 4096);
        assert_eq!(unread.capacity(), 0);

        let (mut unread, head) = read(65_536);
        drop(head);
        read_there_again(&mut unread, 4096);
        assert_eq!(unread.capacity(), 0);
    }
}
