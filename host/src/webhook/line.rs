//! The one line of the log about a request that a policy, or its fallback, decided.
//!
//! What got no decision is [`Problem`](super::Problem)'s to log.

use tracing::{Level, enabled, warn};

use super::About;
use crate::{
    catalogue::Standing,
    contract::Digest,
    decide::{FellBack, Trail},
    engine::LogLevel,
    http::{RequestId, shorten},
};

/// What the policy wrote, if anything.
pub(super) fn text(trail: &Trail) -> Option<String> {
    let lines: Vec<&str> = trail.log.iter().map(|line| line.message.as_str()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

pub(super) fn dropped(trail: &Trail) -> Option<usize> {
    (trail.log_dropped > 0).then_some(trail.log_dropped)
}

/// A device and the hub that it was sent to, with the policy's reasons.
pub(super) struct Sent<'a> {
    pub(super) device: &'a str,
    pub(super) hub: &'a str,
    pub(super) reasons: &'a [String],
}

/// The line about a decision that sent a device to a hub, at the level of the gravest line that the policy wrote. That the
/// policy is trusted again is worth a line too.
pub(super) fn decision(id: RequestId, about: &About<'_>, version: Option<&Digest>, trail: &Trail, sent: &Sent<'_>) {
    // Nothing is put together for a line that nobody wants: most are of the level `debug`.
    macro_rules! line {
        ($level:expr) => {
            if enabled!($level) {
                tracing::event!(
                    $level,
                    policy = about.policy.as_ref().map(|policy| tracing::field::display(&policy.id)),
                    version = version.map(tracing::field::display),
                    request = %id,
                    device = shorten(sent.device),
                    hub = sent.hub,
                    reasons = shorten(&sent.reasons.join(" ")),
                    microseconds = trail.elapsed.as_micros() as u64,
                    standing = about.standing.map(Standing::as_str),
                    log = text(trail),
                    dropped = dropped(trail),
                    "decision"
                );
            }
        };
    }
    match trail.log.iter().map(|line| line.level).max() {
        None | Some(LogLevel::Debug) if about.standing.is_none() => line!(Level::DEBUG),
        None | Some(LogLevel::Debug | LogLevel::Info) => line!(Level::INFO),
        Some(LogLevel::Warn | LogLevel::Error) => line!(Level::WARN),
    }
}

/// The line about a fault that the fallback answered.
pub(super) fn fallback(
    id: RequestId,
    about: &About<'_>,
    fell_back: &FellBack,
    trail: &Trail,
    device: &str,
    hub: Option<&str>,
) {
    let FellBack { to, fault } = fell_back;
    warn!(
        policy = about.policy.as_ref().map(|policy| tracing::field::display(&policy.id)),
        request = %id,
        fault = %fault.kind,
        reason = fault.message,
        fallback = %to,
        device = shorten(device),
        hub,
        standing = about.standing.map(Standing::as_str),
        log = text(trail),
        dropped = dropped(trail),
        "policy fault"
    );
}
