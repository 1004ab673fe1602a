//! Activations: a device's identity key, sealed so that one TPM can take it out.
//!
//! The key is an HMAC object, duplicated for the storage root key with an inner wrapping besides; the key of the inner
//! wrapping is a credential for the endorsement key. So both keys have to be the TPM's, and the one that the service knows
//! the device by is among them.

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{
    TpmError,
    marshal::{Reader, sized},
    public::{SHA256, StorageKey, name},
    wrapping::{AesKey, Seed, decrypt, encrypt, random},
};

const KEYED_HASH: u16 = 0x0008;
const HMAC: u16 = 0x0005;
/// A key for signing, usable with its (empty) password and not counted against the dictionary-attack protection.
const ATTRIBUTES: u32 = 0x0004_0440;
/// What the seed of a credential, and that of a duplicate, are sealed for. The zero belongs to them.
const IDENTITY: &[u8] = b"IDENTITY\0";
const DUPLICATE: &[u8] = b"DUPLICATE\0";

/// What a device signs with once it has activated it.
#[derive(Debug, Clone)]
pub struct IdentityKey(Hmac<Sha256>);

impl IdentityKey {
    /// HMAC-SHA256 of the data.
    #[must_use]
    pub fn sign(&self, data: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(data).finalize().into_bytes().into()
    }
}

/// Seals an identity key of at most 64 bytes for the TPM with these two keys: the bytes that a service sends, in base64, as
/// `authenticationKey`.
///
/// # Errors
///
/// If there is no randomness, or a public key is too small to encrypt with.
pub fn activation(endorsement: &StorageKey, storage_root: &StorageKey, key: &[u8]) -> Result<Vec<u8>, TpmError> {
    let inner_key: AesKey = random()?;
    let seed = Seed::random()?;
    let credential = seed.wrap(&storage_root.name(), &sized(&inner_key));
    let credential_seed = seed.seal(&endorsement.public, IDENTITY)?;

    let obfuscation: [u8; 32] = random()?;
    let area = public_area(&obfuscation, key);
    let name = name(&area);
    let sensitive = sized(&[&KEYED_HASH.to_be_bytes()[..], &sized(&[]), &sized(&obfuscation), &sized(key)].concat());
    let inner = encrypt(&inner_key, &[sized(&integrity(&sensitive, &name)), sensitive].concat());
    let seed = Seed::random()?;
    let duplicate = seed.wrap(&name, &inner);
    let duplicate_seed = seed.seal(&storage_root.public, DUPLICATE)?;

    // After the public area comes data for the hub, which is none here; some clients insist on its count.
    let parts = [&credential, &credential_seed, &duplicate, &duplicate_seed, &area, &Vec::new()];
    Ok(parts.map(|part| sized(part)).concat())
}

/// Takes the identity key out, with the private halves: TPM2_ActivateCredential, TPM2_Import, and what a TPM checks of
/// them.
pub(super) fn activate(
    activation: &[u8],
    [endorsement, storage_root]: [&rsa::PrivateKey; 2],
    storage_root_name: &[u8],
) -> Result<IdentityKey, TpmError> {
    let mut reader = Reader::new(activation, "the activation");
    let [credential, credential_seed, duplicate, duplicate_seed, area] =
        [reader.sized()?, reader.sized()?, reader.sized()?, reader.sized()?, reader.sized()?];

    let seed = Seed::open(credential_seed, endorsement, IDENTITY)?;
    let inner_key = seed.unwrap(storage_root_name, credential)?;
    let inner_key: AesKey =
        Reader::new(&inner_key, "the credential").sized()?.try_into().map_err(|_| TpmError::Unsupported)?;

    let name = name(area);
    let inner = Seed::open(duplicate_seed, storage_root, DUPLICATE)?.unwrap(&name, duplicate)?;
    let inner = decrypt(&inner_key, &inner);
    let mut reader = Reader::new(&inner, "the identity key");
    let integrity_sent = reader.sized()?;
    let sensitive = reader.rest();
    if integrity(sensitive, &name) != integrity_sent {
        return Err(TpmError::NotForThisTpm);
    }
    let sensitive = Reader::new(sensitive, "the identity key").sized()?;
    let mut reader = Reader::new(sensitive, "the identity key");
    let kind = reader.u16()?;
    let [_password, obfuscation, key] = [reader.sized()?, reader.sized()?, reader.sized()?];
    reader.end()?;
    // An HMAC key and nothing else, and the one that the public area is about.
    if kind != KEYED_HASH || !area.ends_with(&sized(&unique(obfuscation, key))) {
        return Err(TpmError::Malformed("the identity key"));
    }
    Hmac::new_from_slice(key).map(IdentityKey).map_err(|_| TpmError::Malformed("the identity key"))
}

/// The public area of an HMAC key.
fn public_area(obfuscation: &[u8], key: &[u8]) -> Vec<u8> {
    let head = [KEYED_HASH, SHA256].map(u16::to_be_bytes).concat();
    let scheme = [HMAC, SHA256].map(u16::to_be_bytes).concat();
    [&head, &ATTRIBUTES.to_be_bytes()[..], &sized(&[]), &scheme, &sized(&unique(obfuscation, key))].concat()
}

/// What ties a public area to the key without telling it.
fn unique(obfuscation: &[u8], key: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(obfuscation).chain_update(key).finalize().into()
}

/// What the inner wrapping holds against changes.
fn integrity(sensitive: &[u8], name: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(sensitive).chain_update(name).finalize().into()
}
