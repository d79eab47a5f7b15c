//! Whoever is woken by an alarm finds a page that says what to do: the templates of `deploy/aws`, held to `docs/runbooks`.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The last rung, which no alarm asks for by itself.
const WITHOUT_ALARM: &str = "restore";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder with such an end, by name without it, and what is in them.
fn files(folder: &str, end: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let named = entries.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(end)?.to_owned();
        Some((name, fs::read_to_string(&path).unwrap()))
    });
    named.collect()
}

/// An alarm of a template: the end of its name, and the page its description names.
#[derive(Debug)]
struct Alarm {
    name: String,
    page: String,
}

fn alarms() -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for (template, text) in files("deploy/aws", ".yaml") {
        let after_type = text.split("Type: AWS::CloudWatch::").skip(1);
        for block in after_type.filter(|block| block.starts_with("Alarm") || block.starts_with("CompositeAlarm")) {
            let value = |key: &str| {
                let line = block.lines().take(8).find_map(|line| line.trim().strip_prefix(key));
                line.unwrap_or_else(|| panic!("an alarm of {template} has no {key}"))
                    .trim()
                    .trim_matches('"')
                    .to_owned()
            };
            let name = value("AlarmName: !Sub ").replace("${Name}-", "").replace("portico-${Environment}-", "");
            alarms.push(Alarm { name: name.trim_matches('"').to_owned(), page: value("AlarmDescription: ") });
        }
    }
    assert!(alarms.len() > 20, "{alarms:?}");
    alarms
}

#[test]
fn every_alarm_has_a_page_that_names_it_and_says_what_to_do() {
    for Alarm { name, page } in alarms() {
        let text = fs::read_to_string(root().join(&page)).unwrap_or_else(|error| panic!("{name}: {page}: {error}"));
        for part in ["## What it means", "## Look", "## Do", "## Afterwards"] {
            assert!(text.contains(part), "{page} has no {part:?}");
        }
        let plain = name.trim_end_matches("-long").trim_end_matches("-short");
        let names_it = text.lines().any(|line| line.starts_with("Alarms: ") && line.contains(&format!("{plain}`")));
        assert!(names_it, "{page} does not name {plain}");
    }
}

#[test]
fn every_page_is_that_of_an_alarm_and_in_the_list() {
    let used: BTreeSet<_> = alarms().into_iter().map(|alarm| alarm.page).collect();
    let list = fs::read_to_string(root().join("docs/runbooks/README.md")).unwrap();

    for (name, _) in files("docs/runbooks", ".md").into_iter().filter(|(name, _)| name != "README") {
        assert!(name == WITHOUT_ALARM || used.contains(&format!("docs/runbooks/{name}.md")), "{name} has no alarm");
        assert!(list.contains(&format!("({name}.md)")), "{name} is not in the list");
    }
}
