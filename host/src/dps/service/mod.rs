//! The service API: what tools and service SDKs manage enrollments and registrations with.
//!
//! Knows no transport but a method, a path, headers and a body. Who may call is asked where it comes from outside; the
//! control listener, which only this machine reaches, has the same paths and does not ask.

mod access;
mod check;
mod enrollments;
mod registrations;

pub use access::{Permission, Policy};
pub(super) use check::is_written;
pub(super) use enrollments::{Mode, write};

use hyper::{HeaderMap, Method, header};

use super::{
    enrollment::Kind,
    registrar::{Registrar, Reply, ServiceError},
    store::StoreError,
};

/// Items of a page, if the caller does not say, and at the most.
const PAGE: usize = 100;
const MOST_OF_A_PAGE: usize = 1000;

/// One request.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub method: &'a Method,
    /// The segments of the path, percent-decoded.
    pub path: &'a [&'a str],
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// An answer and the headers that belong to it.
#[derive(Debug)]
pub(super) struct Answer {
    pub reply: Reply,
    pub headers: Vec<(&'static str, String)>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, headers: Vec::new() }
    }
}

impl From<ServiceError> for Answer {
    fn from(error: ServiceError) -> Self {
        error.reply().into()
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request of the service API failed");
        Self::Internal
    }
}

/// What a path is.
#[derive(Debug, Clone, Copy)]
enum Target<'a> {
    Collection(Kind),
    Query(Kind),
    Enrollment(Kind, &'a str),
    Keys(Kind, &'a str),
    Registration(&'a str),
    GroupRegistrations(&'a str),
}

impl<'a> Target<'a> {
    fn of(path: &[&'a str], method: &Method) -> Option<Self> {
        let (first, rest) = path.split_first()?;
        let kind = match first.to_ascii_lowercase().as_str() {
            "enrollments" => Kind::Individual,
            "enrollmentgroups" => Kind::Group,
            "registrations" => {
                return match rest {
                    [id] => Some(Self::Registration(id)),
                    [group, query] if query.eq_ignore_ascii_case("query") => Some(Self::GroupRegistrations(group)),
                    _ => None,
                };
            }
            _ => return None,
        };
        match rest {
            [] => Some(Self::Collection(kind)),
            [query] if query.eq_ignore_ascii_case("query") && method == Method::POST => Some(Self::Query(kind)),
            [id] => Some(Self::Enrollment(kind, id)),
            [id, keys] if keys.eq_ignore_ascii_case("attestationmechanism") => Some(Self::Keys(kind, id)),
            _ => None,
        }
    }

    /// What a caller has to be permitted. `None` if the path has no such method.
    fn permission(self, method: &Method) -> Option<Permission> {
        match (self, method.as_str()) {
            (Self::Enrollment(..), "GET") | (Self::Query(_), "POST") => Some(Permission::EnrollmentRead),
            (Self::Enrollment(..), "PUT" | "DELETE") | (Self::Collection(_) | Self::Keys(..), "POST") => {
                Some(Permission::EnrollmentWrite)
            }
            (Self::Registration(_), "GET") | (Self::GroupRegistrations(_), "POST") => {
                Some(Permission::RegistrationStatusRead)
            }
            (Self::Registration(_), "DELETE") => Some(Permission::RegistrationStatusWrite),
            _ => None,
        }
    }
}

/// Whether a path is of the service API.
pub(super) fn is_path(path: &[&str], method: &Method) -> bool {
    Target::of(path, method).is_some()
}

/// Answers a caller who shows a signature of one of these policies.
pub(super) async fn answer(registrar: &Registrar, policies: &[Policy], call: &Call<'_>) -> Answer {
    let needed = Target::of(call.path, call.method).and_then(|target| target.permission(call.method));
    match needed {
        Some(needed) if !access::is_permitted(policies, call.headers, needed) => ServiceError::UnauthorizedKey.into(),
        _ => answer_anyone(registrar, call).await,
    }
}

/// Answers whoever reaches this.
pub(super) async fn answer_anyone(registrar: &Registrar, call: &Call<'_>) -> Answer {
    let Some(target) = Target::of(call.path, call.method) else { return ServiceError::NoSuchPath.into() };
    if target.permission(call.method).is_none() {
        return ServiceError::MethodNotAllowed.into();
    }
    let answered = match (target, call.method.as_str()) {
        (Target::Enrollment(kind, id), "GET") => enrollments::get(registrar, kind, id),
        (Target::Enrollment(kind, id), "PUT") => enrollments::put(registrar, kind, id, call).await,
        (Target::Enrollment(kind, id), _) => enrollments::delete(registrar, kind, id, call).await,
        (Target::Collection(kind), _) => enrollments::bulk(registrar, kind, call).await,
        (Target::Query(kind), _) => enrollments::query(registrar, kind, call),
        (Target::Keys(kind, id), _) => enrollments::keys(registrar, kind, id),
        (Target::Registration(id), "GET") => registrations::get(registrar, id),
        (Target::Registration(id), _) => registrations::delete(registrar, id, call).await,
        (Target::GroupRegistrations(group), _) => registrations::query(registrar, group, call),
    };
    answered.unwrap_or_else(Answer::from)
}

/// Success, and nothing to say.
fn no_content() -> Answer {
    Reply { status: 204, retry_after: None, error_code: None, body: String::new() }.into()
}

/// A page of a query: `most` of the items, and where the next page begins if there are more.
fn page<T: serde::Serialize>(mut items: Vec<T>, most: usize, id: fn(&T) -> Option<&str>, item_type: &str) -> Answer {
    let mut headers = vec![("x-ms-item-type", item_type.to_owned()), ("x-ms-max-item-count", most.to_string())];
    if items.len() > most {
        items.truncate(most);
        headers.extend(items.last().and_then(id).map(|last| ("x-ms-continuation", hex::encode(last))));
    }
    Answer { reply: Reply::ok(&items), headers }
}

/// How many items the caller wants, and the id after which.
fn wanted(call: &Call<'_>) -> Result<(usize, String), ServiceError> {
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let most = match header("x-ms-max-item-count") {
        "" | "-1" => PAGE,
        number => number.parse().map_err(|_| invalid("x-ms-max-item-count is not a number"))?,
    };
    let after = hex::decode(header("x-ms-continuation")).ok().and_then(|id| String::from_utf8(id).ok());
    let after = after.ok_or_else(|| invalid("x-ms-continuation is not one that a query gave"))?;
    Ok((most.clamp(1, MOST_OF_A_PAGE), after))
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::Invalid(message.into())
}

/// The etag the caller wants to find, without its quotation marks.
fn if_match(call: &Call<'_>) -> Option<String> {
    let etag = call.headers.get(header::IF_MATCH)?.to_str().ok()?;
    Some(unquoted(etag)).filter(|etag| etag != "*")
}

/// Clients quote an etag that has quotation marks already, or leave them away.
fn unquoted(etag: &str) -> String {
    etag.chars().filter(|character| !matches!(character, '"' | '\\')).collect()
}
