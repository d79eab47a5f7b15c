//! Mail through an SMTP server.

use std::time::Duration;

use anyhow::Context as _;
use lettre::message::{Mailbox as From, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use portico_common::config::Secret;
use uuid::Uuid;

use super::{MailError, Message};

/// How long one step of the conversation may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// How mail is sent.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Mail")]
pub struct SmtpConfig {
    /// The server: `smtps://USER:PASSWORD@HOST`, or `smtp://HOST:PORT?tls=required` for STARTTLS
    #[arg(long, env = "SMTP_URL", hide_env_values = true)]
    pub smtp_url: Secret,

    /// The sender of all mail, such as Portico <no-reply@example.com>
    #[arg(long, env = "MAIL_FROM")]
    pub mail_from: String,
}

/// Sends mail through one SMTP server, over a pool of connections.
#[derive(Clone)]
pub struct SmtpSender {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: From,
}

impl SmtpSender {
    pub(super) fn new(config: &SmtpConfig) -> anyhow::Result<Self> {
        // The library's own message could repeat the address, and the password with it.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(config.smtp_url.expose())
            .map_err(|_| anyhow::anyhow!("SMTP_URL is not an smtp:// or smtps:// address"))?;
        let from = config.mail_from.parse().context("MAIL_FROM is not a mail address")?;
        Ok(Self { transport: transport.timeout(Some(STEP_TIMEOUT)).build(), from })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), MailError> {
        self.transport.send(self.write(message)?).await?;
        Ok(())
    }

    fn write(&self, message: Message) -> Result<lettre::Message, MailError> {
        let Message { to, subject, text, html, links: _, codes: _, at } = message;
        let to = to.parse().map_err(|_| MailError::Unwritable)?;
        lettre::Message::builder()
            .from(self.from.clone())
            .to(From::new(None, to))
            .subject(subject)
            .date(at.into())
            .message_id(Some(format!("<{}@{}>", Uuid::new_v4(), self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(|_| MailError::Unwritable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bad_address_is_named_and_not_repeated() {
        for (url, from, name) in [
            ("http://user:hunter2@mail.example.com", "no-reply@example.com", "SMTP_URL"),
            ("smtp://localhost", "nobody", "MAIL_FROM"),
        ] {
            let config = SmtpConfig { smtp_url: Secret::new(url), mail_from: from.to_owned() };

            let error = format!("{:#}", SmtpSender::new(&config).err().unwrap());

            assert!(error.contains(name), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn the_documented_addresses_are_understood() {
        for url in [
            "smtps://user:secret@mail.example.com",
            "smtp://mail.example.com:587?tls=required",
            "smtp://localhost:1025",
        ] {
            let mail_from = "Portico <no-reply@example.com>".to_owned();
            let config = SmtpConfig { smtp_url: Secret::new(url), mail_from };

            assert!(SmtpSender::new(&config).is_ok(), "{url}");
        }
    }
}
