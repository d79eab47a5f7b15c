//! The book: the documents in `docs`, as mdBook shows them.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::os::unix::process::CommandExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};
use serde_json::Value;

use crate::project::Project;

const MDBOOK: &str = "0.5.4";
/// What draws diagrams, once `npm ci` was called there, and where the book looks for it.
const MERMAID: &str = "tests/docs/node_modules/mermaid/dist/mermaid.min.js";
const MERMAID_OF_BOOK: &str = "docs/book/mermaid.min.js";

/// Builds the book into `target/book`. mdBook goes on in the place of this process.
///
/// # Errors
/// mdBook is missing, or another one.
pub fn build(project: &Project) -> anyhow::Result<()> {
    mdbook(project, &["build"])
}

/// Shows the book at a port of this machine, and again after each change, until Ctrl-C. mdBook goes on in the place of this process.
///
/// # Errors
/// mdBook is missing, or another one.
pub fn serve(project: &Project, port: u16) -> anyhow::Result<()> {
    println!("the book: http://{}", SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    mdbook(project, &["serve", "--hostname", "127.0.0.1", "--port", &port.to_string()])
}

fn mdbook(project: &Project, arguments: &[&str]) -> anyhow::Result<()> {
    let asked = Command::new("mdbook").arg("--version").output();
    let version = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).trim().to_owned()).unwrap_or_default();
    ensure!(is_fitting(&version), "{}: cargo install --locked mdbook --version {MDBOOK}", unfit(&version));
    if project.root.join(MERMAID).is_file() {
        fs::copy(project.root.join(MERMAID), project.root.join(MERMAID_OF_BOOK)).context(MERMAID_OF_BOOK)?;
    } else if !project.root.join(MERMAID_OF_BOOK).is_file() {
        println!("diagrams are shown as text; `npm ci --prefix tests/docs` fetches what draws them");
    }
    // It takes our place, so that a signal to us ends it too.
    let error = Command::new("mdbook").args(arguments).current_dir(project.root.join("docs")).exec();
    Err(error).context("mdbook")
}

/// Whether mdBook hands its book over in the form that is read here, which is settled for each minor version.
fn is_fitting(version: &str) -> bool {
    let minor =
        |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.trim_start_matches("mdbook v").to_owned());
    minor(version) == minor(MDBOOK)
}

fn unfit(version: &str) -> String {
    if version.is_empty() { "mdbook is missing".to_owned() } else { format!("{version} does not fit") }
}

/// Does what mdBook asks of a preprocessor: changes the book it writes to standard input.
///
/// # Errors
/// What comes is no book.
pub fn preprocess(project: &Project) -> anyhow::Result<()> {
    let mut given = String::new();
    io::stdin().read_to_string(&mut given)?;
    let (_, mut book): (Value, Value) = serde_json::from_str(&given).context("not a book of mdBook")?;
    let pages = Pages { root: project.root.clone(), repository: repository(project)? };
    pages.rewrite_all(&mut book);
    io::stdout().write_all(serde_json::to_string(&book)?.as_bytes())?;
    Ok(())
}

/// The address of the repository, as `Cargo.toml` names it.
fn repository(project: &Project) -> anyhow::Result<String> {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(project.root.join("Cargo.toml"))?)?;
    let address = manifest.get("workspace").and_then(|workspace| workspace.get("package")?.get("repository")?.as_str());
    address.map(str::to_owned).context("Cargo.toml names no repository")
}

struct Pages {
    root: PathBuf,
    repository: String,
}

impl Pages {
    fn rewrite_all(&self, book: &mut Value) {
        match book {
            Value::Array(parts) => parts.iter_mut().for_each(|part| self.rewrite_all(part)),
            Value::Object(fields) => {
                let path = fields.get("source_path").and_then(Value::as_str).map(|path| Path::new("docs").join(path));
                if let (Some(path), Some(Value::String(content))) = (path, fields.get_mut("content")) {
                    *content = self.rewrite(&path, content);
                }
                fields.values_mut().for_each(|part| self.rewrite_all(part));
            }
            _ => {}
        }
    }

    /// A page whose links lead to pages of the book or to the repository, and whose diagrams wait to be drawn.
    fn rewrite(&self, page: &Path, text: &str) -> String {
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    let at = text[range.clone()].rfind(&format!("({dest_url}")).map(|at| range.start + at + 1);
                    changes.extend(at.zip(self.target(page, &dest_url)).map(|(at, to)| (at..at + dest_url.len(), to)));
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) if &*language == "mermaid" => {
                    let block = &text[range.clone()];
                    let diagram = block.split_once('\n').map_or("", |(_, rest)| rest);
                    let diagram = diagram.trim_end().trim_end_matches('`');
                    let diagram = diagram.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                    changes.push((range, format!("<pre class=\"mermaid\">\n{diagram}</pre>\n")));
                }
                _ => {}
            }
        }
        let (mut rewritten, mut end) = (String::with_capacity(text.len()), 0);
        for (range, change) in changes {
            rewritten += &text[end..range.start];
            rewritten += &change;
            end = range.end;
        }
        rewritten + &text[end..]
    }

    /// Where a link has to lead in the book, if that is elsewhere: what is no page of it is in the repository, and the
    /// `README.md` of a folder is its `index.md`.
    fn target(&self, page: &Path, link: &str) -> Option<String> {
        let (file, anchor) = link.split_at(link.find('#').unwrap_or(link.len()));
        if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
            return None;
        }
        let path = normalized(&page.parent()?.join(file));
        let is_folder = self.root.join(&path).is_dir();
        if path.starts_with("docs") && !is_folder && !file.ends_with("-template.md") {
            return file.strip_suffix("README.md").map(|folder| format!("{folder}index.md{anchor}"));
        }
        let kind = if is_folder { "tree" } else { "blob" };
        Some(format!("{}/{kind}/main/{}{anchor}", self.repository, path.display()))
    }
}

fn normalized(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Pages { root, repository: "https://example.com/p".to_owned() }.rewrite(Path::new("docs/adr/page.md"), text)
    }

    #[test]
    fn a_patch_of_mdbook_does_not_matter_and_a_minor_version_does() {
        for good in ["mdbook v0.5.4", "mdbook v0.5.0", "mdbook v0.5.11"] {
            assert!(is_fitting(good), "{good}");
        }
        for bad in ["", "mdbook", "mdbook v0.4.52", "mdbook v0.6.0", "mdbook v1.5.4"] {
            assert!(!is_fitting(bad), "{bad}");
        }
    }

    #[test]
    fn links_that_leave_the_book_lead_to_the_repository() {
        let text = "[a](../api.md#x) [b](../../README.md#built) [`c`](../../crates) [d](https://e.f) [g](#h) `[i](../../README.md)` [j](README.md#k)";

        let wanted = "[a](../api.md#x) [b](https://example.com/p/blob/main/README.md#built) \
                      [`c`](https://example.com/p/tree/main/crates) [d](https://e.f) [g](#h) `[i](../../README.md)` [j](index.md#k)";
        assert_eq!(rewritten(text), wanted);
    }

    #[test]
    fn diagrams_wait_to_be_drawn_and_other_code_stays() {
        let text = "a\n\n```mermaid\nflowchart LR\n  a -->|\"<br/> & b\"| c\n```\n\n```sh\nls\n```\n";

        let wanted = "a\n\n<pre class=\"mermaid\">\nflowchart LR\n  a --&gt;|\"&lt;br/&gt; &amp; b\"| c\n</pre>\n\n\n```sh\nls\n```\n";
        assert_eq!(rewritten(text), wanted);
    }
}
