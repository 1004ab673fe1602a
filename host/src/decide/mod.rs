//! One decision: the only place where a release, the engine and the checking of answers meet.
//!
//! Knows no transport. The webhook, the checks of a policy and the command line all decide through here, so that what an
//! author sees is what the server does.

mod check;

pub use check::{Check, CheckError, Mismatch};

use std::time::Duration;

use crate::{
    catalogue::Release,
    contract::{Answer, Decision, Fault, FaultKind, Refusal, Request},
    engine::LogLine,
    wire::Response,
};

/// What a decision came to, with what its owner wants to know of it.
#[derive(Debug)]
pub struct Decided {
    /// The outcome.
    pub verdict: Verdict,
    /// What the policy logged.
    pub log: Vec<LogLine>,
    /// How many lines did not fit into the log.
    pub log_dropped: usize,
    /// How long instance and call took.
    pub elapsed: Duration,
    /// Bytes of linear memory the instance ended with.
    pub memory: usize,
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

/// Asks a release where a device goes, and checks that DPS could take the answer.
pub async fn decide(release: &Release, request: &Request<'_>) -> Decided {
    let run = release.program.allocate(request, &release.surroundings, &release.limits).await;
    let verdict = match run.result {
        Ok(Answer::Decision(decision)) => allocated(release, request, decision),
        Ok(Answer::Refusal(refusal)) => Verdict::Refused(refusal),
        Err(fault) => Verdict::Faulted(fault),
    };
    Decided { verdict, log: run.log, log_dropped: run.log_dropped, elapsed: run.elapsed, memory: run.memory }
}

fn allocated(release: &Release, request: &Request<'_>, decision: Decision) -> Verdict {
    let invalid = |message: String| Verdict::Faulted(Fault::new(FaultKind::InvalidAnswer, message));
    let Some(hub) = request.linked_hub(&decision.hub) else {
        return invalid(unknown_hub(&decision.hub, &request.linked_hubs));
    };
    match Response::write(hub, &decision, release.limits.json_depth, release.limits.answer) {
        Ok(response) => Verdict::Allocated { hub: hub.to_owned(), response, reasons: decision.reasons },
        Err(error) => invalid(error.to_string()),
    }
}

fn unknown_hub(hub: &str, linked: &[&str]) -> String {
    let linked = linked.join(", ");
    if hub.is_empty() {
        format!("the policy named no hub; the linked hubs are {linked}")
    } else {
        let hub: String = hub.chars().take(100).collect();
        format!("the policy chose the hub `{hub}`, which is not linked; the linked hubs are {linked}")
    }
}
