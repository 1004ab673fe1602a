//! A request as DPS sends it: the body of its webhook call.
//!
//! Not the server's reading of it, which is stricter about sizes and also parses certificates.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Request,
    contract::{
        self, AllocationPolicy, Assignment, Attestation, AttestationKind, CurrentAssignment,
        CustomAllocationDefinition, Enrollment, EnrollmentIdentity, IndividualEnrollment, InitialTwin,
        ProvisioningStatus, ReprovisionPolicy, TpmAttestation, X509Attestation,
    },
};

/// Reads the body of a webhook call that DPS has made: a captured one, or the `request` of a check.
///
/// Certificates are carried but not parsed: [`Request::certificate`] is `None`. Use
/// [`RequestBuilder::x509`](super::RequestBuilder::x509) for a policy that looks at them.
///
/// # Errors
///
/// Says in words what keeps the text from being such a body.
///
/// ```
/// let request = berth_sdk::testing::request_from_dps(
///     r#"{"enrollmentGroup": {"enrollmentGroupId": "all", "attestation": {"type": "symmetricKey"}},
///         "deviceRuntimeContext": {"registrationId": "sensor-7", "symmetricKey": {}},
///         "linkedHubs": ["north.azure-devices.net"]}"#,
/// )
/// .unwrap();
/// assert_eq!(request.group(), Some("all"));
/// ```
pub fn request_from_dps(body: &str) -> Result<Request, String> {
    read(body).map(Request::from)
}

/// Reads a body into the contract's record.
pub(super) fn read(body: &str) -> Result<contract::Request, String> {
    let body: Body<'_> = serde_json::from_str(body).map_err(|error| error.to_string())?;
    if body.linked_hubs.is_empty() {
        return Err("linkedHubs is empty".to_owned());
    }
    let enrollment = match (body.individual_enrollment, body.enrollment_group) {
        (Some(document), None) => read_enrollment(document, true)?,
        (None, Some(document)) => read_enrollment(document, false)?,
        _ => return Err("wants one of individualEnrollment and enrollmentGroup".to_owned()),
    };
    let context: Context<'_> = parse(body.device_runtime_context)?;
    let stays = enrollment.reprovision_policy.is_some_and(|policy| !policy.update_hub_assignment);
    let assignment = match context.current_iot_hub_host_name {
        None => Assignment::First,
        Some(hub) => {
            let current = CurrentAssignment { hub, device_id: context.current_device_id };
            if stays { Assignment::Pinned(current) } else { Assignment::MayMove(current) }
        }
    };
    let attestation = match (context.symmetric_key, context.x509, context.tpm) {
        (Some(_), None, None) => Attestation::SymmetricKey,
        (None, Some(x509), None) => {
            Attestation::X509(X509Attestation { client_certificate: x509.client_certificate, facts: None })
        }
        (None, None, Some(tpm)) => Attestation::Tpm(TpmAttestation {
            endorsement_key: tpm.endorsement_key,
            storage_root_key: tpm.storage_root_key,
        }),
        _ => return Err("wants one of symmetricKey, x509 and tpm".to_owned()),
    };
    Ok(contract::Request {
        registration_id: context.registration_id,
        assignment,
        attestation,
        payload: text_of(context.payload),
        enrollment,
        linked_hubs: body.linked_hubs,
        runtime_context: body.device_runtime_context.get().to_owned(),
    })
}

