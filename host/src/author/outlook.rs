//! What DPS makes of an answer: what becomes of the device, of its first twin and of the payload.
//!
//! Told from the request alone, by what is documented of DPS: the same answer moves one device, and leaves another where it
//! is.

use crate::{
    contract::{AllocationPolicy, Assignment, Enrollment, Fallback, ProvisioningStatus, Refusal, Request},
    decide::{Ruling, Verdict},
    webhook::Problem,
};

/// What DPS does with the answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The status that DPS hears.
    pub status: u16,
    /// The code in the answer's body, if it is no decision.
    pub code: Option<&'static str>,
    /// After how many seconds DPS is told to ask again.
    pub retry_after: Option<u32>,
    /// What becomes of the device.
    pub device: String,
    /// What becomes of its twin, if it gets to a hub.
    pub twin: Option<TwinFate>,
    /// Whether the device hears the answer's payload.
    pub payload_arrives: bool,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// What becomes of the twin at a device's hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwinFate {
    /// It starts from the answer's initial twin.
    Answers,
    /// It starts from the enrollment's initial twin, since the answer has none.
    Enrollments,
    /// It starts empty, since neither has one.
    Empty,
    /// It stays or moves as it is; no initial twin counts.
    Kept {
        /// Why.
        because: &'static str,
    },
}

impl TwinFate {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Enrollments => "enrollments",
            Self::Empty => "empty",
            Self::Kept { .. } => "kept",
        }
    }
}

impl Outlook {
    /// What DPS does with what a request came to, at a policy with this fallback.
    #[must_use]
    pub fn of(request: &Request<'_>, ruling: &Ruling, fallback: Fallback) -> Self {
        let mut outlook = match &ruling.decided.verdict {
            Verdict::Allocated { hub, response, .. } => assigned(request, hub, response.as_bytes()),
            Verdict::Refused(refusal) => refused(refusal),
            Verdict::Faulted(fault) => {
                let problem = Problem::Fault(fault.clone());
                asked_again(&problem)
            }
        };
        if let Some(fell_back) = &ruling.fell_back {
            outlook
                .notes
                .insert(0, format!("this is the answer of the fallback `{}`: the policy failed", fell_back.to));
        } else if let Verdict::Faulted(_) = ruling.decided.verdict {
            outlook.notes.insert(0, no_fallback(fallback).to_owned());
        }
        outlook.notes.extend(about(&request.enrollment));
        outlook
    }
}

/// Why a fault has no other answer.
fn no_fallback(fallback: Fallback) -> &'static str {
    match fallback {
        Fallback::Retry => "a fault is answered so, since the policy's fallback is `retry`",
        Fallback::PreviousVersion => {
            "the fallback `previous-version` has no answer here: on a server, the version that served before would decide"
        }
        Fallback::KeepCurrentHub => {
            "the fallback `keep-current-hub` has no answer: the device has no hub that is linked"
        }
        Fallback::Spread => "the fallback `spread` has no answer: the device has to stay at a hub that is not linked",
        Fallback::Reject => "the fallback `reject` has no answer",
    }
}

fn assigned(request: &Request<'_>, hub: &str, response: &[u8]) -> Outlook {
    let answer: serde_json::Value = serde_json::from_slice(response).unwrap_or_default();
    let has_twin = answer.get("initialTwin").is_some_and(|twin| !twin.is_null());
    let resets = request.enrollment.reprovision_policy.is_some_and(|policy| !policy.migrate_device_data);
    let starts = match (has_twin, &request.enrollment.initial_twin) {
        (true, _) => TwinFate::Answers,
        (false, Some(_)) => TwinFate::Enrollments,
        (false, None) => TwinFate::Empty,
    };
    let kept = |because| TwinFate::Kept { because };
    let (device, twin) = match request.assignment {
        Assignment::First => (format!("is assigned to {hub}"), starts),
        Assignment::Pinned(current) => {
            let otherwise = match current.hub.eq_ignore_ascii_case(hub) {
                true => String::new(),
                false => format!(", not {hub}"),
            };
            (
                format!(
                    "stays at {}{otherwise}: its enrollment's reprovision policy never moves a device",
                    current.hub
                ),
                kept("the device keeps its hub"),
            )
        }
        Assignment::MayMove(current) if current.hub.eq_ignore_ascii_case(hub) => {
            (format!("stays at {}", current.hub), kept("the device keeps its hub"))
        }
        Assignment::MayMove(current) if resets => {
            (format!("moves from {} to {hub} and starts anew there", current.hub), starts)
        }
        Assignment::MayMove(current) => (
            format!("moves from {} to {hub}, its data with it", current.hub),
            kept("the device's data moves along (`migrateDeviceData`)"),
        ),
    };
    let mut notes = Vec::new();
    if let (true, TwinFate::Kept { because }) = (has_twin, twin) {
        notes.push(format!("DPS ignores the answer's initialTwin: {because}"));
    }
    let payload_arrives = answer.get("payload").is_some();
    Outlook { status: 200, code: None, retry_after: None, device, twin: Some(twin), payload_arrives, notes }
}

