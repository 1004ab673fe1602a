//! One registration, from an admitted device to a record on disk.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::CertificateDer;
use serde_json::value::RawValue;
use tracing::{error, info};

use super::{Core, guid};
use crate::dps::{
    allocation::{Answer, Attempt, Choice, Context, Failure, assign, built_in, candidates, kept, masked, names},
    device::{Assignment, Device, Empty, Event, GroupResult, RegistrationState, Status, Substatus, TpmResult},
    enrollment::{AllocationPolicy, AttestationKind, CustomAllocation, Enrollment, Kind, TpmKeys},
    fault::WebhookFault,
    store::{Outdated, StoreError},
    trace::What,
};

/// How often a webhook is tried again.
const RETRIES: u32 = 10;

/// How long to wait before a retry, counted from 0: one second, and nine more each time.
fn wait_before(retry: u32) -> Duration {
    Duration::from_secs(1 + 9 * u64::from(retry))
}

/// A device that has been let in, and what it brought along.
#[derive(Debug)]
pub(super) struct Registration {
    pub operation_id: String,
    pub registration_id: String,
    pub certificate: Option<CertificateDer<'static>>,
    pub tpm: Option<TpmKeys>,
    pub payload: Option<Box<RawValue>>,
    pub enrollment: Arc<Enrollment>,
}

/// How it ends.
enum Outcome {
    Disabled,
    Failed(Failure),
    Assigned(Choice),
}

impl Registration {
    /// Chooses a hub and writes down what came of it. What a device hears is on disk before it hears it.
    pub(super) async fn run(self, core: &Core) {
        // Whoever writes in between (another registration, a deletion) is not written over: it all begins anew.
        loop {
            match self.attempt(core).await {
                Ok(Ok(())) => break,
                Ok(Err(Outdated)) => {}
                Err(error) => {
                    error!(device = self.registration_id, %error, "a registration was not stored");
                    return core.pending.lose(&self.registration_id, &self.operation_id);
                }
            }
        }
        core.pending.end(&self.registration_id, &self.operation_id);
    }

    async fn attempt(&self, core: &Core) -> Result<Result<(), Outdated>, StoreError> {
        let known = core.gate.store.device(&self.registration_id)?;
        let current = known.as_ref().and_then(|device| device.assignment.as_ref());
        let outcome = self.outcome(core, current).await;
        let (device, event) = self.record(core, known.as_ref(), outcome);
        let stored = serde_json::to_vec(&device).unwrap_or_default();
        let written = core.gate.store.put_device(device, event.clone()).await?;
        if written.is_ok() {
            let hub = event.to.as_deref().unwrap_or("no hub");
            core.traces.step(&self.registration_id, What::Stored, format!("stored: {hub}"), Some(&stored));
            info!(device = self.registration_id, status = ?event.status, hub, "a registration ended");
        }
        Ok(written)
    }

