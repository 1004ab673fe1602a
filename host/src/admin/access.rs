//! Who may call the API: a platform's token may do all, a tenant's token what concerns that tenant.

use axum::http::{HeaderMap, header};

use crate::{
    catalogue::{Catalogue, KeyHash, Tokens},
    contract::Name,
};

/// The platform's tokens.
#[derive(Debug, Clone, Default)]
pub struct Access {
    platform: Tokens,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principal {
    /// Somebody who may do all.
    Platform(String),
    /// Somebody who may see and change one tenant's policies.
    Tenant(Name, String),
}

impl Principal {
    /// The name for the history and the log.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Platform(name) | Self::Tenant(_, name) => name,
        }
    }

    /// Whether this tenant's policies are the caller's business.
    pub(super) fn sees(&self, tenant: &Name) -> bool {
        match self {
            Self::Platform(_) => true,
            Self::Tenant(own, _) => own == tenant,
        }
    }
}

impl Access {
    /// These tokens are the platform's. Without any, whoever reaches the listener is the platform: it is on a loopback
    /// address then, see the configuration's check.
    #[must_use]
    pub fn new(platform: Tokens) -> Self {
        Self { platform }
    }

    /// Who calls with these headers. `None` if a token is missing or nobody's. Looks at all tokens, whichever matches.
    pub(super) fn principal(&self, headers: &HeaderMap, catalogue: &Catalogue) -> Option<Principal> {
        let Some(token) = bearer(headers) else {
            return self.platform.is_empty().then(|| Principal::Platform("loopback".to_owned()));
        };
        let shown = KeyHash::of(token);
        let platform = self.platform.holder(&shown).map(|name| Principal::Platform(name.to_owned()));
        catalogue.tenants.iter().fold(platform, |found, (tenant, entry)| {
            let holder = entry.tokens.holder(&shown);
            found.or_else(|| holder.map(|name| Principal::Tenant(tenant.clone(), format!("{tenant}/{name}"))))
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
