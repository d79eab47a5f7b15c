//! Whether what came of a case is what may come of it.

use anyhow::{Context as _, bail, ensure};

use super::answers::{self, Answer};
use super::case::{Case, End, Expect, From};
use super::stage::Heard;
use crate::helpers::Arrival;

/// The codes of the gateway's refusals, by their status.
const CODES: [(u16, &[&str]); 11] = [
    (400, &["invalid_request", "invalid_target"]),
    (401, &["unauthenticated", "invalid_token"]),
    (404, &["route_not_found"]),
    (405, &["method_not_allowed"]),
    (408, &["body_too_slow", "headers_too_slow"]),
    (413, &["body_too_large"]),
    (414, &["target_too_long"]),
    (417, &["expectation_failed", "invalid_request"]),
    (431, &["headers_too_large"]),
    (501, &["upgrade_not_supported", "method_not_supported"]),
    (505, &["version_not_supported", "invalid_request"]),
];

/// Compares what a client heard, and what arrived under which numbers at the upstream, with what a case expects.
///
/// # Errors
/// They differ, or one of the promises that hold for every case is broken.
pub fn judge(case: &Case, heard: &Heard, arrivals: &[(usize, Arrival)]) -> anyhow::Result<()> {
    let is_to_head = case.bytes.starts_with(b"HEAD ");
    let (answers, rest) = answers::split(&heard.bytes, is_to_head)?;
    ensure!(rest.is_empty(), "an answer breaks off: \"{}\"", rest.escape_ascii());
    let summary = || summary(&answers, arrivals);
    check_pairs(&answers, arrivals).with_context(summary)?;
    check_answers(&case.expect, &answers, is_to_head).with_context(summary)?;
    check_end(case, &answers, heard, arrivals).with_context(summary)?;
    check_first(&case.expect, arrivals).with_context(summary)
}

/// Every request that arrived in full has its answer with the client, in order, and there is no other.
fn check_pairs(answers: &[Answer], arrivals: &[(usize, Arrival)]) -> anyhow::Result<()> {
    let answered: Vec<_> = answers.iter().filter_map(Answer::arrival).collect();
    let arrived: Vec<_> = arrivals.iter().filter(|(_, arrival)| arrival.is_whole).map(|(number, _)| *number).collect();
    ensure!(answered == arrived, "answered are {answered:?}, arrived {arrived:?}");
    Ok(())
}

fn check_answers(expect: &Expect, answers: &[Answer], is_to_head: bool) -> anyhow::Result<()> {
    for (place, from) in expect.answers.iter().enumerate() {
        match (from, answers.get(place)) {
            (From::Perhaps(_), None) => {}
            (_, None) => bail!("answer {place} of {from:?} is missing"),
            (From::Upstream | From::Either(_), Some(answer)) if answer.arrival().is_some() => {}
            (From::Gateway(statuses) | From::Either(statuses) | From::Perhaps(statuses), Some(answer)) => {
                ensure!(answer.arrival().is_none(), "answer {place} is the upstream's");
                ensure!(statuses.contains(&answer.status), "answer {place} is {}, not {statuses:?}", answer.status);
                check_problem(answer, is_to_head && place == 0)?;
            }
            (From::Upstream, Some(answer)) => bail!("answer {place} is the gateway's {}", answer.status),
        }
    }
    Ok(())
}

fn check_problem(answer: &Answer, is_to_head: bool) -> anyhow::Result<()> {
    let Some((_, codes)) = CODES.iter().find(|(status, _)| *status == answer.status) else {
        ensure!(answer.status < 400, "no refusal has the status {}", answer.status);
        return Ok(());
    };
    let media_type = answer.field("content-type");
    ensure!(media_type == "application/problem+json", "{} is of type {media_type:?}", answer.status);
    let code = answer.code();
    ensure!(is_to_head || codes.contains(&code.as_str()), "the code of {} is {code:?}", answer.status);
    Ok(())
}

fn check_end(case: &Case, answers: &[Answer], heard: &Heard, arrivals: &[(usize, Arrival)]) -> anyhow::Result<()> {
    let Expect { answers: expected, end, may_break, .. } = &case.expect;
    let more = answers.get(expected.len()..).unwrap_or_default();
    let is_victim = |answer: &Answer| answer.arrival().is_some() && answer.body.ends_with(b" GET /v1/open/victim");
    match (end, more) {
        (End::Closes | End::MayGoOn, []) => {}
        (End::GoesOn | End::MayGoOn, [victim]) if is_victim(victim) => {}
        (End::GoesOn, []) => bail!("the victim is not answered"),
        (_, more) => bail!("unexpected: {}", summary(more, &[])),
    }
    if *end == End::Closes {
        let is_refused = answers.last().is_some_and(|answer| answer.arrival().is_none());
        ensure!(heard.is_closed, "the connection is not closed");
        // Of a fault within a body it may be too late to say so.
        let says_so = *may_break || answers.last().is_some_and(Answer::closes);
        ensure!(!is_refused || says_so, "the refusal does not say that it closes");
    }
    let broken = arrivals.iter().filter(|(_, arrival)| !arrival.is_whole).count();
    ensure!(broken <= usize::from(*may_break), "{broken} requests arrived in part");
    Ok(())
}

fn check_first(expect: &Expect, arrivals: &[(usize, Arrival)]) -> anyhow::Result<()> {
    let Some((_, first)) = arrivals.first().filter(|(_, first)| first.target != "/v1/open/victim") else {
        return Ok(());
    };
    // Of a request that was cut, the body is what had come by then.
    if let Some(body) = expect.body.as_ref().filter(|_| first.is_whole) {
        ensure!(first.body == *body, "the body arrived as \"{}\"", first.body.escape_ascii());
    }
    if let Some(line) = &expect.line {
        let arrived = format!("{} {}", first.method, first.target);
        ensure!(arrived == *line, "it arrived as {arrived}");
    }
    Ok(())
}

/// Who answered what, and what arrived.
fn summary(answers: &[Answer], arrivals: &[(usize, Arrival)]) -> String {
    let answers = answers.iter().map(|answer| match answer.arrival() {
        Some(_) => String::from_utf8_lossy(&answer.body).into_owned(),
        None => format!("{} {}", answer.status, answer.code()),
    });
    let broken = arrivals.iter().filter(|(_, arrival)| !arrival.is_whole);
    let broken = broken.map(|(number, arrival)| format!("part of {number} {} {}", arrival.method, arrival.target));
    format!("[{}]", answers.chain(broken).collect::<Vec<_>>().join(", "))
}
