//! How a registration can fail, and what to do then.

use std::error::Error as _;

use thiserror::Error;

use super::DpsError;
use crate::tpm::TpmError;

/// A device did not get a hub. No message holds a key; what the DPS said is repeated as it came.
#[derive(Debug, Error)]
pub enum Failure {
    /// The registration ended as failed: the webhook, or the DPS itself, decided so.
    #[error("rejected: {code} {message}")]
    Rejected {
        /// DPS's six digits; 0 if it gave none.
        code: u32,
        /// DPS's words.
        message: String,
    },
    /// The enrollment is switched off.
    #[error("disabled: the device's enrollment is switched off")]
    Disabled,
    /// The DPS refused a request.
    #[error("refused: {} {message}", code.unwrap_or(u32::from(*status)))]
    Refused {
        /// The status in HTTP.
        status: u16,
        /// DPS's six digits, if it gave any.
        code: Option<u32>,
        /// DPS's words.
        message: String,
    },
    /// The DPS knows nothing any more of what it was about to do: it was started again.
    #[error("forgotten: the DPS does not know the operation any more")]
    Forgotten,
    /// There was no answer.
    #[error("no answer from the DPS: {0}")]
    Unreachable(String),
    /// Whoever answers has a certificate that is not to be trusted.
    #[error("the DPS's certificate is not trusted: {0}")]
    Untrusted(String),
    /// Whoever answers does not speak TLS.
    #[error("the DPS does not speak TLS: {0}")]
    NotTls(String),
    /// Whoever answers does not answer as a DPS.
    #[error("that is no answer of a DPS: {0}")]
    NotADps(&'static str),
    /// It took too long.
    #[error("still no hub after {0} s")]
    TooLong(u64),
    /// The TPM could not do what it was asked.
    #[error("the TPM failed: {0}")]
    Tpm(TpmError),
    /// The device could not be made.
    #[error("the device cannot be: {0}")]
    Device(String),
}

impl From<DpsError> for Failure {
    fn from(error: DpsError) -> Self {
        let because = error.source().map(|because| format!(": {because}")).unwrap_or_default();
        Self::Device(format!("{error}{because}"))
    }
}

impl From<TpmError> for Failure {
    fn from(error: TpmError) -> Self {
        Self::Tpm(error)
    }
}

impl Failure {
    /// Whether the DPS heard the device out and said no.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::Disabled)
    }

    /// DPS's code, if it gave one.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Rejected { code, .. } => Some(*code),
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Rejected { code, message } => rejected(*code, message),
            Self::Refused { status, code, .. } => refused(*status, code.unwrap_or_default()),
            Self::Disabled => "enable the enrollment (provisioningStatus), or register as another device",
            Self::Forgotten => "register again: the DPS was started anew in between",
            Self::Unreachable(_) => {
                "is the DPS running there (`berth dps serve`)? --dps names another, --retry-for waits longer for it"
            }
            Self::Untrusted(_) => {
                "trust the authority of its certificate with --ca FILE: a local DPS has it as authority.pem in its data \
                 directory, and its certificate is for localhost and 127.0.0.1"
            }
            Self::NotTls(_) => {
                "--dps has to name the port for HTTPS; of a local DPS that is listen.https, by default 8443"
            }
            Self::NotADps(_) => "--dps has to name a DPS; of a local one the port is listen.https, by default 8443",
            Self::TooLong(_) => {
                "the DPS tries the webhook again for minutes: `berth dps trace` shows what it answers; --timeout waits longer"
            }
            Self::Tpm(_) => {
                "the enrollment has to name this TPM's endorsement key, which `berth device tpm FILE` prints"
            }
            Self::Device(_) => "mend the file it names, or the arguments",
        }
    }
}

/// About a registration that ended as failed.
fn rejected(code: u32, message: &str) -> &'static str {
    match code {
        400_207 if message.ends_with(": 403") => {
            "the webhook turned the device away: `berth dps trace` and the policy's log say why; mind the payload"
        }
        400_207 if message.ends_with(": 404") => "the webhook knows no such policy: mend the enrollment's webhookUrl",
        400_207 => "the webhook failed: `berth dps trace` shows what it was asked and what it answered",
        400_208 => "the webhook answered without one of the linked hubs: mend the policy, or link the hub",
        400_209 => "the webhook wants its key: put ?code=KEY into the enrollment's webhookUrl",
        401_002 => "the DPS may not enter the hub: mend the hub's link",
        _ => "`berth dps trace` shows what happened; in Azure the DPS's diagnostic log does",
    }
}

/// About a request that was refused.
fn refused(status: u16, code: u32) -> &'static str {
    match (code, status) {
        (400_012, _) => "the DPS cannot read the message: a payload has to be a JSON object",
        (400_004, _) => {
            "mind --registration-id: letters, digits and - . _ : only, 128 at most; and the size of the payload"
        }
        (401_000, _) => {
            "the signature does not count, and `berth dps trace` of a local DPS shows why: is this machine's clock right, and \
             is it a device with this attestation?"
        }
        (401_002, _) => {
            "`berth dps trace` of a local DPS shows why: mind --id-scope and --registration-id, and that the key, certificate \
             or TPM is the enrollment's own or its group's; `berth dps enrollment list` shows what there is"
        }
        (404_201, _) => "enroll the device first: `berth dps enrollment add FILE`",
        (_, 401) => "mind --id-scope, --registration-id and the key, certificate or TPM",
        (_, 404) => "--dps has to name a DPS, and --id-scope has to be its own",
        (_, 429) => "the DPS throttles: come again later, wait longer with --retry-for, or take a smaller --parallel",
        (_, 500..) => "the DPS failed: come again later, or wait longer with --retry-for; its log says more",
        _ => "`berth dps trace` shows what the DPS made of it",
    }
}
