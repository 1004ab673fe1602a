//! Who may call the service API: shared access policies, as a connection string names them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{HeaderMap, header};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::dps::attestation::sas::Sas;

/// What a policy permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// To see and change the instance, of which there is nothing here.
    ServiceConfig,
    /// To read enrollments.
    EnrollmentRead,
    /// To change enrollments and see their keys.
    EnrollmentWrite,
    /// To read registrations.
    RegistrationStatusRead,
    /// To delete registrations.
    RegistrationStatusWrite,
}

impl Permission {
    /// All of them: what the policy `provisioningserviceowner` permits.
    pub const ALL: [Self; 5] = [
        Self::ServiceConfig,
        Self::EnrollmentRead,
        Self::EnrollmentWrite,
        Self::RegistrationStatusRead,
        Self::RegistrationStatusWrite,
    ];
}

/// A shared access policy of the service API.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its key, in base64.
    pub key: String,
    /// What it permits; without any, all.
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether the headers hold a signature, for the host that was called, of a policy that permits this.
pub(super) fn is_permitted(policies: &[Policy], headers: &HeaderMap, needed: Permission) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(authorization), Some(host)) = (text(header::AUTHORIZATION), text(header::HOST)) else { return false };
    let Ok(sas) = Sas::parse(authorization) else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_in_time = !sas.has_expired(jiff::Timestamp::now().as_second());
    let policy = policies.iter().find(|policy| policy.name == sas.policy);
    let permits = |policy: &&Policy| policy.permissions.is_empty() || policy.permissions.contains(&needed);
    is_in_time
        && (sas.is_for(host) || sas.is_for(name))
        && policy
            .filter(permits)
            .is_some_and(|policy| STANDARD.decode(&policy.key).is_ok_and(|key| sas.is_signed_by(&key)))
}
