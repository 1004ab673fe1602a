//! The version before the serving one, kept ready for a release that falls back to it.
//!
//! One at most of each policy, and only where the release asks for it, so that what it costs in memory is bounded. It is
//! taken from what served until now, or else, as after a restart, brought back from Berth's memory.

use std::sync::Arc;

use tokio::task::JoinError;
use tracing::{info, warn};

use super::Reloader;
use crate::{
    catalogue::{
        Policy, PolicyManifest, Release, Serving,
        source::{self, PolicyFiles},
    },
    contract::{Digest, Failure, Fallback, PolicyId},
    store::StoreError,
};

/// A version brought back: of which policy, for which serving version, and what came of it.
pub(super) type Recalled = (PolicyId, Digest, Result<Release, Failure>);

impl Reloader {
    /// The version to keep beside what serves from now on, if it is at hand. If it is not, it is brought back.
    pub(super) fn previous(&mut self, id: &PolicyId, serving: &Serving) -> Option<Arc<Release>> {
        let version = serving.release.version;
        if serving.release.fallback != Fallback::PreviousVersion {
            return None;
        }
        let unreadable = |error: StoreError| warn!(policy = %id, %error, "the previous version cannot be read");
        let earlier = self.store.earlier(id, Some(&version)).map_err(unreadable).ok()??;
        let policy = self.policy(id).cloned();
        let at_hand = policy.and_then(|policy| {
            let serving = policy.serving.as_ref().map(|serving| serving.release.clone());
            serving.into_iter().chain(policy.previous.clone()).find(|release| release.version == earlier)
        });
        if at_hand.is_none()
            && let Some(files) = self.store.version(id, &earlier).map_err(unreadable).ok()?
        {
            self.recall_previous(id, version, files);
        }
        at_hand
    }

    fn recall_previous(&mut self, id: &PolicyId, version: Digest, files: PolicyFiles) {
        let Some(limits) = self.limits(id) else { return };
        let (id, verifier) = (id.clone(), self.verifier.clone());
        self.recalls.spawn(async move {
            let result = verifier.verify(&id.tenant, &files, limits).await;
            (id, version, result)
        });
    }

    /// Keeps a version that was brought back, if what it was brought back for still serves.
    pub(super) fn keep_previous(&mut self, recalled: Result<Recalled, JoinError>) {
        let (id, version, release) = match recalled {
            Ok(recalled) => recalled,
            Err(error) => return warn!(%error, "a previous version could not be brought back"),
        };
        let Some(policy) = self.policy(&id).filter(|policy| policy.serves(&version)).cloned() else { return };
        match release {
            Ok(release) => {
                info!(policy = %id, version = %release.version, "the previous version is ready");
                let policy = Policy { previous: Some(Arc::new(release)), ..(*policy).clone() };
                self.insert(Arc::new(policy));
            }
            Err(failure) => warn!(
                policy = %id, stage = failure.stage.as_str(), reason = failure.reason,
                "the previous version cannot serve any more, so there is nothing to fall back to"
            ),
        }
    }

    /// What the policy's folder says to answer while nothing serves; if that is gone, what it said last.
    pub(super) fn written_fallback(&self, id: &PolicyId) -> Fallback {
        let folder = self.folder(id);
        let manifest = match folder.is_dir() {
            true => source::read_policy(&folder).ok(),
            false => self.recall(id).map(|stored| stored.files.manifest),
        };
        let manifest = manifest.and_then(|text| PolicyManifest::parse(&text).ok());
        manifest.map_or_else(Fallback::default, |manifest| manifest.fallback.answer())
    }

    pub(super) fn insert(&mut self, policy: Arc<Policy>) {
        if let Some(tenant) = self.catalogue.tenants.get_mut(&policy.id.tenant) {
            Arc::make_mut(tenant).policies.insert(policy.id.policy.clone(), policy);
            self.changed = true;
        }
    }
}
