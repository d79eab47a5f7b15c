//! The commands of the checkout, from the definitions that `--help` prints.

use clap::{Arg, Command, CommandFactory as _};

use super::{code, page, table};
use crate::cli::Cli;

const INTRODUCTION: &str = "\
Two programs: `cargo run` starts the suite and needs it compiled, `cargo portico` does chores and does not.
The binaries of production and their settings are in [configuration.md](configuration.md).";

const HEAD: [&str; 4] = ["Option", "Variable", "Default", "Meaning"];

/// The page.
pub fn commands() -> String {
    let chores = portico_chores::Cli::command();
    // The runner can do the chores, too; they are told of once.
    let is_own = |command: &Command| chores.find_subcommand(command.get_name()).is_none();
    let runner = Sections::of(&Cli::command(), "cargo run", " -- ", is_own);
    page("Commands", INTRODUCTION, &(runner + &Sections::of(&chores, "cargo portico", " ", |_| true)))
}

/// A command and those below it, a heading each.
#[derive(Default)]
pub struct Sections {
    text: String,
    /// The headings so far, each with the options that are listed there.
    listed: Vec<(String, Vec<String>)>,
}

impl Sections {
    /// The sections of a program that is called as `name`, with `separator` before its commands, of which those are told
    /// of that `is_told`.
    pub fn of(program: &Command, name: &str, separator: &str, is_told: impl Fn(&Command) -> bool) -> String {
        let mut sections = Self::default();
        sections.add(program, name, 2);
        for command in program.get_subcommands().filter(|command| is_told(command)) {
            sections.add_all(command, &format!("{name}{separator}{}", command.get_name()));
        }
        sections.text
    }

    fn add_all(&mut self, command: &Command, name: &str) {
        self.add(command, name, 3);
        for below in command.get_subcommands() {
            self.add_all(below, &format!("{name} {}", below.get_name()));
        }
    }

    fn add(&mut self, command: &Command, name: &str, level: usize) {
        let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
        let options = self.options(command, name);
        let parts = [format!("{} `{name}`", "#".repeat(level)), sentence(&about), options];
        let parts = parts.iter().filter(|part| !part.is_empty()).map(|part| format!("{}\n\n", part.trim_end()));
        self.text.extend(parts);
    }

    /// What the command takes; only where it is, if another takes the same.
    fn options(&mut self, command: &Command, name: &str) -> String {
        let arguments: Vec<_> = command.get_arguments().filter(|argument| !argument.is_hide_set()).collect();
        let ids: Vec<_> = arguments.iter().map(|argument| argument.get_id().to_string()).collect();
        if ids.is_empty() {
            return String::new();
        }
        if let Some((same, _)) = self.listed.iter().find(|(_, listed)| *listed == ids) {
            return format!("Takes the same as `{same}`.");
        }
        self.listed.push((name.to_owned(), ids));
        table(&HEAD, &arguments.into_iter().map(row).collect::<Vec<_>>())
    }
}

fn row(argument: &Arg) -> Vec<String> {
    let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    vec![code(&option(argument)), code(&variable), default(argument), meaning(argument)]
}

/// As it is written on the command line.
fn option(argument: &Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let names = argument.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let value = names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" ");
    let name = argument.get_long().map(|name| format!("--{name}")).unwrap_or_default();
    [name, value].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn default(argument: &Arg) -> String {
    let values: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    match values.as_slice() {
        [] if argument.is_required_set() => "required".to_owned(),
        values => code(&values.join(",")),
    }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let help = sentence(&as_markdown(&help.split_whitespace().collect::<Vec<_>>().join(" ")));
    let values = argument.get_possible_values();
    if values.is_empty() || !argument.get_action().takes_values() {
        return help;
    }
    let values: Vec<_> = values.iter().map(|value| code(value.get_name())).collect();
    format!("{help} One of {}.", values.join(", "))
}

/// Help texts are Markdown already, but for what would be a link or a tag there.
fn as_markdown(help: &str) -> String {
    let parts = help.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 0 { part.replace('<', "\\<") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}

/// Ends with a full stop, which help texts leave out.
fn sentence(text: &str) -> String {
    if text.is_empty() || text.ends_with(['.', ':']) { text.to_owned() } else { format!("{text}.") }
}
