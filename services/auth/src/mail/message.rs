//! One mail.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// One mail, with what a program would look for in it set apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body for readers without HTML.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The links in it.
    pub links: Vec<String>,
    /// The one-time codes in it.
    pub codes: Vec<String>,
    /// When it was written.
    pub at: DateTime<Utc>,
}
