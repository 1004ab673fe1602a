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

/// A registration as a service sees it: without what is the device's alone.
pub(super) fn shown(device: Device) -> RegistrationState {
    RegistrationState { tpm: None, x509: None, symmetric_key: None, ..device.state }
}

pub(super) fn get(registrar: &Registrar, id: &str) -> Answered {
    let device = registrar.store().device(id)?.ok_or_else(not_found)?;
    Ok(Reply::ok(&shown(device)).into())
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
    // One more than the page has, to know whether there is another page.
    while found.len() <= most {
        let devices = registrar.store().devices(&after, most)?;
        let Some(last) = devices.last() else { break };
        after.clone_from(&last.state.registration_id);
        found.extend(devices.into_iter().filter(is_of).map(shown));
    }
    Ok(page(found, most, |state| Some(&state.registration_id), "deviceRegistration"))
}
