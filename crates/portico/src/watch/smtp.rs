//! A mail server for auth, which is a process of its own here: what it takes is in the mailbox.

use mail_parser::MessageParser;
use portico_auth::mail::{Mailbox, Message};
use portico_common::clock::Clock;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Takes mail for as long as it is polled.
pub async fn receive(listener: TcpListener, mailbox: Mailbox, clock: Clock) {
    while let Ok((stream, _)) = listener.accept().await {
        let (mailbox, clock) = (mailbox.clone(), clock.clone());
        tokio::spawn(async move { converse(stream, &mailbox, &clock).await });
    }
}

/// One conversation (RFC 5321), in which everything is fine.
async fn converse(stream: TcpStream, mailbox: &Mailbox, clock: &Clock) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 mailbox\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        match line.split(' ').next().unwrap_or_default() {
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    // A dot at the beginning of a line was doubled on its way.
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.push_str("\r\n");
                }
                if let Some(message) = read(&mail, clock) {
                    mailbox.receive(message);
                }
                writer.write_all(b"250 taken\r\n").await?;
            }
            "QUIT" => return writer.write_all(b"221 bye\r\n").await,
            _ => writer.write_all(b"250 fine\r\n").await?,
        }
    }
    Ok(())
}

fn read(mail: &str, clock: &Clock) -> Option<Message> {
    let mail = MessageParser::default().parse(mail)?;
    let text = mail.body_text(0).unwrap_or_default().replace("\r\n", "\n");
    let links: Vec<_> = text.split_whitespace().filter_map(|word| word.parse::<Url>().ok()).filter(is_web).collect();
    let codes = links.iter().flat_map(|link| link.query_pairs().filter(|(name, _)| name == "code"));
    Some(Message {
        to: mail.to()?.first()?.address()?.to_owned(),
        subject: mail.subject().unwrap_or_default().to_owned(),
        html: mail.body_html(0).unwrap_or_default().replace("\r\n", "\n"),
        codes: codes.map(|(_, code)| code.into_owned()).collect(),
        links: links.iter().map(Url::to_string).collect(),
        text,
        at: clock.now(),
    })
}

fn is_web(link: &Url) -> bool {
    matches!(link.scheme(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read_with_its_links_and_codes() {
        let mail = "To: ada@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/alternative; boundary=\"x\"\r\n\r\n\
             --x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             Your code: 4711\r\n\r\nVerify: http://127.0.0.1/verify-email?email=3Dada%40example.com&cod=\r\ne=3D4711\r\n\
             --x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>4711</p>\r\n--x--\r\n";

        let message = read(mail, &Clock::system()).unwrap();

        assert_eq!((message.to.as_str(), message.subject.as_str()), ("ada@example.com", "Grüße"));
        assert_eq!(message.links, ["http://127.0.0.1/verify-email?email=ada%40example.com&code=4711"]);
        assert_eq!(message.codes, ["4711"]);
        assert!(message.html.contains("<p>4711</p>") && message.text.starts_with("Your code: 4711"));
    }
}
