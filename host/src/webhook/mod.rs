//! The webhook: DPS asks here where a device goes.
//!
//! `POST /allocate/{tenant}/{policy}?code=KEY`, body and answer as DPS has them. Reads the request, decides, and turns
//! whatever comes of it into a status by the table of [`Problem`]. The log gets one line a request at most.

mod credential;
mod problem;
mod ruling;

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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Level, enabled};

use crate::{
    admission::{Lanes, PLACES, Place, Share},
    behind::{Behind, Process},
    catalogue::{Current, Policy, Standing},
    contract::{Digest, Limits},
    decide::{Here, Ruling, Runs, Trail, rule},
    engine::LogLevel,
    http::{JSON, RequestId, RequestIds, name, shorten},
    metrics::{Account, DECISION, Metrics, Phase, Timer},
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
    /// A place for each decision that may be made at the same time.
    capacity: Arc<Semaphore>,
    lanes: Lanes,
    process: Process,
    ids: RequestIds,
    metrics: Arc<Metrics>,
}

impl Webhook {
    /// A webhook that answers from this catalogue, with decisions made in these lanes and behind them in this process.
    #[must_use]
    pub fn new(
        current: Arc<Current>,
        intake: Intake,
        (lanes, process): (Lanes, Process),
        metrics: Arc<Metrics>,
    ) -> Self {
        let capacity = Arc::new(Semaphore::new(PLACES));
        Self { current, intake, capacity, lanes, process, ids: RequestIds::default(), metrics }
    }

    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/allocate/{tenant}/{policy}", post(allocate).fallback(method_not_allowed))
            .fallback(not_found)
            .with_state(Arc::new(self))
    }
}

/// What the log and the metrics say about a request besides its outcome: names are in it only if they are in the
/// catalogue.
struct About<'a> {
    account: Account<'a>,
    /// What a request that is answered without a [`Problem`] came to.
    outcome: &'static str,
    policy: Option<Arc<Policy>>,
    /// What the policy itself wrote.
    log: Option<String>,
    /// How many of its lines did not fit into the log.
    dropped: Option<usize>,
    /// How the release stands since this request, if that is new.
    standing: Option<Standing>,
}

impl<'a> About<'a> {
    fn new(account: Account<'a>) -> Self {
        Self { account, outcome: DECISION, policy: None, log: None, dropped: None, standing: None }
    }
}

async fn allocate(
    State(webhook): State<Arc<Webhook>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: HttpRequest<HttpBody>,
) -> HttpResponse<HttpBody> {
    let id = webhook.ids.next();
    let mut about = About::new(webhook.metrics.requests.begin());
    let answer = match path {
        Ok(Path((tenant, policy))) => webhook.answer(id, &tenant, &policy, request, &mut about).await,
        // A path that is not even text names nothing.
        Err(_) => Err(Problem::NotFound { detail: None }),
    };
    match answer {
        Ok(response) => {
            about.account.close(about.outcome);
            response
        }
        Err(problem) => finish(&problem, id, about),
    }
}

async fn method_not_allowed(State(webhook): State<Arc<Webhook>>) -> HttpResponse<HttpBody> {
    refuse(&webhook, &Problem::MethodNotAllowed)
}

async fn not_found(State(webhook): State<Arc<Webhook>>) -> HttpResponse<HttpBody> {
    refuse(&webhook, &Problem::NotFound { detail: None })
}

fn refuse(webhook: &Webhook, problem: &Problem) -> HttpResponse<HttpBody> {
    finish(problem, webhook.ids.next(), About::new(webhook.metrics.requests.begin()))
}

/// Logs a request that gets no decision, answers it and closes its account.
fn finish(problem: &Problem, id: RequestId, mut about: About<'_>) -> HttpResponse<HttpBody> {
    about.account.timer.enters(Phase::Log);
    problem.log(id, &about);
    about.account.timer.enters(Phase::Write);
    let response = problem.respond(id);
    about.account.close(problem.reply().code);
    response
}

/// What a decision holds: a place of the tenant's, and one of the server's.
type Places = (Place, OwnedSemaphorePermit);

/// A request that is to be decided.
struct Asked {
    policy: Arc<Policy>,
    body: Bytes,
    json_depth: usize,
    /// Held until the instance is gone, even if the caller goes before.
    _places: Places,
}

impl Asked {
    async fn rule(&self, runs: &impl Runs) -> Result<(Ruling, String), Problem> {
        let body =
            wire::Body::parse(&self.body, self.json_depth).map_err(|error| Problem::Malformed(error.to_string()))?;
        let request = body.request();
        Ok((rule(runs, &self.policy, &request).await, shorten(request.registration_id)))
    }
}

