use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use serde_json::Value;

use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file of an editor: JSON, in which comments may have lines of their own.
fn json(path: &str) -> Value {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    serde_json::from_str(&lines.join("\n")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether words are a command that this checkout has: a script in it, or one of Cargo, whose own arguments must be right
/// where it starts a program of ours.
fn is_there(words: &[&str]) -> bool {
    let is_understood = |arguments: &[&str]| {
        let arguments = arguments.strip_prefix(&["--"]).unwrap_or(arguments);
        Cli::try_parse_from([&["portico"], arguments].concat()).is_ok()
    };
    match words {
        ["cargo", "portico", arguments @ ..] => {
            let config = fs::read_to_string(root().join(".cargo/config.toml")).unwrap();
            config.contains("\nportico = \"run ") && is_understood(arguments)
        }
        ["cargo", "run", arguments @ ..] => is_understood(arguments),
        ["cargo", "test" | "doc", ..] => true,
        [script, ..] => root().join(script).is_file(),
        [] => false,
    }
}

#[test]
fn every_task_of_an_editor_starts_something_that_is_there() {
    let tasks = [json(".vscode/tasks.json")["tasks"].clone(), json(".zed/tasks.json")];

    let labels = tasks.map(|tasks| {
        let tasks = tasks.as_array().unwrap().clone();
        for task in &tasks {
            let arguments = task["args"].as_array().unwrap().iter();
            let words: Vec<_> =
                [&task["command"]].into_iter().chain(arguments).map(|word| word.as_str().unwrap()).collect();
            assert!(is_there(&words), "{words:?}");
        }
        tasks.iter().map(|task| task["label"].to_string()).collect::<Vec<_>>()
    });

    assert!(labels[0].len() >= 8 && labels[0] == labels[1], "{labels:?}");
    assert!(!is_there(&["cargo", "portico", "doktor"]) && !is_there(&[".ci/walk"]) && !is_there(&["make"]));
}

#[test]
fn git_keeps_what_editors_read() {
    for path in [".vscode/tasks.json", ".vscode/extensions.json", ".zed/tasks.json", ".devcontainer/devcontainer.json"]
    {
        let ignored = Process::new("git").args(["check-ignore", "--quiet", path]).current_dir(root()).status().unwrap();
        assert!(!ignored.success(), "{path} is ignored");
    }
}

#[test]
fn the_container_for_development_has_the_toolchain_and_the_ports_of_the_suite() {
    let container = json(".devcontainer/devcontainer.json");
    let text = |pointer: &str| container.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
    let dockerfile = fs::read_to_string(root().join(".devcontainer").join(text("/build/dockerfile"))).unwrap();
    let toolchain: toml::Table = fs::read_to_string(root().join("rust-toolchain.toml")).unwrap().parse().unwrap();
    let Command::Up(up) = Cli::try_parse_from(["portico", "up"]).unwrap().command.unwrap() else { panic!("not up") };

    let image = format!("ARG RUST_IMAGE=rust:{}-", toolchain["toolchain"]["channel"].as_str().unwrap());
    assert!(dockerfile.contains(&image), "{image}");
    assert!(dockerfile.ends_with(&format!("\nUSER {}\n", text("/remoteUser"))), "the container is used as root");
    let ports: Vec<u16> = serde_json::from_value(container["forwardPorts"].clone()).unwrap();
    assert_eq!(ports, [up.port, up.dev_port]);
    let command = text("/postCreateCommand");
    assert!(is_there(&command.split(' ').collect::<Vec<_>>()), "{command}");
    for mount in container["mounts"].as_array().unwrap() {
        let target = mount["target"].as_str().unwrap();
        assert!(dockerfile.contains(&format!(" {target} ")), "nobody may write to {target}");
    }
    assert_eq!(container["mounts"][1]["target"], format!("{}/target", text("/workspaceFolder")));
}

#[test]
fn bash_completes_a_command() {
    let mut script = Vec::new();
    completions(Shell::Bash, &mut script);
    let script = String::from_utf8(script).unwrap();
    let Ok(checked) = Process::new("bash").args(["-n", "-c", &script]).output() else { return };
    assert!(checked.status.success(), "{checked:?}");

    let ask = r#"COMP_WORDS=(portico db pre) COMP_CWORD=2; _portico portico pre db; echo "${COMPREPLY[*]}""#;
    let asked = Process::new("bash").args(["-c", &format!("{script}\n{ask}")]).output().unwrap();

    assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "prepare", "{asked:?}");
}
