//! The settings of every binary, from the definitions that `--help` prints.

use clap::CommandFactory as _;

use super::commands::Sections;
use super::page;
use crate::service::Service;

const INTRODUCTION: &str = "\
Each setting is an environment variable, or an option, which comes first. A secret can be `file:PATH`: what is in that file.
What is neither required nor has a default is off, or decided as its text says.
[operating.md](../operating.md) says which belong together, and what they are for.";

/// The page about the gateway and these services.
pub fn settings(services: &[Service]) -> String {
    let gateway = std::iter::once(portico_gateway::Command::command());
    let binaries = gateway.chain(services.iter().map(|service| service.command()));
    let sections = binaries.map(|binary| Sections::of(&binary, binary.get_name(), " ", |_| true));
    page("Settings", INTRODUCTION, &sections.collect::<String>())
}
