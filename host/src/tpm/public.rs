//! Public areas: what the world may know of a TPM's keys, and their names.

use rsa::{BoxedUint, PublicKey, traits::PublicKeyParts as _};
use sha2::{Digest as _, Sha256};

use super::{
    TpmError,
    marshal::{Reader, sized},
};

pub(super) const SHA256: u16 = 0x000b;
const NONE: u16 = 0x0010;
const RSA: u16 = 0x0001;
const AES: u16 = 0x0006;
const CFB: u16 = 0x0043;
const AES_BITS: u16 = 128;
/// The exponent that a public area writes as zero.
const EXPONENT: u32 = 65537;

/// The public half of an RSA key that a TPM keeps others with: an endorsement key or a storage root key.
#[derive(Debug, Clone)]
pub struct StorageKey {
    pub(super) public: PublicKey,
    area: Vec<u8>,
}

impl StorageKey {
    /// Reads a `TPM2B_PUBLIC`, which is what enrollments and devices give, in base64, as `endorsementKey` and
    /// `storageRootKey`.
    ///
    /// # Errors
    ///
    /// If it is not one, or not of the default template.
    pub fn parse(bytes: &[u8]) -> Result<Self, TpmError> {
        let mut outer = Reader::new(bytes, "the public key");
        let area = outer.sized()?;
        outer.end()?;
        let mut reader = Reader::new(area, "the public key");
        let [kind, name_hash] = [reader.u16()?, reader.u16()?];
        let _attributes = reader.u32()?;
        let _policy = reader.sized()?;
        if (kind, name_hash) != (RSA, SHA256) || [reader.u16()?, reader.u16()?, reader.u16()?] != [AES, AES_BITS, CFB] {
            return Err(TpmError::Unsupported);
        }
        if reader.u16()? != NONE {
            return Err(TpmError::Unsupported);
        }
        let _bits = reader.u16()?;
        let exponent = match reader.u32()? {
            0 => EXPONENT,
            exponent => exponent,
        };
        let modulus = reader.sized()?;
        reader.end()?;
        let bits = u32::try_from(modulus.len() * 8).map_err(|_| TpmError::Unsupported)?;
        let modulus = BoxedUint::from_be_slice(modulus, bits).map_err(|_| TpmError::Malformed("the public key"))?;
        let public = PublicKey::new(modulus, BoxedUint::from(u64::from(exponent)))?;
        Ok(Self { public, area: area.to_vec() })
    }

    /// The key with these attributes and this policy, as the default templates have them.
    pub(super) fn of(public: &PublicKey, attributes: u32, policy: &[u8]) -> Self {
        let modulus = public.n_bytes();
        let bits = u16::try_from(modulus.len() * 8).unwrap_or(u16::MAX);
        let numbers = [AES, AES_BITS, CFB, NONE, bits].map(u16::to_be_bytes);
        let area = [
            &[RSA, SHA256].map(u16::to_be_bytes).concat(),
            &attributes.to_be_bytes()[..],
            &sized(policy),
            &numbers.concat(),
            &0_u32.to_be_bytes(),
            &sized(&modulus),
        ];
        Self { public: public.clone(), area: area.concat() }
    }

    /// The `TPM2B_PUBLIC`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        sized(&self.area)
    }

    /// The name a TPM knows the key by.
    pub(super) fn name(&self) -> Vec<u8> {
        name(&self.area)
    }
}

/// The name of an object: the hash of its public area, after the number of the hash.
pub(super) fn name(area: &[u8]) -> Vec<u8> {
    [&SHA256.to_be_bytes()[..], &Sha256::digest(area)].concat()
}
