//! How a TPM wraps what is for another TPM: a seed sealed with RSA, and from it one key to encrypt and one to
//! authenticate.

use getrandom::SysRng;
use hmac::{Hmac, Mac as _};
use rsa::{
    oaep::{DecryptingKey, EncryptingKey},
    traits::{RandomizedDecryptor as _, RandomizedEncryptor as _},
};
use sha2::Sha256;

use super::{
    TpmError,
    marshal::{Reader, sized},
};

type Encryptor = cfb_mode::Encryptor<aes::Aes128>;
type Decryptor = cfb_mode::Decryptor<aes::Aes128>;

/// A key for AES-128.
pub(super) type AesKey = [u8; 16];

/// A secret only the holder of an RSA key gets: what the two keys of a wrapping are made of.
pub(super) struct Seed([u8; 32]);

impl Seed {
    pub(super) fn random() -> Result<Self, TpmError> {
        random().map(Self)
    }

    /// For the TPM with this key. The label keeps a seed for one purpose from being used for another.
    pub(super) fn seal(&self, key: &rsa::PublicKey, label: &[u8]) -> Result<Vec<u8>, TpmError> {
        let key = EncryptingKey::<rsa::sha2::Sha256>::new_with_label(key.clone(), label);
        Ok(key.encrypt_with_rng(&mut SysRng, &self.0)?)
    }

    pub(super) fn open(sealed: &[u8], key: &rsa::PrivateKey, label: &[u8]) -> Result<Self, TpmError> {
        let key = DecryptingKey::<rsa::sha2::Sha256>::new_with_label(key.clone(), label);
        let seed = key.decrypt_with_rng(&mut SysRng, sealed).map_err(|_| TpmError::NotForThisTpm)?;
        seed.try_into().map(Self).map_err(|_| TpmError::NotForThisTpm)
    }

    /// Encrypts for the object of this name: integrity, then what is encrypted.
    pub(super) fn wrap(&self, name: &[u8], clear: &[u8]) -> Vec<u8> {
        let encrypted = encrypt(&self.encryption_key(name), clear);
        let integrity = self.integrity(&encrypted, name).finalize().into_bytes();
        [sized(&integrity), encrypted].concat()
    }

    pub(super) fn unwrap(&self, name: &[u8], wrapped: &[u8]) -> Result<Vec<u8>, TpmError> {
        let mut reader = Reader::new(wrapped, "a wrapped key");
        let integrity = reader.sized()?;
        let encrypted = reader.rest();
        self.integrity(encrypted, name).verify_slice(integrity).map_err(|_| TpmError::NotForThisTpm)?;
        Ok(decrypt(&self.encryption_key(name), encrypted))
    }

    fn encryption_key(&self, name: &[u8]) -> AesKey {
        let mut key = AesKey::default();
        let derived = self.derive(b"STORAGE", name, 128);
        key.iter_mut().zip(derived).for_each(|(key, derived)| *key = derived);
        key
    }

    fn integrity(&self, encrypted: &[u8], name: &[u8]) -> Hmac<Sha256> {
        hmac(&self.derive(b"INTEGRITY", &[], 256)).chain_update(encrypted).chain_update(name)
    }

    /// The TPM's derivation function, KDFa, where one block of 256 bits is enough.
    fn derive(&self, label: &[u8], context: &[u8], bits: u32) -> [u8; 32] {
        let parts = [&1_u32.to_be_bytes(), label, &[0], context, &bits.to_be_bytes()];
        hmac(&self.0).chain_update(parts.concat()).finalize().into_bytes().into()
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], TpmError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// In place of an IV the TPM has zeros: no key is ever used twice.
pub(super) fn encrypt(key: &AesKey, clear: &[u8]) -> Vec<u8> {
    use cfb_mode::cipher::KeyIvInit as _;
    let mut bytes = clear.to_vec();
    Encryptor::new(key.into(), &[0; 16].into()).encrypt(&mut bytes);
    bytes
}

pub(super) fn decrypt(key: &AesKey, encrypted: &[u8]) -> Vec<u8> {
    use cfb_mode::cipher::KeyIvInit as _;
    let mut bytes = encrypted.to_vec();
    Decryptor::new(key.into(), &[0; 16].into()).decrypt(&mut bytes);
    bytes
}

fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC fills a key up with zeros to the size of a block, which is the size that cannot be wrong here.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(block, key)| *block = *key);
    hmac::digest::KeyInit::new(&block.into())
}
