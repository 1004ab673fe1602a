//! Whose bodies are taken, and how many at a time: a push has many megabytes, and may take its time to arrive.
//!
//! The platform's wait for nobody's but its own, and a tenant has few of those that all tenants may have.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::access::Principal;
use crate::{
    admission::{self, Quotas, Share},
    contract::Name,
};

/// Of the platform.
const OF_PLATFORM: usize = 4;
/// Of one tenant.
const OF_TENANT: usize = 2;
/// Large ones of all tenants.
const OF_TENANTS: usize = 8;
/// Bytes of a body that is not large: a rollback's, which is never to wait for pushes.
const SMALL: u64 = 64 << 10;
/// How many more of the same wait,
const WAITING: usize = 32;
/// and for how long.
const WAIT: Duration = Duration::from_secs(10);

/// The bodies that are being taken.
#[derive(Debug)]
pub(super) struct Bodies {
    platform: Arc<Share>,
    /// Those that have had one.
    tenants: Mutex<HashMap<Name, Arc<Share>>>,
    large: Semaphore,
    wait: Duration,
}

/// A place for one body.
#[derive(Debug)]
pub(super) struct Place<'a> {
    _own: admission::Place,
    _large: Option<SemaphorePermit<'a>>,
}

/// There was no place in time.
#[derive(Debug)]
pub(super) struct Busy;

impl Default for Bodies {
    fn default() -> Self {
        Self::waiting(WAIT)
    }
}

impl Bodies {
    fn waiting(wait: Duration) -> Self {
        let platform = share(OF_PLATFORM, wait);
        Self { platform, tenants: Mutex::default(), large: Semaphore::new(OF_TENANTS), wait }
    }

    /// A place for a body of this caller, which says that it has so many bytes.
    pub(super) async fn place(&self, by: &Principal, bytes: Option<u64>) -> Result<Place<'_>, Busy> {
        let own = match by {
            Principal::Platform(_) => self.platform.clone(),
            Principal::Tenant(tenant, _) => self.of(tenant),
        };
        let own = own.place().await.map_err(|_| Busy)?;
        let large = match by {
            Principal::Tenant(..) if bytes.is_none_or(|bytes| bytes > SMALL) => {
                Some(timeout(self.wait, self.large.acquire()).await.ok().and_then(Result::ok).ok_or(Busy)?)
            }
            _ => None,
        };
        Ok(Place { _own: own, _large: large })
    }

    fn of(&self, tenant: &Name) -> Arc<Share> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.entry(tenant.clone()).or_insert_with(|| share(OF_TENANT, self.wait)).clone()
    }
}

fn share(bodies: usize, wait: Duration) -> Arc<Share> {
    Arc::new(Share::new(Quotas { concurrency: bodies, queue: WAITING, queue_time: wait, rate: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Principal {
        Principal::Tenant(name.parse().unwrap(), name.to_owned())
    }

    const LARGE: Option<u64> = Some(SMALL + 1);

    #[tokio::test]
    async fn a_tenant_keeps_nobody_else_waiting() {
        let bodies = Bodies::waiting(Duration::ZERO);
        let greedy = tenant("greedy");
        let held = [bodies.place(&greedy, LARGE).await.unwrap(), bodies.place(&greedy, None).await.unwrap()];
        assert!(bodies.place(&greedy, Some(1)).await.is_err());
        assert!(bodies.place(&tenant("other"), LARGE).await.is_ok());
        assert!(bodies.place(&Principal::Platform(String::new()), LARGE).await.is_ok());
        drop(held);
        assert!(bodies.place(&greedy, LARGE).await.is_ok());
    }

    #[tokio::test]
    async fn all_tenants_together_keep_no_rollback_and_no_platform_waiting() {
        let bodies = Bodies::waiting(Duration::ZERO);
        let mut held = Vec::new();
        for number in 0..OF_TENANTS {
            held.push(bodies.place(&tenant(&format!("t{number}")), LARGE).await.unwrap());
        }
        assert!(bodies.place(&tenant("other"), LARGE).await.is_err());
        assert!(bodies.place(&tenant("other"), Some(SMALL)).await.is_ok());
        assert!(bodies.place(&Principal::Platform(String::new()), None).await.is_ok());
    }
}
