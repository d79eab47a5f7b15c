//! Requests held against the OpenAPI document of the service they are for, on routes that ask for it (`validate`).
//!
//! A document is compiled once, beside the requests, into a [`Contract`]; [`Enforced`] keeps the last one that could be.
//! A request is first checked by its head, then by its body if that is JSON. Of other bodies only the type is looked at.

mod bodies;
mod contract;
mod document;
mod enforced;
mod faults;
mod intake;
mod json;
mod media;
mod memory;
mod parameters;
mod schema;
mod template;
mod values;

use std::sync::Arc;

use http::request::Parts;
use portico_common::error::ApiError;

pub(crate) use contract::Contract;
pub(crate) use enforced::Enforced;
pub(crate) use intake::{Checker, Intake};
pub(crate) use memory::Hold;

use crate::path::Target;
use crate::problems;
use contract::Found;

/// Checks the head of a request, and says what is to be done with its body; `None` if that passes as it comes.
///
/// # Errors
/// The document does not allow it, or there is none yet.
pub(crate) fn begin(enforced: &Enforced, target: &Target, head: &Parts) -> Result<Option<Intake>, ApiError> {
    let contract: Arc<Contract> = enforced.contract().ok_or_else(not_ready)?;
    match contract.find(&head.method, target.path())? {
        Found::Operation(operation, variables) => {
            operation.parameters.check(&variables, target.query(), &head.headers)?;
            operation.bodies.as_ref().map_or(Ok(None), |bodies| bodies.intake(&head.method, &head.headers))
        }
        Found::Unchecked => Ok(None),
    }
}

fn not_ready() -> ApiError {
    let detail = "the gateway has not read yet what this service takes; try again";
    ApiError::new(&problems::NOT_READY, detail).because("no_document").retry_after(1)
}
