//! The `[provisioning]` section of an IoT Edge configuration (`config.toml`), as `iotedge config apply` reads it.
//!
//! Everything else in the file is IoT Edge's own business and passed over. Ways to a key or a certificate that need its
//! other services (PKCS#11, EST, a local authority) are not simulated.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::{ClientCertificate, Device, Identity, IdentityError, Key};
use crate::tpm::{SoftwareTpm, TpmError};

/// A configuration that no device can be made of.
#[derive(Debug, Error)]
pub enum EdgeError {
    /// A file cannot be read.
    #[error("failed to read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a configuration.
    #[error("{} has no [provisioning] section as IoT Edge has it", path.display())]
    NotEdge {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: toml::de::Error,
    },
    /// A file's payload is not JSON.
    #[error("{} (provisioning.payload) is not JSON", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Another source than DPS.
    #[error("provisioning.source is {0:?}: only \"dps\" has a device register")]
    Source(String),
    /// A reference to something that is not a file.
    #[error("{key} is {uri:?}: only file:///… can be read here")]
    NotAFile {
        /// Which key of the file.
        key: &'static str,
        /// What it says.
        uri: String,
    },
    /// A certificate that IoT Edge would have issued.
    #[error("provisioning.attestation.identity_cert is to be issued: only a file:///… can be read here")]
    Issued,
    /// No registration id, and no certificate to take it from.
    #[error("provisioning.attestation has no registration_id, and the certificate no common name")]
    NoRegistrationId,
    /// No file for the TPM.
    #[error("the configuration wants a TPM: name the file of a software TPM (--tpm FILE)")]
    NoTpm,
    /// The key or the certificate.
    #[error("provisioning.attestation cannot be used")]
    Identity(#[from] IdentityError),
    /// The software TPM.
    #[error("the software TPM cannot be used")]
    Tpm(#[from] TpmError),
}

/// A device of a configuration, and where it registers.
#[derive(Debug)]
pub struct Edge {
    /// The URL of the DPS.
    pub global_endpoint: String,
    /// Its id scope.
    pub id_scope: String,
    /// The device.
    pub device: Device,
}

#[derive(Deserialize)]
struct Config {
    provisioning: Provisioning,
}

#[derive(Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
enum Provisioning {
    Dps(Dps),
    Manual,
    None,
}

#[derive(Deserialize)]
struct Dps {
    global_endpoint: String,
    id_scope: String,
    attestation: Attestation,
    payload: Option<Payload>,
}

#[derive(Deserialize)]
struct Payload {
    uri: String,
}

#[derive(Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
enum Attestation {
    #[serde(rename = "symmetric_key")]
    SymmetricKey {
        registration_id: String,
        symmetric_key: SymmetricKey,
    },
    X509 {
        registration_id: Option<String>,
        identity_cert: IdentityCert,
        identity_pk: Option<String>,
    },
    Tpm {
        registration_id: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SymmetricKey {
    Inline { value: String },
    File { uri: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IdentityCert {
    File(String),
    Issued {},
}

impl Edge {
    /// Reads a configuration and the files that it names. `tpm` is the file of the software TPM for a device that has one.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or asks for what is not simulated.
    pub fn read(path: &Path, tpm: Option<&Path>) -> Result<Self, EdgeError> {
        let text = read(path)?;
        let text = String::from_utf8_lossy(&text);
        let config: Config =
            toml::from_str(&text).map_err(|source| EdgeError::NotEdge { path: path.to_owned(), source })?;
        let dps = match config.provisioning {
            Provisioning::Dps(dps) => dps,
            Provisioning::Manual => return Err(EdgeError::Source("manual".into())),
            Provisioning::None => return Err(EdgeError::Source("none".into())),
        };
        let payload = dps.payload.map(|payload| payload.read()).transpose()?;
        let (registration_id, identity) = dps.attestation.read(tpm)?;
        let device = Device { registration_id, identity, payload };
        let global_endpoint = dps.global_endpoint.trim_end_matches('/').to_owned();
        Ok(Self { global_endpoint, id_scope: dps.id_scope, device })
    }
}

impl Payload {
    fn read(&self) -> Result<Box<RawValue>, EdgeError> {
        let path = file("provisioning.payload.uri", &self.uri)?;
        serde_json::from_slice(read(&path)?.trim_ascii()).map_err(|source| EdgeError::NotJson { path, source })
    }
}

impl Attestation {
    fn read(self, tpm: Option<&Path>) -> Result<(String, Identity), EdgeError> {
        match self {
            Self::SymmetricKey { registration_id, symmetric_key } => {
                let key = match symmetric_key {
                    SymmetricKey::Inline { value } => Key::parse(&value)?,
                    // The key itself, not in base64: so IoT Edge reads it.
                    SymmetricKey::File { uri } => {
                        Key::of(read(&file("provisioning.attestation.symmetric_key.uri", &uri)?)?)
                    }
                };
                Ok((registration_id, Identity::Key(key)))
            }
            Self::X509 { registration_id, identity_cert, identity_pk } => {
                let IdentityCert::File(certificate) = identity_cert else { return Err(EdgeError::Issued) };
                let certificate = file("provisioning.attestation.identity_cert", &certificate)?;
                let key = file("provisioning.attestation.identity_pk", &identity_pk.unwrap_or_default())?;
                let shown = ClientCertificate::read(&certificate, &key)?;
                let id = registration_id.or_else(|| shown.common_name()).ok_or(EdgeError::NoRegistrationId)?;
                Ok((id, Identity::Certificate(shown)))
            }
            Self::Tpm { registration_id } => {
                let tpm = SoftwareTpm::open(tpm.ok_or(EdgeError::NoTpm)?)?;
                Ok((registration_id, Identity::Tpm(tpm.into())))
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EdgeError> {
    std::fs::read(path).map_err(|source| EdgeError::File { path: path.to_owned(), source })
}

/// The path of a `file:` URI.
fn file(key: &'static str, uri: &str) -> Result<PathBuf, EdgeError> {
    let path = uri.strip_prefix("file://").map(|path| path.strip_prefix("localhost").unwrap_or(path));
    let path = path.filter(|path| path.starts_with('/')).and_then(|path| percent_decode_str(path).decode_utf8().ok());
    path.map(|path| PathBuf::from(&*path)).ok_or_else(|| EdgeError::NotAFile { key, uri: uri.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "hostname = \"a\"\n[provisioning]\nsource = \"dps\"\n\
         global_endpoint = \"https://global.azure-devices-provisioning.net/\"\nid_scope = \"0ab1234C5D6\"\n";
    const KEY: &str = "[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"my-device\"\n\
         symmetric_key = { value = \"YXppb3QtaWRlbnRpdHktc2VydmljZQ==\" }\n[agent]\nname = \"edgeAgent\"\n";

    fn parse(text: &str) -> Result<Edge, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(folder.path().join("a b.json"), "{\"a\": 1.0}\n").unwrap();
        std::fs::write(folder.path().join("key"), b"raw").unwrap();
        std::fs::write(&path, text.replace("DIR", folder.path().to_str().unwrap())).unwrap();
        Edge::read(&path, None).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }

    #[test]
    fn the_payload_is_in_a_file_whichever_way_it_is_named() {
        for payload in [
            "payload = { uri = \"file://DIR/a%20b.json\" }\n",
            "[provisioning.payload]\nuri = \"file://DIR/a b.json\"\n",
        ] {
            let edge = parse(&format!("{HEAD}{payload}{KEY}")).unwrap();
            assert_eq!(edge.device.payload.unwrap().get(), "{\"a\": 1.0}");
            assert_eq!(edge.global_endpoint, "https://global.azure-devices-provisioning.net");
            assert_eq!((edge.id_scope, edge.device.registration_id), ("0ab1234C5D6".into(), "my-device".into()));
        }
        let key = KEY.replace("value = \"YXppb3QtaWRlbnRpdHktc2VydmljZQ==\"", "uri = \"file://DIR/key\"");
        let edge = parse(&format!("{HEAD}{key}")).unwrap();
        let Identity::Key(key) = edge.device.identity else { panic!("{:?}", edge.device) };
        assert_eq!(key.sign(b"x"), Key::of(b"raw".to_vec()).sign(b"x"));
    }

    #[test]
    fn what_is_not_simulated_is_named() {
        let x509 = |rest: &str| format!("{HEAD}[provisioning.attestation]\nmethod = \"x509\"\n{rest}");
        for (text, said) in [
            ("[provisioning]\nsource = \"manual\"\nconnection_string = \"x\"\n".to_owned(), "only \"dps\""),
            ("[agent]\nname = \"a\"\n".to_owned(), "no [provisioning] section"),
            (
                format!("{HEAD}payload = {{ uri = \"https://a/b\" }}\n{KEY}"),
                "provisioning.payload.uri is \"https://a/b\"",
            ),
            (format!("{HEAD}payload = {{ modelId = \"x\" }}\n{KEY}"), "missing field `uri`"),
            (format!("{HEAD}payload = {{ uri = \"file://DIR/key\" }}\n{KEY}"), "is not JSON"),
            (x509("[provisioning.attestation.identity_cert]\nmethod = \"est\"\n"), "to be issued"),
            (x509("identity_cert = \"file:///c\"\nidentity_pk = \"pkcs11:a\"\n"), "identity_pk is \"pkcs11:a\""),
            (format!("{HEAD}[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"a\"\n"), "--tpm FILE"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(said), "{said}: {error}");
        }
    }
}
