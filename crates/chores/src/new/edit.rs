//! A line more in files that people write, too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A file with lines to be put into it.
pub struct Edit {
    path: PathBuf,
    lines: Vec<String>,
    ends_with_newline: bool,
}

impl Edit {
    /// Opens `path` below `root`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(root: &Path, path: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let path = path.into();
        let text = fs::read_to_string(root.join(&path)).with_context(|| path.display().to_string())?;
        Ok(Self { path, ends_with_newline: text.ends_with('\n'), lines: text.lines().map(str::to_owned).collect() })
    }

    /// Puts text behind the last line that fits.
    ///
    /// # Errors
    /// None fits; what is to be written by hand is said.
    pub fn behind(self, fits: impl Fn(&str) -> bool, text: &str) -> anyhow::Result<Self> {
        let at = self.lines.iter().rposition(|line| fits(line)).map(|at| at + 1);
        self.put(at, text)
    }

    /// Puts text behind the last line that fits, of those between the line `head` and the next that `ends`.
    ///
    /// # Errors
    /// None fits; what is to be written by hand is said.
    pub fn behind_in(
        self,
        head: &str,
        ends: impl Fn(&str) -> bool,
        fits: impl Fn(&str) -> bool,
        text: &str,
    ) -> anyhow::Result<Self> {
        let at = self.lines.iter().position(|line| line == head).and_then(|start| {
            let rest = self.lines.iter().enumerate().skip(start + 1);
            rest.take_while(|(_, line)| !ends(line)).filter(|(_, line)| fits(line)).last().map(|(at, _)| at + 1)
        });
        self.put(at, text)
    }

    /// Puts text before the last line that fits.
    ///
    /// # Errors
    /// None fits; what is to be written by hand is said.
    pub fn before(self, fits: impl Fn(&str) -> bool, text: &str) -> anyhow::Result<Self> {
        let at = self.lines.iter().rposition(|line| fits(line));
        self.put(at, text)
    }

    /// Puts text at the end.
    #[must_use]
    pub fn at_end(mut self, text: &str) -> Self {
        self.lines.extend(text.lines().map(str::to_owned));
        self.ends_with_newline = true;
        self
    }

    /// The file as it is now.
    pub fn done(self) -> (PathBuf, String) {
        let end = if self.ends_with_newline { "\n" } else { "" };
        (self.path, self.lines.join("\n") + end)
    }

    fn put(mut self, at: Option<usize>, text: &str) -> anyhow::Result<Self> {
        let at = at.with_context(|| {
            format!(
                "{} is not as it was made, so write this into it by hand, commit, and try again:\n{text}",
                self.path.display()
            )
        })?;
        self.lines.splice(at..at, text.lines().map(str::to_owned));
        Ok(self)
    }
}
