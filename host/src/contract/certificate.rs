//! What an X.509 client certificate says.
//!
//! Reads facts; judges nothing. Whether the certificate is to be trusted was DPS's question, and DPS has answered it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate,
    der::{Decode as _, asn1::ObjectIdentifier},
    ext::pkix::{SubjectAltName, name::GeneralName},
    name::Name as DistinguishedName,
};

/// The attribute type `commonName` (X.520).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// What a certificate says. Distinguished names are in RFC 4514's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject's distinguished name.
    pub subject: String,
    /// The subject's first common name.
    pub subject_common_name: Option<String>,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// The issuer's first common name.
    pub issuer_common_name: Option<String>,
    /// The subject's alternative names, of the kinds that are text.
    pub subject_alternative_names: Vec<AlternativeName>,
    /// Upper-case hexadecimal.
    pub serial_number: String,
    /// RFC 3339, UTC.
    pub not_before: String,
    /// RFC 3339, UTC.
    pub not_after: String,
    /// Upper-case hexadecimal, over the DER encoding.
    pub sha1_thumbprint: String,
    /// Upper-case hexadecimal, over the DER encoding.
    pub sha256_thumbprint: String,
}

/// One alternative name of a certificate's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlternativeName {
    /// A DNS name.
    Dns(String),
    /// A URI.
    Uri(String),
    /// An e-mail address.
    Email(String),
    /// An IP address.
    Ip(String),
}

impl CertificateFacts {
    /// Reads a certificate as DPS sends it: base64 of its DER encoding. `None` if it is not one.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        let der = STANDARD.decode(text.trim()).ok()?;
        let certificate = Certificate::from_der(&der).ok()?.tbs_certificate;
        Some(Self {
            subject: certificate.subject.to_string(),
            subject_common_name: common_name(&certificate.subject),
            issuer: certificate.issuer.to_string(),
            issuer_common_name: common_name(&certificate.issuer),
            subject_alternative_names: certificate
                .get::<SubjectAltName>()
                .ok()
                .flatten()
                .map(|(_, names)| names.0.iter().filter_map(alternative_name).collect())
                .unwrap_or_default(),
            serial_number: hex::encode_upper(certificate.serial_number.as_bytes()),
            not_before: certificate.validity.not_before.to_date_time().to_string(),
            not_after: certificate.validity.not_after.to_date_time().to_string(),
            sha1_thumbprint: hex::encode_upper(Sha1::digest(&der)),
            sha256_thumbprint: hex::encode_upper(Sha256::digest(&der)),
        })
    }
}

fn common_name(name: &DistinguishedName) -> Option<String> {
    let attribute = name.0.iter().flat_map(|rdn| rdn.0.iter()).find(|attribute| attribute.oid == COMMON_NAME)?;
    // The value is one of ASN.1's string types; all those in use hold UTF-8 or a subset of it.
    std::str::from_utf8(attribute.value.value()).ok().map(str::to_owned)
}

fn alternative_name(name: &GeneralName) -> Option<AlternativeName> {
    match name {
        GeneralName::DnsName(name) => Some(AlternativeName::Dns(name.to_string())),
        GeneralName::UniformResourceIdentifier(uri) => Some(AlternativeName::Uri(uri.to_string())),
        GeneralName::Rfc822Name(email) => Some(AlternativeName::Email(email.to_string())),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
            let v6 = <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
            v4.or(v6).ok().map(|address| AlternativeName::Ip(address.to_string()))
        }
        _ => None,
    }
}
