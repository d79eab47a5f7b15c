//! Mail through a real SMTP conversation.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use portico_auth::MIGRATOR;
use portico_auth::mail::{Mail, SmtpConfig};
use portico_common::config::Secret;
use portico_testkit::TestDb;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::helpers::{PASSWORD, clock, config, run};

/// What the mail server says to the sender's `MAIL FROM`.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Busy,
    Unwilling,
    Fine,
}

/// A mail server in some mood at first, which afterwards takes one mail after another.
async fn mail_server(first: Mood) -> (SmtpConfig, mpsc::Receiver<(Mood, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp_url = Secret::new(format!("smtp://{}", listener.local_addr().unwrap()));
    let (sender, mails) = mpsc::channel(10);
    tokio::spawn(async move {
        let mut mood = first;
        while let Ok((stream, _)) = listener.accept().await {
            let text = converse(stream, mood).await;
            sender.send((mood, text)).await.unwrap();
            mood = Mood::Fine;
        }
    });
    (SmtpConfig { smtp_url, mail_from: "Portico <no-reply@example.com>".to_owned() }, mails)
}

/// One conversation (RFC 5321); returns the mail, if one was taken.
async fn converse(stream: TcpStream, mood: Mood) -> String {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 mail.test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer: &[u8] = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => b"250 mail.test\r\n",
            "MAIL" if mood == Mood::Busy => b"451 try again\r\n",
            "RCPT" if mood == Mood::Unwilling => b"550 nobody here\r\n",
            "DATA" => b"354 go on\r\n",
            _ => b"250 fine\r\n",
        };
        writer.write_all(answer).await.unwrap();
        if answer.starts_with(b"451") || answer.starts_with(b"550") {
            return String::new();
        }
        if line == "DATA" {
            let mut mail = String::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "." {
                    break;
                }
                mail.push_str(&line);
                mail.push('\n');
            }
            writer.write_all(b"250 taken\r\n").await.unwrap();
            return mail;
        }
    }
    String::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_sent_again_until_the_mail_server_takes_it() {
    let db = TestDb::create(&MIGRATOR).await;
    let (smtp, mut mails) = mail_server(Mood::Busy).await;
    let clock = clock();
    let service = run(&config(&db), Mail::smtp(&smtp).unwrap(), &clock).await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    service.client().post("/v1/auth/register", body).await;
    let (first_mood, _) = mails.recv().await.unwrap();
    let put_off = async || -> bool {
        let due: DateTime<Utc> = sqlx::query_scalar("SELECT due_at FROM letters").fetch_one(&db.pool).await.unwrap();
        due == clock.now() + TimeDelta::seconds(5)
    };
    while !put_off().await {
        tokio::task::yield_now().await;
    }

    clock.advance(Duration::from_secs(5));
    let (_, mail) = mails.recv().await.unwrap();

    assert!(first_mood == Mood::Busy);
    assert!(mail.contains("To: ada@example.com"), "{mail}");
    assert!(mail.contains("From: Portico <no-reply@example.com>") || mail.contains("From: \"Portico\""), "{mail}");
    assert!(mail.contains("Subject: Verify your address"), "{mail}");
    assert!(mail.contains("Your code: "), "{mail}");
    let left =
        async || -> i64 { sqlx::query_scalar("SELECT count(*) FROM letters").fetch_one(&db.pool).await.unwrap() };
    while left().await > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_refused_for_good_is_given_up_at_once() {
    let db = TestDb::create(&MIGRATOR).await;
    let (smtp, mut mails) = mail_server(Mood::Unwilling).await;
    let service = run(&config(&db), Mail::smtp(&smtp).unwrap(), &clock()).await;
    let left =
        async || -> i64 { sqlx::query_scalar("SELECT count(*) FROM letters").fetch_one(&db.pool).await.unwrap() };

    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let registered = service.client().post("/v1/auth/register", body).await;
    let (mood, mail) = mails.recv().await.unwrap();
    while left().await > 0 {
        tokio::task::yield_now().await;
    }

    assert_eq!(registered.status, 202);
    assert!(mood == Mood::Unwilling && mail.is_empty());
    assert!(mails.try_recv().is_err());
}
