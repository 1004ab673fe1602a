//! Whether a device is who it says: its credentials held against an enrollment.
//!
//! The order is DPS's. An individual enrollment for the registration id decides alone. Without one, a device with a
//! certificate is looked for among the groups of the authorities above it, from the nearest up, and the first one found
//! decides; a device with a signature among the groups with keys.

pub mod certificate;
mod challenge;
pub mod sas;

pub(super) use challenge::Challenges;

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};

use self::sas::{Sas, derived_key};
use super::{
    enrollment::{AttestationKind, Enrollment, Kind, TpmKeys},
    registrar::{DeviceRequest, ServiceError},
    store::{Store, StoreError},
};

/// Why a device is not let in.
#[derive(Debug)]
pub(super) enum Refusal {
    /// An error of the service.
    Error(ServiceError),
    /// 401 with a key that only the right TPM can take out: what the device has to sign with.
    Challenge(String),
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Error(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a device could not be looked up");
        Self::Error(ServiceError::Internal)
    }
}

/// Whether the expiry of a signature counts. A device may poll a known operation with the signature it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// It counts.
    Counts,
    /// It does not.
    Ignored,
}

/// Holds devices against enrollments.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) store: Store,
    pub(super) challenges: Challenges,
}

impl Gate {
    /// The enrollment that a device comes in by.
    pub(super) fn admit(
        &self,
        request: &DeviceRequest,
        tpm: Option<&TpmKeys>,
        expiry: Expiry,
    ) -> Result<Arc<Enrollment>, Refusal> {
        if let Some(enrollment) = self.store.enrollment(Kind::Individual, &request.registration_id)? {
            match enrollment.attestation.kind {
                AttestationKind::SymmetricKey => by_key(request, expiry, |sas| signs(&enrollment, sas))?,
                AttestationKind::X509 => by_own_certificate(request, &enrollment)?,
                AttestationKind::Tpm => self.by_tpm(request, &enrollment, tpm, expiry)?,
                AttestationKind::None => return Err(ServiceError::UnauthorizedKey.into()),
            }
            return Ok(Arc::new(enrollment));
        }
        if request.credentials.sas.is_some() {
            return self.by_group_key(request, expiry);
        }
        if !request.credentials.certificates.is_empty() {
            return self.by_authority(request);
        }
        Err(match tpm {
            Some(_) => ServiceError::NotFound("Enrollment not found.".into()).into(),
            None => ServiceError::Unauthorized.into(),
        })
    }

    fn by_group_key(&self, request: &DeviceRequest, expiry: Expiry) -> Result<Arc<Enrollment>, Refusal> {
        let groups = self.store.groups();
        let mut found = None;
        by_key(request, expiry, |sas| {
            found = groups.iter().find(|group| signs_for(group, &request.registration_id, sas)).cloned();
            found.is_some()
        })?;
        found.ok_or_else(|| ServiceError::UnauthorizedKey.into())
    }

    fn by_authority(&self, request: &DeviceRequest) -> Result<Arc<Enrollment>, Refusal> {
        let shown = &*request.credentials.certificates;
        let now = UnixTime::now();
        let Some((leaf, above)) = shown.split_first() else { return Err(ServiceError::Unauthorized.into()) };
        if !certificate::names(leaf, &request.registration_id, now) {
            return Err(ServiceError::InvalidCertificate.into());
        }
        let mut authorities = Vec::new();
        for group in self.store.groups().iter() {
            authorities.extend(self.authorities(group)?.into_iter().map(|authority| (group.clone(), authority)));
        }
        // The nearest authority that has a group decides; one that the device did not show is above all it showed.
        let shown_one = above.iter().find_map(|shown| authorities.iter().find(|(_, authority)| authority == shown));
        let found = match shown_one {
            Some(found) => Some(found).filter(|(_, authority)| certificate::vouches(authority, shown, now)),
            None => authorities.iter().find(|(_, authority)| certificate::vouches(authority, shown, now)),
        };
        found.map(|(group, _)| group.clone()).ok_or_else(|| ServiceError::InvalidCertificate.into())
    }

