//! A TPM without hardware: its two keys lie in a file.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use getrandom::SysRng;
use rsa::{
    PrivateKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use super::{IdentityKey, StorageKey, TpmError, activation::activate};

const KEY_BITS: usize = 2048;
/// Fixed to its TPM and parent, made in it, used by policy, restricted to decrypting.
const ENDORSEMENT_ATTRIBUTES: u32 = 0x0003_00b2;
/// The same, used by password, and not counted against the dictionary-attack protection.
const STORAGE_ROOT_ATTRIBUTES: u32 = 0x0003_0472;
/// "The holder of the endorsement hierarchy's password": the hash of that policy, the same in every TPM.
const ENDORSEMENT_POLICY: [u8; 32] = [
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7,
    0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
];

/// A TPM in software.
#[derive(Debug)]
pub struct SoftwareTpm {
    endorsement: PrivateKey,
    storage_root: PrivateKey,
}

impl SoftwareTpm {
    /// A new TPM, with keys of its own. Takes up to a few seconds.
    ///
    /// # Errors
    ///
    /// If there is no randomness.
    pub fn new() -> Result<Self, TpmError> {
        let key = || PrivateKey::new(&mut SysRng, KEY_BITS);
        Ok(Self { endorsement: key()?, storage_root: key()? })
    }

    /// The TPM kept in this file.
    ///
    /// # Errors
    ///
    /// If the file is not there, cannot be read, or holds something else.
    pub fn open(path: &Path) -> Result<Self, TpmError> {
        match fs::read(path) {
            Ok(pem) => Self::from_pem(&pem).ok_or_else(|| TpmError::NotATpm(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(TpmError::NoFile(path.to_owned())),
            Err(source) => Err(TpmError::File { path: path.to_owned(), source }),
        }
    }

    /// The TPM kept in this file; if there is no such file, a new one, which it will hold from now on. Only the owner may
    /// read it. Whether it was made.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written, or holds something else.
    pub fn open_or_make(path: &Path) -> Result<(Self, bool), TpmError> {
        match Self::open(path) {
            Err(TpmError::NoFile(_)) => {}
            opened => return opened.map(|tpm| (tpm, false)),
        }
        let tpm = Self::new()?;
        let pem = tpm.to_pem().ok_or_else(|| TpmError::NotATpm(path.to_owned()))?;
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let written = file.and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()));
        written.map_err(|source| TpmError::File { path: path.to_owned(), source })?;
        Ok((tpm, true))
    }

    fn from_pem(pem: &[u8]) -> Option<Self> {
        let keys: Result<Vec<_>, _> = PrivatePkcs8KeyDer::pem_slice_iter(pem).collect();
        let keys = keys.ok()?;
        let [endorsement, storage_root] = keys.as_slice() else { return None };
        let key = |der: &PrivatePkcs8KeyDer<'_>| PrivateKey::from_pkcs8_der(der.secret_pkcs8_der()).ok();
        Some(Self { endorsement: key(endorsement)?, storage_root: key(storage_root)? })
    }

    fn to_pem(&self) -> Option<String> {
        let pem = |key: &PrivateKey| key.to_pkcs8_pem(LineEnding::LF).ok();
        Some(format!("{}{}", *pem(&self.endorsement)?, *pem(&self.storage_root)?))
    }

    /// The public half of the endorsement key, which an enrollment names.
    #[must_use]
    pub fn endorsement_key(&self) -> StorageKey {
        StorageKey::of(self.endorsement.as_public_key(), ENDORSEMENT_ATTRIBUTES, &ENDORSEMENT_POLICY)
    }

    /// The public half of the storage root key.
    #[must_use]
    pub fn storage_root_key(&self) -> StorageKey {
        StorageKey::of(self.storage_root.as_public_key(), STORAGE_ROOT_ATTRIBUTES, &[])
    }

    /// Takes the identity key out of an activation.
    ///
    /// # Errors
    ///
    /// If it is not one, or was made for another TPM.
    pub fn activate(&self, activation: &[u8]) -> Result<IdentityKey, TpmError> {
        activate(activation, [&self.endorsement, &self.storage_root], &self.storage_root_key().name())
    }
}
