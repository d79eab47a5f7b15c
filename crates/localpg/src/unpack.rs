//! Unpacks the archive's `native` folder, whatever the umask, and never outside of where it is told to.

use std::{
    fs::{self, Permissions},
    io::{self, Read},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde::Deserialize;
use tar::{Archive, EntryType};

/// Everything of interest in the archive is below this folder.
const ROOT: &str = "native";

/// Archives of this kind carry no links; they list them for an install script, which we stand in for.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Unpacks into a folder that exists and is empty.
pub(crate) fn unpack(archive: &[u8], into: &Path) -> io::Result<()> {
    open(into)?;
    let mut links = Vec::new();
    for entry in Archive::new(GzDecoder::new(archive)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if path.ends_with(Path::new(ROOT).join("pg-symlinks.json")) {
            let mut json = String::new();
            entry.read_to_string(&mut json)?;
            links = serde_json::from_str(&json)?;
        } else if let Ok(path) = path.strip_prefix(Path::new("package").join(ROOT))
            && entry.header().entry_type() == EntryType::Regular
        {
            let path = inside(path)?;
            make_parents(into, &path)?;
            entry.unpack(into.join(path))?;
        }
    }
    links.iter().try_for_each(|link| make_link(into, link))
}

/// A path that leads nowhere but down.
fn inside(path: &Path) -> io::Result<PathBuf> {
    let leads_down = path.components().all(|part| matches!(part, Component::Normal(_)));
    if leads_down && path.file_name().is_some() {
        return Ok(path.to_owned());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("the archive has the unsafe path {}", path.display())))
}

fn make_parents(into: &Path, path: &Path) -> io::Result<()> {
    let parents: Vec<_> = path.ancestors().skip(1).filter(|parent| *parent != Path::new("")).collect();
    for parent in parents.into_iter().rev().map(|parent| into.join(parent)) {
        if !parent.is_dir() {
            fs::create_dir(&parent)?;
            open(&parent)?;
        }
    }
    Ok(())
}

/// Where root unpacks, another user runs what is in it.
pub(crate) fn open(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))
}

fn make_link(into: &Path, link: &Link) -> io::Result<()> {
    let below_root = |path: &Path| path.strip_prefix(ROOT).map_err(io::Error::other).and_then(inside);
    let (existing, link) = (below_root(&link.source)?, below_root(&link.target)?);
    let up: PathBuf = link.components().skip(1).map(|_| Component::ParentDir).collect();
    make_parents(into, &link)?;
    match symlink(up.join(existing), into.join(link)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::packed;

    #[test]
    fn files_keep_their_mode_and_links_are_made() {
        let into = tempfile::tempdir().unwrap();
        let links = br#"[{"source":"native/lib/libx.so.1","target":"native/lib/libx.so"}]"#;
        let archive = packed(&[
            ("package/README.md", 0o644, b"text"),
            ("package/native/bin/postgres", 0o755, b"program"),
            ("package/native/lib/libx.so.1", 0o644, b"library"),
            ("package/native/pg-symlinks.json", 0o644, links),
        ]);

        unpack(&archive, into.path()).unwrap();

        let mode = |path: &str| fs::metadata(into.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("bin"), mode("bin/postgres"), mode("lib/libx.so.1")), (0o755, 0o755, 0o644));
        assert_eq!(fs::read(into.path().join("lib/libx.so")).unwrap(), b"library");
        assert!(!into.path().join("README.md").exists());
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        let into = tempfile::tempdir().unwrap();
        let archive = packed(&[("package/native/../../out", 0o644, b"x")]);

        let error = unpack(&archive, into.path()).unwrap_err();

        assert!(error.to_string().contains("unsafe path"), "{error}");
    }

    #[test]
    fn a_link_that_leads_out_is_refused() {
        let into = tempfile::tempdir().unwrap();
        let links = br#"[{"source":"native/../../etc/passwd","target":"native/lib/libx.so"}]"#;
        let archive = packed(&[("package/native/pg-symlinks.json", 0o644, links)]);

        let error = unpack(&archive, into.path()).unwrap_err();

        assert!(error.to_string().contains("unsafe path"), "{error}");
    }
}
