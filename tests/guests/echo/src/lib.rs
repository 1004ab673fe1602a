//! A policy that answers with everything it was asked, so that the tests see what reaches a policy.
//!
//! Texts of free-form JSON come back as strings: they are compared byte for byte.

use berth_sdk::{
    Decision, Refusal, Request, Value,
    contract::{
        AllocationPolicy, AlternativeName, Assignment, Attestation, AttestationKind, CertificateFacts,
        CurrentAssignment, Enrollment, EnrollmentIdentity, ProvisioningStatus,
    },
    json,
};

berth_sdk::policy!(allocate);

fn allocate(request: &Request) -> Result<Decision, Refusal> {
    let contract = request.contract();
    let echo = json!({
        "registrationId": contract.registration_id,
        "assignment": assignment(&contract.assignment),
        "attestation": attestation(&contract.attestation),
        "payload": contract.payload,
        "enrollment": enrollment(&contract.enrollment),
        "linkedHubs": contract.linked_hubs,
        "runtimeContext": contract.runtime_context,
    });
    Ok(Decision::to(request.hubs().first()?).payload(echo))
}

fn assignment(assignment: &Assignment) -> Value {
    let at = |current: &CurrentAssignment| json!([current.hub, current.device_id]);
    match assignment {
        Assignment::First => json!("first"),
        Assignment::MayMove(current) => json!({ "mayMove": at(current) }),
        Assignment::Pinned(current) => json!({ "pinned": at(current) }),
    }
}

fn attestation(attestation: &Attestation) -> Value {
    match attestation {
        Attestation::SymmetricKey => json!("symmetricKey"),
        Attestation::X509(x509) => json!({ "x509": {
            "clientCertificate": x509.client_certificate,
            "facts": x509.facts.as_ref().map(facts),
        } }),
        Attestation::Tpm(tpm) => json!({ "tpm": [tpm.endorsement_key, tpm.storage_root_key] }),
    }
}

fn facts(facts: &CertificateFacts) -> Value {
    let name = |name: &AlternativeName| match name {
        AlternativeName::Dns(name) => format!("dns {name}"),
        AlternativeName::Uri(uri) => format!("uri {uri}"),
        AlternativeName::Email(email) => format!("email {email}"),
        AlternativeName::Ip(address) => format!("ip {address}"),
    };
    let names: Vec<String> = facts.subject_alternative_names.iter().map(name).collect();
    json!({
        "subject": facts.subject,
        "subjectCommonName": facts.subject_common_name,
        "issuer": facts.issuer,
        "issuerCommonName": facts.issuer_common_name,
        "subjectAlternativeNames": names,
        "serialNumber": facts.serial_number,
        "notBefore": facts.not_before,
        "notAfter": facts.not_after,
        "sha1Thumbprint": facts.sha1_thumbprint,
        "sha256Thumbprint": facts.sha256_thumbprint,
    })
}

fn enrollment(enrollment: &Enrollment) -> Value {
    let identity = match &enrollment.identity {
        EnrollmentIdentity::Group(id) => json!({ "group": id }),
        EnrollmentIdentity::Individual(individual) => json!({ "individual": {
            "registrationId": individual.registration_id,
            "deviceId": individual.device_id,
            "registrationState": individual.registration_state,
            "optionalDeviceInformation": individual.optional_device_information,
        } }),
    };
    let attestation_kind = match &enrollment.attestation_kind {
        AttestationKind::SymmetricKey => "symmetricKey",
        AttestationKind::X509 => "x509",
        AttestationKind::Tpm => "tpm",
        AttestationKind::None => "none",
        AttestationKind::Other(kind) => kind,
    };
    let status = enrollment.provisioning_status.as_ref().map(|status| match status {
        ProvisioningStatus::Enabled => "enabled",
        ProvisioningStatus::Disabled => "disabled",
        ProvisioningStatus::Other(status) => status,
    });
    let policy = enrollment.allocation_policy.as_ref().map(|policy| match policy {
        AllocationPolicy::Hashed => "hashed",
        AllocationPolicy::GeoLatency => "geoLatency",
        AllocationPolicy::Static => "static",
        AllocationPolicy::Custom => "custom",
        AllocationPolicy::Other(policy) => policy,
    });
    let reprovision = enrollment.reprovision_policy.as_ref();
    let definition = enrollment.custom_allocation_definition.as_ref();
    json!({
        "identity": identity,
        "attestationKind": attestation_kind,
        "iotEdge": enrollment.iot_edge,
        "iotHubHostName": enrollment.iot_hub_host_name,
        "initialTwin": enrollment.initial_twin.as_ref().map(|twin| json!([twin.tags, twin.desired_properties])),
        "etag": enrollment.etag,
        "provisioningStatus": status,
        "reprovisionPolicy": reprovision.map(|policy| json!([policy.update_hub_assignment, policy.migrate_device_data])),
        "createdDateTimeUtc": enrollment.created_date_time_utc,
        "lastUpdatedDateTimeUtc": enrollment.last_updated_date_time_utc,
        "allocationPolicy": policy,
        "iotHubs": enrollment.iot_hubs,
        "customAllocationDefinition": definition.map(|definition| json!([definition.webhook_url, definition.api_version])),
        "credentialPolicyName": enrollment.credential_policy_name,
        "document": enrollment.document,
    })
}
