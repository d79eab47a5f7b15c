//! What the services are built from, looked at again and again.
//!
//! It is some hundred files, and a look costs a few milliseconds; what it takes to be told of changes instead is more code,
//! and differs from system to system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

const EVERY: Duration = Duration::from_millis(300);
/// What is looked at, in the checkout.
const ROOTS: [&str; 6] = ["Cargo.toml", "Cargo.lock", ".sqlx", "crates", "migrations", "services"];

/// The files, each with when it was changed and how long it is.
pub type Sources = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// The files as they are now.
pub async fn look(root: &Path) -> Sources {
    let root = root.to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        let mut found = Sources::new();
        for name in ROOTS {
            add(&root.join(name), &mut found);
        }
        found
    });
    looking.await.unwrap_or_default()
}

fn add(path: &Path, found: &mut Sources) {
    // One that has just gone is none.
    let Ok(about) = fs::metadata(path) else { return };
    if !about.is_dir() {
        found.insert(path.to_owned(), (about.modified().ok(), about.len()));
        return;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name() != "target") {
        add(&entry.path(), found);
    }
}

/// Waits until something is not as it is `known`, and then until nothing changes any more; tells which files changed.
pub async fn changed(root: &Path, known: &mut Sources) -> Vec<PathBuf> {
    let mut before = known.clone();
    loop {
        sleep(EVERY).await;
        let now = look(root).await;
        if now == before && now != *known {
            let paths = now.keys().chain(known.keys());
            let mut changed: Vec<_> = paths.filter(|path| now.get(*path) != known.get(*path)).cloned().collect();
            changed.sort();
            changed.dedup();
            *known = now;
            return changed;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_and_a_new_and_a_removed_file_are_told() {
        let root = std::env::temp_dir().join(format!("portico-sources-{}", std::process::id()));
        let folder = root.join("services/product/src");
        fs::create_dir_all(&folder).unwrap();
        for name in ["changed.rs", "gone.rs", "same.rs"] {
            fs::write(folder.join(name), "a").unwrap();
        }
        let mut known = look(&root).await;

        fs::write(folder.join("changed.rs"), "ab").unwrap();
        fs::write(folder.join("new.rs"), "a").unwrap();
        fs::remove_file(folder.join("gone.rs")).unwrap();
        let changed = changed(&root, &mut known).await;

        let names: Vec<_> = changed.iter().map(|path| path.file_name().unwrap().to_string_lossy()).collect();
        assert_eq!(names, ["changed.rs", "gone.rs", "new.rs"]);
        assert_eq!(known, look(&root).await);
        fs::remove_dir_all(&root).unwrap();
    }
}
