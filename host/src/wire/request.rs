//! Reads DPS's allocation request.
//!
//! Parsed once; strings and free-form parts borrow from the body. Members that DPS may leave out may be absent or `null`;
//! members nobody has heard of yet are passed over here and reach the policy inside the parts handed on as received.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::contract::{self, CertificateFacts, JsonFlaw, Request, check_json};

/// Why a body is no allocation request. The text is for the caller.
#[derive(Debug, Error)]
pub enum MalformedRequest {
    /// The bytes are not UTF-8.
    #[error("the body is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// The JSON is too deep or its strings are not Unicode.
    #[error(transparent)]
    Flaw(#[from] JsonFlaw),
    /// Not JSON, or not of the request's shape.
    #[error("the body is not a DPS allocation request: {}", without_value(.0))]
    Shape(#[from] serde_json::Error),
    /// The JSON is of the right shape but makes no sense.
    #[error("the body is not a DPS allocation request: {0}")]
    Sense(&'static str),
}

/// What the parser says, without the value it says it of: that may be a device's secret, and goes into answer and log.
fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let expected = text.rfind(", expected ").filter(|_| text.starts_with("invalid "));
    match (text.split_once(':'), expected.and_then(|at| text.get(at..))) {
        (Some((what, _)), Some(expected)) => format!("{what}{expected}"),
        _ => text,
    }
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
        let wire: AllocationRequest<'a> = serde_json::from_str(text)?;
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
        Ok(serde_json::from_str(raw.get())?)
    } else {
        Err(MalformedRequest::Sense(complaint))
    }
}

/// A JSON string, borrowed unless it holds escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn text<'s>(text: &'s Option<Text<'_>>) -> Option<&'s str> {
    text.as_ref().map(|text| &*text.0)
}

fn texts<'s>(texts: &'s [Text<'_>]) -> Vec<&'s str> {
    texts.iter().map(|text| &*text.0).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AllocationRequest<'a> {
    #[serde(borrow)]
    individual_enrollment: Option<&'a RawValue>,
    #[serde(borrow)]
    enrollment_group: Option<&'a RawValue>,
    #[serde(borrow)]
    device_runtime_context: &'a RawValue,
    #[serde(borrow)]
    linked_hubs: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeContext<'a> {
    #[serde(borrow)]
    registration_id: Text<'a>,
    // DPS's own documentation spells this one in three ways.
    #[serde(
        borrow,
        rename = "currentIotHubHostName",
        alias = "currentIoTHubHostName",
        alias = "currentIoTHubHostname",
        default
    )]
    current_hub: Option<Text<'a>>,
    #[serde(borrow, default)]
    current_device_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    x509: Option<Object<X509<'a>>>,
    #[serde(default)]
    symmetric_key: Option<Object<SymmetricKey>>,
    #[serde(borrow, default)]
    tpm: Option<Object<Tpm<'a>>>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

impl RuntimeContext<'_> {
    fn attestation(&self) -> contract::Attestation<'_> {
        if let Some(x509) = &self.x509 {
            let client_certificate = text(&x509.client_certificate);
            let facts = client_certificate.and_then(CertificateFacts::from_base64).map(Box::new);
            contract::Attestation::X509 { client_certificate, facts }
        } else if let Some(tpm) = &self.tpm {
            contract::Attestation::Tpm {
                endorsement_key: text(&tpm.endorsement_key),
                storage_root_key: text(&tpm.storage_root_key),
            }
        } else {
            contract::Attestation::SymmetricKey
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct X509<'a> {
    #[serde(borrow, default)]
    client_certificate: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct SymmetricKey {}

/// A JSON object. serde alone would take an array of the members in order, too.
#[derive(Debug)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tpm<'a> {
    #[serde(borrow, default)]
    endorsement_key: Option<Text<'a>>,
    #[serde(borrow, default)]
    storage_root_key: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Enrollment<'a> {
    #[serde(borrow, default)]
    registration_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    enrollment_group_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    device_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    registration_state: Option<&'a RawValue>,
    #[serde(borrow, default)]
    optional_device_information: Option<&'a RawValue>,
    #[serde(borrow, default)]
    attestation: Option<Object<AttestationMechanism<'a>>>,
    #[serde(default)]
    capabilities: Option<Object<Capabilities>>,
    #[serde(borrow, default)]
    iot_hub_host_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    initial_twin: Option<Object<InitialTwin<'a>>>,
    #[serde(borrow, default)]
    etag: Option<Text<'a>>,
    #[serde(borrow, default)]
    provisioning_status: Option<Text<'a>>,
    #[serde(default)]
    reprovision_policy: Option<Object<ReprovisionPolicy>>,
    #[serde(borrow, default)]
    created_date_time_utc: Option<Text<'a>>,
    #[serde(borrow, default)]
    last_updated_date_time_utc: Option<Text<'a>>,
    #[serde(borrow, default)]
    allocation_policy: Option<Text<'a>>,
    #[serde(borrow, default)]
    iot_hubs: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    custom_allocation_definition: Option<Object<CustomAllocationDefinition<'a>>>,
    #[serde(borrow, default)]
    credential_policy_name: Option<Text<'a>>,
}

