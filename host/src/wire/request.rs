//! Reads DPS's allocation request.
//!
//! Parsed once; strings and free-form parts borrow from the body. Members that DPS may leave out may be absent or `null`;
//! members nobody has heard of yet are passed over here and reach the policy inside the parts handed on as received.

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::members::{AllocationRequest, Enrollment, RuntimeContext, text, texts};
use crate::contract::{self, JsonFlaw, Request, check_json, without_value};

/// Why a body is no allocation request. The text is for the caller.
#[derive(Debug, Error)]
pub enum MalformedRequest {
    /// The bytes are not UTF-8.
    #[error("the body is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// The JSON is too deep or its strings are not Unicode.
    #[error(transparent)]
    Flaw(#[from] JsonFlaw),
    /// Not JSON, or not of the request's shape. The parser's own words are kept from whoever shows sources: they may have a
    /// secret of the body in them.
    #[error("the body is not a DPS allocation request: {}", without_value(&.0.to_string()))]
    Shape(serde_json::Error),
    /// The JSON is of the right shape but makes no sense.
    #[error("the body is not a DPS allocation request: {0}")]
    Sense(&'static str),
}

/// A parsed body, which owns what could not be borrowed. [`Body::request`] gives the view a policy sees.
#[derive(Debug)]
pub struct Body<'a> {
    wire: AllocationRequest<'a>,
    context: RuntimeContext<'a>,
    enrollment: Enrollment<'a>,
}

impl<'a> Body<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the bytes are not an allocation request. Enrollment members of the wrong type are errors too.
    pub fn parse(bytes: &'a [u8], json_depth: usize) -> Result<Self, MalformedRequest> {
        let text = std::str::from_utf8(bytes).map_err(|error| MalformedRequest::NotUtf8(error.valid_up_to()))?;
        check_json(text, json_depth)?;
        // An object is asked for by name: serde would also take an array of the members in order.
        if !text.trim_start().starts_with('{') {
            return Err(MalformedRequest::Sense("it is not a JSON object"));
        }
        let wire: AllocationRequest<'a> = serde_json::from_str(text).map_err(MalformedRequest::Shape)?;
        let context: RuntimeContext<'a> = object(wire.device_runtime_context, "deviceRuntimeContext is not an object")?;
        let document = match (wire.individual_enrollment, wire.enrollment_group) {
            (Some(_), Some(_)) => {
                return Err(MalformedRequest::Sense("it has both an individualEnrollment and an enrollmentGroup"));
            }
            (None, None) => {
                return Err(MalformedRequest::Sense("it has neither an individualEnrollment nor an enrollmentGroup"));
            }
            (Some(document), None) | (None, Some(document)) => document,
        };
        let enrollment: Enrollment<'a> = object(document, "the enrollment is not an object")?;
        let body = Self { wire, context, enrollment };
        body.makes_sense()?;
        Ok(body)
    }

    fn makes_sense(&self) -> Result<(), MalformedRequest> {
        let individual = self.wire.individual_enrollment.is_some();
        let proofs = [self.context.x509.is_some(), self.context.symmetric_key.is_some(), self.context.tpm.is_some()];
        let complaint = if self.context.registration_id.0.is_empty() {
            "deviceRuntimeContext.registrationId is empty"
        } else if proofs.into_iter().filter(|present| *present).count() != 1 {
            "deviceRuntimeContext needs exactly one of x509, symmetricKey and tpm"
        } else if individual && self.enrollment.registration_id.is_none() {
            "individualEnrollment.registrationId is missing"
        } else if !individual && self.enrollment.enrollment_group_id.is_none() {
            "enrollmentGroup.enrollmentGroupId is missing"
        } else if self.wire.linked_hubs.is_empty() {
            "linkedHubs is empty"
        } else if self.wire.linked_hubs.iter().any(|hub| hub.0.is_empty()) {
            "linkedHubs has an empty name"
        } else {
            return Ok(());
        };
        Err(MalformedRequest::Sense(complaint))
    }

    /// The request as the contract has it.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            registration_id: &self.context.registration_id.0,
            assignment: self.assignment(),
            attestation: self.context.attestation(),
            payload: self.context.payload.map(RawValue::get),
            enrollment: self.enrollment.contract(self.document()),
            linked_hubs: texts(&self.wire.linked_hubs),
            runtime_context: self.wire.device_runtime_context.get(),
        }
    }

    fn document(&self) -> &'a str {
        self.wire.individual_enrollment.or(self.wire.enrollment_group).map_or("{}", RawValue::get)
    }

    /// DPS's three cases. A device is pinned if its enrollment says so; an enrollment without a reprovision policy has
    /// DPS's default, which lets it move.
    fn assignment(&self) -> contract::Assignment<'_> {
        let Some(hub) = text(&self.context.current_hub) else {
            return contract::Assignment::First;
        };
        let current = contract::CurrentAssignment { hub, device_id: text(&self.context.current_device_id) };
        match &self.enrollment.reprovision_policy {
            Some(policy) if !policy.contract().update_hub_assignment => contract::Assignment::Pinned(current),
            _ => contract::Assignment::MayMove(current),
        }
    }
}

/// Reads an object; serde alone would take an array too.
fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue, complaint: &'static str) -> Result<T, MalformedRequest> {
    if raw.get().starts_with('{') {
        serde_json::from_str(raw.get()).map_err(MalformedRequest::Shape)
    } else {
        Err(MalformedRequest::Sense(complaint))
    }
}
