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

use super::{attestation::certificate, registrar::is_id};

/// The common names of the authorities of a set.
const ROOT: &str = "Berth test root";
const INTERMEDIATE: &str = "Berth test intermediate";

/// An authority that can sign.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its certificate.
    pem: String,
}

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
        Ok(Self::of(CertifiedIssuer::self_signed(authority(name)?, KeyPair::generate()?)?))
    }

    fn of(issuer: CertifiedIssuer<'static, KeyPair>) -> Self {
        let pem = issuer.pem();
        Self { issuer, pem }
    }

    /// An authority made before, with this name.
    fn kept(name: &str, pem: String, key: &str) -> anyhow::Result<Self> {
        // What it signs names the authority and its key, and neither differs in a certificate that is made anew.
        let issuer = CertifiedIssuer::self_signed(authority(name)?, KeyPair::from_pem(key)?)?;
        let told = |pem: &str| certificate::read(pem).as_ref().and_then(certificate::subject_and_key);
        ensure!(told(&pem).is_some() && told(&pem) == told(&issuer.pem()), "certificate and private key do not match");
        Ok(Self { issuer, pem })
    }

    /// An authority below this one.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn intermediate(&self, name: &str) -> anyhow::Result<Self> {
        Ok(Self::of(CertifiedIssuer::signed_by(authority(name)?, KeyPair::generate()?, &self.issuer)?))
    }

    /// Its certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// Its private key in PEM.
    #[must_use]
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
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
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pem { chain: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Makes a root, an authority below it, a certificate for each device, signed by that, and one for a server, and writes
/// them to a folder. Authorities that are there already sign again. The paths of what was written.
///
/// # Errors
///
/// If what is there is no authority of an earlier run, a device's id is none, a name cannot be in a certificate or a file
/// cannot be written.
pub fn write_set(folder: &Path, devices: &[String], names: &[String]) -> anyhow::Result<Vec<PathBuf>> {
    for device in devices {
        // It becomes the name of a file.
        ensure!(is_id(device), "{device:?} is no registration id: letters, digits, and - . _ : within, at most 128");
    }
    let root = match kept(folder, "root", ROOT)? {
        Some(root) => root,
        None => Authority::root(ROOT)?,
    };
    let intermediate = match kept(folder, "intermediate", INTERMEDIATE)? {
        Some(intermediate) => intermediate,
        None => root.intermediate(INTERMEDIATE)?,
    };
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
    let write = |(name, text): (String, String)| {
        let path = folder.join(&name);
        if name.ends_with(".key") { write(&path, &text) } else { publish(&path, &text) }
    };
    files.into_iter().map(write).collect()
}

/// An authority that an earlier run has written to the folder: what it has signed stays good.
fn kept(folder: &Path, file: &str, name: &str) -> anyhow::Result<Option<Authority>> {
    let [certificate, key] = ["pem", "key"].map(|kind| folder.join(format!("{file}.{kind}")));
    if !certificate.exists() && !key.exists() {
        return Ok(None);
    }
    let read = |path: &Path| {
        fs::read_to_string(path).with_context(|| {
            format!("failed to read {}: both of the authority, or choose another folder", path.display())
        })
    };
    let (pem, key) = (read(&certificate)?, read(&key)?);
    let kept = Authority::kept(name, pem, &key);
    kept.map(Some).with_context(|| {
        format!("{} is not what this command wrote: choose another folder, or remove it", certificate.display())
    })
}

/// Writes a file that only its owner reads.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    write_as(path, text, 0o600)
}

/// Writes a file that everybody may read.
pub(super) fn publish(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    write_as(path, text, 0o644)
}

fn write_as(path: &Path, text: &str, mode: u32) -> anyhow::Result<PathBuf> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("failed to write {}", path.display()))?;
    Ok(path.to_owned())
}
