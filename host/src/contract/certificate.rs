//! What an X.509 client certificate says.
//!
//! Reads facts; judges nothing. Whether the certificate is to be trusted was DPS's question, and DPS has answered it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate,
    attr::AttributeTypeAndValue,
    der::{Decode as _, Tag, Tagged as _, asn1::ObjectIdentifier},
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
            subject: written(&certificate.subject),
            subject_common_name: common_name(&certificate.subject),
            issuer: written(&certificate.issuer),
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

/// The attribute types that RFC 4514 has short names for.
const SHORT: [(ObjectIdentifier, &str); 9] = [
    (COMMON_NAME, "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.9"), "STREET"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"), "DC"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"), "UID"),
];

/// A name as RFC 4514 has it. What every device's name is made of is put together here: the crate goes through all names
/// there are for each attribute.
fn written(name: &DistinguishedName) -> String {
    let mut text = String::new();
    for (at, rdn) in name.0.iter().rev().enumerate() {
        for (of_rdn, attribute) in rdn.0.iter().enumerate() {
            text.push_str(match (at, of_rdn) {
                (0, 0) => "",
                (_, 0) => ",",
                _ => "+",
            });
            match plain(attribute) {
                Some((name, value)) => text.extend([name, "=", value]),
                None => text.push_str(&attribute.to_string()),
            }
        }
    }
    text
}

/// An attribute's short name and its value, if that needs no escape.
fn plain(attribute: &AttributeTypeAndValue) -> Option<(&'static str, &str)> {
    let (_, name) = SHORT.iter().find(|(known, _)| *known == attribute.oid)?;
    let is_text = matches!(attribute.value.tag(), Tag::PrintableString | Tag::Utf8String);
    let value = std::str::from_utf8(attribute.value.value()).ok().filter(|_| is_text)?;
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b" -.:/()=?".contains(&byte);
    let ends = [value.bytes().next()?, value.bytes().next_back()?];
    (value.bytes().all(inside) && !ends.contains(&b' ')).then_some((name, value))
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

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    #[test]
    fn a_name_is_written_as_the_crate_writes_it() {
        for name in [
            "CN=press-17,O=Contoso",
            "CN=a+OU=b,O=c,C=DE,L=d,ST=e,STREET=1 Main St.,DC=example,DC=com,UID=x",
            r"CN=\ space\ ,O=a\,b\+c,OU=\#1",
            "CN=m\u{fc}ller,O=(a) b:c/d@e=f",
            "CN=(a) b:c/d=e?f,O=g",
            "SERIALNUMBER=7,CN=s",
        ] {
            let name = DistinguishedName::from_str(name).unwrap();
            assert_eq!(written(&name), name.to_string());
        }
        assert_eq!(written(&DistinguishedName::default()), "");
    }
}
