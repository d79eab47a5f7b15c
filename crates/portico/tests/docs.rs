//! The documents, held together: what a link leads to is there, and so is the heading it names.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A document's links, and the anchors of its headings.
struct Document {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every document of the repository below `folder`.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | ".git" | ".portico" | "node_modules" | ".venv") {
            found.extend(documents(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") && !name.ends_with("-template.md") {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> Document {
    let text = fs::read_to_string(path).unwrap();
    let (mut links, mut anchors, mut heading) = (Vec::new(), BTreeSet::new(), None::<String>);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => heading.iter_mut().for_each(|heading| heading.push_str(&text)),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap());
                let twins = (1..).map(|count| format!("{anchor}-{count}"));
                let unused = std::iter::once(anchor.clone()).chain(twins).find(|name| !anchors.contains(name));
                anchors.extend(unused);
            }
            _ => {}
        }
    }
    Document { links, anchors }
}

/// What GitHub makes of a heading: letters in lower case, spaces as hyphens, no punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let documents: BTreeMap<_, _> = documents(&root()).into_iter().map(|path| (path.clone(), read(&path))).collect();
    assert!(documents.len() > 30, "{} documents", documents.len());
    let mut broken = Vec::new();

    for (path, document) in &documents {
        let inside = document.links.iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
        for link in inside {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let target = target.canonicalize().ok().filter(|target| target.starts_with(root()));
            let is_good = target.is_some_and(|target| {
                anchor.is_empty() || documents.get(&target).is_some_and(|document| document.anchors.contains(anchor))
            });
            if !is_good {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }

    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn anchors_are_those_that_github_makes() {
    assert_eq!(anchor("What is known of it"), "what-is-known-of-it");
    assert_eq!(anchor("0007: In the gateway, a `request`"), "0007-in-the-gateway-a-request");
    assert_eq!(anchor("Über_uns - now!"), "über_uns---now");
}

#[test]
fn every_page_is_in_the_book() {
    let docs = root().join("docs");
    let summary = docs.join("SUMMARY.md");
    let listed = read(&summary).links.into_iter().map(|link| docs.join(link)).collect::<BTreeSet<_>>();

    let pages = documents(&docs).into_iter().filter(|page| *page != summary).collect::<BTreeSet<_>>();

    let missing = pages.difference(&listed).collect::<Vec<_>>();
    assert!(missing.is_empty(), "docs/SUMMARY.md lacks {missing:#?}");
}

/// The Rust files below a folder.
fn code(folder: PathBuf) -> Vec<String> {
    let mut folders = vec![folder];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// The names of every function in the Rust files of the repository.
fn functions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for code in code(root()) {
        let names = code.split("fn ").skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name);
        found.extend(names.map(str::to_owned));
    }
    found
}

#[test]
fn every_test_that_the_page_on_consistency_names_exists() {
    let page = fs::read_to_string(root().join("docs/consistency.md")).unwrap();
    let functions = functions();

    let quoted = page.split('`').skip(1).step_by(2);
    let is_test =
        |name: &&str| name.matches('_').count() > 2 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let named = quoted.filter(is_test).collect::<BTreeSet<_>>();

    let missing = named.iter().filter(|name| !functions.contains(**name)).collect::<Vec<_>>();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named.len() > 40, "{} tests are named", named.len());
}

#[test]
fn the_diagram_of_types_shows_what_is_in_the_code() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let diagram = page.split("classDiagram").nth(1).unwrap().split("```").next().unwrap();
    let mut shown = 0;

    for package in diagram.split("namespace ").skip(1) {
        let name = package.split_whitespace().next().unwrap().trim_start_matches("portico_");
        let folder = [root().join("services").join(name), root().join("crates").join(name)]
            .into_iter()
            .find(|folder| folder.exists());
        let files = code(folder.unwrap_or_else(|| panic!("there is no package {name}")).join("src"));
        for class in package.split("class ").skip(1) {
            let mut words = class.split_whitespace().map(|word| word.split('(').next().unwrap());
            let kind = words.next().unwrap();
            let is_its =
                |file: &&String| [" ", "(", "<", ";"].iter().any(|end| file.contains(&format!("struct {kind}{end}")));
            let file = files.iter().find(is_its).unwrap_or_else(|| panic!("there is no type {kind} in {name}"));
            let members = words.skip_while(|word| *word != "{").skip(1).take_while(|word| *word != "}");
            for member in members.filter(|word| !word.ends_with(')')) {
                let is_there = file.contains(&format!("fn {member}(")) || file.contains(&format!(" {member}:"));
                assert!(is_there, "{kind} of {name} has no {member}");
                shown += 1;
            }
        }
    }

    assert!(shown > 30, "{shown} members are shown");
}

#[test]
fn every_test_and_command_that_the_pages_of_quality_name_exists() {
    let pages = ["docs/owasp.md", "docs/quality.md"].map(|page| fs::read_to_string(root().join(page)).unwrap());
    let functions = functions();

    let mut rows = 0;
    let is_row =
        |line: &&str| line.starts_with("| ") && !line.starts_with("| Risk") && !line.starts_with("| Character");
    for row in pages.iter().flat_map(|page| page.lines().filter(is_row)) {
        let shown = row.split('|').nth(3).unwrap();
        let names: Vec<_> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row} names nothing");
        for name in names {
            let is_there = if name.contains('/') { root().join(name).exists() } else { functions.contains(name) };
            assert!(is_there, "{name} is not there: {row}");
        }
        rows += 1;
    }
    assert_eq!(rows, 30 + 24);
}
