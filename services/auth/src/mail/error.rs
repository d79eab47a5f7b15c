//! Why a mail was not sent, in words that name nobody.

use lettre::transport::smtp::response::{Category, Code, Severity};

/// Why a mail was not sent. What the server or the library says beside the code is left out: it can name the recipient.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    #[error("the mail server answered {0}")]
    Refused(Code),
    #[error("the mail server cannot be reached, or broke off")]
    Unreachable,
    #[error("the mail server took too long")]
    TimedOut,
    #[error("the letter cannot be put into a mail")]
    Unwritable,
}

impl MailError {
    /// Whether trying again cannot help.
    pub fn is_final(&self) -> bool {
        match self {
            // A refusal of the login is about our settings, which somebody will put right.
            Self::Refused(code) => {
                code.severity == Severity::PermanentNegativeCompletion && code.category != Category::Unspecified3
            }
            Self::Unwritable => true,
            Self::Unreachable | Self::TimedOut => false,
        }
    }
}

impl From<lettre::transport::smtp::Error> for MailError {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        error.status().map_or(if error.is_timeout() { Self::TimedOut } else { Self::Unreachable }, Self::Refused)
    }
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::response::Detail;

    use super::*;

    fn refused(severity: Severity, category: Category) -> MailError {
        MailError::Refused(Code { severity, category, detail: Detail::Zero })
    }

    #[test]
    fn only_what_cannot_change_is_final() {
        use Severity::{PermanentNegativeCompletion, TransientNegativeCompletion};

        assert!(refused(PermanentNegativeCompletion, Category::MailSystem).is_final());
        assert!(!refused(PermanentNegativeCompletion, Category::Unspecified3).is_final());
        assert!(!refused(TransientNegativeCompletion, Category::MailSystem).is_final());
        assert!(!MailError::TimedOut.is_final() && !MailError::Unreachable.is_final());
    }

    #[test]
    fn an_error_says_the_code_and_no_more() {
        let error = refused(Severity::PermanentNegativeCompletion, Category::MailSystem);

        assert_eq!(error.to_string(), "the mail server answered 550");
    }
}
