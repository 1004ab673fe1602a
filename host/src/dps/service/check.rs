//! Whether an enrollment makes sense, and what the service adds to one.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::invalid;
use crate::dps::{
    allocation::Hub,
    attestation::{certificate, public_key},
    enrollment::{AllocationPolicy, AttestationKind, Enrollment, Kind, Pair, ProvisioningStatus, SymmetricKeys, X509},
    registrar::{ServiceError, guid, is_id},
    store::Store,
};

/// Refuses an enrollment that could never work. What only shows when a device registers, such as a webhook's URL, is not
/// looked at: DPS does not either.
pub(super) fn check(enrollment: &Enrollment, hubs: &[Hub]) -> Result<(), ServiceError> {
    let Some((kind, id)) = enrollment.identity() else {
        return Err(invalid("An enrollment has either a registrationId or an enrollmentGroupId."));
    };
    if !is_id(id) {
        return Err(invalid(format!("{id:?} is no id: letters, digits, and - . _ : within, at most 128.")));
    }
    check_attestation(enrollment, kind)?;
    check_allocation(enrollment, hubs)?;
    if kind == Kind::Group && enrollment.device_id.is_some() {
        return Err(invalid("A group has no deviceId: each device's is its registration id."));
    }
    Ok(())
}

fn check_allocation(enrollment: &Enrollment, hubs: &[Hub]) -> Result<(), ServiceError> {
    let named = enrollment.iot_hubs.iter().flatten().chain(&enrollment.iot_hub_host_name);
    for name in named {
        if !hubs.iter().any(|hub| hub.host_name.eq_ignore_ascii_case(name)) {
            return Err(invalid(format!("The hub {name} is not linked.")));
        }
    }
    let one_hub = enrollment.iot_hubs.as_ref().map_or(0, Vec::len) == 1 || enrollment.iot_hub_host_name.is_some();
    let webhook = enrollment.custom_allocation_definition.as_ref();
    let has_webhook = webhook.is_some_and(|webhook| !webhook.webhook_url.is_empty() && !webhook.api_version.is_empty());
    match enrollment.allocation_policy {
        Some(AllocationPolicy::Custom) if webhook.is_some() && !has_webhook => {
            Err(invalid("A CustomAllocationDefinition needs a webhookUrl and an apiVersion."))
        }
        Some(AllocationPolicy::Custom) if !has_webhook => {
            Err(invalid("A CustomAllocationDefinition is required when the allocation policy is set to 'Custom'."))
        }
        Some(AllocationPolicy::Static) if !one_hub => Err(invalid("The allocation policy 'Static' needs one hub.")),
        _ => Ok(()),
    }
}

fn check_attestation(enrollment: &Enrollment, kind: Kind) -> Result<(), ServiceError> {
    let attestation = &enrollment.attestation;
    match attestation.kind {
        AttestationKind::None => Ok(()),
        AttestationKind::SymmetricKey => {
            let keys = attestation.symmetric_key.iter().flat_map(|keys| [&keys.primary_key, &keys.secondary_key]);
            let is_key = |key: &String| STANDARD.decode(key).is_ok_and(|bytes| (16..=64).contains(&bytes.len()));
            if keys.flatten().all(is_key) { Ok(()) } else { Err(invalid("A key is base64 of 16 to 64 bytes.")) }
        }
        AttestationKind::Tpm => {
            let keys = attestation.tpm.as_ref().filter(|_| kind == Kind::Individual);
            let keys = keys.ok_or_else(|| invalid("tpm needs an endorsementKey, and an individual enrollment."))?;
            match public_key(&keys.endorsement_key) {
                Ok(_) => Ok(()),
                Err(why) => Err(invalid(format!("The endorsementKey is not the public key of a TPM: {why}."))),
            }
        }
        AttestationKind::X509 => check_certificates(&attestation.x509.clone().unwrap_or_default(), kind),
    }
}

fn check_certificates(x509: &X509, kind: Kind) -> Result<(), ServiceError> {
    let given = match kind {
        Kind::Individual => x509.client_certificates.as_ref(),
        Kind::Group => x509.signing_certificates.as_ref(),
    };
    let certificates = || given.iter().flat_map(|pair| pair.iter());
    let readable = |text: &String| certificate::read(text).is_some();
    let all_readable = certificates().all(|given| given.certificate.as_ref().is_none_or(readable));
    let names_some = x509.ca_references.iter().any(|pair| pair.iter().next().is_some());
    match (certificates().next().is_some() || (kind == Kind::Group && names_some), all_readable) {
        (true, true) => Ok(()),
        (true, false) => Err(invalid("A certificate cannot be read: PEM, or base64 of DER or PEM.")),
        (false, _) => {
            Err(invalid("x509 needs clientCertificates (individual), signingCertificates or caReferences (group)."))
        }
    }
}

/// Refuses an enrollment that names an authority which is not in the certificate store.
pub(super) fn check_references(enrollment: &Enrollment, store: &Store) -> Result<(), ServiceError> {
    for name in enrollment.attestation.x509.iter().flat_map(|x509| &x509.ca_references).flat_map(Pair::iter) {
        if store.certificate(name)?.is_none() {
            return Err(invalid(format!(
                "caReferences names {name:?}, and there is no such certificate: the enrollments file brings certificates."
            )));
        }
    }
    Ok(())
}

/// The enrollment as it is stored in place of `before`: with keys that were not given, what its certificates say, and the
/// service's own members.
pub(super) fn complete(mut enrollment: Enrollment, before: Option<&Enrollment>) -> Enrollment {
    let now = format!("{:.7}", jiff::Timestamp::now());
    if enrollment.attestation.kind == AttestationKind::SymmetricKey {
        let kept = before.and_then(|before| before.attestation.symmetric_key.clone()).unwrap_or_default();
        let given = enrollment.attestation.symmetric_key.take().unwrap_or_default();
        let fill = |given: Option<String>, kept: Option<String>| given.or(kept).or_else(new_key);
        enrollment.attestation.symmetric_key = Some(SymmetricKeys {
            primary_key: fill(given.primary_key, kept.primary_key),
            secondary_key: fill(given.secondary_key, kept.secondary_key),
        });
    }
    if let Some(x509) = &mut enrollment.attestation.x509 {
        let pairs = x509.client_certificates.iter_mut().chain(&mut x509.signing_certificates);
        for given in pairs.flat_map(|pair| pair.iter_mut()) {
            let told = given.certificate.as_deref().and_then(certificate::read);
            given.info = told.and_then(|der| certificate::info(&der)).or(given.info.take());
        }
    }
    enrollment.registration_state = None;
    enrollment.provisioning_status.get_or_insert(ProvisioningStatus::Enabled);
    enrollment.etag = Some(format!("\"{}\"", guid()));
    enrollment.created_date_time_utc =
        before.and_then(|before| before.created_date_time_utc.clone()).or_else(|| Some(now.clone()));
    enrollment.last_updated_date_time_utc = Some(now);
    enrollment
}

/// Whether an enrollment is stored just as writing this one would leave it, but for what each write makes anew.
pub(in crate::dps) fn is_written(stored: &Enrollment, given: &Enrollment) -> bool {
    let mut written = complete(given.clone(), Some(stored));
    written.etag.clone_from(&stored.etag);
    written.last_updated_date_time_utc.clone_from(&stored.last_updated_date_time_utc);
    written == *stored
}

fn new_key() -> Option<String> {
    let mut key = [0; 64];
    getrandom::fill(&mut key).ok()?;
    Some(STANDARD.encode(key))
}
