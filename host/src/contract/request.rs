//! DPS's allocation request as a policy sees it.
//!
//! Everything borrows from the body it was read from. The documentation of each member is in `wit/allocation.wit`,
//! which these types mirror one to one.

use super::CertificateFacts;

/// One device asks for a hub.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The device's registration id.
    pub registration_id: &'a str,
    /// Whether the device is new, may move, or has to stay.
    pub assignment: Assignment<'a>,
    /// How the device proved who it is.
    pub attestation: Attestation<'a>,
    /// The device's payload: one JSON value as received, `None` if absent or `null`.
    pub payload: Option<&'a str>,
    /// The enrollment through which the device came.
    pub enrollment: Enrollment<'a>,
    /// Host names of the hubs the device may go to. Never empty.
    pub linked_hubs: Vec<&'a str>,
    /// `deviceRuntimeContext` as received.
    pub runtime_context: &'a str,
}

impl<'a> Request<'a> {
    /// The linked hub of this name, spelled as DPS spells it. Host names are compared without regard to case.
    #[must_use]
    pub fn linked_hub(&self, name: &str) -> Option<&'a str> {
        self.linked_hubs.iter().copied().find(|hub| hub.eq_ignore_ascii_case(name))
    }
}

/// Which of DPS's three cases a request is.
#[derive(Debug, Clone, Copy)]
pub enum Assignment<'a> {
    /// The device has no hub yet.
    First,
    /// The device has a hub and may be given another one.
    MayMove(CurrentAssignment<'a>),
    /// The device has a hub and stays there.
    Pinned(CurrentAssignment<'a>),
}

/// Where a device is now.
#[derive(Debug, Clone, Copy)]
pub struct CurrentAssignment<'a> {
    /// `currentIotHubHostName`.
    pub hub: &'a str,
    /// `currentDeviceId`.
    pub device_id: Option<&'a str>,
}

/// How the device proved who it is.
#[derive(Debug, Clone)]
pub enum Attestation<'a> {
    /// With a symmetric key.
    SymmetricKey,
    /// With an X.509 client certificate.
    X509 {
        /// Base64 of the certificate's DER encoding, as received.
        client_certificate: Option<&'a str>,
        /// What the certificate says, if it can be parsed.
        facts: Option<Box<CertificateFacts>>,
    },
    /// With a Trusted Platform Module.
    Tpm {
        /// The endorsement key, base64 as received.
        endorsement_key: Option<&'a str>,
        /// The storage root key, base64 as received.
        storage_root_key: Option<&'a str>,
    },
}

/// The enrollment through which a device came.
#[derive(Debug, Clone)]
pub struct Enrollment<'a> {
    /// Individual or group.
    pub identity: EnrollmentIdentity<'a>,
    /// `attestation.type`.
    pub attestation_kind: AttestationKind<'a>,
    /// `capabilities.iotEdge`.
    pub iot_edge: Option<bool>,
    /// `iotHubHostName`.
    pub iot_hub_host_name: Option<&'a str>,
    /// The twin the enrollment gives its devices.
    pub initial_twin: Option<EnrollmentTwin<'a>>,
    /// `etag`.
    pub etag: Option<&'a str>,
    /// `provisioningStatus`.
    pub provisioning_status: Option<ProvisioningStatus<'a>>,
    /// `reprovisionPolicy`.
    pub reprovision_policy: Option<ReprovisionPolicy>,
    /// `createdDateTimeUtc`.
    pub created_date_time_utc: Option<&'a str>,
    /// `lastUpdatedDateTimeUtc`.
    pub last_updated_date_time_utc: Option<&'a str>,
    /// `allocationPolicy`.
    pub allocation_policy: Option<AllocationPolicy<'a>>,
    /// `iotHubs`.
    pub iot_hubs: Vec<&'a str>,
    /// `customAllocationDefinition`.
    pub custom_allocation_definition: Option<CustomAllocationDefinition<'a>>,
    /// `credentialPolicyName`.
    pub credential_policy_name: Option<&'a str>,
    /// The enrollment as received.
    pub document: &'a str,
}

/// Which kind of enrollment it is.
#[derive(Debug, Clone)]
pub enum EnrollmentIdentity<'a> {
    /// One device's own enrollment.
    Individual(IndividualEnrollment<'a>),
    /// A group, by its `enrollmentGroupId`.
    Group(&'a str),
}

/// What only an individual enrollment has.
#[derive(Debug, Clone)]
pub struct IndividualEnrollment<'a> {
    /// The enrollment's `registrationId`.
    pub registration_id: &'a str,
    /// `deviceId`.
    pub device_id: Option<&'a str>,
    /// `registrationState` as received.
    pub registration_state: Option<&'a str>,
    /// `optionalDeviceInformation` as received.
    pub optional_device_information: Option<&'a str>,
}

/// A kind of attestation.
#[derive(Debug, Clone, Copy)]
pub enum AttestationKind<'a> {
    /// A symmetric key.
    SymmetricKey,
    /// An X.509 certificate.
    X509,
    /// A Trusted Platform Module.
    Tpm,
    /// None.
    None,
    /// Any other, as DPS spells it.
    Other(&'a str),
}

/// Whether devices may come through an enrollment.
#[derive(Debug, Clone, Copy)]
pub enum ProvisioningStatus<'a> {
    /// They may.
    Enabled,
    /// They may not.
    Disabled,
    /// Any other status, as DPS spells it.
    Other(&'a str),
}

/// What happens to a device that registers again.
#[derive(Debug, Clone, Copy)]
pub struct ReprovisionPolicy {
    /// Whether the device may be given another hub.
    pub update_hub_assignment: bool,
    /// Whether its data moves along.
    pub migrate_device_data: bool,
}

/// How hubs are chosen for an enrollment.
#[derive(Debug, Clone, Copy)]
pub enum AllocationPolicy<'a> {
    /// Evenly, by weight.
    Hashed,
    /// By lowest latency.
    GeoLatency,
    /// One fixed hub.
    Static,
    /// By a webhook.
    Custom,
    /// Any other way, as DPS spells it.
    Other(&'a str),
}

/// The webhook of an enrollment.
#[derive(Debug, Clone, Copy)]
pub struct CustomAllocationDefinition<'a> {
    /// `webhookUrl`, its query masked by DPS.
    pub webhook_url: &'a str,
    /// `apiVersion`.
    pub api_version: &'a str,
}

/// The twin an enrollment gives its devices.
#[derive(Debug, Clone, Copy)]
pub struct EnrollmentTwin<'a> {
    /// `tags` as received.
    pub tags: Option<&'a str>,
    /// `properties.desired` as received.
    pub desired_properties: Option<&'a str>,
}