fn refused(refusal: &Refusal) -> Outlook {
    let problem = Problem::Refused(refusal.clone());
    match refusal {
        Refusal::RetryLater { .. } => asked_again(&problem),
        Refusal::Reject { .. } => {
            let reply = problem.reply();
            Outlook {
                device: "is turned away: its registration fails with error 400207".to_owned(),
                ..failure(reply.status.as_u16(), reply.code, None)
            }
        }
    }
}

/// What is answered with a status from 429 on.
fn asked_again(problem: &Problem) -> Outlook {
    let reply = problem.reply();
    Outlook {
        device: "waits: DPS asks again, ten times over about seven minutes, then its registration fails".to_owned(),
        ..failure(reply.status.as_u16(), reply.code, reply.retry_after)
    }
}

fn failure(status: u16, code: &'static str, retry_after: Option<u32>) -> Outlook {
    let device = String::new();
    Outlook { status, code: Some(code), retry_after, device, twin: None, payload_arrives: false, notes: Vec::new() }
}

/// What the enrollment says against the request ever being made.
fn about<'a>(enrollment: &'a Enrollment<'_>) -> impl Iterator<Item = String> + use<'a> {
    let disabled = matches!(enrollment.provisioning_status, Some(ProvisioningStatus::Disabled));
    let other_policy = !matches!(enrollment.allocation_policy, None | Some(AllocationPolicy::Custom));
    [
        disabled.then(|| "DPS would not ask: the enrollment is disabled".to_owned()),
        other_policy.then(|| "DPS would not ask: the enrollment's allocationPolicy is not `custom`".to_owned()),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        contract::{Decision, InitialTwin},
        decide::{Decided, Trail},
        wire::{Body, Response},
    };

    const HERE: &str = "here.azure-devices.net";
    const THERE: &str = "there.azure-devices.net";

    /// What DPS does with a decision for a hub, with a twin, for a device that is at `current`.
    fn outlook(current: Option<&str>, policy: serde_json::Value, hub: &str) -> Outlook {
        let mut context = json!({"registrationId": "d", "symmetricKey": {}});
        if let Some(current) = current {
            context["currentIotHubHostName"] = current.into();
        }
        let mut enrollment = json!({"enrollmentGroupId": "g", "attestation": {"type": "symmetricKey"}});
        if !policy.is_null() {
            enrollment["reprovisionPolicy"] = policy;
        }
        let body = json!({"enrollmentGroup": enrollment, "deviceRuntimeContext": context, "linkedHubs": [HERE, THERE]});
        let text = body.to_string();
        let body = Body::parse(text.as_bytes(), 64).unwrap();
        let twin = InitialTwin { tags: Some("{}".to_owned()), desired_properties: None };
        let decision = Decision { hub: hub.to_owned(), initial_twin: Some(twin), payload: None, reasons: Vec::new() };
        let response = Response::write(hub, &decision, 64, 1000).unwrap();
        let verdict = Verdict::Allocated { hub: hub.to_owned(), response, reasons: Vec::new() };
        let decided = Decided { verdict, trail: Trail::default() };
        let ruling = Ruling { decided, version: None, fell_back: None, standing: None };
        Outlook::of(&body.request(), &ruling, Fallback::Retry)
    }

    fn moves(update: bool, migrate: bool) -> serde_json::Value {
        json!({"updateHubAssignment": update, "migrateDeviceData": migrate})
    }

    #[test]
    fn a_twin_counts_at_the_first_assignment_and_at_a_reset_only() {
        let twin = |current, policy, hub| outlook(current, policy, hub).twin.unwrap();
        assert_eq!(twin(None, json!(null), HERE), TwinFate::Answers);
        assert_eq!(twin(Some(HERE), moves(true, false), THERE), TwinFate::Answers);
        for (policy, hub) in [
            (moves(true, true), THERE),
            (json!(null), THERE),
            (moves(true, false), HERE),
            (moves(false, false), THERE),
            (moves(false, true), HERE),
        ] {
            assert!(matches!(twin(Some(HERE), policy, hub), TwinFate::Kept { .. }));
        }
    }

    #[test]
    fn a_device_moves_only_if_it_may() {
        let device = |policy| outlook(Some(HERE), policy, THERE).device;
        assert!(device(moves(false, true)).starts_with("stays at here.azure-devices.net, not there."));
        assert!(device(moves(true, true)).ends_with("to there.azure-devices.net, its data with it"));
        assert!(device(moves(true, false)).ends_with("starts anew there"));
        assert_eq!(
            outlook(Some("HERE.azure-devices.net"), json!(null), HERE).device,
            "stays at HERE.azure-devices.net"
        );
        assert!(outlook(Some(HERE), moves(true, true), THERE).notes[0].starts_with("DPS ignores"));
    }
}
