//! Every kind of problem, from the lists in code that answers are made from.

use std::collections::{BTreeMap, BTreeSet};

use portico_common::error::kinds;
use portico_gateway::problems;
use serde::Deserialize;

use super::{code, page, table};
use crate::service::Service;

const INTRODUCTION: &str = "\
Every error is an RFC 9457 problem with one of these codes: `code` names it, `type` is `/problems/CODE`, where the gateway explains it.
`title` is always the same for a code, `detail` says what it was this time. [api.md](../api.md) has the rules.";

/// What the lists say of a kind.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    status: u16,
    code: String,
    title: String,
}

/// The page.
///
/// # Errors
/// A document cannot be read.
pub fn errors(services: &[Service]) -> anyhow::Result<String> {
    let mut told = vec![("any", serde_json::to_value(kinds::ALL)?), ("gateway", serde_json::to_value(problems::ALL)?)];
    for service in services {
        told.push((service.name(), serde_json::to_value(service.api())?["x-problems"].take()));
    }
    let mut known: BTreeMap<Kind, BTreeSet<&str>> = BTreeMap::new();
    for (who, kinds) in told {
        for kind in Vec::<Kind>::deserialize(kinds)? {
            known.entry(kind).or_default().insert(who);
        }
    }
    let rows: Vec<_> = known.iter().map(|(kind, who)| row(kind, who)).collect();
    let statuses: BTreeSet<_> = known.keys().map(|kind| kind.status).collect();
    let advice: Vec<_> =
        statuses.into_iter().map(|status| vec![status.to_string(), problems::advice(status).to_owned()]).collect();
    let codes = table(&["Status", "Code", "When", "From"], &rows);
    let advice = table(&["Status", "What a client does"], &advice);
    Ok(page("Errors", INTRODUCTION, &format!("## Codes\n\n{codes}\n## What to do\n\n{advice}")))
}

fn row(kind: &Kind, who: &BTreeSet<&str>) -> Vec<String> {
    let who: Vec<_> = who.iter().copied().collect();
    vec![kind.status.to_string(), code(&kind.code), kind.title.clone(), who.join(", ")]
}
