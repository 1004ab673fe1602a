//! The vocabulary every other module speaks: request, decision, refusal, fault, digest, limits.
//!
//! Plain data and pure functions. Nothing here does I/O, and nothing here knows wasmtime, HTTP or serde: the edges convert.

mod certificate;
mod decision;
mod digest;
mod fallback;
mod fault;
mod json;
mod limits;
mod name;
mod request;
mod stage;
mod words;

pub use certificate::{AlternativeName, CertificateFacts};
pub use decision::{Answer, Decision, InitialTwin, Refusal};
pub use digest::{Digest, InvalidDigest};
pub use fallback::Fallback;
pub use fault::{Fault, FaultKind};
pub use json::{JsonFlaw, check_json};
pub use limits::{Limit, Limits, Overrun};
pub use name::{InvalidName, InvalidPolicyId, Name, PolicyId};
pub use request::{
    AllocationPolicy, Assignment, Attestation, AttestationKind, CurrentAssignment, CustomAllocationDefinition,
    Enrollment, EnrollmentIdentity, EnrollmentTwin, IndividualEnrollment, ProvisioningStatus, ReprovisionPolicy,
    Request,
};
pub use stage::{Failure, Stage};
pub use words::without_value;
