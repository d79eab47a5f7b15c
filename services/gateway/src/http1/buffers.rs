//! Buffers that are used again.

use std::cell::RefCell;

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
