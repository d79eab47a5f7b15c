//! The contract in force.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;

use super::Contract;

/// What requests to one service are held against: the last of its documents that could be compiled.
#[derive(Default)]
pub(crate) struct Enforced {
    contract: ArcSwapOption<Contract>,
    /// What was read last could not be compiled.
    is_behind: AtomicBool,
}

impl Enforced {
    /// The contract, once there is one.
    pub fn contract(&self) -> Option<Arc<Contract>> {
        self.contract.load_full()
    }

    /// Puts the contract of the document that was read last in force.
    pub fn replace(&self, contract: Contract) {
        self.contract.store(Some(Arc::new(contract)));
        self.confirm();
    }

    /// Notes that the contract in force is that of the document that was read last.
    pub fn confirm(&self) {
        self.is_behind.store(false, Ordering::Relaxed);
    }

    /// Notes that what was read last is of no use. What is in force stays.
    pub fn fall_behind(&self) {
        self.is_behind.store(true, Ordering::Relaxed);
    }

    /// Whether the document that was read last is in force.
    pub fn is_current(&self) -> bool {
        self.contract.load().is_some() && !self.is_behind.load(Ordering::Relaxed)
    }

    /// In words for who runs the gateway.
    pub fn standing(&self) -> &'static str {
        match (self.contract.load().is_some(), self.is_behind.load(Ordering::Relaxed)) {
            (true, false) => "in force",
            (true, true) => "refused; the one before is in force",
            (false, true) => "refused; nothing is let through",
            (false, false) => "not read yet; nothing is let through",
        }
    }
}
