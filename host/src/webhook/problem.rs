//! The one table from what went wrong to what the caller hears.
//!
//! DPS reads nothing but the status: 401 and other 4xx end the device's attempt, 429 and above are tried again. The body is
//! for the person who looks into it. What a policy's fault was stays in the log.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use tracing::{info, warn};

use super::About;
use crate::{
    contract::{Fault, Refusal},
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
    /// All places for decisions are taken.
    OverCapacity,
}

/// What a caller hears: status, stable code, text, and when to try again.
struct Reply<'a> {
    status: StatusCode,
    code: &'static str,
    message: &'a str,
    retry_after: Option<u32>,
}

impl Problem {
    fn reply(&self) -> Reply<'_> {
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
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body-too-slow", "the body took too long to arrive"),
            Self::Refused(Refusal::Reject { message }) => (StatusCode::FORBIDDEN, "rejected", message.as_str()),
            Self::Refused(Refusal::RetryLater { message, .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "retry-later", message.as_str())
            }
            Self::Fault(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "policy-fault",
                "the policy failed; its owner finds the reason in the log by the request id",
            ),
            Self::OverCapacity => {
                (StatusCode::SERVICE_UNAVAILABLE, "over-capacity", "too many decisions are being made at the moment")
            }
        };
        let retry_after = match self {
            Self::Refused(Refusal::RetryLater { after_seconds, .. }) => Some(after_seconds.unwrap_or(RETRY_AFTER)),
            Self::Fault(_) | Self::OverCapacity => Some(RETRY_AFTER),
            _ => None,
        };
        Reply { status, code, message, retry_after }
    }

    /// The answer to the caller.
    pub(super) fn respond(&self, id: RequestId) -> Response<Body> {
        let reply = self.reply();
        let mut response = failure(reply.status, reply.code, reply.message, id);
        let headers = response.headers_mut();
        if let Some(seconds) = reply.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::MethodNotAllowed) {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        if matches!(self, Self::TooLarge { .. } | Self::TooSlow) {
            // The rest of the body is not waited for, so the connection cannot be used again.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The one line of the log about this request.
    pub(super) fn log(&self, id: RequestId, about: &About) {
        let reply = self.reply();
        let status = reply.status.as_u16();
        let code = reply.code;
        let policy = about.policy.as_ref().map(|policy| tracing::field::display(&policy.id));
        let log = about.log.as_deref();
        match self {
            Self::Refused(_) => {
                info!(policy, request = %id, status, code, reason = shorten(reply.message), log, "request refused");
            }
            Self::Fault(fault) => {
                warn!(policy, request = %id, status, code, fault = %fault.kind, reason = fault.message, log, "policy fault");
            }
            Self::TooLarge { limit } => warn!(policy, request = %id, status, code, limit, "request failed"),
            _ => warn!(policy, request = %id, status, code, reason = shorten(reply.message), "request failed"),
        }
    }
}
