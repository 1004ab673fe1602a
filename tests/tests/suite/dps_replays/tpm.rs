//! A device with a TPM, whatever client it has: enrolled, challenged, and with a key of the hub in the end.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use berth::tpm::{IdentityKey, SoftwareTpm};
use berth_tests::{
    Answer,
    local_dps::{LocalDps, Setup, Webhook, individual},
};
use serde_json::{Value, json};

use super::{Hand, ID};

/// The TPM.
pub(super) struct Chip {
    tpm: SoftwareTpm,
    /// The member `tpm` of what its device says, as it is sent.
    pub(super) keys: String,
}

impl Chip {
    /// A TPM, and a local DPS that knows its endorsement key.
    pub(super) async fn enrolled() -> (LocalDps, Webhook, Self) {
        let (webhook, tpm) = (Webhook::start().await, SoftwareTpm::new().unwrap());
        let [endorsement, storage] =
            [tpm.endorsement_key(), tpm.storage_root_key()].map(|key| STANDARD.encode(key.to_bytes()));
        let attestation = json!({ "type": "tpm", "tpm": { "endorsementKey": endorsement } });
        let dps = Setup::new().enrollment(individual(ID, attestation, &webhook.url())).start().await;
        let keys = format!(r#"{{"endorsementKey":"{endorsement}","storageRootKey":"{storage}"}}"#);
        (dps, webhook, Self { tpm, keys })
    }

    /// The signature, in this hand, by the key that is sealed in the answer to a device that has shown its keys alone.
    pub(super) fn answers(&self, challenge: &Answer, hand: Hand) -> String {
        assert_eq!(challenge.status, 401, "{}", challenge.text());
        // One client parses only what is said to be JSON, another wants the name of the key.
        assert_eq!(challenge.headers["content-type"], "application/json; charset=utf-8");
        let challenge = challenge.json();
        assert_eq!((&challenge["keyName"], challenge["message"].is_string()), (&json!("registration"), true));
        let key = self.opens(&challenge["authenticationKey"]);
        hand.signed_by(|resource, expiry| STANDARD.encode(key.sign(format!("{resource}\n{expiry}").as_bytes())))
    }

    /// That there is a key of the hub in the end, and this TPM takes it in.
    pub(super) fn has_the_hubs_key(&self, done: &Value) {
        self.opens(&done["registrationState"]["tpm"]["authenticationKey"]);
    }

    fn opens(&self, sealed: &Value) -> IdentityKey {
        let sealed = STANDARD.decode(sealed.as_str().unwrap()).unwrap();
        self.tpm.activate(&sealed).unwrap()
    }
}
