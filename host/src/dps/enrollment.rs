//! Enrollments: which devices may register, how they prove who they are, and how a hub is chosen for them.
//!
//! The type is the service API's, member for member: the enrollments file, the API, the data file and a webhook all show
//! the same. What is not set is absent, never null.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::twin::InitialTwin;

/// An individual enrollment or an enrollment group: which one, the id says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Enrollment {
    /// The id of an individual enrollment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<String>,
    /// The id of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrollment_group_id: Option<String>,
    /// The device's id on the hub, if it is not the registration id. Individual enrollments only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Free-form. Individual enrollments only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional_device_information: Option<Value>,
    /// How devices prove who they are.
    pub attestation: AttestationMechanism,
    /// What devices can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// The one hub of old enrollments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iot_hub_host_name: Option<String>,
    /// The twin a device begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_twin: Option<InitialTwin>,
    /// Changes with every change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Whether devices may register; absent means they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning_status: Option<ProvisioningStatus>,
    /// What happens to a device that registers again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reprovision_policy: Option<ReprovisionPolicy>,
    /// Read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date_time_utc: Option<String>,
    /// Read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_date_time_utc: Option<String>,
    /// How a hub is chosen; absent means hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation_policy: Option<AllocationPolicy>,
    /// The hubs to choose from; without any, all linked hubs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iot_hubs: Option<Vec<String>>,
    /// The webhook of the policy `custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_allocation_definition: Option<CustomAllocation>,
    /// Kept for clients of later previews, and not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_policy_name: Option<String>,
    /// Read-only: shown of an individual enrollment, passed over where a client sends it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_state: Option<Value>,
}

/// How devices prove who they are: a kind, and the member of that name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttestationMechanism {
    /// Which of the members counts.
    #[serde(rename = "type")]
    pub kind: AttestationKind,
    /// Keys of a TPM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm: Option<TpmKeys>,
    /// Certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x509: Option<X509>,
    /// Symmetric keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symmetric_key: Option<SymmetricKeys>,
}

/// The kinds of attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttestationKind {
    /// Nobody can register.
    None,
    /// A TPM's endorsement key.
    Tpm,
    /// A client certificate.
    X509,
    /// A key that signs.
    SymmetricKey,
}

/// Public keys of a TPM, as base64 of `TPM2B_PUBLIC`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TpmKeys {
    /// Says which TPM it is.
    pub endorsement_key: String,
    /// What the TPM keeps other keys with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_root_key: Option<String>,
}

/// Certificates: one of the three.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct X509 {
    /// The device's own. Individual enrollments only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<Pair<Certificate>>,
    /// Of the authority that signs devices' certificates. Groups only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_certificates: Option<Pair<Certificate>>,
    /// Names of authorities in the certificate store. Groups only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_references: Option<Pair<String>>,
}

/// One in use and one to change over to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pair<T> {
    /// The first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<T>,
    /// The second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary: Option<T>,
}

impl<T> Pair<T> {
    /// Those that are there.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.primary.iter().chain(&self.secondary)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.primary.iter_mut().chain(&mut self.secondary)
    }
}

/// A certificate: PEM, base64 of DER, or base64 of PEM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// The certificate itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// What it says. Made here from the certificate, if that is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<CertificateInfo>,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "these are the names of X.509's own fields")]
pub struct CertificateInfo {
    pub subject_name: String,
    pub sha1_thumbprint: String,
    pub sha256_thumbprint: String,
    pub issuer_name: String,
    pub not_before_utc: String,
    pub not_after_utc: String,
    pub serial_number: String,
    pub version: i32,
}

/// Two keys in base64, of 16 to 64 bytes each. Keys that are not given are made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SymmetricKeys {
    /// The first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_key: Option<String>,
    /// The second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary_key: Option<String>,
}

/// What devices can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capabilities {
    /// Whether they run IoT Edge.
    #[serde(default)]
    pub iot_edge: bool,
}

/// Whether devices may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProvisioningStatus {
    /// They may.
    Enabled,
    /// They end as disabled.
    Disabled,
}

/// What happens to a device that registers again: (true, true) migrates, (true, false) resets, `update_hub_assignment`
/// false leaves it where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReprovisionPolicy {
    /// Whether it may move to another hub.
    pub update_hub_assignment: bool,
    /// Whether its twin moves along.
    pub migrate_device_data: bool,
}

/// How a hub is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AllocationPolicy {
    /// Evenly, and always the same for a device.
    Hashed,
    /// The hub with the least latency.
    GeoLatency,
    /// The enrollment's one hub.
    Static,
    /// A webhook says.
    Custom,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomAllocation {
    /// Its URL; the query holds its key. Looked at only when a device registers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub webhook_url: String,
    /// Which form of the types it gets. All known ones are the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
}

/// The two kinds of enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// For one device.
    Individual,
    /// For all devices that an authority or a key vouches for.
    Group,
}

impl Enrollment {
    /// The kind and the id. `None` if both ids are there, or none.
    #[must_use]
    pub fn identity(&self) -> Option<(Kind, &str)> {
        match (&self.registration_id, &self.enrollment_group_id) {
            (Some(id), None) => Some((Kind::Individual, id)),
            (None, Some(id)) => Some((Kind::Group, id)),
            _ => None,
        }
    }

    /// Whether devices may register.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.provisioning_status != Some(ProvisioningStatus::Disabled)
    }

    /// The keys of a symmetric-key enrollment, decoded; empty for any other.
    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let keys =
            self.attestation.symmetric_key.iter().filter(|_| self.attestation.kind == AttestationKind::SymmetricKey);
        keys.flat_map(|keys| [&keys.primary_key, &keys.secondary_key])
            .flatten()
            .filter_map(|key| STANDARD.decode(key).ok())
            .collect()
    }

    /// The enrollment as everybody may see it: without keys.
    #[must_use]
    pub fn without_keys(&self) -> Self {
        let mut shown = self.clone();
        if let Some(keys) = &mut shown.attestation.symmetric_key {
            *keys = SymmetricKeys::default();
        }
        shown
    }
}
