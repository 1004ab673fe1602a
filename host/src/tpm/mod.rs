//! What a TPM seals and opens, computed in software: for devices that have none, and for the service that hands a key to
//! one.
//!
//! A provisioning service knows two public keys of a TPM: the endorsement key, which says which TPM it is, and the storage
//! root key, under which the TPM keeps other keys. It answers a device with an *activation*: an identity key that only the
//! TPM with both can take out. [`activation`] makes one, and a [`SoftwareTpm`] activates it just as TPM2_ActivateCredential
//! and TPM2_Import do. Structures and names are those of the TPM 2.0 Library, parts 1 and 2.
//!
//! RSA keys of the default templates only (SHA-256, AES-128 in CFB mode), which is what devices have. Not for keeping
//! secrets: a software TPM's keys lie in a file.

mod activation;
mod marshal;
mod public;
mod software;
mod wrapping;

pub use activation::{IdentityKey, activation};
pub use public::StorageKey;
pub use software::SoftwareTpm;

/// Why a structure was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// The bytes end too early, go on too long, or hold something else.
    #[error("{0} is not the TPM structure it should be")]
    Malformed(&'static str),
    /// A public key with other algorithms.
    #[error("the key is not one of the default template: RSA, SHA-256, AES-128 in CFB mode")]
    Unsupported,
    /// Sealed for another TPM, or changed on the way.
    #[error("the activation is not for this TPM, or was changed on the way")]
    NotForThisTpm,
    /// The system's randomness or an RSA operation failed.
    #[error("failed to compute with an RSA key")]
    Rsa(#[from] rsa::Error),
    /// The system gave no random bytes.
    #[error("failed to get random bytes")]
    Random(#[from] getrandom::Error),
    /// There is no such software TPM.
    #[error("there is no software TPM in {path}: `berth device tpm {path}` makes one, and shows the keys that an enrollment names", path = .0.display())]
    NoFile(std::path::PathBuf),
    /// The file of a software TPM could not be read or written.
    #[error("failed to keep a software TPM in {}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file of a software TPM holds something else.
    #[error("{} holds no software TPM: two RSA keys in PEM; remove it to have a new one made", .0.display())]
    NotATpm(std::path::PathBuf),
}

#[cfg(test)]
mod tests;
