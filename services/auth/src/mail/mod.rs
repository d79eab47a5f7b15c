//! How mail leaves the process.

use std::time::Duration;

use tokio::time::timeout;

mod error;
mod mailbox;
mod message;
mod smtp;

pub(crate) use error::MailError;
pub use mailbox::Mailbox;
pub use message::Message;
pub use smtp::{SmtpConfig, SmtpSender};

/// How long the whole conversation about one mail may take.
const SEND_WITHIN: Duration = Duration::from_secs(30);

/// Where mail goes. The binary makes the first kind only; the mailbox is for the development runner and for tests.
#[derive(Clone)]
pub enum Mail {
    /// Through an SMTP server.
    Smtp(SmtpSender),
    /// Kept in memory, to be looked at.
    Mailbox(Mailbox),
}

impl Mail {
    /// Mail sent through an SMTP server.
    ///
    /// # Errors
    /// `SMTP_URL` or `MAIL_FROM` cannot be used.
    pub fn smtp(config: &SmtpConfig) -> anyhow::Result<Self> {
        Ok(Self::Smtp(SmtpSender::new(config)?))
    }

    /// Hands the mail over, or fails within half a minute.
    pub(crate) async fn send(&self, message: Message) -> Result<(), MailError> {
        match self {
            Self::Smtp(sender) => timeout(SEND_WITHIN, sender.send(message)).await.map_err(|_| MailError::TimedOut)?,
            Self::Mailbox(mailbox) => {
                mailbox.receive(message);
                Ok(())
            }
        }
    }
}