impl Enrollment<'_> {
    fn contract<'s>(&'s self, document: &'s str) -> contract::Enrollment<'s> {
        contract::Enrollment {
            identity: self.identity(),
            attestation_kind: self.attestation_kind(),
            iot_edge: self.capabilities.as_ref().and_then(|capabilities| capabilities.iot_edge),
            iot_hub_host_name: text(&self.iot_hub_host_name),
            initial_twin: self.initial_twin.as_ref().map(|twin| twin.contract()),
            etag: text(&self.etag),
            provisioning_status: text(&self.provisioning_status).map(|status| match status {
                "enabled" => contract::ProvisioningStatus::Enabled,
                "disabled" => contract::ProvisioningStatus::Disabled,
                other => contract::ProvisioningStatus::Other(other),
            }),
            reprovision_policy: self.reprovision_policy.as_ref().map(|policy| policy.contract()),
            created_date_time_utc: text(&self.created_date_time_utc),
            last_updated_date_time_utc: text(&self.last_updated_date_time_utc),
            allocation_policy: text(&self.allocation_policy).map(|policy| match policy {
                "hashed" => contract::AllocationPolicy::Hashed,
                "geoLatency" => contract::AllocationPolicy::GeoLatency,
                "static" => contract::AllocationPolicy::Static,
                "custom" => contract::AllocationPolicy::Custom,
                other => contract::AllocationPolicy::Other(other),
            }),
            iot_hubs: self.iot_hubs.as_deref().map(texts).unwrap_or_default(),
            custom_allocation_definition: self.custom_allocation_definition.as_ref().and_then(|definition| {
                Some(contract::CustomAllocationDefinition {
                    webhook_url: text(&definition.webhook_url)?,
                    api_version: text(&definition.api_version)?,
                })
            }),
            credential_policy_name: text(&self.credential_policy_name),
            document,
        }
    }

    fn identity(&self) -> contract::EnrollmentIdentity<'_> {
        match text(&self.enrollment_group_id) {
            Some(group) if self.registration_id.is_none() => contract::EnrollmentIdentity::Group(group),
            _ => contract::EnrollmentIdentity::Individual(contract::IndividualEnrollment {
                registration_id: text(&self.registration_id).unwrap_or_default(),
                device_id: text(&self.device_id),
                registration_state: self.registration_state.map(RawValue::get),
                optional_device_information: self.optional_device_information.map(RawValue::get),
            }),
        }
    }

    fn attestation_kind(&self) -> contract::AttestationKind<'_> {
        let kind = self.attestation.as_ref().and_then(|attestation| text(&attestation.kind));
        match kind {
            Some("symmetricKey") => contract::AttestationKind::SymmetricKey,
            Some("x509") => contract::AttestationKind::X509,
            Some("tpm") => contract::AttestationKind::Tpm,
            Some("none") | None => contract::AttestationKind::None,
            Some(other) => contract::AttestationKind::Other(other),
        }
    }
}

#[derive(Debug, Deserialize)]
struct AttestationMechanism<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    #[serde(default)]
    iot_edge: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct InitialTwin<'a> {
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
    #[serde(borrow, default)]
    properties: Option<Object<Properties<'a>>>,
}

impl InitialTwin<'_> {
    fn contract(&self) -> contract::EnrollmentTwin<'_> {
        contract::EnrollmentTwin {
            tags: self.tags.map(RawValue::get),
            desired_properties: self.properties.as_ref().and_then(|properties| properties.desired).map(RawValue::get),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Properties<'a> {
    #[serde(borrow, default)]
    desired: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReprovisionPolicy {
    #[serde(default)]
    update_hub_assignment: Option<bool>,
    #[serde(default)]
    migrate_device_data: Option<bool>,
}

impl ReprovisionPolicy {
    /// With DPS's defaults for what is not set.
    fn contract(&self) -> contract::ReprovisionPolicy {
        contract::ReprovisionPolicy {
            update_hub_assignment: self.update_hub_assignment.unwrap_or(true),
            migrate_device_data: self.migrate_device_data.unwrap_or(true),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CustomAllocationDefinition<'a> {
    #[serde(borrow, default)]
    webhook_url: Option<Text<'a>>,
    #[serde(borrow, default)]
    api_version: Option<Text<'a>>,
}
