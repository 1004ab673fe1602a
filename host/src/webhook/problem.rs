//! The one table from what went wrong to what the caller hears.
//!
//! DPS reads nothing but the status: 401 and other 4xx end the device's attempt, 429 and above are tried again. The body is
//! for the person who looks into it. What a policy's fault was stays in the log.

use hyper::{
    StatusCode,
    header::{self, HeaderValue},
};
use tracing::{info, warn};

use super::{About, Answer};
use crate::{
    admission::OverQuota,
    catalogue::Standing,
    contract::{Fault, FaultKind, Refusal},
    http::{RequestId, failure, shorten},
};

/// Seconds after which a caller may try again, where nothing better is known.
const RETRY_AFTER: u32 = 5;

/// Why a request gets no decision.
#[derive(Debug)]
pub enum Problem {
    /// No such path, tenant or policy.
    NotFound {
        /// More, for a caller who may know.
        detail: Option<String>,
    },
    /// Not a POST.
    MethodNotAllowed,
    /// No key, or not one of the tenant's.
    Unauthorized,
    /// Not an allocation request.
    Malformed(String),
    /// More bytes than an allocation request can have.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body took too long to arrive.
    TooSlow,
    /// The policy says no.
    Refused(Refusal),
    /// The policy failed.
    Fault(Fault),
    /// The tenant has more than its share.
    OverQuota(OverQuota),
    /// All places for decisions are taken.
    OverCapacity,
}

/// What a caller hears.
pub struct Reply<'a> {
    /// The status: all that DPS reads.
    pub status: StatusCode,
    /// The stable code, for programs.
    pub code: &'static str,
    /// The text, for people.
    pub message: &'a str,
    /// Seconds after which to try again: `Retry-After`.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// One problem of each kind, in the order a request meets them. `docs/webhook.md` is made of these.
    #[must_use]
    pub fn every() -> Vec<Self> {
        let message = String::new;
        vec![
            Self::NotFound { detail: None },
            Self::MethodNotAllowed,
            Self::Unauthorized,
            Self::TooLarge { limit: 0 },
            Self::TooSlow,
            Self::OverQuota(OverQuota::Queue { concurrency: 0, queue: 0 }),
            Self::OverCapacity,
            Self::Malformed(message()),
            Self::Refused(Refusal::Reject { message: message() }),
            Self::Refused(Refusal::RetryLater { message: message(), after_seconds: None }),
            Self::Fault(Fault::new(FaultKind::Trap, message())),
        ]
    }

    /// The stable codes of all problems.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        Self::every().into_iter().map(|problem| problem.reply().code)
    }

    /// The answer to this problem, before it is one of HTTP.
    #[must_use]
    pub fn reply(&self) -> Reply<'_> {
        let (status, code, message) = match self {
            Self::NotFound { detail } => (
                StatusCode::NOT_FOUND,
                "not-found",
                detail.as_deref().unwrap_or("there is nothing here: POST /allocate/{tenant}/{policy}"),
            ),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "only POST is answered here")
            }
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the key is missing or wrong: give one of the tenant's keys as ?code= or in the header x-functions-key",
            ),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed-request", why.as_str()),
            Self::TooLarge { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "the body is larger than an allocation request may be",
            ),
            // Not 408, which would end the device's attempt: the network was slow, and DPS may well try again.
            Self::TooSlow => (StatusCode::SERVICE_UNAVAILABLE, "body-too-slow", "the body took too long to arrive"),
            Self::Refused(Refusal::Reject { message }) => (StatusCode::FORBIDDEN, "rejected", message.as_str()),
            Self::Refused(Refusal::RetryLater { message, .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "retry-later", message.as_str())
            }
            Self::OverCapacity | Self::Fault(Fault { kind: FaultKind::Lost, .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "over-capacity", "too many decisions are being made at the moment")
            }
            Self::Fault(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "policy-fault",
                "the policy failed; its owner finds the reason in the log by the request id",
            ),
            Self::OverQuota(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "over-quota",
                "the tenant has more requests under way than its quotas allow; its owner finds which in the log",
            ),
        };
        let retry_after = match self {
            Self::Refused(Refusal::RetryLater { after_seconds, .. }) => Some(after_seconds.unwrap_or(RETRY_AFTER)),
            // A second is enough for a rate, and for a queue that moves.
            Self::OverQuota(_) => Some(1),
            Self::Fault(_) | Self::OverCapacity | Self::TooSlow => Some(RETRY_AFTER),
            _ => None,
        };
        Reply { status, code, message, retry_after }
    }

    /// The answer to the caller, of whose request the body was read or not.
    pub(super) fn respond(&self, id: RequestId, is_read: bool) -> Answer {
        let reply = self.reply();
        let mut response = failure(reply.status, reply.code, reply.message, id);
        let headers = response.headers_mut();
        if let Some(seconds) = reply.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::MethodNotAllowed) {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        if !is_read {
            // The rest of the body is not waited for, so the connection cannot be used again.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The one line of the log about this request.
    pub(super) fn log(&self, id: RequestId, about: &About<'_>) {
        let reply = self.reply();
        let status = reply.status.as_u16();
        let code = reply.code;
        let policy = about.policy.as_ref().map(|policy| tracing::field::display(&policy.id));
        let version = about.version.as_ref().map(tracing::field::display);
        let (device, log, dropped) = (about.device.as_deref(), about.log.as_deref(), about.dropped);
        match self {
            Self::Refused(_) => {
                info!(
                    policy, version, device, request = %id, status, code, reason = shorten(reply.message), log, dropped,
                    "request refused"
                );
            }
            Self::Fault(fault) => {
                let limit = fault.overrun.map(tracing::field::display);
                let backtrace = (!fault.backtrace.is_empty()).then(|| fault.backtrace.join("\n"));
                warn!(
                    policy, version, device, request = %id, status, code, fault = %fault.kind, reason = fault.message, limit,
                    panic = fault.panic, backtrace,
                    standing = about.standing.map(Standing::as_str), log, dropped, "policy fault"
                );
            }
            Self::OverQuota(why) => warn!(policy, request = %id, status, code, reason = %why, "request failed"),
            Self::TooLarge { limit } => warn!(policy, request = %id, status, code, limit, "request failed"),
            _ => warn!(policy, request = %id, status, code, reason = shorten(reply.message), "request failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has no arm for the rest, so that a new kind of problem does not compile before it is counted here.
    fn place(problem: &Problem) -> usize {
        match problem {
            Problem::NotFound { .. } => 0,
            Problem::MethodNotAllowed => 1,
            Problem::Unauthorized => 2,
            Problem::TooLarge { .. } => 3,
            Problem::TooSlow => 4,
            Problem::OverQuota(_) => 5,
            Problem::OverCapacity => 6,
            Problem::Malformed(_) => 7,
            Problem::Refused(Refusal::Reject { .. }) => 8,
            Problem::Refused(Refusal::RetryLater { .. }) => 9,
            Problem::Fault(_) => 10,
        }
    }

    #[test]
    fn every_kind_is_there_once() {
        let places: Vec<usize> = Problem::every().iter().map(place).collect();
        assert_eq!(places, (0..11).collect::<Vec<_>>());
    }

    #[test]
    fn only_what_dps_tries_again_says_when() {
        for problem in Problem::every() {
            let reply = problem.reply();
            assert_eq!(reply.status.as_u16() >= 429, reply.retry_after.is_some(), "{}", reply.code);
        }
    }
}