    fn authorities(&self, group: &Enrollment) -> Result<Vec<CertificateDer<'static>>, StoreError> {
        let x509 = group.attestation.x509.iter().filter(|_| group.attestation.kind == AttestationKind::X509);
        let mut authorities = Vec::new();
        for x509 in x509 {
            let given = x509.signing_certificates.iter().flat_map(|pair| pair.iter());
            authorities.extend(given.filter_map(|given| certificate::read(given.certificate.as_deref()?)));
            for name in x509.ca_references.iter().flat_map(|pair| pair.iter()) {
                authorities.extend(self.store.certificate(name)?.and_then(|pem| certificate::read(&pem)));
            }
        }
        Ok(authorities)
    }

    fn by_tpm(
        &self,
        request: &DeviceRequest,
        enrollment: &Enrollment,
        tpm: Option<&TpmKeys>,
        expiry: Expiry,
    ) -> Result<(), Refusal> {
        let enrolled = enrollment.attestation.tpm.as_ref().map(|keys| keys.endorsement_key.as_str());
        if tpm.is_some_and(|shown| Some(shown.endorsement_key.as_str()) != enrolled) {
            return Err(ServiceError::UnauthorizedKey.into());
        }
        if request.credentials.sas.is_some() {
            let key = self.challenges.key(&request.registration_id).ok_or(ServiceError::UnauthorizedKey)?;
            return by_key(request, expiry, |sas| sas.is_signed_by(&key));
        }
        let shown = tpm.ok_or(ServiceError::Unauthorized)?;
        let blob = self.challenges.make(&request.registration_id, shown).ok_or(ServiceError::UnauthorizedKey)?;
        Err(Refusal::Challenge(blob))
    }
}

/// Lets a device in if its signature is for it, in time, and signed as `signed` says.
fn by_key(request: &DeviceRequest, expiry: Expiry, signed: impl FnOnce(&Sas<'_>) -> bool) -> Result<(), Refusal> {
    let text = request.credentials.sas.as_deref().ok_or(ServiceError::Unauthorized)?;
    let sas = Sas::parse(text).ok_or(ServiceError::Unauthorized)?;
    let resource = format!("{}/registrations/{}", request.id_scope, request.registration_id);
    let is_devices = sas.policy.is_empty() || sas.policy == "registration";
    let has_expired = expiry == Expiry::Counts && sas.has_expired(jiff::Timestamp::now().as_second());
    if !sas.is_for(&resource) || !is_devices || has_expired {
        return Err(ServiceError::Unauthorized.into());
    }
    if signed(&sas) { Ok(()) } else { Err(ServiceError::UnauthorizedKey.into()) }
}

fn signs(enrollment: &Enrollment, sas: &Sas<'_>) -> bool {
    enrollment.keys().iter().any(|key| sas.is_signed_by(key))
}

/// Whether a key that a group's key derives for the id signed. The id counts as given, or in lower case.
fn signs_for(group: &Enrollment, id: &str, sas: &Sas<'_>) -> bool {
    let lower = id.to_ascii_lowercase();
    let ids = std::iter::once(id).chain(Some(lower.as_str()).filter(|lower| *lower != id));
    let keys = group.keys();
    ids.flat_map(|id| keys.iter().filter_map(move |key| derived_key(key, id))).any(|key| sas.is_signed_by(&key))
}

fn by_own_certificate(request: &DeviceRequest, enrollment: &Enrollment) -> Result<(), Refusal> {
    let enrolled = enrollment.attestation.x509.iter().filter_map(|x509| x509.client_certificates.as_ref());
    let leaf = request.credentials.certificates.first();
    let is_it = leaf.is_some_and(|leaf| {
        certificate::names(leaf, &request.registration_id, UnixTime::now())
            && enrolled.flat_map(|pair| pair.iter()).any(|enrolled| certificate::is(leaf, enrolled))
    });
    if is_it { Ok(()) } else { Err(ServiceError::InvalidCertificate.into()) }
}
