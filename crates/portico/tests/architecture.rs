//! The arrows and sizes of `docs/architecture.md`, held by reading the sources.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

/// From the outermost to the innermost; a file may use those to its right.
const LAYERS: [&str; 5] = ["http", "actions", "store", "model", "error"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folders of `services/`.
fn services() -> Vec<String> {
    let folders = fs::read_dir(root().join("services")).unwrap();
    let names: Vec<_> = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name == "gateway"), "{names:?}");
    names
}

/// The sources of what is made of features: every service, what services have in common, and the template.
fn crates_of_features() -> Vec<PathBuf> {
    let services = services().into_iter().map(|service| root().join("services").join(service).join("src"));
    let others = ["crates/service/src", "templates/service/services/workshop/src"].map(|folder| root().join(folder));
    services.chain(others).collect()
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
    for service in services() {
        let manifest = manifest(&format!("services/{service}/Cargo.toml"));
        let used: Vec<_> = dependencies(&manifest).into_iter().filter(|name| ours(name)).collect();
        let allowed = ["portico-common", "portico-service"];
        assert!(used.iter().all(|name| allowed.contains(&name.as_str())), "services/{service}: {used:?}");
    }
    let shared = dependencies(&manifest("crates/service/Cargo.toml"));
    let shared: Vec<_> = shared.into_iter().filter(|name| ours(name)).collect();
    assert_eq!(shared, ["portico-common"], "crates/service");
    let common = dependencies(&manifest("crates/common/Cargo.toml"));
    assert!(!common.iter().any(|name| ours(name)), "{common:?}");
    for path in ["common", "service"].iter().flat_map(|name| sources(&root().join("crates").join(name).join("src"))) {
        for service in services() {
            let name = format!("portico_{}", service.replace('-', "_"));
            assert!(!code(&path).contains(&name), "{} names {name}", path.display());
        }
    }
}

/// Every path that a file names: its imports, one by one, and what it calls by a longer path.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in code.split("use ").skip(1) {
        let tree = statement.split(';').next().unwrap();
        if tree.starts_with("crate::") || tree.starts_with("super::") {
            let tree: String = tree.split_whitespace().collect();
            expand("", &tree, &mut found);
        }
    }
    for root in ["crate::", "super::"] {
        let calls = code.match_indices(root).map(|(at, _)| &code[at..]);
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        found.extend(calls.map(|call| call.split(|c| !is_path(c)).next().unwrap().to_owned()));
    }
    found
}

/// Writes the paths of an import such as `a::{b, c::{d, e}}` one by one.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        found.push(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let (mut depth, mut start) = (0, open + 1);
    for (at, char) in tree.char_indices().skip(open + 1) {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => {
                expand(&prefix, &tree[start..at], found);
                return;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &tree[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
}

#[test]
fn imports_are_read_one_by_one() {
    let code = "use super::{Foo, http};\nuse crate::{accounts::{self, store}, x};\nfn f() { crate::a::http::g() }";

    let paths = paths(code);

    for path in ["super::Foo", "super::http", "crate::accounts::store", "crate::x", "crate::a::http::g"] {
        assert!(paths.iter().any(|found| found == path), "{path} in {paths:?}");
    }
}

#[test]
fn inside_a_feature_arrows_point_from_http_to_error() {
    let mut checked = 0;
    for src in crates_of_features() {
        for path in sources(&src) {
            let layer = path.file_stem().unwrap().to_string_lossy().into_owned();
            let Some(depth) = LAYERS.iter().position(|name| *name == layer) else { continue };
            for used in paths(&code(&path)) {
                let inner = used.strip_prefix("super::").and_then(|rest| rest.split("::").next());
                let is_outer = inner.is_some_and(|inner| LAYERS[..depth].contains(&inner));
                assert!(!is_outer, "{} uses {used}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} files have a layer");
}

#[test]
fn features_see_each_other_only_through_their_mod_file() {
    for src in crates_of_features().into_iter().filter(|src| !src.starts_with(root().join("services/gateway"))) {
        for path in sources(&src) {
            let feature = path.strip_prefix(&src).unwrap().components().next().unwrap();
            let feature = feature.as_os_str().to_string_lossy().into_owned();
            // routes.rs lists the handlers of all features.
            if feature == "routes.rs" {
                continue;
            }
            for used in paths(&code(&path)) {
                let mut segments = used.strip_prefix("crate::").unwrap_or_default().split("::");
                let (other, inner) = (segments.next().unwrap(), segments.next().unwrap_or_default());
                let reaches_in = other != feature && LAYERS.contains(&inner);
                assert!(!reaches_in, "{} reaches into {used}", path.display());
            }
        }
    }
}

#[test]
fn models_know_neither_http_nor_sql_and_sql_is_in_stores() {
    for src in crates_of_features().into_iter().filter(|src| !src.starts_with(root().join("services/gateway"))) {
        for path in sources(&src) {
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
    let lines: usize =
        sources(&src).iter().map(|path| code(path).lines().filter(|line| !line.is_empty()).count()).sum();
    assert!(lines < 3_100, "common has {lines} lines of code");
    for refused in ["util", "utils", "helpers", "misc", "types", "prelude"] {
        assert!(!library.contains(&format!("mod {refused};")), "`{refused}` says nothing");
    }
}
