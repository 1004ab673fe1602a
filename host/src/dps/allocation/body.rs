//! What a webhook is sent: the enrollment without its secrets, the device, the hubs.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::dps::{
    device::{Assignment, Empty},
    enrollment::{AttestationKind, AttestationMechanism, Enrollment, Kind, TpmKeys},
};

/// What the device brought along.
#[derive(Debug, Clone)]
pub(in crate::dps) struct Context<'a> {
    pub registration_id: &'a str,
    pub current: Option<&'a Assignment>,
    pub certificate: Option<&'a CertificateDer<'static>>,
    pub tpm: Option<&'a TpmKeys>,
    pub payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AllocationRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    individual_enrollment: Option<&'a Enrollment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrollment_group: Option<&'a Enrollment>,
    device_runtime_context: RuntimeContext<'a>,
    linked_hubs: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeContext<'a> {
    registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_iot_hub_host_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_device_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x509: Option<ClientCertificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symmetric_key: Option<Empty>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpm: Option<&'a TpmKeys>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientCertificate {
    client_certificate: String,
}

impl Context<'_> {
    /// The body.
    pub(in crate::dps) fn body(&self, enrollment: &Enrollment, hubs: &[String]) -> Vec<u8> {
        let shown = without_secrets(enrollment);
        let is_group = matches!(enrollment.identity(), Some((Kind::Group, _)));
        let kind = enrollment.attestation.kind;
        let certificate = self.certificate.filter(|_| kind == AttestationKind::X509);
        let request = AllocationRequest {
            individual_enrollment: Some(&shown).filter(|_| !is_group),
            enrollment_group: Some(&shown).filter(|_| is_group),
            device_runtime_context: RuntimeContext {
                registration_id: self.registration_id,
                current_iot_hub_host_name: self.current.map(|current| current.hub.as_str()),
                current_device_id: self.current.map(|current| current.device_id.as_str()),
                x509: certificate.map(|der| ClientCertificate { client_certificate: STANDARD.encode(der) }),
                symmetric_key: Some(Empty {}).filter(|_| kind == AttestationKind::SymmetricKey),
                tpm: self.tpm.filter(|_| kind == AttestationKind::Tpm),
                payload: self.payload,
            },
            linked_hubs: hubs,
        };
        // Strings, numbers and JSON; serialising them cannot fail.
        serde_json::to_vec(&request).unwrap_or_default()
    }
}

/// An enrollment as a webhook sees it: of the attestation its kind, and of the webhook's own URL not the key.
fn without_secrets(enrollment: &Enrollment) -> Enrollment {
    let mut shown = enrollment.clone();
    let kind = shown.attestation.kind;
    shown.attestation = AttestationMechanism { kind, tpm: None, x509: None, symmetric_key: None };
    if let Some(webhook) = &mut shown.custom_allocation_definition {
        webhook.webhook_url = masked(&webhook.webhook_url);
    }
    shown
}

/// A URL without its query, as DPS shows it.
pub(in crate::dps) fn masked(url: &str) -> String {
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?****"),
        None => url.to_owned(),
    }
}
