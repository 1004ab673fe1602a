//! The webhook: DPS asks here where a device goes.
//!
//! `POST /allocate/{tenant}/{policy}?code=KEY`, body and answer as DPS has them. Reads the request, decides, and turns
//! whatever comes of it into a status by the table of [`Problem`]. The log gets one line a request at most.

mod credential;
mod line;
mod problem;
mod ruling;

pub use problem::{Problem, Reply};

use std::{borrow::Cow, convert::Infallible, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, Version,
    body::{Body as _, Bytes, Incoming},
    header::{self, HeaderValue},
    http::request::Parts,
    service::{Service, service_fn},
};
use percent_encoding::percent_decode_str;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    admission::{Lanes, PLACES, Place, Share},
    behind::{Behind, Process},
    catalogue::{Current, Policy, Standing},
    contract::{Digest, Limits},
    decide::{Here, Ruling, Runs, rule},
    http::{JSON, RequestId, RequestIds, name},
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

    /// What answers the webhook's requests. Without a router: there is one path.
    pub fn service(
        self,
    ) -> impl Service<Request<Incoming>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send + 'static
    {
        let webhook = Arc::new(self);
        service_fn(move |request| {
            let webhook = webhook.clone();
            async move { Ok(webhook.respond(request).await) }
        })
    }
}

/// How long the rest of a body may take that nobody wants.
const REST_TIME: Duration = Duration::from_millis(500);

/// An answer of the webhook.
pub type Answer = Response<Full<Bytes>>;

/// Tenant and policy of the path `/allocate/{tenant}/{policy}`. A path that is not text names nothing.
fn route(path: &str) -> Option<[Cow<'_, str>; 2]> {
    let (tenant, policy) = path.strip_prefix("/allocate/")?.split_once('/')?;
    if tenant.is_empty() || policy.is_empty() || policy.contains('/') {
        return None;
    }
    let text = |name| percent_decode_str(name).decode_utf8().ok();
    Some([text(tenant)?, text(policy)?])
}

/// What the log and the metrics say about a request besides its outcome: names are in it only if they are in the
/// catalogue.
struct About<'a> {
    account: Account<'a>,
    /// What a request that is answered without a [`Problem`] came to.
    outcome: &'static str,
    policy: Option<Arc<Policy>>,
    /// Who is to be allocated, and the version that was asked, once a decision was made.
    device: Option<String>,
    version: Option<Digest>,
    /// What the policy itself wrote.
    log: Option<String>,
    /// How many of its lines did not fit into the log.
    dropped: Option<usize>,
    /// How the release stands since this request, if that is new.
    standing: Option<Standing>,
}

impl<'a> About<'a> {
    fn new(account: Account<'a>) -> Self {
        Self {
            account,
            outcome: DECISION,
            policy: None,
            device: None,
            version: None,
            log: None,
            dropped: None,
            standing: None,
        }
    }
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
        Ok((rule(runs, &self.policy, &request).await, request.registration_id.to_owned()))
    }
}

impl Webhook {
    /// Answers a request, and accounts for it. One that gets no decision is logged.
    async fn respond(&self, request: Request<Incoming>) -> Answer {
        let id = self.ids.next();
        let mut about = About::new(self.metrics.requests.begin());
        let (head, mut body) = request.into_parts();
        match self.answer(id, &head, &mut body, &mut about).await {
            Ok(answer) => {
                about.account.close(about.outcome);
                answer
            }
            Err(problem) => {
                about.account.timer.enters(Phase::Log);
                problem.log(id, &about);
                about.account.timer.enters(Phase::Write);
                let is_read = match problem {
                    Problem::TooLarge { .. } | Problem::TooSlow => false,
                    _ => body.is_end_stream() || self.passes_over(&mut body).await,
                };
                let answer = problem.respond(id, is_read);
                about.account.close(problem.reply().code);
                answer
            }
        }
    }

    async fn answer(
        &self,
        id: RequestId,
        head: &Parts,
        body: &mut Incoming,
        about: &mut About<'_>,
    ) -> Result<Answer, Problem> {
        if head.version == Version::HTTP_11 && head.headers.get_all(header::HOST).iter().count() != 1 {
            return Err(Problem::Malformed("a request of HTTP/1.1 has to have one `host`".to_owned()));
        }
        let [tenant, policy] = route(head.uri.path()).ok_or(Problem::NotFound { detail: None })?;
        if head.method != Method::POST {
            return Err(Problem::MethodNotAllowed);
        }
        let (policy, share) = self.admit(&tenant, &policy, head, about)?;
        share.request().map_err(Problem::OverQuota)?;
        let reading = share.reading().map_err(Problem::OverQuota)?;
        let bytes = self.read(head, body).await?;
        drop(reading);
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
        head: &Parts,
        about: &mut About<'_>,
    ) -> Result<(Arc<Policy>, Arc<Share>), Problem> {
        let catalogue = self.current.load();
        let found = catalogue.find(tenant, policy);
        let admitted = found.admits(credential::key(head).as_deref());
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

    async fn read(&self, head: &Parts, body: &mut Incoming) -> Result<Bytes, Problem> {
        let limit = self.intake.body_bytes;
        let declared = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if declared.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
            return Err(Problem::TooLarge { limit });
        }
        let body = Limited::new(body, limit).collect();
        match tokio::time::timeout(self.intake.body_time, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::TooLarge { limit }),
            Ok(Err(error)) => Err(Problem::Malformed(format!("the body cannot be read: {error}"))),
            Err(_) => Err(Problem::TooSlow),
        }
    }

    /// Lets the rest of a body arrive that nobody wants, so that its sender hears the answer and can go on. Whether it has:
    /// what is large or slow is not waited for.
    async fn passes_over(&self, body: &mut Incoming) -> bool {
        let mut left = self.intake.body_bytes;
        let rest = async {
            while let Some(Ok(frame)) = body.frame().await {
                match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(fewer) => left = fewer,
                    None => return,
                }
            }
        };
        tokio::time::timeout(REST_TIME, rest).await.is_ok() && body.is_end_stream()
    }
}

fn respond(id: RequestId, response: wire::Response, version: Option<&Digest>) -> Answer {
    let mut http = Response::new(Full::from(response.into_bytes()));
    http.headers_mut().insert(header::CONTENT_TYPE, JSON);
    // Hexadecimal digits: always a header's value.
    if let Some(version) = version.and_then(|version| HeaderValue::try_from(version.to_string()).ok()) {
        http.headers_mut().insert("x-berth-version", version);
    }
    name(&mut http, id);
    http
}
