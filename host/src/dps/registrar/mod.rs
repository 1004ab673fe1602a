//! What a device may ask, whichever way it came: register, the status of an operation, what is registered.
//!
//! Knows no transport. HTTPS and MQTT each turn their requests into a [`DeviceRequest`] and a [`Reply`] into their own
//! form.

mod assignment;
mod pending;
mod reply;
mod request;

pub(super) use reply::guid;
pub use reply::{Reply, ServiceError};
pub use request::{Credentials, DeviceRequest, MOST_BYTES, Transport, is_api_version, is_id};

use std::sync::Arc;

use tracing::info;

use self::{
    assignment::Registration,
    pending::{Begun, Pending, Stands},
    request::Body,
};
use super::{
    allocation::{Hub, Webhook},
    attestation::{Challenges, Expiry, Gate, Reason, Refusal, Said},
    clock::Clock,
    device::{RegistrationState, Status},
    enrollment::Enrollment,
    fault::Switch,
    store::Store,
    trace::{Traces, What},
};

/// What a device did that was not to register, for its trace.
const POLLED: &str = ", which asked how it stands";
const LOOKED_UP: &str = ", which asked what is registered";

/// What the service is: one DPS instance with its hubs.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The id scope that devices name.
    pub id_scope: String,
    /// The hubs linked to it.
    pub hubs: Vec<Hub>,
    /// Whole seconds after which a device is told to ask again.
    pub retry_after: u32,
    /// How fast waiting goes.
    pub clock: Clock,
}

/// The core of the local DPS. Cloning it is cheap, and all clones are the same service.
#[derive(Debug, Clone)]
pub struct Registrar {
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    instance: Instance,
    gate: Gate,
    webhook: Webhook,
    faults: Switch,
    traces: Traces,
    pending: Pending,
}

impl Registrar {
    pub(super) fn new(instance: Instance, store: Store, webhook: Webhook) -> Self {
        let core = Core {
            instance,
            gate: Gate { store, challenges: Challenges::default() },
            webhook,
            faults: Switch::default(),
            traces: Traces::default(),
            pending: Pending::default(),
        };
        Self { core: Arc::new(core) }
    }

    pub(super) fn store(&self) -> &Store {
        &self.core.gate.store
    }

    pub(super) fn instance(&self) -> &Instance {
        &self.core.instance
    }

    pub(super) fn faults(&self) -> &Switch {
        &self.core.faults
    }

    pub(super) fn traces(&self) -> &Traces {
        &self.core.traces
    }

    /// Registers a device: 202 with the id of an operation to ask about, or an error.
    #[must_use]
    pub async fn register(&self, request: DeviceRequest) -> Reply {
        let (id, traces) = (&request.registration_id, &self.core.traces);
        if is_id(id) {
            traces.begin(id);
            let sent = Some(request.body.as_slice()).filter(|body| !body.is_empty());
            traces.step(id, What::Received, format!("register over {}", request.transport), sent);
        }
        match self.registered(&request) {
            Ok(reply) => {
                traces.step(id, What::Answered, "202 to the device", Some(reply.body.as_bytes()));
                reply
            }
            Err(refusal) => self.refuse(&request, &refusal, ""),
        }
    }

    /// Says no to the device, and why to its trace and the log.
    fn refuse(&self, request: &DeviceRequest, refusal: &Refusal, asked: &str) -> Reply {
        let DeviceRequest { registration_id: id, transport, .. } = request;
        let (reply, device) = (refusal.reply(), Said::of(id));
        let status = reply.status;
        let (what, text) = match refusal.why() {
            Some(reason) => {
                info!(device = device.as_str(), over = %transport, status, reason, "a device was refused{asked}");
                (What::Refused, format!("{status} to the device{asked}: {reason}"))
            }
            None => (What::Answered, format!("{status} to the device{asked}: a challenge for its TPM")),
        };
        self.core.traces.step(id, what, text, Some(reply.body.as_bytes()));
        reply
    }

    fn registered(&self, request: &DeviceRequest) -> Result<Reply, Refusal> {
        self.check(request)?;
        let body = Body::parse(request)?;
        if self.core.faults.now().throttled {
            return Err(ServiceError::Throttled.into());
        }
        let enrollment = self.core.gate.admit(request, body.tpm.as_ref(), Expiry::Counts)?;
        let by = enrollment.identity().map_or(String::new(), |(kind, id)| format!("{kind:?} enrollment {id}"));
        self.core.traces.step(&request.registration_id, What::Admitted, format!("let in by {by}"), None);
        let operation_id = self.begin(request, body, enrollment)?;
        Ok(self.assigning(&operation_id, None))
    }

