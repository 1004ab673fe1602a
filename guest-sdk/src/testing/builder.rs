//! A request made up for a test.

use serde_json::{Value, json};

use crate::{
    Request,
    contract::{Attestation, CertificateFacts},
};

/// Starts a request of the device with this registration id.
///
/// Unless told otherwise it is a first registration through the group `devices` with a symmetric key and no payload,
/// and the linked hubs are `hub-a.azure-devices.net` and `hub-b.azure-devices.net`.
pub fn request(registration_id: &str) -> RequestBuilder {
    RequestBuilder {
        registration_id: registration_id.to_owned(),
        group: Some("devices".to_owned()),
        hubs: ["hub-a", "hub-b"].map(|name| format!("{name}.azure-devices.net")).to_vec(),
        current_hub: None,
        pinned: false,
        payload: None,
        proof: Proof::SymmetricKey,
    }
}

/// A request in the making. [`request`] starts one.
#[derive(Clone, Debug)]
#[must_use = "only `build` makes a request of it"]
pub struct RequestBuilder {
    registration_id: String,
    group: Option<String>,
    hubs: Vec<String>,
    current_hub: Option<String>,
    pinned: bool,
    payload: Option<String>,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    SymmetricKey,
    X509(Option<Box<CertificateFacts>>),
    Tpm { endorsement_key: String },
}

impl RequestBuilder {
    /// Lets the device come through this enrollment group.
    pub fn group(mut self, id: &str) -> Self {
        self.group = Some(id.to_owned());
        self
    }

    /// Lets the device come through an enrollment of its own.
    pub fn individual(mut self) -> Self {
        self.group = None;
        self
    }

    /// Links these hubs and no others.
    pub fn hubs<H: Into<String>>(mut self, host_names: impl IntoIterator<Item = H>) -> Self {
        self.hubs = host_names.into_iter().map(Into::into).collect();
        self
    }

    /// Lets the device have a hub already, from which it may move.
    pub fn currently_at(mut self, host_name: &str) -> Self {
        self.current_hub = Some(host_name.to_owned());
        self.pinned = false;
        self
    }

    /// Lets the device have a hub already, on which it has to stay.
    pub fn pinned_at(mut self, host_name: &str) -> Self {
        self.current_hub = Some(host_name.to_owned());
        self.pinned = true;
        self
    }

    /// Lets the device send this payload. A string stands for a device that sends JSON text in a string.
    pub fn payload(self, payload: Value) -> Self {
        self.payload_text(&payload.to_string())
    }

    /// Lets the device send a payload of exactly this text.
    pub fn payload_text(mut self, text: &str) -> Self {
        self.payload = Some(text.to_owned());
        self
    }

    /// Lets the device show an X.509 certificate with these facts. `None` stands for one that cannot be parsed.
    pub fn x509(mut self, facts: Option<CertificateFacts>) -> Self {
        self.proof = Proof::X509(facts.map(Box::new));
        self
    }

    /// Lets the device show a TPM with this endorsement key, base64.
    pub fn tpm(mut self, endorsement_key: &str) -> Self {
        self.proof = Proof::Tpm { endorsement_key: endorsement_key.to_owned() };
        self
    }

    /// Makes the request.
    ///
    /// # Panics
    ///
    /// If DPS could not send such a request: without a linked hub, or with a payload text that is not JSON.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "only tests call this; a broken request ends them")]
    pub fn build(self) -> Request {
        let payload = match self.payload.as_deref().map(serde_json::from_str::<Value>) {
            None => Value::Null,
            Some(Ok(payload)) => payload,
            Some(Err(error)) => panic!("the payload's text is not JSON: {error}"),
        };
        let mut contract = match super::body::read(&self.body(payload).to_string()) {
            Ok(contract) => contract,
            Err(problem) => panic!("DPS could not send this request: {problem}"),
        };
        if contract.payload.is_some() {
            contract.payload = self.payload;
        }
        if let (Attestation::X509(x509), Proof::X509(facts)) = (&mut contract.attestation, self.proof) {
            x509.facts = facts.map(|facts| *facts);
        }
        contract.into()
    }

    fn body(&self, payload: Value) -> Value {
        let (kind, proof) = match &self.proof {
            Proof::SymmetricKey => ("symmetricKey", json!({})),
            Proof::X509(_) => ("x509", json!({"clientCertificate": "MIIB"})),
            Proof::Tpm { endorsement_key } => ("tpm", json!({"endorsementKey": endorsement_key})),
        };
        let mut context = json!({"registrationId": self.registration_id});
        if let Some(members) = context.as_object_mut() {
            members.insert(kind.to_owned(), proof);
            if let Some(hub) = &self.current_hub {
                members.insert("currentIotHubHostName".to_owned(), json!(hub));
                members.insert("currentDeviceId".to_owned(), json!(self.registration_id));
            }
            if !payload.is_null() {
                members.insert("payload".to_owned(), payload);
            }
        }
        let (enrollment, id, value) = match &self.group {
            Some(group) => ("enrollmentGroup", "enrollmentGroupId", group),
            None => ("individualEnrollment", "registrationId", &self.registration_id),
        };
        json!({
            enrollment: {
                id: value,
                "attestation": {"type": kind},
                "provisioningStatus": "enabled",
                "reprovisionPolicy": {"updateHubAssignment": !self.pinned, "migrateDeviceData": true},
                "allocationPolicy": "custom",
            },
            "deviceRuntimeContext": context,
            "linkedHubs": self.hubs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_request_is_a_first_registration() {
        let request = request("sensor-7").build();
        assert_eq!(request.registration_id(), "sensor-7");
        assert_eq!(request.group(), Some("devices"));
        assert_eq!(request.linked_hubs().len(), 2);
        assert_eq!(request.attestation(), &Attestation::SymmetricKey);
        assert_eq!(request.payload().text(), None);
        assert!(request.is_first());
    }

    #[test]
    fn a_payload_keeps_its_text() {
        let request = request("a").payload_text("{ \"b\": 1.0 }").build();
        assert_eq!(request.payload().text(), Some("{ \"b\": 1.0 }"));
    }

    #[test]
    fn certificates_and_tpms_are_proof() {
        let facts = CertificateFacts {
            subject: "CN=dev1,O=Contoso".to_owned(),
            subject_common_name: Some("dev1".to_owned()),
            issuer: "CN=ca".to_owned(),
            issuer_common_name: Some("ca".to_owned()),
            subject_alternative_names: Vec::new(),
            serial_number: "0A".to_owned(),
            not_before: "2024-01-01T00:00:00Z".to_owned(),
            not_after: "2034-01-01T00:00:00Z".to_owned(),
            sha1_thumbprint: String::new(),
            sha256_thumbprint: String::new(),
        };
        let with_certificate = request("dev1").individual().x509(Some(facts.clone())).build();
        assert_eq!(with_certificate.certificate(), Some(&facts));
        assert_eq!(request("dev1").x509(None).build().certificate(), None);

        let Attestation::Tpm(tpm) = request("dev1").tpm("AToAAQ==").build().attestation().clone() else {
            unreachable!("a TPM was shown")
        };
        assert_eq!(tpm.endorsement_key.as_deref(), Some("AToAAQ=="));
    }

    #[test]
    #[should_panic(expected = "linkedHubs is empty")]
    fn a_request_has_hubs() {
        let _ = request("a").hubs(Vec::<String>::new()).build();
    }
}
