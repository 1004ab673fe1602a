//! Contract types to the generated ones and back. Strings are borrowed on the way in and moved on the way out.

use super::bindings::types as wit;
use crate::contract::{self, Answer};

/// A request as the guest gets it. `names` are the certificate's alternative names, from [`alternative_names`].
pub(super) fn request<'a>(
    request: &'a contract::Request<'a>,
    names: &'a [wit::AlternativeName<'a>],
) -> wit::Request<'a> {
    wit::Request {
        registration_id: request.registration_id,
        assignment: assignment(request.assignment),
        attestation: attestation(&request.attestation, names),
        payload: request.payload,
        enrollment: enrollment(&request.enrollment),
        linked_hubs: &request.linked_hubs,
        runtime_context: request.runtime_context,
    }
}

/// The alternative names of the request's certificate. Apart from [`request`], which can only borrow a list of them.
pub(super) fn alternative_names<'a>(request: &'a contract::Request<'a>) -> Vec<wit::AlternativeName<'a>> {
    let contract::Attestation::X509 { facts: Some(facts), .. } = &request.attestation else {
        return Vec::new();
    };
    let convert = |name: &'a contract::AlternativeName| match name {
        contract::AlternativeName::Dns(name) => wit::AlternativeName::Dns(name),
        contract::AlternativeName::Uri(uri) => wit::AlternativeName::Uri(uri),
        contract::AlternativeName::Email(email) => wit::AlternativeName::Email(email),
        contract::AlternativeName::Ip(address) => wit::AlternativeName::Ip(address),
    };
    facts.subject_alternative_names.iter().map(convert).collect()
}

fn assignment(assignment: contract::Assignment<'_>) -> wit::Assignment<'_> {
    match assignment {
        contract::Assignment::First => wit::Assignment::First,
        contract::Assignment::MayMove(at) => wit::Assignment::MayMove(current(at)),
        contract::Assignment::Pinned(at) => wit::Assignment::Pinned(current(at)),
    }
}

fn current(at: contract::CurrentAssignment<'_>) -> wit::CurrentAssignment<'_> {
    wit::CurrentAssignment { hub: at.hub, device_id: at.device_id }
}

fn attestation<'a>(
    attestation: &'a contract::Attestation<'a>,
    names: &'a [wit::AlternativeName<'a>],
) -> wit::Attestation<'a> {
    match attestation {
        contract::Attestation::SymmetricKey => wit::Attestation::SymmetricKey,
        contract::Attestation::X509 { client_certificate, facts } => wit::Attestation::X509(wit::X509Attestation {
            client_certificate: *client_certificate,
            facts: facts.as_ref().map(|facts| wit::CertificateFacts {
                subject: &facts.subject,
                subject_common_name: facts.subject_common_name.as_deref(),
                issuer: &facts.issuer,
                issuer_common_name: facts.issuer_common_name.as_deref(),
                subject_alternative_names: names,
                serial_number: &facts.serial_number,
                not_before: &facts.not_before,
                not_after: &facts.not_after,
                sha1_thumbprint: &facts.sha1_thumbprint,
                sha256_thumbprint: &facts.sha256_thumbprint,
            }),
        }),
        contract::Attestation::Tpm { endorsement_key, storage_root_key } => {
            wit::Attestation::Tpm(wit::TpmAttestation {
                endorsement_key: *endorsement_key,
                storage_root_key: *storage_root_key,
            })
        }
    }
}

fn enrollment<'a>(enrollment: &'a contract::Enrollment<'a>) -> wit::Enrollment<'a> {
    wit::Enrollment {
        identity: identity(&enrollment.identity),
        attestation_kind: match enrollment.attestation_kind {
            contract::AttestationKind::SymmetricKey => wit::AttestationKind::SymmetricKey,
            contract::AttestationKind::X509 => wit::AttestationKind::X509,
            contract::AttestationKind::Tpm => wit::AttestationKind::Tpm,
            contract::AttestationKind::None => wit::AttestationKind::None,
            contract::AttestationKind::Other(kind) => wit::AttestationKind::Other(kind),
        },
        iot_edge: enrollment.iot_edge,
        iot_hub_host_name: enrollment.iot_hub_host_name,
        initial_twin: enrollment
            .initial_twin
            .map(|twin| wit::InitialTwinParam { tags: twin.tags, desired_properties: twin.desired_properties }),
        etag: enrollment.etag,
        provisioning_status: enrollment.provisioning_status.map(|status| match status {
            contract::ProvisioningStatus::Enabled => wit::ProvisioningStatus::Enabled,
            contract::ProvisioningStatus::Disabled => wit::ProvisioningStatus::Disabled,
            contract::ProvisioningStatus::Other(status) => wit::ProvisioningStatus::Other(status),
        }),
        reprovision_policy: enrollment.reprovision_policy.map(|policy| wit::ReprovisionPolicy {
            update_hub_assignment: policy.update_hub_assignment,
            migrate_device_data: policy.migrate_device_data,
        }),
        created_date_time_utc: enrollment.created_date_time_utc,
        last_updated_date_time_utc: enrollment.last_updated_date_time_utc,
        allocation_policy: enrollment.allocation_policy.map(|policy| match policy {
            contract::AllocationPolicy::Hashed => wit::AllocationPolicy::Hashed,
            contract::AllocationPolicy::GeoLatency => wit::AllocationPolicy::GeoLatency,
            contract::AllocationPolicy::Static => wit::AllocationPolicy::Static,
            contract::AllocationPolicy::Custom => wit::AllocationPolicy::Custom,
            contract::AllocationPolicy::Other(policy) => wit::AllocationPolicy::Other(policy),
        }),
        iot_hubs: &enrollment.iot_hubs,
        custom_allocation_definition: enrollment.custom_allocation_definition.map(|definition| {
            wit::CustomAllocationDefinition { webhook_url: definition.webhook_url, api_version: definition.api_version }
        }),
        credential_policy_name: enrollment.credential_policy_name,
        document: enrollment.document,
    }
}

fn identity<'a>(identity: &'a contract::EnrollmentIdentity<'a>) -> wit::EnrollmentIdentity<'a> {
    match identity {
        contract::EnrollmentIdentity::Group(id) => wit::EnrollmentIdentity::Group(id),
        contract::EnrollmentIdentity::Individual(individual) => {
            wit::EnrollmentIdentity::Individual(wit::IndividualEnrollment {
                registration_id: individual.registration_id,
                device_id: individual.device_id,
                registration_state: individual.registration_state,
                optional_device_information: individual.optional_device_information,
            })
        }
    }
}

/// A guest's answer as the contract has it.
pub(super) fn answer(result: Result<wit::Decision, wit::Refusal>) -> Answer {
    match result {
        Ok(decision) => Answer::Decision(contract::Decision {
            hub: decision.hub,
            initial_twin: decision
                .initial_twin
                .map(|twin| contract::InitialTwin { tags: twin.tags, desired_properties: twin.desired_properties }),
            payload: decision.payload,
            reasons: decision.reasons,
        }),
        Err(wit::Refusal::Reject(message)) => Answer::Refusal(contract::Refusal::Reject { message }),
        Err(wit::Refusal::RetryLater(retry)) => Answer::Refusal(contract::Refusal::RetryLater {
            message: retry.message,
            after_seconds: retry.after_seconds,
        }),
    }
}
