//! The arrows and sizes of `docs/architecture.md`, held by reading the sources.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

/// From the outermost to the innermost; a file may use those to its right.
const LAYERS: [&str; 5] = ["http", "actions", "store", "model", "error"];
const SERVICES: [&str; 4] = ["auth", "user", "product", "gateway"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Rust file of the repository below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

/// The code of a file, without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn manifest(path: &str) -> toml::Table {
    fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let tables = ["dependencies", "build-dependencies"].into_iter().filter_map(|name| manifest.get(name));
    tables.flat_map(|table| table.as_table().unwrap().keys().cloned()).collect()
}

#[test]
fn no_file_is_longer_than_400_lines_and_no_main_longer_than_30() {
    let sources = sources(&root());

    assert!(sources.len() > 100, "only {} sources were found", sources.len());
    for path in sources {
        let limit = if path.ends_with("src/main.rs") { 30 } else { 400 };
        let count = lines(&path);
        assert!(count < limit, "{} has {count} lines, the limit is {limit}", path.display());
    }
}

#[test]
fn services_do_not_depend_on_one_another_and_common_names_none() {
    let ours = |name: &str| name.starts_with("portico-");
    for service in SERVICES {
        let manifest = manifest(&format!("services/{service}/Cargo.toml"));
        let used: Vec<_> = dependencies(&manifest).into_iter().filter(|name| ours(name)).collect();
        assert_eq!(used, ["portico-common"], "services/{service}");
    }
    let common = dependencies(&manifest("crates/common/Cargo.toml"));
    assert!(!common.iter().any(|name| ours(name)), "{common:?}");
    for path in sources(&root().join("crates/common/src")) {
        for service in SERVICES {
            let name = format!("portico_{service}");
            assert!(!code(&path).contains(&name), "{} names {name}", path.display());
        }
    }
}

#[test]
fn inside_a_feature_arrows_point_from_http_to_error() {
    let mut checked = 0;
    for service in SERVICES {
        for path in sources(&root().join("services").join(service).join("src")) {
            let layer = path.file_stem().unwrap().to_string_lossy().into_owned();
            let Some(depth) = LAYERS.iter().position(|name| *name == layer) else { continue };
            let code = code(&path);
            for outer in &LAYERS[..depth] {
                let uses = [format!("super::{outer}::"), format!("super::{outer};"), format!("super::{{{outer}")];
                assert!(!uses.iter().any(|text| code.contains(text)), "{} uses {outer}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} files have a layer");
}

#[test]
fn features_see_each_other_only_through_their_mod_file() {
    for service in ["auth", "user", "product"] {
        let src = root().join("services").join(service).join("src");
        for path in sources(&src) {
            let feature = path.strip_prefix(&src).unwrap().components().next().unwrap();
            let feature = feature.as_os_str().to_string_lossy().into_owned();
            // routes.rs lists the handlers of all features.
            if feature == "routes.rs" {
                continue;
            }
            for (at, _) in code(&path).match_indices("crate::") {
                let code = code(&path);
                let mut segments = code[at..].split("::").skip(1);
                let (other, inner) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
                let reaches_in = other != feature
                    && LAYERS.iter().any(|layer| {
                        inner.starts_with(layer)
                            && !inner[layer.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
                    });
                assert!(!reaches_in, "{} reaches into crate::{other}::{inner}", path.display());
            }
        }
    }
}

#[test]
fn models_know_neither_http_nor_sql_and_sql_is_in_stores() {
    for service in ["auth", "user", "product"] {
        for path in sources(&root().join("services").join(service).join("src")) {
            let code = code(&path);
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == "model.rs" {
                assert!(!code.contains("axum::"), "{} knows axum", path.display());
            }
            let is_store =
                path.components().any(|part| part.as_os_str().to_string_lossy().trim_end_matches(".rs") == "store");
            let has_sql =
                ["query!(", "query_as!(", "query_scalar!(", "QueryBuilder"].iter().any(|text| code.contains(text));
            assert!(!has_sql || is_store, "{} has SQL outside a store", path.display());
        }
    }
}

#[test]
fn common_stays_small() {
    let src = root().join("crates/common/src");
    let library = fs::read_to_string(src.join("lib.rs")).unwrap();
    let modules = library.lines().filter(|line| line.starts_with("pub mod ")).count();

    assert!(modules <= 14, "common has {modules} modules");
    for refused in ["util", "utils", "helpers", "misc", "types", "prelude"] {
        assert!(!library.contains(&format!("mod {refused};")), "`{refused}` says nothing");
    }
}
