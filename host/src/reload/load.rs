//! The start: reads memory and directory for the first time, and waits until what can serve is verified, but not for ever.
//!
//! One component that takes minutes to compile must not keep all the others from being served. Until it is done, what its
//! policy served last stands in for it.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use tokio::{
    task::JoinError,
    time::{Instant, timeout, timeout_at},
};
use tracing::{error, warn};

use super::{Reloader, Seen, deploy};
use crate::{
    catalogue::{Release, source},
    contract::{Digest, Failure, PolicyId},
    store::Stored,
};

/// How much longer the start waits for what stands in. Its code is in the cache, so it takes its checks and no more.
const STAND_INS: Duration = Duration::from_secs(5);

/// What a policy served last, verified again to stand in for files that are not verified yet.
pub(super) type StandIn = (PolicyId, Stored, Result<Release, Failure>);

impl Reloader {
    /// Reads memory and directory for the first time and publishes what can serve.
    pub(super) async fn load(&mut self) -> anyhow::Result<()> {
        self.reserved = self.store.generation().context("failed to read Berth's memory")?;
        self.catalogue.generation = self.reserved;
        self.recall_tenants().context("failed to read Berth's memory")?;
        for tenant in source::tenants(&self.directory).unwrap_or_default() {
            deploy::clear(&self.directory.join(tenant.as_str()));
        }
        let due = Instant::now() + self.start_timeout;
        for tenant in self.find_tenants() {
            self.refresh_tenant(&tenant);
            self.finish_some(due).await;
        }
        self.recall_policies().context("failed to read Berth's memory")?;
        match timeout_at(due, self.finish_all()).await {
            Ok(()) => self.sweep_code(),
            // What is compiled by now and does not serve yet is not to be compiled again: the next start sweeps.
            Err(_) => {
                self.begin_stand_ins();
                // Those that take longer serve once they are there.
                let _ = timeout(STAND_INS, self.take_stand_ins()).await;
            }
        }
        self.publish();
        Ok(())
    }

    /// Lets what one tenant has be verified while the next one's is read, so that not all of the catalogue's files are held
    /// at once; for as long as the start waits for that at all.
    async fn finish_some(&mut self, due: Instant) {
        if Instant::now() < due {
            tokio::task::yield_now().await;
        }
        while let Some(verified) = self.jobs.try_join_next() {
            self.finish(verified);
        }
    }

    async fn finish_all(&mut self) {
        while let Some(verified) = self.jobs.join_next().await {
            self.finish(verified);
        }
        while let Some(recalled) = self.recalls.join_next().await {
            self.keep_previous(recalled);
        }
    }

    fn sweep_code(&self) {
        let tried: BTreeSet<&Digest> = self.tried.values().collect();
        self.verifier.sweep_code(&|version| tried.contains(version) || self.store.has(version).unwrap_or(true));
    }

    /// Makes policies that are still being verified known, and brings back what they served last if that is something
    /// else. Their verification goes on beside it.
    fn begin_stand_ins(&mut self) {
        let mut late = self.tickets.under_way();
        late.retain(|id| self.policy(id).is_none_or(|policy| policy.serving.is_none()));
        warn!(policies = late.len(), "some policies take long to verify; the server starts without waiting for them");
        for id in late {
            self.put_policy(&id, None, None);
            let (Some(limits), Some(stored)) = (self.limits(&id), self.recall(&id)) else { continue };
            if self.seen.get(&id) == Some(&Seen::Files(stored.files.digest(), limits)) {
                continue;
            }
            let verifier = self.verifier.clone();
            self.stand_ins.spawn(async move {
                let result = verifier.verify(&id.tenant, &stored.files, limits).await;
                (id, stored, result)
            });
        }
    }

    async fn take_stand_ins(&mut self) {
        while let Some(stand_in) = self.stand_ins.join_next().await {
            self.take_stand_in(stand_in);
        }
    }

    /// Serves what was brought back, if the policy is still there and nothing serves yet.
    pub(super) fn take_stand_in(&mut self, stand_in: Result<StandIn, JoinError>) {
        let (id, Stored { since, pin, .. }, result) = match stand_in {
            Ok(stand_in) => stand_in,
            Err(error) => return error!(%error, "what a policy served last could not be brought back"),
        };
        if self.policy(&id).is_some_and(|policy| policy.serving.is_none()) {
            match result {
                Ok(release) => self.serve_from_memory(&id, release, since, pin),
                Err(failure) => self.fall(&id, failure, None),
            }
        }
    }
}
