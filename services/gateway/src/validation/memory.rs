//! How much of clients' bodies is held at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portico_common::error::ApiError;

use crate::problems;

/// Of all connections together. Many clients with a large body each would else take all memory.
const MOST_BYTES: usize = 256 << 20;

/// The memory for bodies that are held until they are whole.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<AtomicUsize>);

/// A part of the memory, given back when it is dropped.
pub(crate) struct Hold {
    memory: Memory,
    bytes: usize,
}

impl Memory {
    /// A part of no size yet.
    pub fn part(&self) -> Hold {
        Hold { memory: self.clone(), bytes: 0 }
    }
}

impl Hold {
    /// Takes so much more.
    ///
    /// # Errors
    /// There is no more: 503.
    pub fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        let held = self.memory.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if held + bytes > MOST_BYTES {
            let detail = "too many bodies are on their way through the gateway; try again";
            return Err(ApiError::new(&problems::NO_ROOM, detail).retry_after(1));
        }
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shared_and_given_back() {
        let memory = Memory::default();
        let (mut first, mut second) = (memory.part(), memory.part());

        assert!(first.grow(MOST_BYTES - 1).is_ok() && second.grow(1).is_ok());
        assert_eq!(second.grow(1).unwrap_err().code(), "no_room");
        drop(second);
        assert!(memory.part().grow(1).is_ok());
        drop(first);
        assert_eq!(memory.0.load(Ordering::Relaxed), 0);
    }
}
