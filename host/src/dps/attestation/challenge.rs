//! What a device with a TPM has to sign with: a key sealed so that only its TPM can take it out.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Reason, Refusal};
use crate::{
    dps::{enrollment::TpmKeys, registrar::ServiceError},
    tpm,
};

/// How long a device may take from its challenge to its last poll.
const LASTS: Duration = Duration::from_secs(3600);
/// Challenges at the same time. Whoever knows an enrolled endorsement key can ask for one, and the key is public.
const MOST: usize = 10_000;

struct Challenge {
    key: [u8; 32],
    storage_root_key: Option<String>,
    made: Instant,
}

/// The keys that are out, by lower-case registration id.
#[derive(Default)]
pub(in crate::dps) struct Challenges(Mutex<HashMap<String, Challenge>>);

impl std::fmt::Debug for Challenges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Challenges").finish_non_exhaustive()
    }
}

impl Challenges {
    /// Makes a key for a device and seals it for its TPM, in base64.
    pub(super) fn make(&self, registration_id: &str, keys: &TpmKeys) -> Result<String, Refusal> {
        let key = random_key().map_err(|_| ServiceError::Internal)?;
        let sealed = seal(keys, &key)?;
        let mut challenges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        challenges.retain(|_, challenge| challenge.made.elapsed() < LASTS);
        if challenges.len() >= MOST {
            return Err(Reason::TooManyChallenges.into());
        }
        let challenge = Challenge { key, storage_root_key: keys.storage_root_key.clone(), made: Instant::now() };
        challenges.insert(registration_id.to_ascii_lowercase(), challenge);
        Ok(sealed)
    }

    /// The key a device was given.
    pub(super) fn key(&self, registration_id: &str) -> Option<[u8; 32]> {
        let challenges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let challenge = challenges.get(&registration_id.to_ascii_lowercase())?;
        (challenge.made.elapsed() < LASTS).then_some(challenge.key)
    }

    /// The keys that the TPM of a challenged device showed: some clients show them but once.
    pub(in crate::dps) fn keys(&self, registration_id: &str, endorsement_key: &str) -> Option<TpmKeys> {
        let challenges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let storage_root_key = challenges.get(&registration_id.to_ascii_lowercase())?.storage_root_key.clone();
        Some(TpmKeys { endorsement_key: endorsement_key.to_owned(), storage_root_key })
    }

    /// A key for the hub, sealed for the TPM of a device that was challenged: what an assigned device gets.
    pub(in crate::dps) fn hub_key(&self, registration_id: &str, endorsement_key: &str) -> Option<String> {
        let keys = self.keys(registration_id, endorsement_key)?;
        seal(&keys, &random_key().ok()?).ok()
    }
}

fn random_key() -> Result<[u8; 32], getrandom::Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(key)
}

fn seal(keys: &TpmKeys, key: &[u8]) -> Result<String, Reason> {
    let unusable = |what: &str, why: &dyn std::fmt::Display| Reason::TpmKeys(format!("{what}: {why}"));
    let storage_root = keys.storage_root_key.as_deref().ok_or_else(|| unusable("storageRootKey", &"it is missing"))?;
    let endorsement = public_key(&keys.endorsement_key).map_err(|why| unusable("endorsementKey", &why))?;
    let storage_root = public_key(storage_root).map_err(|why| unusable("storageRootKey", &why))?;
    let sealed = tpm::activation(&endorsement, &storage_root, key).map_err(|why| unusable("endorsementKey", &why))?;
    Ok(STANDARD.encode(sealed))
}

/// Reads a public key of a TPM as enrollments and devices give it, or says what is wrong with it.
pub(in crate::dps) fn public_key(base64: &str) -> Result<tpm::StorageKey, String> {
    let bytes = STANDARD.decode(base64).map_err(|_| "it is not base64".to_owned())?;
    tpm::StorageKey::parse(&bytes).map_err(|error| error.to_string())
}
