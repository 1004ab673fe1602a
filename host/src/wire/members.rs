//! The members of DPS's allocation request, as they stand in JSON, and what each is in the contract's words.
//!
//! Reads and converts; whether the whole makes sense is [`Body`](super::Body)'s business.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

use crate::contract::{self, CertificateFacts};

/// A JSON string, borrowed unless it holds escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

pub(super) fn text<'s>(text: &'s Option<Text<'_>>) -> Option<&'s str> {
    text.as_ref().map(|text| &*text.0)
}

pub(super) fn texts<'s>(texts: &'s [Text<'_>]) -> Vec<&'s str> {
    texts.iter().map(|text| &*text.0).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllocationRequest<'a> {
    #[serde(borrow)]
    pub(super) individual_enrollment: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) enrollment_group: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) device_runtime_context: &'a RawValue,
    #[serde(borrow)]
    pub(super) linked_hubs: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuntimeContext<'a> {
    #[serde(borrow)]
    pub(super) registration_id: Text<'a>,
    // DPS's own documentation spells this one in three ways.
    #[serde(
        borrow,
        rename = "currentIotHubHostName",
        alias = "currentIoTHubHostName",
        alias = "currentIoTHubHostname",
        default
    )]
    pub(super) current_hub: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) current_device_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) x509: Option<Object<X509<'a>>>,
    #[serde(default)]
    pub(super) symmetric_key: Option<Object<SymmetricKey>>,
    #[serde(borrow, default)]
    pub(super) tpm: Option<Object<Tpm<'a>>>,
    #[serde(borrow, default)]
    pub(super) payload: Option<&'a RawValue>,
}

impl RuntimeContext<'_> {
    pub(super) fn attestation(&self) -> contract::Attestation<'_> {
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
pub(super) struct X509<'a> {
    #[serde(borrow, default)]
    client_certificate: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SymmetricKey {}

/// A JSON object. serde alone would take an array of the members in order, too.
#[derive(Debug)]
pub(super) struct Object<T>(T);

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
pub(super) struct Tpm<'a> {
    #[serde(borrow, default)]
    endorsement_key: Option<Text<'a>>,
    #[serde(borrow, default)]
    storage_root_key: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Enrollment<'a> {
    #[serde(borrow, default)]
    pub(super) registration_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) enrollment_group_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) device_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) registration_state: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) optional_device_information: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) attestation: Option<Object<AttestationMechanism<'a>>>,
    #[serde(default)]
    pub(super) capabilities: Option<Object<Capabilities>>,
    #[serde(borrow, default)]
    pub(super) iot_hub_host_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) initial_twin: Option<Object<InitialTwin<'a>>>,
    #[serde(borrow, default)]
    pub(super) etag: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) provisioning_status: Option<Text<'a>>,
    #[serde(default)]
    pub(super) reprovision_policy: Option<Object<ReprovisionPolicy>>,
    #[serde(borrow, default)]
    pub(super) created_date_time_utc: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) last_updated_date_time_utc: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) allocation_policy: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) iot_hubs: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    pub(super) custom_allocation_definition: Option<Object<CustomAllocationDefinition<'a>>>,
    #[serde(borrow, default)]
    pub(super) credential_policy_name: Option<Text<'a>>,
}

impl Enrollment<'_> {
    pub(super) fn contract<'s>(&'s self, document: &'s str) -> contract::Enrollment<'s> {
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
pub(super) struct AttestationMechanism<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Capabilities {
    #[serde(default)]
    iot_edge: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct InitialTwin<'a> {
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
    #[serde(borrow, default)]
    properties: Option<Object<Properties<'a>>>,
}

impl InitialTwin<'_> {
    pub(super) fn contract(&self) -> contract::EnrollmentTwin<'_> {
        contract::EnrollmentTwin {
            tags: self.tags.map(RawValue::get),
            desired_properties: self.properties.as_ref().and_then(|properties| properties.desired).map(RawValue::get),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Properties<'a> {
    #[serde(borrow, default)]
    desired: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReprovisionPolicy {
    #[serde(default)]
    update_hub_assignment: Option<bool>,
    #[serde(default)]
    migrate_device_data: Option<bool>,
}

impl ReprovisionPolicy {
    /// With DPS's defaults for what is not set.
    pub(super) fn contract(&self) -> contract::ReprovisionPolicy {
        contract::ReprovisionPolicy {
            update_hub_assignment: self.update_hub_assignment.unwrap_or(true),
            migrate_device_data: self.migrate_device_data.unwrap_or(true),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomAllocationDefinition<'a> {
    #[serde(borrow, default)]
    webhook_url: Option<Text<'a>>,
    #[serde(borrow, default)]
    api_version: Option<Text<'a>>,
}
