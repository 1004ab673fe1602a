//! Who may be verified when: no tenant keeps the others waiting, however many of its policies take however long.
//!
//! Not for requests, which have places of their own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::contract::Name;

/// Policies whose guests run at the same time: fewer than the instances that requests leave over.
const RUNNING: usize = 16;
/// How many of those one tenant has.
const RUNNING_OF_TENANT: usize = 4;
/// Components of one tenant that are compiled at the same time. The compiler has as many places as there are processors.
const COMPILING_OF_TENANT: usize = 1;

/// The turns of all tenants.
pub(super) struct Turns {
    running: Semaphore,
    tenants: Mutex<HashMap<Name, Tenant>>,
}

#[derive(Clone)]
struct Tenant {
    compiling: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// The turn of a policy's guests; the place is free again when it is dropped.
pub(super) struct Running<'a> {
    _of_tenant: OwnedSemaphorePermit,
    _of_all: SemaphorePermit<'a>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { running: Semaphore::new(RUNNING), tenants: Mutex::default() }
    }

    /// Waits until a component of this tenant may be compiled.
    pub(super) async fn compiling(&self, tenant: &Name) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.tenant(tenant).compiling.acquire_owned().await
    }

    /// Waits until the guests of a policy of this tenant may run. Only the tenant's own turn is held while waiting for the
    /// one among all.
    pub(super) async fn running(&self, tenant: &Name) -> Result<Running<'_>, AcquireError> {
        let of_tenant = self.tenant(tenant).running.acquire_owned().await?;
        Ok(Running { _of_tenant: of_tenant, _of_all: self.running.acquire().await? })
    }

    fn tenant(&self, name: &Name) -> Tenant {
        // Nothing panics while it holds the lock, and what nobody waits for or holds has no state to spoil.
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.retain(|known, tenant| known == name || tenant.is_used());
        let new = || Tenant {
            compiling: Arc::new(Semaphore::new(COMPILING_OF_TENANT)),
            running: Arc::new(Semaphore::new(RUNNING_OF_TENANT)),
        };
        tenants.entry(name.clone()).or_insert_with(new).clone()
    }
}

impl Tenant {
    fn is_used(&self) -> bool {
        Arc::strong_count(&self.compiling) > 1 || Arc::strong_count(&self.running) > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_tenant_that_compiles_leaves_others_their_turn() {
        let turns = Turns::new();
        let (busy, other) = (name("busy"), name("other"));
        let _held = turns.compiling(&busy).await.unwrap();
        let mut second = std::pin::pin!(turns.compiling(&busy));
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(second.as_mut().poll(context).is_pending())).await
        );
        drop(turns.compiling(&other).await.unwrap());
    }

    #[tokio::test]
    async fn a_tenant_that_runs_leaves_others_their_turn() {
        let turns = Turns::new();
        let (busy, other) = (name("busy"), name("other"));
        let mut held = Vec::new();
        for _ in 0..RUNNING_OF_TENANT {
            held.push(turns.running(&busy).await.unwrap());
        }
        let mut more = std::pin::pin!(turns.running(&busy));
        assert!(std::future::poll_fn(|context| std::task::Poll::Ready(more.as_mut().poll(context).is_pending())).await);
        drop(turns.running(&other).await.unwrap());
        held.clear();
        drop(more.await.unwrap());
    }
}
