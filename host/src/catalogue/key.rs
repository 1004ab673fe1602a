//! A tenant's webhook keys, of which only digests are kept.

use std::{fmt, str::FromStr};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use thiserror::Error;

/// The SHA-256 digest of a key, written `sha256:` and 64 hexadecimal digits.
///
/// A plain digest is enough because a key is random and long, unlike a password; see `docs/configuration.md` for how one
/// is made.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of this key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl KeyHash {
    /// Whether this is the same hash. Takes the same time whatever the answer.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl FromStr for KeyHash {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let digits = text.strip_prefix("sha256:").ok_or(InvalidKey)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash).map_err(|_| InvalidKey)?;
        // The digest of nothing: somebody hashed a variable that was not set.
        if Self(hash) == Self::of("") { Err(InvalidKey) } else { Ok(Self(hash)) }
    }
}

impl TryFrom<String> for KeyHash {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// The text is no key hash.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "a key is kept as `sha256:` and the 64 hexadecimal digits of its SHA-256 digest, never in clear and never of an \
         empty key"
)]
pub struct InvalidKey;

/// The keys that open a tenant's webhook: two, so that one can be changed while DPS still uses the other.
#[derive(Debug, Clone)]
pub struct Keys {
    primary: KeyHash,
    secondary: Option<KeyHash>,
}

impl Keys {
    /// A primary key and perhaps a secondary one.
    #[must_use]
    pub fn new(primary: KeyHash, secondary: Option<KeyHash>) -> Self {
        Self { primary, secondary }
    }

    /// Keys that nothing opens: no input is known to have this digest.
    pub(super) fn unknown() -> Self {
        Self { primary: KeyHash([0; 32]), secondary: None }
    }

    /// Whether this is one of the keys. Takes the same time for every key of the same length.
    #[must_use]
    pub fn admit(&self, key: &str) -> bool {
        let hash = KeyHash::of(key);
        let secondary = self.secondary.as_ref().unwrap_or(&self.primary);
        let either: Choice = self.primary.0.ct_eq(&hash.0) | secondary.0.ct_eq(&hash.0);
        either.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_either_key_and_no_other() {
        let keys = Keys::new(KeyHash::of("one"), Some(KeyHash::of("two")));
        assert!(keys.admit("one") && keys.admit("two"));
        assert!(!keys.admit("") && !keys.admit("three") && !keys.admit("One"));
        assert!(!Keys::unknown().admit(""));
    }

    #[test]
    fn reads_what_it_prints_and_refuses_clear_text() {
        let hash = KeyHash::of("key");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("my-secret-key".parse::<KeyHash>(), Err(InvalidKey));
        assert_eq!("sha256:abcd".parse::<KeyHash>(), Err(InvalidKey));
        assert_eq!(KeyHash::of("").to_string().parse::<KeyHash>(), Err(InvalidKey));
    }
}
