//! Whether a device is who it says: its credentials held against an enrollment.
//!
//! The order is DPS's. An individual enrollment for the registration id decides alone. Without one, a device with a
//! certificate is looked for among the groups of the authorities above it, from the nearest up, and the first one found
//! decides; a device with a signature among the groups with keys.

pub mod certificate;
mod challenge;
mod refusal;
pub mod sas;

pub(super) use challenge::{Challenges, public_key};
pub(super) use refusal::{Reason, Refusal, Said};

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};

use self::sas::{Sas, derived_key};
use super::{
    enrollment::{AttestationKind, Enrollment, Kind, TpmKeys},
    registrar::{DeviceRequest, ServiceError},
    store::{Store, StoreError},
};

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
                AttestationKind::SymmetricKey => {
                    let sas = signature(request, expiry)?;
                    let signs = enrollment.keys().iter().any(|key| sas.is_signed_by(key));
                    signs.then_some(()).ok_or(Reason::OtherKey)?;
                }
                AttestationKind::X509 => by_own_certificate(request, &enrollment)?,
                AttestationKind::Tpm => self.by_tpm(request, &enrollment, tpm, expiry)?,
                AttestationKind::None => return Err(Reason::NoAttestation.into()),
            }
            return Ok(Arc::new(enrollment));
        }
        if request.credentials.sas.is_some() {
            let sas = signature(request, expiry)?;
            let groups = self.store.groups();
            let found = groups.iter().find(|group| signs_for(group, &request.registration_id, &sas)).cloned();
            return found.ok_or_else(|| Reason::NoGroup.into());
        }
        if let Some((leaf, above)) = request.credentials.certificates.split_first() {
            return self.by_authority(request, leaf, above);
        }
        Err(match tpm {
            Some(_) => ServiceError::NotFound("Enrollment not found.".into()).into(),
            None => Reason::Nothing.into(),
        })
    }

    fn by_authority(
        &self,
        request: &DeviceRequest,
        leaf: &CertificateDer<'static>,
        above: &[CertificateDer<'static>],
    ) -> Result<Arc<Enrollment>, Refusal> {
        let now = UnixTime::now();
        certificate::names(leaf, &request.registration_id, now).map_err(Reason::from)?;
        let mut authorities = Vec::new();
        for group in self.store.groups().iter() {
            authorities.extend(self.authorities(group)?.into_iter().map(|authority| (group.clone(), authority)));
        }
        // The nearest authority that has a group decides; one that the device did not show is above all it showed.
        let shown_one = above.iter().find_map(|shown| authorities.iter().find(|(_, authority)| authority == shown));
        if let Some((group, authority)) = shown_one {
            return match certificate::vouches(authority, leaf, above, now) {
                Ok(()) => Ok(group.clone()),
                Err(why) => {
                    let group = group.identity().map_or_else(String::new, |(_, id)| id.to_owned());
                    Err(Reason::Chain { group, why }.into())
                }
            };
        }
        let found = authorities.iter().find(|(_, authority)| certificate::vouches(authority, leaf, above, now).is_ok());
        let stranger = || Reason::Stranger { issuer: Said::of(&certificate::issuer(leaf)) };
        found.map(|(group, _)| group.clone()).ok_or_else(|| stranger().into())
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
            return Err(Reason::OtherTpm.into());
        }
        if request.credentials.sas.is_some() {
            let key = self.challenges.key(&request.registration_id).ok_or(Reason::NotChallenged)?;
            let signs = signature(request, expiry)?.is_signed_by(&key);
            return signs.then_some(()).ok_or_else(|| Reason::OtherTpmKey.into());
        }
        let shown = tpm.ok_or(Reason::NoTpm)?;
        Err(Refusal::Challenge(self.challenges.make(&request.registration_id, shown)?))
    }
}

/// What a device has signed: for itself, in time, and by the policy of devices. Whose key it was is still to be seen.
fn signature(request: &DeviceRequest, expiry: Expiry) -> Result<Sas<'_>, Reason> {
    let sas = Sas::parse(request.credentials.sas.as_deref().ok_or(Reason::NoSignature)?)?;
    let resource = format!("{}/registrations/{}", request.id_scope, request.registration_id);
    if !sas.is_for(&resource) {
        return Err(Reason::Resource { named: Said::of(sas.resource), resource });
    }
    if !sas.policy.is_empty() && sas.policy != "registration" {
        return Err(Reason::Policy(Said::of(sas.policy)));
    }
    if expiry == Expiry::Counts && sas.has_expired(jiff::Timestamp::now().as_second()) {
        return Err(Reason::Expired(sas.expires()));
    }
    Ok(sas)
}

/// Whether a key that a group's key derives for the id signed. The id counts as given, or in lower case.
fn signs_for(group: &Enrollment, id: &str, sas: &Sas<'_>) -> bool {
    let lower = id.to_ascii_lowercase();
    let ids = std::iter::once(id).chain(Some(lower.as_str()).filter(|lower| *lower != id));
    let keys = group.keys();
    ids.flat_map(|id| keys.iter().filter_map(move |key| derived_key(key, id))).any(|key| sas.is_signed_by(&key))
}

fn by_own_certificate(request: &DeviceRequest, enrollment: &Enrollment) -> Result<(), Reason> {
    let leaf = request.credentials.certificates.first().ok_or(Reason::NoCertificate)?;
    certificate::names(leaf, &request.registration_id, UnixTime::now())?;
    let enrolled = enrollment.attestation.x509.iter().filter_map(|x509| x509.client_certificates.as_ref());
    let is_it = enrolled.flat_map(|pair| pair.iter()).any(|enrolled| certificate::is(leaf, enrolled));
    is_it.then_some(()).ok_or(Reason::OtherCertificate)
}
