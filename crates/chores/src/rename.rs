//! `portico rename`: turns a clone into a project of one's own, by one word in the place of another everywhere.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use heck::ToUpperCamelCase as _;
use serde::{Deserialize, Serialize};

use crate::git;
use crate::project::{Project, cargo};

/// What the project is called now.
const NAME: &str = "portico";
/// Where it is kept: owner and repository.
const REPOSITORY: &str = "portico-rs/portico";
/// Whose name stays: licences name the authors, and the mark says what the project was made from.
const KEPT: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", MARK];
/// Says what the project was made from.
const MARK: &str = ".template.json";

/// What a project was made from; `portico template diff` reads it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mark {
    /// What the template is called.
    pub template: String,
    /// Where it is kept: owner and repository on GitHub.
    pub repository: String,
    /// Its version.
    pub version: String,
    /// The commit that the project began from.
    pub commit: String,
    /// What the project is called.
    pub name: String,
    /// Where the project is kept.
    pub own_repository: String,
}

/// One word in the place of another, in each way that code writes it.
pub struct Words(Vec<(String, String)>);

impl Mark {
    /// Reads that of a project.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(root.join(MARK));
        let text = text.with_context(|| format!("there is no {MARK}, which `{NAME} rename` writes"))?;
        serde_json::from_str(&text).context(MARK)
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, root: &Path) -> anyhow::Result<()> {
        Ok(fs::write(root.join(MARK), serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// What turns the template into the project.
    pub fn words(&self) -> Words {
        Words::new((&self.template, &self.repository), (&self.name, &self.own_repository))
    }
}

impl Words {
    /// The words that turn a project into another.
    pub fn new((name, repository): (&str, &str), (new_name, new_repository): (&str, &str)) -> Self {
        let owner = |repository: &str| repository.split('/').next().unwrap_or_default().to_owned();
        Self(vec![
            // `repository` has the owner's name and the project's in it, so it comes first.
            (repository.to_owned(), new_repository.to_owned()),
            (owner(repository), owner(new_repository)),
            (name.to_owned(), new_name.to_owned()),
            (name.to_upper_camel_case(), new_name.to_upper_camel_case()),
            (name.to_uppercase(), new_name.to_uppercase()),
        ])
    }

    fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    }

    /// Renames in every tracked file below `root`, and the files and folders themselves.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn rename(&self, root: &Path) -> anyhow::Result<usize> {
        let mut changed = 0;
        for path in git::tracked(root)? {
            let kept = KEPT.iter().any(|kept| Path::new(kept) == path);
            let from = root.join(&path);
            if kept || from.is_symlink() || !from.is_file() {
                continue;
            }
            let to = root.join(self.apply(path.to_str().with_context(|| format!("{}", path.display()))?));
            // What is no text has no name in it.
            let Ok(text) = fs::read_to_string(&from) else { continue };
            let renamed = self.apply(&text);
            if to != from {
                fs::create_dir_all(to.parent().context("a file has a folder")?)?;
                fs::rename(&from, &to).with_context(|| to.display().to_string())?;
                remove_if_empty(from.parent());
            }
            if renamed != text {
                fs::write(&to, &renamed).with_context(|| to.display().to_string())?;
            }
            changed += usize::from(to != from || text != renamed);
        }
        Ok(changed)
    }
}

/// Removes the folders that nothing is left in.
fn remove_if_empty(folder: Option<&Path>) {
    let mut folder = folder;
    while let Some(path) = folder {
        if fs::remove_dir(path).is_err() {
            return;
        }
        folder = path.parent();
    }
}

/// Renames the project in the current checkout.
///
/// # Errors
/// The name cannot be had, something is not committed, or a file cannot be written.
pub fn rename(project: &Project, name: &str, repository: Option<&str>) -> anyhow::Result<()> {
    let root = &project.root;
    let own = repository.map_or_else(|| format!("{name}/{name}"), str::to_owned);
    check(root, name, &own)?;
    ensure!(git::is_clean(root)?, "there are changes that are not committed; commit them first");
    // A project that is renamed once more was still made from the same template.
    let mark = if root.join(MARK).exists() {
        Mark { name: name.to_owned(), own_repository: own.clone(), ..Mark::read(root)? }
    } else {
        Mark {
            template: NAME.to_owned(),
            repository: REPOSITORY.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: git::ask(root, &["rev-parse", "HEAD"])?.trim().to_owned(),
            name: name.to_owned(),
            own_repository: own.clone(),
        }
    };
    mark.write(root)?;
    let changed = Words::new((NAME, REPOSITORY), (name, &own)).rename(root)?;
    // Longer and shorter names break lines elsewhere, and sort elsewhere.
    cargo(root, &["fmt", "--all"])?;
    cargo(root, &["update", "--workspace", "--offline", "--quiet"])?;
    println!(
        "{changed} files say {name} now; {} stay as they are, for they say where this comes from",
        KEPT.join(", ")
    );
    println!("Look it over with `git status`, and commit. `cargo run` and `cargo {name} doctor` work as before.");
    Ok(())
}

fn check(root: &Path, name: &str, own: &str) -> anyhow::Result<()> {
    let is_word = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit())
        && (2..=20).contains(&name.len());
    ensure!(
        is_word,
        "`{name}` is no name for a project: one word of 2 to 20 letters a to z and digits, as images, databases and crates can have it"
    );
    ensure!(name != NAME, "it is called {NAME} already");
    ensure!(
        !name.contains(NAME) && !NAME.contains(name),
        "`{name}` and `{NAME}` are too much alike to be told apart later"
    );
    ensure!(syn::parse_str::<syn::Ident>(name).is_ok(), "`{name}` is a word of Rust");
    let locked: toml::Table = toml::from_str(&fs::read_to_string(root.join("Cargo.lock"))?)?;
    let crates = locked.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let mut names = crates.filter_map(|package| package.get("name")?.as_str()).chain(["std", "core", "alloc", "test"]);
    ensure!(!names.any(|taken| taken == name), "a crate that this depends on is called `{name}`");
    for folder in ["crates", "services", "."] {
        ensure!(!root.join(folder).join(name).exists(), "`{name}` is taken by {folder}/{name}");
    }
    let parts: Vec<_> = own.split('/').collect();
    let is_part =
        |part: &&str| !part.is_empty() && part.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char));
    ensure!(!own.contains(NAME), "`{own}` has the old name in it, which is replaced everywhere");
    if parts.len() != 2 || !parts.iter().all(is_part) {
        bail!("`{own}` is no repository: write OWNER/NAME");
    }
    Ok(())
}
