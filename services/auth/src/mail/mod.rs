//! How mail leaves the process.

mod mailbox;
mod message;
mod smtp;

pub use mailbox::Mailbox;
pub use message::Message;
pub use smtp::{SmtpConfig, SmtpSender};

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

    pub(crate) async fn send(&self, message: Message) -> anyhow::Result<()> {
        match self {
            Self::Smtp(sender) => sender.send(message).await,
            Self::Mailbox(mailbox) => {
                mailbox.receive(message);
                Ok(())
            }
        }
    }
}
