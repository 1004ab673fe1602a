//! What a policy's request came to, as an answer.

use std::time::SystemTime;

use axum::{
    body::Body as HttpBody,
    http::{HeaderValue, Response as HttpResponse},
};
use tracing::warn;

use super::{About, Problem, Webhook, dropped, log_decision, respond, text};
use crate::{
    catalogue::{Counts, LastFault, Standing},
    contract::{Fault, FaultKind},
    decide::{Decided, FellBack, Ruling, Trail, Verdict},
    engine::LogLine,
    http::{RequestId, shorten},
    metrics::Phase,
};

/// The header that says which fallback answered.
const FALLBACK: &str = "x-berth-fallback";

impl Webhook {
    /// Counts and logs what a policy's request came to, and answers it.
    pub(super) fn conclude(
        &self,
        id: RequestId,
        about: &mut About<'_>,
        ruling: Ruling,
        device: &str,
    ) -> Result<HttpResponse<HttpBody>, Problem> {
        let Ruling { decided: Decided { verdict, trail }, version, fell_back, standing } = ruling;
        about.standing = standing;
        for (phase, began) in &trail.phases {
            about.account.timer.entered(*phase, *began);
        }
        about.account.timer.enters(Phase::Log);
        let shown = version.as_ref().filter(|_| self.intake.version_header);
        let policy = about.policy.clone();
        let release = policy.as_ref().and_then(|policy| policy.serving.as_ref()).map(|serving| &serving.release.counts);
        let counts = [release, policy.as_ref().map(|policy| &*policy.counts)].into_iter().flatten();
        if let Some(fell_back) = fell_back {
            counts.for_each(|counts| {
                counts.faulted(fell_back.fault.kind);
                counts.fell_back();
            });
            keep_fault(id, about, &fell_back.fault, &trail);
            let (mut response, hub) = match verdict {
                Verdict::Allocated { hub, response, .. } => (respond(id, response, shown), Some(hub)),
                Verdict::Refused(refusal) => {
                    let problem = Problem::Refused(refusal);
                    about.outcome = problem.reply().code;
                    (problem.respond(id), None)
                }
                Verdict::Faulted(fault) => return Err(Problem::Fault(fault)),
            };
            log_fallback(id, about, &fell_back, &trail, [Some(device), hub.as_deref()]);
            about.account.timer.enters(Phase::Write);
            if self.intake.version_header {
                response.headers_mut().insert(FALLBACK, HeaderValue::from_static(fell_back.to.as_str()));
            }
            return Ok(response);
        }
        let problem = match verdict {
            Verdict::Allocated { hub, response, reasons } => {
                counts.for_each(Counts::allocated);
                let reasons = shorten(&reasons.join(" "));
                log_decision(id, about, version.as_ref(), &trail, [device, &hub, &reasons]);
                about.account.timer.enters(Phase::Write);
                return Ok(respond(id, response, shown));
            }
            Verdict::Refused(refusal) => {
                counts.for_each(Counts::refused);
                Problem::Refused(refusal)
            }
            Verdict::Faulted(fault) => {
                counts.for_each(|counts| counts.faulted(fault.kind));
                keep_fault(id, about, &fault, &trail);
                Problem::Fault(fault)
            }
        };
        about.log = text(&trail);
        about.dropped = dropped(&trail);
        Err(problem)
    }
}

/// Keeps a fault for the policy's owner, and has the policy's next decisions give way to others'. The policy's last words are enough of what it wrote. That a policy is set aside
/// tells nothing of why, so the fault before stays.
fn keep_fault(id: RequestId, about: &About<'_>, fault: &Fault, trail: &Trail) {
    const LINES: usize = 10;
    let Some(policy) = about.policy.as_ref().filter(|_| fault.kind != FaultKind::SetAside) else { return };
    let last = trail.log.get(trail.log.len().saturating_sub(LINES)..).unwrap_or_default();
    let shortened = |line: &LogLine| LogLine { level: line.level, message: shorten(&line.message) };
    policy.habit.failed();
    policy.counts.keep(LastFault {
        at: SystemTime::now(),
        request: id.to_string(),
        version: policy.serving.as_ref().map(|serving| serving.release.version),
        fault: fault.clone(),
        log: last.iter().map(shortened).collect(),
    });
}

/// The one line about a fault that the fallback answered.
fn log_fallback(
    id: RequestId,
    about: &About<'_>,
    fell_back: &FellBack,
    trail: &Trail,
    device_and_hub: [Option<&str>; 2],
) {
    let FellBack { to, fault } = fell_back;
    let [device, hub] = device_and_hub;
    warn!(
        policy = about.policy.as_ref().map(|policy| tracing::field::display(&policy.id)),
        request = %id,
        fault = %fault.kind,
        reason = fault.message,
        fallback = %to,
        device,
        hub,
        standing = about.standing.map(Standing::as_str),
        log = text(trail),
        dropped = dropped(trail),
        "policy fault"
    );
}
