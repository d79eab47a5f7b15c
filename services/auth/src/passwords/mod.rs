//! Passwords: which are good enough, how they are kept, how they are changed.

mod actions;
mod error;
mod gate;
mod hash;
pub(crate) mod http;
mod model;

pub(crate) use error::PasswordError;
pub(crate) use gate::{GateError, PasswordGate};
pub(crate) use hash::Verdict;
pub(crate) use model::{GivenPassword, NewPassword};
