//! What a policy's request came to, as an answer.

use std::time::SystemTime;

use hyper::header::HeaderValue;

use super::{
    About, Answer, Problem, Webhook,
    line::{self, Sent, dropped, text},
    respond,
};
use crate::{
    catalogue::{Counts, LastFault},
    contract::{Digest, Fault, FaultKind},
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
    ) -> Result<Answer, Problem> {
        let Ruling { decided: Decided { verdict, trail }, version, fell_back, standing } = ruling;
        about.standing = standing;
        for (phase, began) in &trail.phases {
            about.account.timer.entered(*phase, *began);
        }
        about.account.timer.enters(Phase::Log);
        let shown = version.as_ref().filter(|_| self.intake.version_header);
        if let Some(fell_back) = fell_back {
            return self.fell_back(id, about, (verdict, &trail, &fell_back), device, version);
        }
        let problem = match verdict {
            Verdict::Allocated { hub, response, reasons } => {
                about.count(Counts::allocated);
                line::decision(id, about, version.as_ref(), &trail, &Sent { device, hub: &hub, reasons: &reasons });
                about.account.timer.enters(Phase::Write);
                return Ok(respond(id, response, shown));
            }
            Verdict::Refused(refusal) => {
                about.count(Counts::refused);
                Problem::Refused(refusal)
            }
            Verdict::Faulted(fault) => {
                about.count(|counts| counts.faulted(fault.kind));
                keep_fault(id, about, &fault, &trail);
                Problem::Fault(fault)
            }
        };
        about.left(device, version, &trail);
        Err(problem)
    }

    /// The same for a fault that the release's fallback answered.
    fn fell_back(
        &self,
        id: RequestId,
        about: &mut About<'_>,
        (verdict, trail, fell_back): (Verdict, &Trail, &FellBack),
        device: &str,
        version: Option<Digest>,
    ) -> Result<Answer, Problem> {
        about.count(|counts| {
            counts.faulted(fell_back.fault.kind);
            counts.fell_back();
        });
        keep_fault(id, about, &fell_back.fault, trail);
        let (mut answer, hub) = match verdict {
            Verdict::Allocated { hub, response, .. } => {
                let shown = version.as_ref().filter(|_| self.intake.version_header);
                (respond(id, response, shown), Some(hub))
            }
            Verdict::Refused(refusal) => {
                let problem = Problem::Refused(refusal);
                about.outcome = problem.reply().code;
                (problem.respond(id, true), None)
            }
            Verdict::Faulted(fault) => {
                about.left(device, version, trail);
                return Err(Problem::Fault(fault));
            }
        };
        line::fallback(id, about, fell_back, trail, device, hub.as_deref());
        about.account.timer.enters(Phase::Write);
        if self.intake.version_header {
            answer.headers_mut().insert(FALLBACK, HeaderValue::from_static(fell_back.to.as_str()));
        }
        Ok(answer)
    }
}

impl About<'_> {
    /// Keeps for the log what a decision left behind that is answered with a problem.
    fn left(&mut self, device: &str, version: Option<Digest>, trail: &Trail) {
        self.device = Some(shorten(device));
        self.version = version;
        self.log = text(trail);
        self.dropped = dropped(trail);
    }

    /// Counts what came of the request: for the release, and for the policy over all its releases.
    fn count(&self, count: impl Fn(&Counts)) {
        let Some(policy) = &self.policy else { return };
        count(&policy.counts);
        if let Some(serving) = &policy.serving {
            count(&serving.release.counts);
        }
    }
}

/// Keeps a fault for the policy's owner, and has the policy's next decisions give way to others'. The policy's last words
/// are enough of what it wrote. That a policy is set aside tells nothing of why, so the fault before stays.
fn keep_fault(id: RequestId, about: &About<'_>, fault: &Fault, trail: &Trail) {
    const LINES: usize = 10;
    let Some(policy) = about.policy.as_ref().filter(|_| fault.kind != FaultKind::SetAside) else { return };
    let last = trail.log.get(trail.log.len().saturating_sub(LINES)..).unwrap_or_default();
    let shortened = |line: &LogLine| LogLine { level: line.level, message: shorten(&line.message) };
    if fault.kind != FaultKind::Lost {
        policy.habit.failed();
    }
    policy.counts.keep(LastFault {
        at: SystemTime::now(),
        request: id.to_string(),
        version: policy.serving.as_ref().map(|serving| serving.release.version),
        fault: fault.clone(),
        log: last.iter().map(shortened).collect(),
    });
}