    async fn outcome(&self, core: &Core, current: Option<&Assignment>) -> Outcome {
        if !self.enrollment.is_enabled() {
            return Outcome::Disabled;
        }
        let hubs = candidates(&self.enrollment, &core.instance.hubs, current);
        let policy = self.enrollment.allocation_policy.unwrap_or(AllocationPolicy::Hashed);
        let chosen = match (&self.enrollment.custom_allocation_definition, policy) {
            (Some(webhook), AllocationPolicy::Custom) => self.ask(core, webhook, current, &hubs).await,
            _ => built_in(policy, &self.registration_id, &hubs, &core.instance.hubs)
                .map(|hub| Choice { hub, ..Choice::default() })
                .ok_or_else(|| Failure { code: 400_004, message: "None of the device's hubs is linked.".into() }),
        };
        let faults = core.faults.now();
        match chosen {
            Ok(choice) if faults.has_unlinked(&choice.hub) => Outcome::Failed(broken_link()),
            Ok(choice) => Outcome::Assigned(choice),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// Asks the webhook, and again as often as DPS does.
    async fn ask(
        &self,
        core: &Core,
        webhook: &CustomAllocation,
        current: Option<&Assignment>,
        hubs: &[String],
    ) -> Result<Choice, Failure> {
        let context = Context {
            registration_id: &self.registration_id,
            current,
            certificate: self.certificate.as_ref(),
            tpm: self.tpm.as_ref(),
            payload: self.payload.as_deref(),
        };
        let body = context.body(&self.enrollment, hubs);
        let trace = |what, text: String, data: Option<&[u8]>| {
            core.traces.step(&self.registration_id, what, text, data);
        };
        for retry in 0.. {
            trace(What::ToWebhook, format!("POST {}", masked(&webhook.webhook_url)), Some(&body));
            let (failure, text) = match call(core, &webhook.webhook_url, &body).await {
                Attempt::Impossible(why) => return Err(Failure::custom(why)),
                Attempt::Answered(answer) => {
                    trace(What::FromWebhook, format!("{} from the webhook", answer.status), Some(&answer.body));
                    if !answer.is_to_be_retried() {
                        let choice = self.choice(core, &answer, current, hubs)?;
                        for member in &choice.passed_over {
                            trace(What::FromWebhook, format!("{member} is no member of a twin, and passed over"), None);
                        }
                        return Ok(choice);
                    }
                    let status = answer.status;
                    (Failure::custom(format_args!("with status code: {status}")), format!("after {status}"))
                }
                Attempt::Unanswered(why) => {
                    trace(What::FromWebhook, why, None);
                    (Failure::custom("because the webhook did not answer"), "after no answer".to_owned())
                }
            };
            if retry == RETRIES {
                return Err(failure);
            }
            let wait = wait_before(retry);
            trace(What::Retry, format!("{text}, again in {} s of the service's clock", wait.as_secs()), None);
            core.instance.clock.wait(wait).await;
        }
        Err(Failure::custom("because the webhook did not answer"))
    }

    /// What an answer means: of a device that must not move any linked hub may be named, and it stays where it is.
    fn choice(
        &self,
        core: &Core,
        answer: &Answer,
        current: Option<&Assignment>,
        hubs: &[String],
    ) -> Result<Choice, Failure> {
        let linked = &core.instance.hubs;
        match kept(&self.enrollment, linked, current) {
            Some(kept) => answer.choice(&names(linked)).map(|choice| Choice { hub: kept.to_owned(), ..choice }),
            None => answer.choice(hubs),
        }
    }

    /// What is to be known of the device from now on.
    fn record(&self, core: &Core, known: Option<&Device>, outcome: Outcome) -> (Device, Event) {
        let now = core.instance.clock.now();
        let before = known.and_then(|device| device.assignment.clone());
        let created = known.and_then(|device| device.state.created_date_time_utc.clone());
        let mut state = RegistrationState {
            created_date_time_utc: created.or_else(|| Some(now.clone())),
            last_updated_date_time_utc: Some(now.clone()),
            etag: Some(STANDARD.encode(format!("\"{}\"", guid()))),
            ..RegistrationState::of(&self.registration_id, Status::Disabled)
        };
        let mut after = before.clone();
        match outcome {
            Outcome::Disabled => {}
            Outcome::Failed(failure) => {
                state.status = Status::Failed;
                state.error_code = Some(failure.code);
                state.error_message = Some(failure.message);
            }
            Outcome::Assigned(choice) => {
                let (assignment, substatus) = assign(&self.enrollment, &self.registration_id, before.as_ref(), &choice);
                self.tell(core, &mut state, &assignment, substatus);
                state.payload = choice.payload;
                after = Some(assignment);
            }
        }
        let event = Event {
            at: now,
            operation_id: self.operation_id.clone(),
            status: state.status,
            substatus: state.substatus,
            from: before.map(|before| before.hub),
            to: after.as_ref().map(|after| after.hub.clone()),
            payload: state.payload.clone(),
            error: state.error_message.clone(),
        };
        let revision = known.map_or(0, |device| device.revision);
        let group = match self.enrollment.identity() {
            Some((Kind::Group, id)) => Some(id.to_owned()),
            _ => None,
        };
        (Device { state, operation_id: self.operation_id.clone(), assignment: after, group, revision }, event)
    }

    fn tell(&self, core: &Core, state: &mut RegistrationState, assignment: &Assignment, substatus: Substatus) {
        state.status = Status::Assigned;
        state.substatus = Some(substatus);
        state.assigned_hub = Some(assignment.hub.clone());
        state.device_id = Some(assignment.device_id.clone());
        match self.enrollment.attestation.kind {
            AttestationKind::X509 => state.x509 = Some(Empty {}),
            AttestationKind::Tpm => {
                let keys = self.enrollment.attestation.tpm.as_ref();
                let key =
                    keys.and_then(|keys| core.gate.challenges.hub_key(&self.registration_id, &keys.endorsement_key));
                state.tpm = key.map(|authentication_key| TpmResult { authentication_key });
            }
            AttestationKind::SymmetricKey => {
                if let Some((Kind::Group, id)) = self.enrollment.identity() {
                    state.symmetric_key = Some(GroupResult { enrollment_group_id: Some(id.to_owned()) });
                }
            }
            AttestationKind::None => {}
        }
    }
}

/// One call of the webhook, or what a fault makes of it.
async fn call(core: &Core, url: &str, body: &[u8]) -> Attempt {
    let faults = core.faults.now();
    let answer = |status, body: &str| Attempt::Answered(Answer { status, body: body.into() });
    let delay = match &faults.webhook {
        None => Duration::ZERO,
        Some(WebhookFault::Slow(ms)) => Duration::from_millis(*ms),
        Some(WebhookFault::Down) => {
            return Attempt::Unanswered("the webhook is down: a fault that is switched on".into());
        }
        Some(WebhookFault::Status(status)) => return answer(*status, ""),
        Some(WebhookFault::Garbage) => return answer(200, "<html>a fault that is switched on</html>"),
    };
    core.webhook.call(url, body.to_vec(), delay).await
}

/// What a device hears when the hub does not let DPS in: the hub's own words.
fn broken_link() -> Failure {
    let message = r#"{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage":""}"#;
    Failure { code: 401_002, message: message.into() }
}
