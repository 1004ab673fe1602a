//! The catalogue: all tenants and what their policies serve right now, as one immutable snapshot behind one cell.
//!
//! Readers take the snapshot once per request and see nothing change under them. How a snapshot comes about is
//! [`reload`](crate::reload)'s business; what is read from disk is [`source`]'s.

mod breaker;
mod fallback;
mod key;
mod limits;
mod manifest;
mod place;
mod quotas;
mod release;
pub mod source;
pub mod stamp;
mod table;

pub use breaker::{Attempt, Breaker, Standing};
pub use fallback::FallbackSection;
pub use key::{InvalidKey, KeyHash, Keys};
pub use limits::LimitsSection;
pub(crate) use manifest::parse as parse_toml;
pub use manifest::{ManifestError, PolicyManifest, TenantManifest, Tokens};
pub use quotas::QuotasSection;
pub use release::{Counts, Failed, LastFault, Origin, Policy, Release, Serving};
pub use table::{MAX_TABLE_MEMORY, TableError, parse_table};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use arc_swap::{ArcSwap, Guard};

use crate::{admission::Share, contract::Name};

/// All tenants at one moment.
#[derive(Clone, Default)]
pub struct Catalogue {
    /// Counts the snapshots, over restarts; each is one higher than the one it replaced.
    pub generation: u64,
    /// Why the catalogue directory is lost, if it is. What served before still serves.
    pub lost: Option<String>,
    /// The tenants by name.
    pub tenants: BTreeMap<Name, Arc<Tenant>>,
    /// Why a tenant's manifest as it is now does not serve, if it does not: also of tenants of which none ever served.
    pub refused: BTreeMap<Name, Failed>,
}

impl Catalogue {
    /// The names of all tenants, those included of which no manifest ever served.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.tenants.keys().chain(self.refused.keys()).collect::<BTreeSet<_>>().into_iter()
    }

    /// Looks up a policy. With its tenant, since a key belongs to the tenant.
    #[must_use]
    pub fn find(&self, tenant: &str, policy: &str) -> Found<'_> {
        match self.tenants.get(tenant) {
            None => Found { tenant: None, policy: None },
            Some(tenant) => Found { tenant: Some(tenant), policy: tenant.policies.get(policy) },
        }
    }
}

/// What a look-up in the catalogue came to.
pub struct Found<'a> {
    /// The tenant, if there is one of that name.
    pub tenant: Option<&'a Arc<Tenant>>,
    /// The policy, if the tenant has one of that name.
    pub policy: Option<&'a Arc<Policy>>,
}

impl Found<'_> {
    /// Whether this key opens the tenant. Takes the same time whether or not there is such a tenant.
    #[must_use]
    pub fn admits(&self, key: Option<&str>) -> bool {
        static NOBODY: LazyLock<Keys> = LazyLock::new(Keys::unknown);
        let keys = self.tenant.map_or(&*NOBODY, |tenant| &tenant.keys);
        let key = key.unwrap_or_default();
        keys.admit(key) && !key.is_empty()
    }
}

/// An owner of policies.
#[derive(Clone)]
pub struct Tenant {
    /// The keys of its webhook.
    pub keys: Keys,
    /// The tokens of its people and pipelines.
    pub tokens: Tokens,
    /// Its part of the server.
    pub share: Arc<Share>,
    /// Its policies by name.
    pub policies: BTreeMap<Name, Arc<Policy>>,
}

/// The one mutable cell of the process: the catalogue that serves now.
#[derive(Default)]
pub struct Current(ArcSwap<Catalogue>);

impl Current {
    /// The snapshot to use for one request.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Catalogue>> {
        self.0.load()
    }

    /// Makes this the catalogue. Requests in flight finish on the one they took.
    pub fn publish(&self, catalogue: Catalogue) {
        self.0.store(Arc::new(catalogue));
    }
}
