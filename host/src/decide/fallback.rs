//! What a policy answers, with the fallback of its release where it fails.
//!
//! The one place where a fault turns into something else. What comes of a fallback is checked as a policy's own answer is.

use std::time::Instant;

use super::{Decided, Runs, Trail, Verdict, allocated, decide_with, spread};
use crate::{
    catalogue::{Attempt, Policy, Serving, Standing},
    contract::{Assignment, Decision, Digest, Fallback, Fault, FaultKind, Limits, Refusal, Request},
};

/// What a policy's request came to.
#[derive(Debug)]
pub struct Ruling {
    /// The outcome, and what the policy left behind.
    pub decided: Decided,
    /// The version that was asked, or whose fallback it is. `None` if none serves.
    pub version: Option<Digest>,
    /// The fault that this is instead of, if it is a fallback's outcome.
    pub fell_back: Option<FellBack>,
    /// How the release stands from now on, if this changed it.
    pub standing: Option<Standing>,
}

/// An answer in place of a fault.
#[derive(Debug)]
pub struct FellBack {
    /// Whose answer it is.
    pub to: Fallback,
    /// What it is in place of.
    pub fault: Fault,
}

/// Asks a policy where a device goes, wherever its releases run, and answers as its release says if it fails. What the
/// release's fallback has no answer to stays a fault.
pub async fn rule(runs: &impl Runs, policy: &Policy, request: &Request<'_>) -> Ruling {
    let serving = policy.serving.as_ref();
    let (mut decided, attempt) = match serving {
        Some(serving) => attempt(runs, serving, request).await,
        None => {
            let failure = policy.failure.as_ref().map(|failed| failed.failure.to_string());
            let why = failure.unwrap_or_else(|| "the policy is still being verified".to_owned());
            (failed(FaultKind::Load, why), None)
        }
    };
    // Only once all is done: if this is given up on the way, it is begun again elsewhere, and counts there.
    let end = |faulted| attempt.and_then(|attempt| attempt.end(faulted, Instant::now()));
    let mut version = serving.map(|serving| serving.release.version);
    let fault = match decided.verdict {
        Verdict::Faulted(fault) => fault,
        _ => return Ruling { decided, version, fell_back: None, standing: end(false) },
    };
    let to = policy.fallback;
    // Not the policy's fault: whatever ended the process may have been another's. So no device is rejected for it, and it is
    // held against nobody.
    let ours = fault.kind == FaultKind::Lost;
    let instead = if ours && to == Fallback::Reject { None } else { fall_back(runs, to, policy, request).await };
    let fell_back = match instead {
        Some((verdict, other)) => {
            decided.verdict = verdict;
            version = other.or(version);
            Some(FellBack { to, fault })
        }
        None => {
            decided.verdict = Verdict::Faulted(fault);
            None
        }
    };
    Ruling { decided, version, fell_back, standing: if ours { None } else { end(true) } }
}

/// Asks what serves, if it is not set aside. How it went is for the caller to say.
async fn attempt<'a>(runs: &impl Runs, serving: &'a Serving, request: &Request<'_>) -> (Decided, Option<Attempt<'a>>) {
    let Some(attempt) = serving.release.breaker.begin(Instant::now()) else {
        return (
            failed(FaultKind::SetAside, "the policy failed too often in a row and is not asked for a while"),
            None,
        );
    };
    (decide_with(runs, &serving.release, request).await, Some(attempt))
}

fn failed(kind: FaultKind, why: impl Into<String>) -> Decided {
    Decided { verdict: Verdict::Faulted(Fault::new(kind, why)), trail: Trail::default() }
}

/// The fallback's answer, and the version that gave it if it was one. `None` if it has none to this request.
async fn fall_back(
    runs: &impl Runs,
    to: Fallback,
    policy: &Policy,
    request: &Request<'_>,
) -> Option<(Verdict, Option<Digest>)> {
    let current = match request.assignment {
        Assignment::First => None,
        Assignment::MayMove(current) | Assignment::Pinned(current) => Some(current.hub),
    };
    let hub = match to {
        Fallback::Retry => return None,
        Fallback::Reject => {
            let message = "the policy failed, and its fallback is to reject the device".to_owned();
            return Some((Verdict::Refused(Refusal::Reject { message }), None));
        }
        Fallback::PreviousVersion => {
            let previous = policy.previous.as_ref()?;
            return match decide_with(runs, previous, request).await.verdict {
                Verdict::Faulted(_) => None,
                verdict => Some((verdict, Some(previous.version))),
            };
        }
        Fallback::KeepCurrentHub => current?,
        // A device that has to stay is not spread.
        Fallback::Spread if matches!(request.assignment, Assignment::Pinned(_)) => current?,
        Fallback::Spread => spread(request.registration_id, &request.linked_hubs)?,
    };
    let decision = Decision { hub: hub.to_owned(), initial_twin: None, payload: None, reasons: Vec::new() };
    let serving = policy.serving.as_ref();
    let limits = serving.map_or_else(Limits::default, |serving| serving.release.limits);
    match allocated(&limits, request, decision) {
        Verdict::Faulted(_) => None,
        verdict => Some((verdict, None)),
    }
}
