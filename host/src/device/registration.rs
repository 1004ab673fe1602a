//! One registration: from the first request to the hub.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Method, body::Bytes, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    Assigned, Device, Dps, Failure, Habits, Identity, Patience, Step, Watch,
    answer::{Challenge, HubKey, Operation, refused},
    connection::{Answer, Line, Unanswered},
    credential::{Signer, encoded},
    retry::Outage,
};
use crate::tpm::SoftwareTpm;

/// How often a TPM lets itself be challenged before it gives up: a DPS that is started again forgets its challenges.
const CHALLENGES: u32 = 10;

/// A device at the door of a DPS.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// The DPS.
    pub dps: &'a Dps,
    /// The device.
    pub device: &'a Device,
    /// How it writes its requests.
    pub habits: &'a Habits,
    /// How long it tries.
    pub patience: Patience,
    /// Who hears of each step.
    pub watch: Watch<'a>,
}

/// What a device asks to be registered with: DPS's `DeviceRegistration`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpm: Option<TpmKeys>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TpmKeys {
    endorsement_key: String,
    storage_root_key: String,
}

/// An operation that the DPS has begun.
struct Begun {
    path: String,
    signer: Option<Signer>,
    /// The signature that began it.
    authorization: String,
    retry_after: Option<Duration>,
}

/// How following an operation ended.
enum Followed {
    Assigned(Box<Assigned>),
    /// The DPS does not know of it any more: all begins again.
    Forgotten,
}

/// What a registration keeps while it goes on.
struct Talk<'a> {
    of: Registration<'a>,
    line: Line,
    outage: Outage<'a>,
    challenges: u32,
}

impl<'a> Registration<'a> {
    /// Registers the device.
    ///
    /// What passes (a DPS that is away, throttles or fails) is tried again within `patience`, and an operation that a DPS
    /// has forgotten is begun anew, so that a device survives a restart of its DPS.
    ///
    /// # Errors
    ///
    /// Why the device has no hub.
    pub async fn run(self) -> Result<Assigned, Failure> {
        let line = self.dps.line(&self.device.identity)?;
        let outage = Outage::none(self.patience, self.watch);
        let talk = Talk { of: self, line, outage, challenges: 0 };
        let whole = self.patience.whole;
        let ended = tokio::time::timeout(whole, talk.run()).await;
        ended.unwrap_or(Err(Failure::TooLong(whole.as_secs())))
    }

    fn path(&self, rest: &str) -> String {
        let (scope, id) = (encoded(&self.dps.id_scope), encoded(&self.device.registration_id));
        format!("/{scope}/registrations/{id}/{rest}?api-version={}", self.habits.api_version)
    }

    fn authorization(&self, signer: Option<&Signer>) -> String {
        let sign =
            |signer: &Signer| signer.authorization(&self.dps.id_scope, &self.device.registration_id, self.habits);
        signer.map(sign).unwrap_or_default()
    }

    /// The body; a TPM shows its keys until it has been challenged.
    fn body(&self, tpm: Option<&SoftwareTpm>) -> Result<Bytes, Failure> {
        let keys = |tpm: &SoftwareTpm| TpmKeys {
            endorsement_key: STANDARD.encode(tpm.endorsement_key().to_bytes()),
            storage_root_key: STANDARD.encode(tpm.storage_root_key().to_bytes()),
        };
        let body = Body {
            registration_id: &self.device.registration_id,
            tpm: tpm.map(keys),
            payload: self.device.payload.as_deref(),
        };
        let body = serde_json::to_vec(&body).map_err(|error| Failure::Device(error.to_string()))?;
        Ok(body.into())
    }
}

