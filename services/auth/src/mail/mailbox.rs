//! A mailbox in memory: what would have been mailed, for people and tests to read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Message;

/// How many mails it keeps; the oldest go first.
const CAPACITY: usize = 1_000;

/// Holds mail in memory, newest first. Cheap to clone; clones share the mail.
#[derive(Clone)]
pub struct Mailbox {
    mails: Arc<Mutex<VecDeque<Message>>>,
    arrivals: watch::Sender<()>,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self { mails: Arc::default(), arrivals: watch::Sender::new(()) }
    }
}

impl Mailbox {
    /// An empty mailbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// All mail, newest first; with an address, only what was sent there.
    pub fn messages(&self, to: Option<&str>) -> Vec<Message> {
        let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |mail: &&Message| to.is_none_or(|to| mail.to.eq_ignore_ascii_case(to.trim()));
        mails.iter().filter(is_wanted).cloned().collect()
    }

    /// Waits until `to` has been sent `count` mails, and returns them, newest first.
    pub async fn wait_for(&self, to: &str, count: usize) -> Vec<Message> {
        let mut arrivals = self.arrivals.subscribe();
        loop {
            arrivals.mark_unchanged();
            let mails = self.messages(Some(to));
            if mails.len() >= count {
                return mails;
            }
            // The sender is `self`, so the channel cannot close.
            let _changed = arrivals.changed().await;
        }
    }

    /// Takes a mail.
    pub fn receive(&self, message: Message) {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.push_front(message);
        mails.truncate(CAPACITY);
        drop(mails);
        self.arrivals.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn message(to: &str, subject: &str) -> Message {
        Message {
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: String::new(),
            html: String::new(),
            links: vec![],
            codes: vec![],
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn mail_is_found_by_recipient_newest_first() {
        let mailbox = Mailbox::new();
        let waiting = tokio::spawn({
            let mailbox = mailbox.clone();
            async move { mailbox.wait_for("ada@example.com", 2).await }
        });

        mailbox.receive(message("ada@example.com", "one"));
        mailbox.receive(message("bob@example.com", "other"));
        mailbox.receive(message("ada@example.com", "two"));

        let subjects: Vec<_> = waiting.await.unwrap().into_iter().map(|mail| mail.subject).collect();
        assert_eq!(subjects, ["two", "one"]);
        assert_eq!(mailbox.messages(None).len(), 3);
        assert_eq!(mailbox.messages(Some(" ADA@example.com ")).len(), 2);
    }

    #[test]
    fn the_oldest_mail_makes_room() {
        let mailbox = Mailbox::new();
        for number in 0..=CAPACITY {
            mailbox.receive(message("ada@example.com", &number.to_string()));
        }

        let mails = mailbox.messages(None);

        assert_eq!(mails.len(), CAPACITY);
        assert_eq!(mails[0].subject, CAPACITY.to_string());
    }
}
