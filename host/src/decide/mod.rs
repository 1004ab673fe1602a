//! One decision: the only place where a release, the engine and the checking of answers meet.
//!
//! Knows no transport. The webhook, the checks of a policy and the command line all decide through here, so that what an
//! author sees is what the server does.

mod check;
mod fallback;

pub use check::{Check, CheckError, Checked, Mismatch, Outcome};
pub use fallback::{FellBack, Ruling, rule};

use std::time::{Duration, Instant};

use crate::{
    catalogue::Release,
    contract::{Answer, Decision, Fault, FaultKind, JsonFlaw, Limit, Limits, Overrun, Refusal, Request},
    engine::{LogLine, Run},
    metrics::Phase,
    wire::{Response, ResponseError},
};

/// What a decision came to, with what its owner wants to know of it.
#[derive(Debug)]
pub struct Decided {
    /// The outcome.
    pub verdict: Verdict,
    /// What the decision left behind.
    pub trail: Trail,
}

/// What a decision leaves behind for the policy's owner.
#[derive(Debug, Default)]
pub struct Trail {
    /// What the policy logged.
    pub log: Vec<LogLine>,
    /// How many lines did not fit into the log.
    pub log_dropped: usize,
    /// How long instance and call took.
    pub elapsed: Duration,
    /// Bytes of linear memory the instance ended with.
    pub memory: usize,
    /// Bytes of it that were not there when the instance was made.
    pub grown: usize,
    /// Fuel it used, if the engine counts it.
    pub fuel: Option<u64>,
    /// When its phases began, as far as they were timed.
    pub phases: Vec<(Phase, Instant)>,
}

/// The outcome of a decision.
#[derive(Debug)]
pub enum Verdict {
    /// The device goes to a hub.
    Allocated {
        /// The hub, spelled as DPS spells it.
        hub: String,
        /// The answer to DPS.
        response: Response,
        /// Why, in the policy's words.
        reasons: Vec<String>,
    },
    /// The policy says no.
    Refused(Refusal),
    /// The policy failed.
    Faulted(Fault),
}

/// Where a release's program runs.
pub trait Runs: Sync {
    /// Asks the release where a device goes.
    fn run(&self, release: &Release, request: &Request<'_>) -> impl Future<Output = Run<Answer>> + Send;
}

/// On this thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Here {
    /// Whether its phases are timed.
    pub timed: bool,
}

impl Runs for Here {
    async fn run(&self, release: &Release, request: &Request<'_>) -> Run<Answer> {
        release.program.allocate(request, &release.surroundings, &release.limits, self.timed).await
    }
}

/// Asks a release where a device goes, and checks that DPS could take the answer.
pub async fn decide(release: &Release, request: &Request<'_>) -> Decided {
    decide_with(&Here::default(), release, request).await
}

/// The same, wherever it runs.
async fn decide_with(runs: &impl Runs, release: &Release, request: &Request<'_>) -> Decided {
    let mut run = runs.run(release, request).await;
    if !run.phases.is_empty() {
        run.phases.push((Phase::Check, Instant::now()));
    }
    let verdict = match run.result {
        Ok(Answer::Decision(decision)) => allocated(&release.limits, request, decision),
        Ok(Answer::Refusal(refusal)) => Verdict::Refused(refusal),
        Err(fault) => Verdict::Faulted(fault),
    };
    let trail = Trail {
        log: run.log,
        log_dropped: run.log_dropped,
        elapsed: run.elapsed,
        memory: run.memory,
        grown: run.grown,
        fuel: run.fuel,
        phases: run.phases,
    };
    Decided { verdict, trail }
}

fn allocated(limits: &Limits, request: &Request<'_>, decision: Decision) -> Verdict {
    match response(limits, request, &decision) {
        Ok((hub, response)) => Verdict::Allocated { hub, response, reasons: decision.reasons },
        Err(fault) => Verdict::Faulted(fault),
    }
}

/// The hub as DPS spells it, and the answer to DPS.
///
/// # Errors
///
/// Why DPS could not take the answer.
pub fn response(limits: &Limits, request: &Request<'_>, decision: &Decision) -> Result<(String, Response), Fault> {
    let invalid = |message: String| Fault::new(FaultKind::InvalidAnswer, message);
    let hub =
        request.linked_hub(&decision.hub).ok_or_else(|| invalid(unknown_hub(&decision.hub, &request.linked_hubs)))?;
    let written = Response::write(hub, decision, limits.json_depth, limits.answer);
    let response = written.map_err(|error| Fault { overrun: overrun(&error, limits), ..invalid(error.to_string()) })?;
    Ok((hub.to_owned(), response))
}

fn overrun(error: &ResponseError, limits: &Limits) -> Option<Overrun> {
    match error {
        ResponseError::TooLarge { bytes, .. } => Some(Limit::Answer.overrun(limits, Some(*bytes as u64))),
        ResponseError::Flaw { source: JsonFlaw::TooDeep { .. }, .. } => Some(Limit::JsonDepth.overrun(limits, None)),
        _ => None,
    }
}

/// The hub that a device prefers, by the rendezvous hash that policies in Rust have too. `None` among none.
fn spread<'a>(device: &str, hubs: &[&'a str]) -> Option<&'a str> {
    let score = |hub: &str| berth_sdk::hub_score(device, hub, 1.0);
    hubs.iter().copied().reduce(|best, next| {
        let earlier_name = || next.to_ascii_lowercase() < best.to_ascii_lowercase();
        let (ahead, behind) = (score(next), score(best));
        if ahead > behind || (ahead == behind && earlier_name()) { next } else { best }
    })
}

fn unknown_hub(hub: &str, linked: &[&str]) -> String {
    let linked = linked.join(", ");
    if hub.is_empty() {
        format!("the policy named no hub; the linked hubs are {linked}")
    } else {
        let hub: String = hub.chars().take(100).flat_map(char::escape_debug).collect();
        format!(
            "the policy chose the hub `{hub}`, which is not linked; the linked hubs are {linked}: choose one of these, or link \
             that hub to DPS (`az iot dps linked-hub create`)"
        )
    }
}
