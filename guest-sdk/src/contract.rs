//! The contract's types, as the WIT package `berth:allocation` words them.
//!
//! These are what [`Request::assignment`](crate::Request::assignment), [`attestation`](crate::Request::attestation) and
//! [`enrollment`](crate::Request::enrollment) give. What a policy answers is [`Decision`](crate::Decision) and
//! [`Refusal`](crate::Refusal), not the contract's records of the same name.

pub use crate::bindings::berth::allocation::types::{
    AllocationPolicy, AlternativeName, Assignment, Attestation, AttestationKind, CertificateFacts, CurrentAssignment,
    CustomAllocationDefinition, Enrollment, EnrollmentIdentity, IndividualEnrollment, InitialTwin, ProvisioningStatus,
    ReprovisionPolicy, Request, TpmAttestation, X509Attestation,
};
