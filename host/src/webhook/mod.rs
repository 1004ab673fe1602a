//! The webhook: DPS asks here where a device goes.
//!
//! `POST /allocate/{tenant}/{policy}?code=KEY`, body and answer as DPS has them. Reads the request, decides, and turns
//! whatever comes of it into a status by the table of [`Problem`]. The log gets one line a request at most.

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
    contract::{Digest, Fault, FaultKind, Limits},
    decide::{Decided, Trail, Verdict, decide},
    engine::{LogLevel, MAX_INSTANCES},
    http::{JSON, RequestId, RequestIds, name, shorten},
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
    /// Whether a decision's answer names its version.
    pub version_header: bool,
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

/// What the log says about a request besides its outcome: names are in it only if they are in the catalogue.
#[derive(Default)]
struct About {
    policy: Option<Arc<Policy>>,
    /// What the policy itself wrote.
    log: Option<String>,
    /// How many of its lines did not fit into the log.
    dropped: Option<usize>,
}

async fn allocate(
    State(webhook): State<Arc<Webhook>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: HttpRequest<HttpBody>,
) -> HttpResponse<HttpBody> {
    let id = webhook.ids.next();
    let mut about = About::default();
    let answer = match path {
        Ok(Path((tenant, policy))) => webhook.answer(id, &tenant, &policy, request, &mut about).await,
        // A path that is not even text names nothing.
        Err(_) => Err(Problem::NotFound { detail: None }),
    };
    match answer {
        Ok(response) => response,
        Err(problem) => {
            problem.log(id, &about);
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
    problem.log(id, &About::default());
    problem.respond(id)
}

impl Webhook {
    async fn answer(
        &self,
        id: RequestId,
        tenant: &str,
        policy: &str,
        request: HttpRequest<HttpBody>,
        about: &mut About,
    ) -> Result<HttpResponse<HttpBody>, Problem> {
        let release = self.admit(tenant, policy, &request, about)?;
        let bytes = self.read(request).await?;
        let body = wire::Body::parse(&bytes, self.intake.limits.json_depth)
            .map_err(|error| Problem::Malformed(error.to_string()))?;
        let place = self.capacity.try_acquire().map_err(|_| Problem::OverCapacity)?;
        let Decided { verdict, trail } = decide(&release, &body.request()).await;
        drop(place);
        let counts = about.policy.as_ref().map(|policy| policy.counts.clone()).unwrap_or_default();
        let problem = match verdict {
            Verdict::Allocated { hub, response, reasons } => {
                counts.allocated();
                let device = shorten(body.request().registration_id);
                log_decision(id, about, &release, &trail, [&device, &hub, &shorten(&reasons.join(" "))]);
                let version = self.intake.version_header.then_some(&release.version);
                return Ok(respond(id, response, version));
            }
            Verdict::Refused(refusal) => {
                counts.refused();
                Problem::Refused(refusal)
            }
            Verdict::Faulted(fault) => {
                counts.faulted();
                Problem::Fault(fault)
            }
        };
        about.log = text(&trail);
        about.dropped = dropped(&trail);
        Err(problem)
    }

    /// Finds the release, if the caller may use it. A caller without the tenant's key cannot tell a tenant without such a
    /// policy from no tenant.
    fn admit(
        &self,
        tenant: &str,
        policy: &str,
        request: &HttpRequest<HttpBody>,
        about: &mut About,
    ) -> Result<Arc<Release>, Problem> {
        let catalogue = self.current.load();
        let found = catalogue.find(tenant, policy);
        let admitted = found.admits(credential::key(request).as_deref());
        let Some(policy_found) = found.policy else {
            let detail = admitted.then(|| format!("the tenant {tenant} has no policy of this name"));
            return Err(Problem::NotFound { detail });
        };
        about.policy = Some(policy_found.clone());
        if !admitted {
            return Err(Problem::Unauthorized);
        }
        let serving = policy_found.serving.as_ref().map(|serving| serving.release.clone());
        serving.ok_or_else(|| {
            let why = policy_found.failure.as_ref().map(|failed| failed.failure.to_string()).unwrap_or_default();
            policy_found.counts.faulted();
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

fn respond(id: RequestId, response: wire::Response, version: Option<&Digest>) -> HttpResponse<HttpBody> {
    let mut http = HttpResponse::new(HttpBody::from(response.into_bytes()));
    http.headers_mut().insert(header::CONTENT_TYPE, JSON);
    // Hexadecimal digits: always a header's value.
    if let Some(version) = version.and_then(|version| HeaderValue::try_from(version.to_string()).ok()) {
        http.headers_mut().insert("x-berth-version", version);
    }
    name(&mut http, id);
    http
}

/// What the policy wrote, if anything.
fn text(trail: &Trail) -> Option<String> {
    let lines: Vec<&str> = trail.log.iter().map(|line| line.message.as_str()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn dropped(trail: &Trail) -> Option<usize> {
    (trail.log_dropped > 0).then_some(trail.log_dropped)
}

/// The one line about a decision that sent a device to a hub, at the level of the gravest line that the policy wrote.
fn log_decision(id: RequestId, about: &About, release: &Release, trail: &Trail, why: [&str; 3]) {
    let [device, hub, reasons] = why;
    macro_rules! line {
        ($level:expr) => {
            if enabled!($level) {
                tracing::event!(
                    $level,
                    policy = about.policy.as_ref().map(|policy| tracing::field::display(&policy.id)),
                    version = %release.version,
                    request = %id,
                    device,
                    hub,
                    reasons,
                    microseconds = trail.elapsed.as_micros() as u64,
                    log = text(trail),
                    dropped = dropped(trail),
                    "decision"
                );
            }
        };
    }
    match trail.log.iter().map(|line| line.level).max() {
        None | Some(LogLevel::Debug) => line!(Level::DEBUG),
        Some(LogLevel::Info) => line!(Level::INFO),
        Some(LogLevel::Warn | LogLevel::Error) => line!(Level::WARN),
    }
}
