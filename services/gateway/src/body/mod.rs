//! Bodies on their way through: nothing is gathered, everything is measured.

mod client;
mod copied;
mod reply;
mod resumed;
mod upload;

use std::error::Error;

pub(crate) use client::ClientBody;
pub(crate) use reply::{Reply, ReplyBody, UpstreamBody};
pub(crate) use resumed::Resumed;
pub(crate) use upload::{RequestBody, Stage, Upload};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
