//! Settings: each binary's are one `clap::Args` struct whose fields name their environment variable.

use std::str::FromStr;
use std::time::Duration;
use std::{fmt, fs};

/// A setting that never shows itself in logs, errors or `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value that must not be shown.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The bytes of a secret written as base64 (standard alphabet) or in hexadecimal, which must be exactly `N` long.
    /// Of the two texts the second is always the longer, so that none can be read both ways.
    ///
    /// # Errors
    /// It is neither, or not `N` bytes; the value is not repeated.
    pub fn key<const N: usize>(&self) -> anyhow::Result<[u8; N]> {
        use base64::Engine as _;
        let text = self.0.trim();
        let bytes = if text.len() == 2 * N {
            hex::decode(text).ok()
        } else {
            base64::engine::general_purpose::STANDARD.decode(text).ok()
        };
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| anyhow::anyhow!("must be {N} bytes in base64 or hexadecimal (openssl rand -base64 {N})"))
    }
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file it should be in.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// As the setting says it.
        path: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// There is nothing in that file.
    #[error("{0} is empty")]
    Empty(String),
}

/// The secret itself, or `file:PATH`: what is in that file, without the line end behind it. Container platforms hand
/// secrets over as files, which show neither in `docker inspect` nor in `/proc/PID/environ`.
impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(raw: &str) -> Result<Self, SecretError> {
        let Some(path) = raw.strip_prefix("file:") else {
            return Ok(Self::new(raw));
        };
        let text =
            fs::read_to_string(path).map_err(|cause| SecretError::Unreadable { path: path.to_owned(), cause })?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() { Err(SecretError::Empty(path.to_owned())) } else { Ok(Self::new(secret)) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Reads a whole number of seconds, at least one; the value parser of every `…_SECS` setting.
///
/// # Errors
/// Not a whole number, or zero.
pub fn seconds(raw: &str) -> Result<Duration, String> {
    match raw.parse::<u64>() {
        Ok(0) => Err("must be at least 1 second".to_owned()),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => Err("must be a whole number of seconds".to_owned()),
    }
}

/// Like [`seconds`], and zero is allowed: the setting can be switched off.
///
/// # Errors
/// Not a whole number.
pub fn seconds_or_none(raw: &str) -> Result<Duration, String> {
    if raw == "0" { Ok(Duration::ZERO) } else { seconds(raw) }
}

/// Reads a share of a whole, from 0 to 1.
///
/// # Errors
/// Not a number, or outside of that.
pub fn share(raw: &str) -> Result<f64, String> {
    let share: f64 = raw.parse().map_err(|_| "must be a number".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must be from 0 to 1".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("hunter2");

        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_can_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let parse = |name: &str| format!("file:{}", folder.path().join(name).display()).parse::<Secret>();
        fs::write(folder.path().join("key"), "hunter2 \r\n").unwrap();
        fs::write(folder.path().join("nothing"), "\n").unwrap();

        assert_eq!(parse("key").unwrap().expose(), "hunter2 ");
        assert!(parse("nothing").unwrap_err().to_string().ends_with("nothing is empty"));
        assert!(parse("missing").unwrap_err().to_string().starts_with("cannot read /"));
        assert_eq!("hunter2".parse::<Secret>().unwrap().expose(), "hunter2");
    }

    #[test]
    fn a_key_is_the_same_in_base64_and_in_hexadecimal() {
        let key = [0xa5; 32];

        assert_eq!(Secret::new("paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=\n").key().ok(), Some(key));
        assert_eq!(Secret::new("A5".repeat(32)).key().ok(), Some(key));
        assert!(Secret::new("xy".repeat(32)).key::<32>().is_err());
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused_without_repeating_it() {
        let error = Secret::new("c2hvcnQ=").key::<32>().unwrap_err();

        assert!(error.to_string().contains("32 bytes"));
        assert!(!error.to_string().contains("c2hvcnQ"));
    }

    #[test]
    fn seconds_refuse_zero_and_words() {
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        assert!(seconds("0").is_err());
        assert!(seconds("ten").is_err());
        assert_eq!(seconds_or_none("0"), Ok(Duration::ZERO));
    }
}
