//! The webhook: DPS asks here where a device goes.
//!
//! `POST /allocate/{tenant}/{policy}?code=KEY`, body and answer as DPS has them. Reads the request, decides, and turns
//! whatever comes of it into a status by the table of [`Problem`]. The log gets at most two lines a request: what the policy
//! wrote, and the problem.

mod credential;
mod problem;

pub use problem::{Problem, Reply};

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body as HttpBody, Bytes},
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderValue, Request as HttpRequest, Response as HttpResponse, header},
    routing::post,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::sync::Semaphore;
use tracing::{Level, enabled};

use crate::{
    catalogue::{Current, Policy, Release},
    contract::{Fault, FaultKind, Limits},
    decide::{Decided, Verdict, decide},
    engine::{LogLevel, MAX_INSTANCES},
    http::{RequestId, RequestIds},
    wire,
};

/// Bounds on what the webhook takes.
#[derive(Debug, Clone, Copy)]
pub struct Intake {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// The server's limits, of which the depth of JSON holds for requests.
    pub limits: Limits,
}

/// What the webhook needs to answer.
pub struct Webhook {
    current: Arc<Current>,
    intake: Intake,
    /// A place for each instance the engine's pool holds.
    capacity: Semaphore,
    ids: RequestIds,
}

impl Webhook {
    /// A webhook that answers from this catalogue.
    #[must_use]
    pub fn new(current: Arc<Current>, intake: Intake) -> Self {
        // A few are left for the verification of new versions.
        let places = MAX_INSTANCES as usize - 32;
        Self { current, intake, capacity: Semaphore::new(places), ids: RequestIds::default() }
    }

    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/allocate/{tenant}/{policy}", post(allocate).fallback(method_not_allowed))
            .fallback(not_found)
            .with_state(Arc::new(self))
    }
}

/// Whom a request was addressed to, for the log: names are in it only if they are in the catalogue.
#[derive(Default)]
struct Address(Option<Arc<Policy>>);

async fn allocate(
    State(webhook): State<Arc<Webhook>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: HttpRequest<HttpBody>,
) -> HttpResponse<HttpBody> {
    let id = webhook.ids.next();
    let mut address = Address::default();
    let answer = match path {
        Ok(Path((tenant, policy))) => webhook.answer(id, &tenant, &policy, request, &mut address).await,
        // A path that is not even text names nothing.
        Err(_) => Err(Problem::NotFound { detail: None }),
    };
    match answer {
        Ok(response) => respond(id, response),
        Err(problem) => {
            problem.log(id, address.0.as_deref().map(|policy| &policy.id));
            problem.respond(id)
        }
    }
}

async fn method_not_allowed(State(webhook): State<Arc<Webhook>>) -> HttpResponse<HttpBody> {
    refuse(&webhook, &Problem::MethodNotAllowed)
}

async fn not_found(State(webhook): State<Arc<Webhook>>) -> HttpResponse<HttpBody> {
    refuse(&webhook, &Problem::NotFound { detail: None })
}

fn refuse(webhook: &Webhook, problem: &Problem) -> HttpResponse<HttpBody> {
    let id = webhook.ids.next();
    problem.log(id, None);
    problem.respond(id)
}

impl Webhook {
    async fn answer(
        &self,
        id: RequestId,
        tenant: &str,
        policy: &str,
        request: HttpRequest<HttpBody>,
        address: &mut Address,
    ) -> Result<wire::Response, Problem> {
        let release = self.admit(tenant, policy, &request, address)?;
        let bytes = self.read(request).await?;
        let body = wire::Body::parse(&bytes, self.intake.limits.json_depth)
            .map_err(|error| Problem::Malformed(error.to_string()))?;
        let place = self.capacity.try_acquire().map_err(|_| Problem::OverCapacity)?;
        let decided = decide(&release, &body.request()).await;
        drop(place);
        if let Some(policy) = &address.0 {
            log_policy(id, policy, &release, &decided);
        }
        match decided.verdict {
            Verdict::Allocated { response, .. } => Ok(response),
            Verdict::Refused(refusal) => Err(Problem::Refused(refusal)),
            Verdict::Faulted(fault) => Err(Problem::Fault(fault)),
        }
    }

    /// Finds the release, if the caller may use it. A caller without the tenant's key cannot tell a tenant without such a
    /// policy from no tenant.
    fn admit(
        &self,
        tenant: &str,
        policy: &str,
        request: &HttpRequest<HttpBody>,
        address: &mut Address,
    ) -> Result<Arc<Release>, Problem> {
        let catalogue = self.current.load();
        let found = catalogue.find(tenant, policy);
        let admitted = found.admits(credential::key(request).as_deref());
        let Some(policy_found) = found.policy else {
            let detail = admitted.then(|| format!("the tenant {tenant} has no policy of this name"));
            return Err(Problem::NotFound { detail });
        };
        address.0 = Some(policy_found.clone());
        if !admitted {
            return Err(Problem::Unauthorized);
        }
        policy_found.release.clone().ok_or_else(|| {
            let why = policy_found.failure.clone().unwrap_or_default();
            Problem::Fault(Fault::new(FaultKind::Load, why))
        })
    }

    async fn read(&self, request: HttpRequest<HttpBody>) -> Result<Bytes, Problem> {
        let limit = self.intake.body_bytes;
        let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if declared.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
            return Err(Problem::TooLarge { limit });
        }
        let body = Limited::new(request.into_body(), limit).collect();
        match tokio::time::timeout(self.intake.body_time, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::TooLarge { limit }),
            Ok(Err(error)) => Err(Problem::Malformed(format!("the body ended too early: {error}"))),
            Err(_) => Err(Problem::TooSlow),
        }
    }
}

fn respond(id: RequestId, response: wire::Response) -> HttpResponse<HttpBody> {
    let mut http = HttpResponse::new(HttpBody::from(response.into_bytes()));
    http.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    problem::name(&mut http, id);
    http
}

/// Puts a decision's outcome, and what the policy itself wrote, into the log. One line, at the level of the gravest of the
/// policy's own; a problem gets its line elsewhere, so only the policy's text is written for it here.
fn log_policy(id: RequestId, policy: &Policy, release: &Release, decided: &Decided) {
    let level = decided.log.iter().map(|line| line.level).max_by_key(|level| *level as u8);
    let text = || {
        let lines: Vec<&str> = decided.log.iter().map(|line| line.message.as_str()).collect();
        lines.join("\n")
    };
    macro_rules! line {
        ($level:expr) => {
            if enabled!($level) {
                tracing::event!(
                    $level,
                    policy = %policy.id,
                    version = format_args!("{:#}", release.version),
                    outcome = outcome(&decided.verdict),
                    microseconds = decided.elapsed.as_micros() as u64,
                    request = %id,
                    log = text(),
                    dropped = decided.log_dropped,
                    "decision"
                );
            }
        };
    }
    match level {
        None | Some(LogLevel::Debug) => line!(Level::DEBUG),
        Some(LogLevel::Info) => line!(Level::INFO),
        Some(LogLevel::Warn | LogLevel::Error) => line!(Level::WARN),
    }
}

fn outcome(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allocated { .. } => "allocated",
        Verdict::Refused(_) => "refused",
        Verdict::Faulted(_) => "faulted",
    }
}
