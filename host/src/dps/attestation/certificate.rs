//! X.509: whether the certificates a device showed are those an enrollment asks for.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::{
    Certificate as Parsed,
    der::{Decode as _, Encode as _, asn1::ObjectIdentifier},
    name::Name,
    time::Time,
};

use crate::dps::enrollment::{Certificate, CertificateInfo};

/// The attribute type `commonName` (X.520).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Why a certificate does not count.
#[derive(Debug, Error)]
pub enum Unfit {
    /// It is not X.509, or not as DPS's library takes it.
    #[error("it cannot be read")]
    Unreadable,
    /// It is another device's.
    #[error("its common name is not the registration id")]
    OtherName,
    /// It is not valid now.
    #[error("it is valid from {from} to {to}")]
    OutOfTime {
        /// From when.
        from: String,
        /// Until when.
        to: String,
    },
    /// The authority does not vouch for it.
    #[error("{0}")]
    Chain(webpki::Error),
}

/// Reads a certificate as people and clients give it: PEM, base64 of DER, or base64 of PEM. Of several, the first.
#[must_use]
pub fn read(text: &str) -> Option<CertificateDer<'static>> {
    let text = text.trim();
    if text.starts_with("-----BEGIN") {
        return CertificateDer::from_pem_slice(text.as_bytes()).ok();
    }
    let bytes = STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok()?;
    if bytes.starts_with(b"-----BEGIN") {
        return CertificateDer::from_pem_slice(&bytes).ok();
    }
    Parsed::from_der(&bytes).ok()?;
    Some(bytes.into())
}

/// What a certificate says, in the service's form.
#[must_use]
pub fn info(der: &CertificateDer<'_>) -> Option<CertificateInfo> {
    let certificate = Parsed::from_der(der).ok()?.tbs_certificate;
    Some(CertificateInfo {
        subject_name: certificate.subject.to_string(),
        sha1_thumbprint: hex::encode_upper(Sha1::digest(der)),
        sha256_thumbprint: hex::encode_upper(Sha256::digest(der)),
        issuer_name: certificate.issuer.to_string(),
        not_before_utc: certificate.validity.not_before.to_date_time().to_string(),
        not_after_utc: certificate.validity.not_after.to_date_time().to_string(),
        serial_number: hex::encode_upper(certificate.serial_number.as_bytes()),
        version: i32::from(certificate.version as u8) + 1,
    })
}

/// Who a certificate is for, and the public key, both as DER.
#[must_use]
pub fn subject_and_key(der: &CertificateDer<'static>) -> Option<[Vec<u8>; 2]> {
    let certificate = Parsed::from_der(der).ok()?.tbs_certificate;
    Some([certificate.subject.to_der().ok()?, certificate.subject_public_key_info.to_der().ok()?])
}

/// Whether this is the enrolled certificate: the very same one, or one with the enrolled thumbprint.
#[must_use]
pub fn is(shown: &CertificateDer<'_>, enrolled: &Certificate) -> bool {
    if let Some(text) = &enrolled.certificate {
        return read(text).as_ref() == Some(shown);
    }
    enrolled.info.as_ref().is_some_and(|info| {
        info.sha256_thumbprint.eq_ignore_ascii_case(&hex::encode(Sha256::digest(shown)))
            || (info.sha256_thumbprint.is_empty()
                && info.sha1_thumbprint.eq_ignore_ascii_case(&hex::encode(Sha1::digest(shown))))
    })
}

/// Whether a certificate is in its time, and its common name is this registration id.
///
/// # Errors
///
/// What is not so.
pub fn names(shown: &CertificateDer<'_>, registration_id: &str, now: UnixTime) -> Result<(), Unfit> {
    let certificate = Parsed::from_der(shown).map_err(|_| Unfit::Unreadable)?;
    let name = common_name(&certificate.tbs_certificate.subject);
    if !name.is_some_and(|name| name.eq_ignore_ascii_case(registration_id)) {
        return Err(Unfit::OtherName);
    }
    is_in_time(&certificate, now)
}

/// Who signed a certificate, as far as it says.
#[must_use]
pub fn issuer(shown: &CertificateDer<'_>) -> String {
    Parsed::from_der(shown).map_or_else(|_| String::new(), |parsed| parsed.tbs_certificate.issuer.to_string())
}

/// Whether an authority vouches for a device's certificate, by way of those above it that it showed.
///
/// # Errors
///
/// Why not.
pub fn vouches(
    authority: &CertificateDer<'_>,
    leaf: &CertificateDer<'_>,
    above: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), Unfit> {
    let parsed = Parsed::from_der(authority).map_err(|_| Unfit::Unreadable)?;
    is_in_time(&parsed, now)?;
    let anchors = [anchor_from_trusted_cert(authority).map_err(Unfit::Chain)?];
    let leaf = EndEntityCert::try_from(leaf).map_err(Unfit::Chain)?;
    let usage = KeyUsage::client_auth();
    let path = leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, above, now, usage, None, None);
    path.map(drop).map_err(Unfit::Chain)
}

fn is_in_time(certificate: &Parsed, now: UnixTime) -> Result<(), Unfit> {
    let seconds = |time: &Time| time.to_unix_duration().as_secs();
    let validity = &certificate.tbs_certificate.validity;
    if (seconds(&validity.not_before)..=seconds(&validity.not_after)).contains(&now.as_secs()) {
        return Ok(());
    }
    let [from, to] = [&validity.not_before, &validity.not_after].map(|time| time.to_date_time().to_string());
    Err(Unfit::OutOfTime { from, to })
}

fn common_name(name: &Name) -> Option<&str> {
    let attribute = name.0.iter().flat_map(|rdn| rdn.0.iter()).find(|attribute| attribute.oid == COMMON_NAME)?;
    // The value is one of ASN.1's string types; all those in use hold UTF-8 or a subset of it.
    std::str::from_utf8(attribute.value.value()).ok()
}
