//! `portico template diff`: what a newer release of the template changes, for a project that was made from it.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use crate::git;
use crate::project::{Project, cargo};
use crate::rename::Mark;

/// Prints a patch from the commit that the project was made from to `to`, both renamed as the project is. `from` is a clone or
/// the address of the template.
///
/// # Errors
/// The project does not say what it was made from, or the template cannot be fetched or has no such commit.
pub fn diff(project: &Project, from: Option<&str>, to: &str) -> anyhow::Result<()> {
    let mark = Mark::read(&project.root)?;
    let scratch = tempfile::tempdir()?;
    let from = from.map_or_else(|| format!("https://github.com/{}", mark.repository), str::to_owned);
    git::ask(scratch.path(), &["clone", "--quiet", &from, "template"])?;
    let template = scratch.path().join("template");
    let commit = git::ask(&template, &["rev-parse", "--verify", "--quiet", &format!("{to}^{{commit}}")]);
    let commit = commit.with_context(|| format!("the template has no `{to}`"))?.trim().to_owned();
    let old = renamed(&template, &mark, &origin(project, &template, &mark)?)?;
    let new = renamed(&template, &mark, &commit)?;
    // The lock follows from the manifests and from what the project has added.
    let patch = git::ask(&template, &["diff", "--binary", "--full-index", &old, &new, "--", ".", ":!Cargo.lock"])?;
    ensure!(!patch.is_empty(), "the project is at {to} already");
    std::io::stdout().write_all(patch.as_bytes())?;
    eprintln!("apply it with `git apply --3way`, look over what conflicts, and run `cargo test --workspace`");
    Ok(())
}

/// The commit of the template that the project was made from. A copy without the history of the template, such as *Use this
/// template* makes, begins with a commit of its own, whose files say which one it is.
fn origin(project: &Project, template: &Path, mark: &Mark) -> anyhow::Result<String> {
    let known = git::ask(template, &["rev-parse", "--verify", "--quiet", &format!("{}^{{commit}}", mark.commit)]);
    if known.is_ok() {
        return Ok(mark.commit.clone());
    }
    let first = files(&project.root, &mark.commit)?;
    for commit in git::ask(template, &["rev-list", "--all"])?.lines() {
        if files(template, commit)? == first {
            return Ok(commit.to_owned());
        }
    }
    bail!("the template has neither the commit {} nor one with its files", mark.commit)
}

/// The files of a commit with the ids of what is in them, but for the one that `cargo generate` does not copy.
fn files(root: &Path, commit: &str) -> anyhow::Result<Vec<String>> {
    let listed = git::ask(root, &["ls-tree", "-r", "-z", commit])?;
    Ok(listed.split('\0').filter(|line| !line.ends_with("\tcargo-generate.toml")).map(str::to_owned).collect())
}

/// The tree of a commit, renamed and marked as the project is.
fn renamed(template: &Path, mark: &Mark, commit: &str) -> anyhow::Result<String> {
    git::ask(template, &["checkout", "--quiet", "--force", "--detach", commit])?;
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(template.join("Cargo.toml"))?)?;
    let version = manifest.get("workspace").and_then(|workspace| workspace.get("package")?.get("version")?.as_str());
    let at = Mark { commit: commit.to_owned(), version: version.unwrap_or_default().to_owned(), ..mark.clone() };
    at.words().rename(template)?;
    at.write(template)?;
    cargo(template, &["fmt", "--all"])?;
    git::ask(template, &["add", "--all"])?;
    let tree = git::ask(template, &["write-tree"])?.trim().to_owned();
    git::ask(template, &["reset", "--quiet", "--hard"])?;
    Ok(tree)
}
