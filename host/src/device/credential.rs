//! Shared access signatures, as a device makes them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Habits, Key};
use crate::tpm::IdentityKey;

/// What stays as it is in a path and in a signature.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a device signs with.
#[derive(Debug, Clone)]
pub(super) enum Signer {
    /// The key that it has.
    Key(Key),
    /// The key that its TPM has taken out of a challenge.
    Activated(IdentityKey),
}

impl Signer {
    fn sign(&self, data: &[u8]) -> [u8; 32] {
        match self {
            Self::Key(key) => key.sign(data),
            Self::Activated(key) => key.sign(data),
        }
    }

    /// The value of `Authorization` from now on, for as long as the habit is.
    pub(super) fn authorization(&self, id_scope: &str, registration_id: &str, habits: &Habits) -> String {
        let expires = Timestamp::now().as_second() + habits.signature_lasts.as_secs().cast_signed();
        let mut resource = format!("{id_scope}/registrations/{registration_id}");
        if habits.lower_case_resource {
            resource = resource.to_lowercase();
        }
        let resource = encoded(&resource);
        let signature = STANDARD.encode(self.sign(format!("{resource}\n{expires}").as_bytes()));
        format!("SharedAccessSignature sr={resource}&sig={}&se={expires}&skn=registration", encoded(&signature))
    }
}

/// Text as a segment of a path or a value of a signature.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
