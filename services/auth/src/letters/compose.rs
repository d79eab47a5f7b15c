//! The words of each letter.

use chrono::{DateTime, Utc};
use url::Url;

use crate::accounts::EmailAddress;
use crate::codes::Code;
use crate::mail::Message;

/// What a letter says.
pub(super) enum Content {
    VerifyEmail(Code),
    AlreadyRegistered,
    ResetPassword(Code),
    PasswordChanged,
    SessionEnded,
}

struct Words {
    subject: &'static str,
    paragraphs: &'static [&'static str],
    action: Option<(&'static str, &'static str)>,
}

impl Content {
    fn words(&self) -> Words {
        match self {
            Self::VerifyEmail(_) => Words {
                subject: "Verify your address",
                paragraphs: &[
                    "Somebody, hopefully you, registered an account with this address. The code is good for 15 minutes and once.",
                    "If it was not you, do nothing: without the code the account stays closed.",
                ],
                action: Some(("Verify the address", "verify-email")),
            },
            Self::AlreadyRegistered => Words {
                subject: "You have an account already",
                paragraphs: &[
                    "Somebody, perhaps you, tried to register an account with this address, which has one already. Nothing was changed.",
                    "If you forgot your password, you can set a new one.",
                ],
                action: Some(("Set a new password", "reset-password")),
            },
            Self::ResetPassword(_) => Words {
                subject: "Set a new password",
                paragraphs: &[
                    "Somebody, hopefully you, asked to set a new password for your account. The code is good for 10 minutes and once.",
                    "If it was not you, do nothing: your password stays as it is.",
                ],
                action: Some(("Set a new password", "reset-password")),
            },
            Self::PasswordChanged => Words {
                subject: "Your password was changed",
                paragraphs: &[
                    "The password of your account was just changed, and other devices were signed out.",
                    "If it was not you, set a new password at once.",
                ],
                action: Some(("Set a new password", "reset-password")),
            },
            Self::SessionEnded => Words {
                subject: "You were signed out on a device",
                paragraphs: &[
                    "One of your sessions was used from two places at once, which happens when its token was copied. We ended it; sign in again.",
                    "If you do not know why this happened, set a new password.",
                ],
                action: Some(("Set a new password", "reset-password")),
            },
        }
    }

    fn code(&self) -> Option<String> {
        match self {
            Self::VerifyEmail(code) | Self::ResetPassword(code) => Some(code.to_string()),
            Self::AlreadyRegistered | Self::PasswordChanged | Self::SessionEnded => None,
        }
    }
}

/// Writes the mail; links lead to the front end at `link_base`.
pub(super) fn compose(content: &Content, to: &EmailAddress, link_base: &Url, at: DateTime<Utc>) -> Message {
    let Words { subject, paragraphs, action } = content.words();
    let code = content.code();
    let link = action.map(|(label, path)| (label, link(link_base, path, to, code.as_deref())));
    let mut text = paragraphs.join("\n\n");
    let mut html = format!("<p>{}</p>\n", paragraphs.join("</p>\n<p>"));
    if let Some(code) = &code {
        text = format!("Your code: {code}\n\n{text}");
        html = format!("<p>Your code: <strong>{code}</strong></p>\n{html}");
    }
    if let Some((label, link)) = &link {
        text = format!("{text}\n\n{label}: {link}\n");
        html = format!("{html}<p><a href=\"{}\">{label}</a></p>\n", link.as_str().replace('&', "&amp;"));
    }
    Message {
        to: to.to_string(),
        subject: subject.to_owned(),
        text,
        html: format!("<!doctype html>\n<html lang=\"en\"><body>\n{html}</body></html>\n"),
        links: link.map(|(_, link)| link.to_string()).into_iter().collect(),
        codes: code.into_iter().collect(),
        at,
    }
}

fn link(base: &Url, path: &str, email: &EmailAddress, code: Option<&str>) -> Url {
    let mut link = base.clone();
    if let Ok(mut segments) = link.path_segments_mut() {
        segments.pop_if_empty().push(path);
    }
    // The query pairs are percent-encoded, so no address can break out of the link.
    link.query_pairs_mut().append_pair("email", email.as_str()).extend_pairs(code.map(|code| ("code", code)));
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(content: &Content, base: &str) -> Message {
        let to = EmailAddress::parse("ada+x&y@example.com").unwrap();
        compose(content, &to, &base.parse().unwrap(), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_code_is_in_text_html_and_link() {
        let code = Code::new();

        let mail = composed(&Content::VerifyEmail(code.clone()), "https://app.example.com/base/");

        let shown = code.to_string();
        assert_eq!(mail.codes, [shown.as_str()]);
        assert!(mail.text.contains(&shown) && mail.html.contains(&shown));
        assert_eq!(
            mail.links,
            [format!("https://app.example.com/base/verify-email?email=ada%2Bx%26y%40example.com&code={shown}")]
        );
        assert!(mail.text.contains(&mail.links[0]));
    }

    #[test]
    fn a_notice_has_no_code() {
        let mail = composed(&Content::AlreadyRegistered, "https://app.example.com");

        assert!(mail.codes.is_empty());
        assert_eq!(mail.links, ["https://app.example.com/reset-password?email=ada%2Bx%26y%40example.com"]);
    }
}
