//! The control listener: what `berth dps` asks a running local DPS. Loopback only; nobody is asked who they are.
//!
//! | path | what it is |
//! | --- | --- |
//! | `GET /devices`, `GET /devices/{id}` | the device registry; one device with its history |
//! | `GET /traces`, `GET /traces/{id}` | who has a trace; a trace |
//! | `GET /all/enrollments`, `GET /all/enrollmentGroups` | all of a kind, without keys |
//! | `GET /faults`, `PUT /faults` | the faults that are on |
//! | the paths of the service API | enrollments and registrations |

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, Response, header},
};
use serde::{Deserialize, Serialize};

use super::{
    device::{Device, Event},
    enrollment::{Enrollment, Kind},
    fault::Faults,
    https::{read, respond, segments},
    objects,
    registrar::{Registrar, Reply, ServiceError},
    service::{self, Answer, Call},
};

/// Devices of a page.
const PAGE: usize = 1000;

/// The device registry, or a page of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Devices {
    /// How many there are in all.
    pub count: u64,
    /// In the order of their ids.
    pub devices: Vec<Device>,
    /// The id to ask after for the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A device and what happened to it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceHistory {
    /// As it is now. Absent if its registration was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// Newest first.
    pub history: Vec<Event>,
}

pub(super) fn router(registrar: Registrar) -> Router {
    Router::new().fallback(answer).with_state(registrar)
}

async fn answer(State(registrar): State<Registrar>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let answer = match (segments(head.uri.path()), read(body).await) {
        // A page in a browser may be led here by its name; this machine's own tools use an address.
        _ if !is_local(host) || head.headers.contains_key(header::ORIGIN) => ServiceError::Unauthorized.into(),
        (Some(path), Ok(body)) => {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let call = Call { method: &head.method, path: &path, headers: &head.headers, body: &body };
            match control(&registrar, &call, head.uri.query().unwrap_or_default()) {
                Some(answered) => answered.map_or_else(Answer::from, Answer::from),
                None => service::answer_anyone(&registrar, &call).await,
            }
        }
        (None, _) => ServiceError::NoSuchPath.into(),
        (_, Err(error)) => error.into(),
    };
    respond(answer, &head.headers, head.uri.path())
}

fn is_local(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Answers what is of this listener alone.
fn control(registrar: &Registrar, call: &Call<'_>, query: &str) -> Option<Result<Reply, ServiceError>> {
    let after = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "after");
    Some(match (call.method.as_str(), call.path) {
        ("GET", ["devices"]) => devices(registrar, &after.map(|(_, after)| after.into_owned()).unwrap_or_default()),
        ("GET", ["devices", id]) => device(registrar, id),
        ("GET", ["traces"]) => Ok(Reply::ok(&registrar.traces().ids())),
        ("GET", ["traces", id]) => registrar
            .traces()
            .of(id)
            .map(|trace| Reply::ok(&trace))
            .ok_or_else(|| ServiceError::NotFound(format!("{id} has no trace: it has not registered of late."))),
        ("GET", ["all", "enrollments"]) => enrollments(registrar, Kind::Individual),
        ("GET", ["all", "enrollmentGroups"]) => enrollments(registrar, Kind::Group),
        ("GET", ["faults"]) => Ok(Reply::ok(&*registrar.faults().now())),
        ("PUT", ["faults"]) => set_faults(registrar, call.body),
        _ => return None,
    })
}

fn set_faults(registrar: &Registrar, body: &[u8]) -> Result<Reply, ServiceError> {
    let faults: Faults = objects::read(body)?;
    let hubs = &registrar.instance().hubs;
    let is_linked = |name: &str| hubs.iter().any(|hub| hub.host_name.eq_ignore_ascii_case(name));
    if let Some(unknown) = faults.unlinked.iter().find(|name| !is_linked(name)) {
        let linked: Vec<&str> = hubs.iter().map(|hub| hub.host_name.as_str()).collect();
        return Err(ServiceError::Invalid(format!("{unknown} is not one of the hubs: {}.", linked.join(", "))));
    }
    registrar.faults().set(faults.clone());
    Ok(Reply::ok(&faults))
}

fn devices(registrar: &Registrar, after: &str) -> Result<Reply, ServiceError> {
    let count = registrar.store().count_devices()?;
    let devices = registrar.store().devices(after, PAGE)?;
    let last = devices.last().filter(|_| devices.len() == PAGE);
    let next = last.map(|device| device.state.registration_id.clone());
    Ok(Reply::ok(&Devices { count, devices, next }))
}

fn enrollments(registrar: &Registrar, kind: Kind) -> Result<Reply, ServiceError> {
    let found = registrar.store().enrollments(kind, "", usize::MAX)?;
    Ok(Reply::ok(&found.iter().map(Enrollment::without_keys).collect::<Vec<_>>()))
}

fn device(registrar: &Registrar, id: &str) -> Result<Reply, ServiceError> {
    let (device, history) = (registrar.store().device(id)?, registrar.store().history(id)?);
    if device.is_none() && history.is_empty() {
        return Err(ServiceError::NotFound(format!("{id} has never registered.")));
    }
    Ok(Reply::ok(&DeviceHistory { device, history }))
}