impl Webhook {
    async fn answer(
        &self,
        id: RequestId,
        tenant: &str,
        policy: &str,
        request: HttpRequest<HttpBody>,
        about: &mut About<'_>,
    ) -> Result<HttpResponse<HttpBody>, Problem> {
        let (policy, share) = self.admit(tenant, policy, &request, about)?;
        share.request().map_err(Problem::OverQuota)?;
        let bytes = self.read(request).await?;
        about.account.timer.enters(Phase::Queue);
        let places = self.places(&share).await?;
        let (ruling, device) = self.decide(policy, &share, bytes, places, &mut about.account.timer).await?;
        self.conclude(id, about, ruling, &device)
    }

    /// Waits for a place of the tenant's, and takes one of the server's if there is one.
    async fn places(&self, share: &Share) -> Result<Places, Problem> {
        let place = share.place().await.map_err(Problem::OverQuota)?;
        let capacity = self.capacity.clone().try_acquire_owned().map_err(|_| Problem::OverCapacity)?;
        Ok((place, capacity))
    }

    /// Has the decision made. Gives the name of the device too, as a log can have it.
    async fn decide(
        &self,
        policy: Arc<Policy>,
        share: &Arc<Share>,
        body: Bytes,
        places: Places,
        timer: &mut Timer,
    ) -> Result<(Ruling, String), Problem> {
        let (habit, json_depth) = (policy.habit.clone(), self.intake.limits.json_depth);
        let asked = Arc::new(Asked { policy, body, json_depth, _places: places });
        let (begun, mut here_timer) = (asked.clone(), timer.clone());
        let here = async move {
            here_timer.enters(Phase::Parse);
            (begun.rule(&Here { timed: here_timer.is_on() }).await, Some(here_timer))
        };
        // If it is not made here, what was begun here is a part of the time that it takes behind.
        timer.enters(Phase::Behind);
        let behind = |before| {
            let (process, body, held) = (self.process.clone(), Arc::from(&*asked.body), asked.clone());
            let behind = Behind { process, share: share.clone(), habit: habit.clone(), body, held, before };
            async move { (asked.rule(&behind).await, None) }
        };
        let Some((ruled, timed_here)) = self.lanes.run(share, &habit, here, behind).await else {
            return Err(Problem::OverCapacity);
        };
        if let Some(timed) = timed_here {
            *timer = timed;
        }
        ruled
    }

    /// Finds the policy, if the caller may use it. A caller without the tenant's key cannot tell a tenant without such a
    /// policy from no tenant.
    fn admit(
        &self,
        tenant: &str,
        policy: &str,
        request: &HttpRequest<HttpBody>,
        about: &mut About<'_>,
    ) -> Result<(Arc<Policy>, Arc<Share>), Problem> {
        let catalogue = self.current.load();
        let found = catalogue.find(tenant, policy);
        let admitted = found.admits(credential::key(request).as_deref());
        let (Some(owner), Some(policy_found)) = (found.tenant, found.policy) else {
            let detail = admitted.then(|| format!("the tenant {tenant} has no policy of this name"));
            return Err(Problem::NotFound { detail });
        };
        about.policy = Some(policy_found.clone());
        if !admitted {
            return Err(Problem::Unauthorized);
        }
        Ok((policy_found.clone(), owner.share.clone()))
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

/// The one line about a decision that sent a device to a hub, at the level of the gravest line that the policy wrote. That
/// the policy is trusted again is worth a line too.
fn log_decision(id: RequestId, about: &About<'_>, version: Option<&Digest>, trail: &Trail, why: [&str; 3]) {
    let [device, hub, reasons] = why;
    macro_rules! line {
        ($level:expr) => {
            if enabled!($level) {
                tracing::event!(
                    $level,
                    policy = about.policy.as_ref().map(|policy| tracing::field::display(&policy.id)),
                    version = version.map(tracing::field::display),
                    request = %id,
                    device,
                    hub,
                    reasons,
                    microseconds = trail.elapsed.as_micros() as u64,
                    standing = about.standing.map(Standing::as_str),
                    log = text(trail),
                    dropped = dropped(trail),
                    "decision"
                );
            }
        };
    }
    match trail.log.iter().map(|line| line.level).max() {
        None | Some(LogLevel::Debug) if about.standing.is_none() => line!(Level::DEBUG),
        None | Some(LogLevel::Debug | LogLevel::Info) => line!(Level::INFO),
        Some(LogLevel::Warn | LogLevel::Error) => line!(Level::WARN),
    }
}
