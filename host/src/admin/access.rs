//! Who may call the API: a platform's token may do all, a tenant's token what concerns that tenant.

use std::net::IpAddr;

use axum::http::{HeaderMap, header, uri::Authority};

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

    /// Whether a request with these headers may have come from where it says. Without tokens, a page in a browser on this
    /// machine could call what its own name was made to lead to; so then only names that lead nowhere else are answered.
    pub(super) fn is_reached(&self, headers: &HeaderMap) -> bool {
        !self.platform.is_empty()
            || headers.get(header::HOST).is_none_or(|host| is_here(host.to_str().unwrap_or_default()))
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

/// Whether a name with perhaps a port is `localhost` or an address.
fn is_here(host: &str) -> bool {
    let authority = host.parse::<Authority>().ok();
    authority.is_some_and(|authority| {
        let name = authority.host();
        name.eq_ignore_ascii_case("localhost") || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_lead_nowhere_else_are_here() {
        for host in ["localhost", "LocalHost:7072", "127.0.0.1:7072", "[::1]:7072", "10.0.0.7"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["", "berth.example", "localhost.example:7072", "127.0.0.1.example", "localhost@berth.example"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
