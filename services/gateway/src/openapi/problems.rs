//! Every problem anything behind the gateway answers with.

use std::collections::BTreeMap;

use portico_common::error::{ProblemKind, kinds};
use serde::Deserialize;
use serde_json::{Value, json};

use super::merge::Part;

/// A kind of problem, and who answers with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownProblem {
    pub code: String,
    pub title: String,
    pub status: u16,
    pub services: Vec<String>,
}

/// A service's declaration, in its document's `x-problems`.
#[derive(Deserialize)]
struct Declared {
    code: String,
    title: String,
    status: u16,
}

impl KnownProblem {
    pub fn to_value(&self) -> Value {
        json!({ "code": self.code, "title": self.title, "status": self.status, "services": self.services })
    }
}

/// The gateway's own, those every service has, and those the documents declare; the first to declare a code
/// says what it means.
pub(super) fn known(parts: &[Part<'_>]) -> BTreeMap<String, KnownProblem> {
    let mut known = BTreeMap::new();
    for kind in crate::problems::ALL {
        add(&mut known, "gateway", declared(kind));
    }
    for kind in kinds::ALL {
        add(&mut known, "every service", declared(kind));
    }
    for part in parts {
        let list = part.document["x-problems"].as_array();
        for problem in list.into_iter().flatten() {
            if let Ok(problem) = Declared::deserialize(problem) {
                add(&mut known, part.name, problem);
            }
        }
    }
    known
}

fn declared(kind: &ProblemKind) -> Declared {
    Declared { code: kind.code.to_owned(), title: kind.title.to_owned(), status: kind.status }
}

fn add(known: &mut BTreeMap<String, KnownProblem>, service: &str, problem: Declared) {
    let Declared { code, title, status } = problem;
    let entry = known.entry(code.clone()).or_insert_with(|| KnownProblem { code, title, status, services: Vec::new() });
    entry.services.push(service.to_owned());
}
