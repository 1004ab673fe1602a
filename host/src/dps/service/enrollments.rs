//! Enrollments: read, written one by one or together, queried.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Answer, Call, check, if_match, invalid, no_content, page, registrations, unquoted, wanted};
use crate::dps::{
    enrollment::{Enrollment, Kind},
    objects,
    registrar::{Registrar, Reply, ServiceError},
};

/// Enrollments of one bulk operation.
const MOST_IN_BULK: usize = 10;

type Answered = Result<Answer, ServiceError>;

/// When a write takes place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::dps) enum Mode {
    /// Only if it is not there.
    #[serde(rename = "create")]
    Create,
    /// Always; what it replaces may have to have the etag of the request.
    #[serde(rename = "update")]
    Update,
    /// Only in place of the one with its etag.
    #[serde(rename = "updateIfMatchETag")]
    UpdateIfMatch,
    /// It removes.
    #[serde(rename = "delete")]
    Delete,
}

fn not_found() -> ServiceError {
    ServiceError::NotFound("Enrollment not found.".into())
}

pub(super) fn get(registrar: &Registrar, kind: Kind, id: &str) -> Answered {
    let mut enrollment = registrar.store().enrollment(kind, id)?.ok_or_else(not_found)?.without_keys();
    if kind == Kind::Individual {
        let device = registrar.store().device(id)?;
        enrollment.registration_state =
            device.and_then(|device| serde_json::to_value(registrations::shown(device)).ok());
    }
    Ok(shown(&enrollment))
}

fn shown(enrollment: &Enrollment) -> Answer {
    let etag = enrollment.etag.clone().unwrap_or_default();
    Answer { reply: Reply::ok(enrollment), headers: vec![("etag", etag)] }
}

pub(super) fn keys(registrar: &Registrar, kind: Kind, id: &str) -> Answered {
    let enrollment = registrar.store().enrollment(kind, id)?.ok_or_else(not_found)?;
    Ok(Reply::ok(&enrollment.attestation).into())
}

pub(super) async fn put(registrar: &Registrar, kind: Kind, id: &str, call: &Call<'_>) -> Answered {
    let enrollment: Enrollment = objects::whole(call.body)?;
    let is_this = enrollment.identity().is_some_and(|(of, named)| of == kind && named.eq_ignore_ascii_case(id));
    if !is_this {
        return Err(invalid("The id of the body is not that of the path."));
    }
    let written = write(registrar, enrollment, Mode::Update, if_match(call)).await?;
    Ok(shown(&written))
}

/// Checks, completes and stores an enrollment.
pub(in crate::dps) async fn write(
    registrar: &Registrar,
    enrollment: Enrollment,
    mode: Mode,
    etag: Option<String>,
) -> Result<Enrollment, ServiceError> {
    check::check(&enrollment, &registrar.instance().hubs)?;
    check::check_references(&enrollment, registrar.store())?;
    let Some((kind, id)) = enrollment.identity().map(|(kind, id)| (kind, id.to_owned())) else {
        return Err(ServiceError::Internal);
    };
    let change = move |before: Option<Enrollment>| {
        if mode == Mode::Create && before.is_some() {
            return Err(ServiceError::Conflict);
        }
        matches(before.as_ref(), etag.as_deref())?;
        let complete = check::complete(enrollment, before.as_ref());
        Ok((Some(complete.clone()), complete))
    };
    registrar.store().change_enrollment(kind, &id, change).await?
}

/// Whether what is there has the etag that the caller knows.
fn matches(before: Option<&Enrollment>, etag: Option<&str>) -> Result<(), ServiceError> {
    let Some(etag) = etag else { return Ok(()) };
    let now = before.and_then(|before| before.etag.as_deref());
    if now.is_some_and(|now| unquoted(now) == etag) { Ok(()) } else { Err(ServiceError::PreconditionFailed) }
}

pub(super) async fn delete(registrar: &Registrar, kind: Kind, id: &str, call: &Call<'_>) -> Answered {
    remove(registrar, kind, id, if_match(call)).await?;
    Ok(no_content())
}

async fn remove(registrar: &Registrar, kind: Kind, id: &str, etag: Option<String>) -> Result<(), ServiceError> {
    let change = move |before: Option<Enrollment>| {
        if before.is_none() {
            return Err(not_found());
        }
        matches(before.as_ref(), etag.as_deref())?;
        Ok((None, ()))
    };
    registrar.store().change_enrollment(kind, id, change).await?
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    query: String,
}

pub(super) fn query(registrar: &Registrar, kind: Kind, call: &Call<'_>) -> Answered {
    let query: Query = objects::read(call.body)?;
    let words: Vec<String> = query.query.split_whitespace().map(str::to_ascii_lowercase).collect();
    let all = words.iter().map(String::as_str).eq([
        "select",
        "*",
        "from",
        match kind {
            Kind::Individual => "enrollments",
            Kind::Group => "enrollmentgroups",
        },
    ]);
    if !all && words != ["select", "*"] && !words.is_empty() {
        return Err(invalid("Only SELECT * of all enrollments is supported."));
    }
    let (most, after) = wanted(call)?;
    // One more than the page has, to know whether there is another page.
    let found = registrar.store().enrollments(kind, &after, most + 1)?;
    let found: Vec<Enrollment> = found.iter().map(Enrollment::without_keys).collect();
    let item_type = match kind {
        Kind::Individual => "enrollment",
        Kind::Group => "enrollmentGroup",
    };
    Ok(page(found, most, |enrollment| enrollment.identity().map(|(_, id)| id), item_type))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bulk {
    #[serde(alias = "enrollmentGroups")]
    enrollments: Vec<Box<RawValue>>,
    mode: Mode,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkResult {
    is_successful: bool,
    errors: Vec<BulkError>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkError {
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrollment_group_id: Option<String>,
    error_code: u32,
    error_status: String,
}

pub(super) async fn bulk(registrar: &Registrar, kind: Kind, call: &Call<'_>) -> Answered {
    let bulk: Bulk = objects::read(call.body)?;
    if bulk.enrollments.is_empty() || bulk.enrollments.len() > MOST_IN_BULK {
        return Err(invalid(format!("A bulk operation has 1 to {MOST_IN_BULK} enrollments.")));
    }
    let mut errors = Vec::new();
    let whole = |raw: &RawValue| objects::whole::<Enrollment>(raw.get().as_bytes());
    let enrollments = bulk.enrollments.iter().map(|raw| whole(raw)).collect::<Result<Vec<_>, _>>()?;
    for enrollment in enrollments {
        let (registration_id, enrollment_group_id) =
            (enrollment.registration_id.clone(), enrollment.enrollment_group_id.clone());
        let etag = enrollment.etag.as_deref().map(unquoted);
        let done = match (enrollment.identity(), &bulk.mode) {
            (Some((of, id)), Mode::Delete) if of == kind => remove(registrar, kind, id, etag).await,
            (Some(_), Mode::UpdateIfMatch) if etag.is_none() => Err(invalid("updateIfMatchETag needs an etag.")),
            (Some((of, _)), mode) if of == kind => {
                let etag = etag.filter(|_| *mode == Mode::UpdateIfMatch);
                write(registrar, enrollment, mode.clone(), etag).await.map(drop)
            }
            _ => Err(invalid("The enrollment is of the other kind, or has no id.")),
        };
        if let Err(error) = done {
            let (error_code, status) = error.code_and_message();
            let error_status = status.to_owned();
            errors.push(BulkError { registration_id, enrollment_group_id, error_code, error_status });
        }
    }
    Ok(Reply::ok(&BulkResult { is_successful: errors.is_empty(), errors }).into())
}
