//! Registrations: what became of devices.

use super::{Answer, Call, if_match, no_content, page, unquoted, wanted};
use crate::dps::{
    device::{Device, RegistrationState},
    registrar::{Registrar, Reply, ServiceError},
};

type Answered = Result<Answer, ServiceError>;

fn not_found() -> ServiceError {
    ServiceError::NotFound("Registration not found.".into())
}

pub(super) fn get(registrar: &Registrar, id: &str) -> Answered {
    let device = registrar.store().device(id)?.ok_or_else(not_found)?;
    Ok(Reply::ok(&device.state).into())
}

pub(super) async fn delete(registrar: &Registrar, id: &str, call: &Call<'_>) -> Answered {
    let device = registrar.store().device(id)?.ok_or_else(not_found)?;
    let etag = if_match(call);
    if etag.is_some_and(|etag| device.state.etag.is_none_or(|now| unquoted(&now) != etag)) {
        return Err(ServiceError::PreconditionFailed);
    }
    registrar.store().remove_device(id).await?;
    Ok(no_content())
}

pub(super) fn query(registrar: &Registrar, group: &str, call: &Call<'_>) -> Answered {
    let (most, mut after) = wanted(call)?;
    let mut found: Vec<RegistrationState> = Vec::new();
    let is_of = |device: &Device| device.group.as_ref().is_some_and(|of| of.eq_ignore_ascii_case(group));
    while found.len() < most {
        let devices = registrar.store().devices(&after, most)?;
        let Some(last) = devices.last() else { break };
        after.clone_from(&last.state.registration_id);
        let room = most - found.len();
        found.extend(devices.into_iter().filter(is_of).map(|device| device.state).take(room));
    }
    let last = found.last().map(|state| state.registration_id.as_str());
    Ok(page(&found, most, last, "deviceRegistration"))
}
