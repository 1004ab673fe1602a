//! How a device proves who it is: a key, a certificate, or a TPM.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use sha2::Sha256;
use thiserror::Error;
use x509_cert::{
    Certificate as Parsed,
    der::{
        Decode as _,
        asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef},
    },
};

use crate::tpm::SoftwareTpm;

/// The attribute type `commonName` (X.520).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// How a device proves who it is.
#[derive(Debug)]
pub enum Identity {
    /// Signs with a symmetric key.
    Key(Key),
    /// Shows a certificate in the TLS handshake.
    Certificate(ClientCertificate),
    /// Signs with what its TPM takes out of the DPS's challenge.
    Tpm(Box<SoftwareTpm>),
}

/// A device cannot be who it is said to be. None of the messages holds a key.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// Not a key.
    #[error("the key is not base64: copy it whole from the enrollment, with the = at its end")]
    NotBase64,
    /// A file cannot be read.
    #[error("failed to read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file without a certificate.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// A file without a private key.
    #[error("{} holds no private key in PEM", .0.display())]
    NoPrivateKey(PathBuf),
}

/// A symmetric key. It is never printed.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Reads a key as enrollments show it, in base64.
    ///
    /// # Errors
    ///
    /// If it is not base64, or nothing.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        match STANDARD.decode(text.trim()) {
            Ok(bytes) if !bytes.is_empty() => Ok(Self(bytes)),
            _ => Err(IdentityError::NotBase64),
        }
    }

    /// A key of these bytes.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The key of a device of the group whose key this is.
    #[must_use]
    pub fn of_device(&self, registration_id: &str) -> Self {
        Self(self.sign(registration_id.as_bytes()).to_vec())
    }

    /// HMAC-SHA256 of the data.
    #[must_use]
    pub fn sign(&self, data: &[u8]) -> [u8; 32] {
        // HMAC takes keys of any length; what it says of lengths is for other kinds.
        match <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.0) {
            Ok(mac) => mac.chain_update(data).finalize().into_bytes().into(),
            Err(_) => [0; 32],
        }
    }
}

/// A client certificate with those above it, and its private key. The key is never printed.
pub struct ClientCertificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

impl ClientCertificate {
    /// Reads two PEM files: the device's certificate followed by those above it, and its private key.
    ///
    /// # Errors
    ///
    /// If one cannot be read or holds something else.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|source| IdentityError::File { path: path.to_owned(), source });
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificate)?).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| IdentityError::NoCertificate(certificate.to_owned()))?;
        let private = PrivateKeyDer::from_pem_slice(&read(key)?);
        let key = private.map_err(|_| IdentityError::NoPrivateKey(key.to_owned()))?;
        Ok(Self { chain, key })
    }

    /// The certificate's common name, which DPS takes for the registration id.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        let leaf = Parsed::from_der(self.chain.first()?).ok()?;
        let attributes = leaf.tbs_certificate.subject.0.into_iter().flat_map(|part| part.0.into_vec());
        let name = attributes.into_iter().find(|attribute| attribute.oid == COMMON_NAME)?.value;
        let utf8 = Utf8StringRef::try_from(&name).map(|text| text.to_string());
        utf8.or_else(|_| PrintableStringRef::try_from(&name).map(|text| text.to_string())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_key_makes_the_keys_of_its_devices() {
        let group =
            Key::parse("oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==");
        let device = group.unwrap().of_device("breakroom499-contoso-tstrsd-007");
        assert_eq!(STANDARD.encode(&device.0), "JC8F96eayuQwwz+PkE7IzjH2lIAjCUnAa61tDigBnSs=");
        assert_eq!(format!("{device:?}"), "Key(…)");
    }

    #[test]
    fn what_is_no_key_is_not_repeated() {
        for wrong in ["secret!", "", " "] {
            let error = Key::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("base64") && !error.contains("secret"), "{error}");
        }
    }
}
