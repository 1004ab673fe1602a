//! Certificates for tests: an authority, one below it, and what they sign. Made in a moment, trusted by nobody else.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::registrar::is_id;

/// An authority that can sign.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, in PEM.
#[derive(Debug, Clone)]
pub struct Pem {
    /// The certificate, followed by those above it up to but without the root.
    pub chain: String,
    /// PKCS #8.
    pub key: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn named(name: &str, names: &[String]) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(names).with_context(|| format!("{names:?} cannot be in a certificate"))?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn authority(name: &str) -> anyhow::Result<CertificateParams> {
    let mut params = named(name, &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

impl Authority {
    /// A new root.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn root(name: &str) -> anyhow::Result<Self> {
        Ok(Self(CertifiedIssuer::self_signed(authority(name)?, KeyPair::generate()?)?))
    }

    /// An authority below this one.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn intermediate(&self, name: &str) -> anyhow::Result<Self> {
        Ok(Self(CertifiedIssuer::signed_by(authority(name)?, KeyPair::generate()?, &self.0)?))
    }

    /// Its certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its private key in PEM.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.key().serialize_pem()
    }

    /// A device's certificate: its common name is the registration id.
    ///
    /// # Errors
    ///
    /// If the id cannot be in a certificate.
    pub fn device(&self, registration_id: &str) -> anyhow::Result<Pem> {
        self.sign(named(registration_id, &[])?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A server's certificate for these DNS names and addresses.
    ///
    /// # Errors
    ///
    /// If a name cannot be in a certificate.
    pub fn server(&self, names: &[String]) -> anyhow::Result<Pem> {
        let first = names.first().map_or("localhost", String::as_str);
        self.sign(named(first, names)?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> anyhow::Result<Pem> {
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(Pem { chain: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Makes a root, an authority below it, a certificate for each device, signed by that, and one for a server, and writes
/// them to a folder. The paths of what was written.
///
/// # Errors
///
/// If a device's id is none, a name cannot be in a certificate or a file cannot be written.
pub fn write_set(folder: &Path, devices: &[String], names: &[String]) -> anyhow::Result<Vec<PathBuf>> {
    for device in devices {
        // It becomes the name of a file.
        ensure!(is_id(device), "{device:?} is no registration id: letters, digits, and - . _ : within, at most 128");
    }
    let root = Authority::root("Berth test root")?;
    let intermediate = root.intermediate("Berth test intermediate")?;
    let mut files = vec![
        ("root.pem".to_owned(), root.pem()),
        ("root.key".to_owned(), root.key()),
        ("intermediate.pem".to_owned(), intermediate.pem()),
        ("intermediate.key".to_owned(), intermediate.key()),
    ];
    let server = root.server(names)?;
    files.extend([("server.pem".to_owned(), server.chain), ("server.key".to_owned(), server.key)]);
    for device in devices {
        let Pem { chain, key } = intermediate.device(device)?;
        files.extend([(format!("{device}.pem"), chain + &intermediate.pem()), (format!("{device}.key"), key)]);
    }
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    files.into_iter().map(|(name, text)| write(&folder.join(name), &text)).collect()
}

/// Writes a file that only its owner reads.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("failed to write {}", path.display()))?;
    Ok(path.to_owned())
}