fn read_enrollment(document: &RawValue, individual: bool) -> Result<Enrollment, String> {
    let wire: EnrollmentBody<'_> = parse(document)?;
    let identity = match (individual, wire.registration_id, wire.enrollment_group_id) {
        (true, Some(registration_id), _) => EnrollmentIdentity::Individual(IndividualEnrollment {
            registration_id,
            device_id: wire.device_id,
            registration_state: text_of(wire.registration_state),
            optional_device_information: text_of(wire.optional_device_information),
        }),
        (false, _, Some(id)) => EnrollmentIdentity::Group(id),
        (true, None, _) => return Err("the individualEnrollment has no registrationId".to_owned()),
        (false, _, None) => return Err("the enrollmentGroup has no enrollmentGroupId".to_owned()),
    };
    Ok(Enrollment {
        identity,
        attestation_kind: match wire.attestation.kind.as_str() {
            "symmetricKey" => AttestationKind::SymmetricKey,
            "x509" => AttestationKind::X509,
            "tpm" => AttestationKind::Tpm,
            "none" => AttestationKind::None,
            _ => AttestationKind::Other(wire.attestation.kind),
        },
        iot_edge: wire.capabilities.map(|capabilities| capabilities.iot_edge),
        iot_hub_host_name: wire.iot_hub_host_name,
        initial_twin: wire.initial_twin.map(|twin| InitialTwin {
            tags: text_of(twin.tags),
            desired_properties: text_of(twin.properties.and_then(|properties| properties.desired)),
        }),
        etag: wire.etag,
        provisioning_status: wire.provisioning_status.map(|status| match status.as_str() {
            "enabled" => ProvisioningStatus::Enabled,
            "disabled" => ProvisioningStatus::Disabled,
            _ => ProvisioningStatus::Other(status),
        }),
        reprovision_policy: wire.reprovision_policy.map(|policy| ReprovisionPolicy {
            update_hub_assignment: policy.update_hub_assignment,
            migrate_device_data: policy.migrate_device_data,
        }),
        created_date_time_utc: wire.created_date_time_utc,
        last_updated_date_time_utc: wire.last_updated_date_time_utc,
        allocation_policy: wire.allocation_policy.map(|policy| match policy.as_str() {
            "hashed" => AllocationPolicy::Hashed,
            "geoLatency" => AllocationPolicy::GeoLatency,
            "static" => AllocationPolicy::Static,
            "custom" => AllocationPolicy::Custom,
            _ => AllocationPolicy::Other(policy),
        }),
        iot_hubs: wire.iot_hubs.unwrap_or_default(),
        custom_allocation_definition: wire.custom_allocation_definition.map(|definition| CustomAllocationDefinition {
            webhook_url: definition.webhook_url,
            api_version: definition.api_version,
        }),
        credential_policy_name: wire.credential_policy_name,
        document: document.get().to_owned(),
    })
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}

fn text_of(raw: Option<&RawValue>) -> Option<String> {
    raw.map(|raw| raw.get().to_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    individual_enrollment: Option<&'a RawValue>,
    #[serde(borrow)]
    enrollment_group: Option<&'a RawValue>,
    #[serde(borrow)]
    device_runtime_context: &'a RawValue,
    linked_hubs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    registration_id: String,
    // The prose of DPS's documentation spells it the other way; every captured body this way.
    #[serde(alias = "currentIoTHubHostname")]
    current_iot_hub_host_name: Option<String>,
    current_device_id: Option<String>,
    #[serde(borrow)]
    symmetric_key: Option<&'a RawValue>,
    x509: Option<X509Body>,
    tpm: Option<TpmBody>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct X509Body {
    client_certificate: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TpmBody {
    endorsement_key: Option<String>,
    storage_root_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnrollmentBody<'a> {
    registration_id: Option<String>,
    enrollment_group_id: Option<String>,
    device_id: Option<String>,
    #[serde(borrow)]
    registration_state: Option<&'a RawValue>,
    #[serde(borrow)]
    optional_device_information: Option<&'a RawValue>,
    attestation: AttestationBody,
    capabilities: Option<CapabilitiesBody>,
    iot_hub_host_name: Option<String>,
    #[serde(borrow)]
    initial_twin: Option<TwinBody<'a>>,
    etag: Option<String>,
    provisioning_status: Option<String>,
    reprovision_policy: Option<ReprovisionBody>,
    created_date_time_utc: Option<String>,
    last_updated_date_time_utc: Option<String>,
    allocation_policy: Option<String>,
    iot_hubs: Option<Vec<String>>,
    custom_allocation_definition: Option<DefinitionBody>,
    credential_policy_name: Option<String>,
}

#[derive(Deserialize)]
struct AttestationBody {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CapabilitiesBody {
    iot_edge: bool,
}

#[derive(Deserialize)]
struct TwinBody<'a> {
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<PropertiesBody<'a>>,
}

#[derive(Deserialize)]
struct PropertiesBody<'a> {
    #[serde(borrow)]
    desired: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReprovisionBody {
    update_hub_assignment: bool,
    migrate_device_data: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DefinitionBody {
    webhook_url: String,
    api_version: String,
}
