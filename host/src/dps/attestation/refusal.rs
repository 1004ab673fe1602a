//! Why a device is not let in: in full for the trace and the log, in DPS's few words for the device.

use thiserror::Error;

use super::{certificate::Unfit, sas::NotASas};
use crate::dps::{
    registrar::{Reply, ServiceError},
    store::StoreError,
};

/// Characters of what a device said that a reason repeats.
const MOST_SAID: usize = 128;

/// A device is not let in.
#[derive(Debug)]
pub(in crate::dps) enum Refusal {
    /// An error of the service that says itself what is wrong.
    Error(ServiceError),
    /// The device does not show what it should. It does not hear what.
    Denied(Reason),
    /// 401 with a key that only the right TPM can take out: what the device has to sign with.
    Challenge(String),
}

/// What is wrong with what a device shows of itself. None of it is secret: no key and no signature.
#[derive(Debug, Error)]
pub(in crate::dps) enum Reason {
    #[error("it names the id scope {named}, and this is {own:?}")]
    IdScope { named: Said, own: String },
    #[error("it shows neither a signature nor a certificate, and no individual enrollment is its own")]
    Nothing,
    #[error("it shows no signature, which its enrollment asks for")]
    NoSignature,
    #[error("what it shows is no signature: {0}")]
    NotASas(#[from] NotASas),
    #[error("its signature is for {named}, and not for {resource:?}")]
    Resource { named: Said, resource: String },
    #[error("its signature is by the policy {0}, and a device's is by registration")]
    Policy(Said),
    #[error("its signature expired at {0}")]
    Expired(String),
    #[error("its signature is not by a key of its individual enrollment")]
    OtherKey,
    #[error("no individual enrollment is its own, and its signature is not by the key that a group derives for its id")]
    NoGroup,
    #[error("its enrollment has the attestation none, which lets nobody in")]
    NoAttestation,
    #[error("it shows no certificate, which its enrollment asks for")]
    NoCertificate,
    #[error("its certificate does not count: {0}")]
    Certificate(#[from] Unfit),
    #[error("its certificate is not the enrolled one")]
    OtherCertificate,
    #[error("its certificate does not lead to the authority of the group {group:?}, which it shows: {why}")]
    Chain { group: String, why: Unfit },
    #[error("no individual enrollment is its own, and its certificate, by {issuer}, leads to no group's authority")]
    Stranger { issuer: Said },
    #[error("it shows no TPM's keys, which its enrollment asks for")]
    NoTpm,
    #[error("its TPM's endorsement key is not the enrolled one")]
    OtherTpm,
    #[error("it signs with a key of its TPM that it was not given, or too long ago")]
    NotChallenged,
    #[error("its signature is not by the key that its TPM was given")]
    OtherTpmKey,
    #[error("its TPM's keys cannot be used: {0}")]
    TpmKeys(String),
    #[error("too many devices are being challenged")]
    TooManyChallenges,
}

/// What a device said, as much of it as belongs into a line, in quotation marks.
#[derive(Debug)]
pub(in crate::dps) struct Said(String);

impl Said {
    pub(in crate::dps) fn of(text: &str) -> Self {
        Self(text.chars().take(MOST_SAID).collect())
    }

    /// The same without quotation marks.
    pub(in crate::dps) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Reason {
    /// All that DPS tells the device of it.
    fn error(&self) -> ServiceError {
        match self {
            Self::Nothing
            | Self::NoSignature
            | Self::NotASas(_)
            | Self::Resource { .. }
            | Self::Policy(_)
            | Self::Expired(_)
            | Self::NoTpm => ServiceError::Unauthorized,
            Self::IdScope { .. }
            | Self::OtherKey
            | Self::NoGroup
            | Self::NoAttestation
            | Self::OtherTpm
            | Self::NotChallenged
            | Self::OtherTpmKey
            | Self::TpmKeys(_)
            | Self::TooManyChallenges => ServiceError::UnauthorizedKey,
            Self::NoCertificate
            | Self::Certificate(_)
            | Self::OtherCertificate
            | Self::Chain { .. }
            | Self::Stranger { .. } => ServiceError::InvalidCertificate,
        }
    }
}

impl Refusal {
    /// What the device hears.
    pub(in crate::dps) fn reply(&self) -> Reply {
        match self {
            Self::Error(error) => error.reply(),
            Self::Denied(reason) => reason.error().reply(),
            Self::Challenge(blob) => Reply::challenge(blob),
        }
    }

    /// Why, for people. `None` for a challenge, which every TPM hears once.
    pub(in crate::dps) fn why(&self) -> Option<String> {
        match self {
            Self::Error(error) => Some(error.to_string()),
            Self::Denied(reason) => Some(reason.to_string()),
            Self::Challenge(_) => None,
        }
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Error(error)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Denied(reason)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a device could not be looked up");
        Self::Error(ServiceError::Internal)
    }
}