impl Talk<'_> {
    async fn run(mut self) -> Result<Assigned, Failure> {
        loop {
            let begun = self.begin().await?;
            (self.of.watch)(Step::Assigning);
            match self.follow(&begun).await? {
                Followed::Assigned(assigned) => return Ok(*assigned),
                Followed::Forgotten => self.outage.wait(None, Failure::Forgotten).await?,
            }
        }
    }

    /// Has the DPS begin an operation; a TPM is challenged before.
    async fn begin(&mut self) -> Result<Begun, Failure> {
        let of = self.of;
        let (mut signer, tpm) = match &of.device.identity {
            Identity::Key(key) => (Some(Signer::Key(key.clone())), None),
            Identity::Certificate(_) => (None, None),
            Identity::Tpm(tpm) => (None, Some(&**tpm)),
        };
        loop {
            let body = of.body(tpm.filter(|_| signer.is_none()))?;
            let (answer, authorization) =
                self.ask(&Method::PUT, &of.path("register"), body, || of.authorization(signer.as_ref())).await?;
            match (answer.status, tpm) {
                (200 | 202, _) => {
                    let operation: Operation = read(&answer, "it begins no operation")?;
                    let path = of.path(&format!("operations/{}", encoded(&operation.operation_id)));
                    return Ok(Begun { path, signer, authorization, retry_after: answer.retry_after });
                }
                (401, Some(tpm)) if self.challenges < CHALLENGES => {
                    let challenge = serde_json::from_slice::<Challenge>(&answer.body);
                    signer = match (challenge, &signer) {
                        (Ok(challenge), _) => Some(activate(tpm, &challenge.authentication_key)?),
                        // The challenge was another's, or of a DPS that was started again: another one, then.
                        (Err(_), Some(_)) => None,
                        (Err(_), None) => return Err(refused(401, &answer.body)),
                    };
                    self.challenges += 1;
                    (of.watch)(Step::Activated);
                }
                (status, _) => return Err(refused(status, &answer.body)),
            }
        }
    }

    /// Asks how the operation stands until it has ended.
    async fn follow(&mut self, begun: &Begun) -> Result<Followed, Failure> {
        let of = self.of;
        let (mut told, is_tpm) = (begun.retry_after, matches!(of.device.identity, Identity::Tpm(_)));
        for asked in 0.. {
            tokio::time::sleep(of.habits.pause(told, asked)).await;
            let sign = || match of.habits.one_signature {
                true => begun.authorization.clone(),
                false => of.authorization(begun.signer.as_ref()),
            };
            let (answer, _) = self.ask(&Method::GET, &begun.path, Bytes::new(), sign).await?;
            match answer.status {
                // Only this ends an outage: a DPS that begins operations and forgets them takes registrations as well.
                200 | 202 => self.outage.ends(),
                404 => return Ok(Followed::Forgotten),
                401 if is_tpm && self.challenges < CHALLENGES => return Ok(Followed::Forgotten),
                status => return Err(refused(status, &answer.body)),
            }
            told = answer.retry_after;
            let operation: Operation = read(&answer, "it does not say how the operation stands")?;
            let state = operation.registration_state.unwrap_or_default();
            match operation.status.as_str() {
                "assigning" | "unassigned" => {}
                "assigned" => return self.assigned(state).map(|assigned| Followed::Assigned(Box::new(assigned))),
                "failed" => return Err(state.rejected()),
                "disabled" | "blacklisted" => return Err(Failure::Disabled),
                _ => return Err(Failure::NotADps("it does not say how the operation stands")),
            }
        }
        Err(Failure::TooLong(of.patience.whole.as_secs()))
    }

    /// A device with a TPM takes the hub's key into it, as it has to.
    fn assigned(&self, state: super::answer::State) -> Result<Assigned, Failure> {
        let device = self.of.device;
        if let Identity::Tpm(tpm) = &device.identity {
            let HubKey { authentication_key } =
                state.tpm.as_ref().ok_or(Failure::NotADps("it has no key of the hub for a TPM"))?;
            activate(tpm, authentication_key)?;
        }
        state.assigned(&device.registration_id)
    }

    /// Asks until there is an answer that does not pass. What `authorization` was in the end comes with it.
    async fn ask(
        &mut self,
        method: &Method,
        path: &str,
        body: Bytes,
        authorization: impl Fn() -> String,
    ) -> Result<(Answer, String), Failure> {
        loop {
            let authorization = authorization();
            let habits = self.of.habits;
            let kind = if body.is_empty() { "" } else { habits.content_type };
            let headers = [
                (header::ACCEPT, "application/json"),
                (header::CONTENT_TYPE, kind),
                (header::USER_AGENT, habits.user_agent),
                (header::AUTHORIZATION, &authorization),
            ];
            let asked = self.line.ask(method.clone(), path, &headers, body.clone()).await;
            let (told, failure) = match asked {
                Ok(answer) if is_passing(answer.status) => (answer.retry_after, refused(answer.status, &answer.body)),
                Ok(answer) => return Ok((answer, authorization)),
                Err(Unanswered::Untrusted(why)) => return Err(Failure::Untrusted(why)),
                Err(Unanswered::NotTls(why)) => return Err(Failure::NotTls(why)),
                Err(Unanswered::Transient(why)) => (None, Failure::Unreachable(why)),
            };
            self.outage.wait(told, failure).await?;
        }
    }
}

/// Whether a status is worth another try.
fn is_passing(status: u16) -> bool {
    status == 429 || status >= 500
}

/// Takes what a DPS sealed for a TPM out with it.
fn activate(tpm: &SoftwareTpm, sealed: &str) -> Result<Signer, Failure> {
    let sealed = STANDARD.decode(sealed).map_err(|_| Failure::NotADps("its challenge is not base64"))?;
    Ok(Signer::Activated(tpm.activate(&sealed)?))
}

fn read<T: DeserializeOwned>(answer: &Answer, wrong: &'static str) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|_| Failure::NotADps(wrong))
}