    /// Begins an operation, unless the same is under way already.
    fn begin(&self, request: &DeviceRequest, body: Body<'_>, enrollment: Arc<Enrollment>) -> Result<String, Refusal> {
        let payload = body.payload.map(ToOwned::to_owned);
        let enrolled = enrollment.attestation.tpm.as_ref().map(|keys| keys.endorsement_key.as_str());
        let shown = || self.core.gate.challenges.keys(&request.registration_id, enrolled?);
        let tpm = body.tpm.or_else(shown);
        let registration = |operation_id: &str| Registration {
            operation_id: operation_id.to_owned(),
            registration_id: request.registration_id.clone(),
            certificate: request.credentials.certificates.first().cloned(),
            tpm: tpm.clone(),
            payload: payload.clone(),
            enrollment: enrollment.clone(),
        };
        let payload_text = payload.as_deref().map(serde_json::value::RawValue::get);
        let begun = self.core.pending.begin(&request.registration_id, payload_text, |operation_id| {
            let (core, registration) = (self.core.clone(), registration(operation_id));
            tokio::spawn(async move { registration.run(&core).await })
        });
        match begun {
            Begun::Operation(id) => Ok(id),
            Begun::TooMany => Err(ServiceError::Throttled.into()),
        }
    }

    /// How an operation stands: 202 while it runs, 200 once it has ended. `request.body` is not looked at.
    #[must_use]
    pub async fn operation(&self, request: DeviceRequest, operation_id: &str) -> Reply {
        match self.polled(&request, operation_id) {
            Ok(reply) => {
                if reply.status == 200 {
                    let text = format!("200 to the device{POLLED}");
                    let heard = Some(reply.body.as_bytes());
                    self.core.traces.step(&request.registration_id, What::Answered, text, heard);
                }
                reply
            }
            Err(refusal) => self.refuse(&request, &refusal, POLLED),
        }
    }

    fn polled(&self, request: &DeviceRequest, operation_id: &str) -> Result<Reply, Refusal> {
        self.check(request)?;
        self.core.gate.admit(request, None, Expiry::Ignored)?;
        match self.core.pending.stands(&request.registration_id, operation_id) {
            Stands::Running => {
                let state = RegistrationState::of(&request.registration_id, Status::Assigning);
                return Ok(self.assigning(operation_id, Some(&state)));
            }
            Stands::Lost => return Err(ServiceError::Internal.into()),
            Stands::Elsewhere => {}
        }
        let device = self.store().device(&request.registration_id)?;
        let device = device.filter(|device| device.operation_id == operation_id);
        let device = device.ok_or_else(|| ServiceError::NotFound("Operation not found.".into()))?;
        Ok(Reply::operation(200, None, operation_id, device.state.status, Some(&device.state)))
    }

    fn assigning(&self, operation_id: &str, state: Option<&RegistrationState>) -> Reply {
        Reply::operation(202, Some(self.core.instance.retry_after), operation_id, Status::Assigning, state)
    }

    /// What is registered for a device: 200 without the envelope of an operation.
    #[must_use]
    pub async fn lookup(&self, request: DeviceRequest) -> Reply {
        self.looked_up(&request).unwrap_or_else(|refusal| self.refuse(&request, &refusal, LOOKED_UP))
    }

    fn looked_up(&self, request: &DeviceRequest) -> Result<Reply, Refusal> {
        self.check(request)?;
        let body = Body::parse(request)?;
        self.core.gate.admit(request, body.tpm.as_ref(), Expiry::Counts)?;
        let unassigned = || RegistrationState::of(&request.registration_id, Status::Unassigned);
        let state = self.store().device(&request.registration_id)?.map_or_else(unassigned, |device| device.state);
        Ok(Reply::ok(&state))
    }

    /// What can be wrong with any request, before the device is looked at.
    fn check(&self, request: &DeviceRequest) -> Result<(), Refusal> {
        let own = &self.core.instance.id_scope;
        if !request.id_scope.eq_ignore_ascii_case(own) {
            return Err(Reason::IdScope { named: Said::of(&request.id_scope), own: own.clone() }.into());
        }
        if !request.api_version.as_deref().is_some_and(is_api_version) {
            return Err(ServiceError::unknown_version().into());
        }
        if !is_id(&request.registration_id) {
            return Err(ServiceError::Invalid("The registration id is invalid.".into()).into());
        }
        Ok(())
    }
}
