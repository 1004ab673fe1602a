//! Policies change by their files, or by being brought back from memory.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use tokio::task::JoinError;
use tracing::{error, info, warn};

use super::{Reloader, Scope, Seen, changes::passed, command::Reply, tickets::Ending};
use crate::{
    catalogue::{
        Failed, Origin, Policy, Release, Serving,
        source::{PolicyFiles, SourceError},
        stamp::Stamp,
    },
    contract::{Digest, Failure, Limits, PolicyId, Stage},
    metrics::{REFUSED, SERVED, SUPERSEDED},
    store::{Event, EventKind, Pin, StoreError, Stored},
};

/// What a verification came to.
pub(super) type Verified = (Job, Result<Release, Failure>);

/// A verification under way.
pub(super) struct Job {
    id: PolicyId,
    ticket: u64,
    files: Arc<PolicyFiles>,
    purpose: Purpose,
}

/// Why files are verified, and so what happens if they pass.
pub(super) enum Purpose {
    /// The catalogue has them, in a folder with this stamp.
    Catalogue(Stamp),
    /// Memory has them, and nothing else can serve. If a pin holds against files of the catalogue, those are `instead`.
    Recall { since: SystemTime, pin: Option<Pin>, instead: Option<(PolicyFiles, Stamp)> },
    /// Somebody wants to go back to them.
    Rollback { pin: Pin, reply: Reply },
    /// Somebody pushed them.
    Push { by: String, reply: Reply },
}

/// Why a policy serves something else from now on.
pub(super) struct Cause<'a> {
    pub(super) kind: EventKind,
    /// Who did it.
    pub(super) by: &'a str,
    pub(super) pin: Option<Pin>,
}

impl Reloader {
    pub(super) fn policy(&self, id: &PolicyId) -> Option<&Arc<Policy>> {
        self.catalogue.tenants.get(&id.tenant)?.policies.get(&id.policy)
    }

    pub(super) fn folder(&self, id: &PolicyId) -> PathBuf {
        self.directory.join(id.tenant.as_str()).join(id.policy.as_str())
    }

    pub(super) fn limits(&self, id: &PolicyId) -> Option<Limits> {
        self.tenants.get(&id.tenant).map(|(_, limits)| *limits)
    }

    /// Looks at a policy's folder and has it verified if its content is new.
    pub(super) fn refresh_policy(&mut self, id: &PolicyId) {
        let Some(limits) = self.limits(id) else { return };
        let folder = self.folder(id);
        if !folder.is_dir() {
            return self.miss(Scope::Policy(id.clone()));
        }
        self.missing.remove(&Scope::Policy(id.clone()));
        let files = PolicyFiles::read_still(&folder);
        let seen = match &files {
            Ok((files, _)) => Seen::Files(files.digest(), limits),
            // Its next piece has it looked at again; this is for a piece that is missed.
            Err(SourceError::Changing { .. }) => return self.try_again(Scope::Policy(id.clone())),
            Err(error) => Seen::Unreadable(error.to_string(), limits),
        };
        if self.seen.get(id) == Some(&seen) {
            return;
        }
        self.seen.insert(id.clone(), seen);
        match files {
            Ok((files, stamp)) => {
                if let Some((files, stamp)) = self.unless_pinned(id, files, stamp) {
                    self.verify(id, files, Purpose::Catalogue(stamp));
                }
            }
            Err(error) => {
                // Whatever was being verified is not what the folder has now.
                self.tickets.void(id);
                let failure = Failure::new(error.stage(), error);
                self.count(Ending::Newest { overtook: false }, Some(&failure));
                self.refuse(id, &failure, "catalogue");
            }
        }
    }

    /// Gives these files back, unless a pin holds against them: they are the ones that were there when it was set.
    fn unless_pinned(&mut self, id: &PolicyId, files: PolicyFiles, stamp: Stamp) -> Option<(PolicyFiles, Stamp)> {
        // Hardly anything is pinned, and what served is long to read. Where it cannot be read, that is told.
        if matches!(self.store.is_pinned(id), Ok(false)) {
            return Some((files, stamp));
        }
        let Some(Stored { files: kept, since, pin: Some(pin), .. }) = self.recall(id) else {
            return Some((files, stamp));
        };
        if pin.against != files.digest().to_string() {
            return Some((files, stamp));
        }
        if !self.serves_within_limits(id) {
            self.verify(id, kept, Purpose::Recall { since, pin: Some(pin), instead: Some((files, stamp)) });
        }
        None
    }

    /// Whether something serves, and was verified under the limits that the tenant has now.
    fn serves_within_limits(&self, id: &PolicyId) -> bool {
        let serving = self.policy(id).and_then(|policy| policy.serving.as_ref());
        serving.is_some_and(|serving| Some(serving.release.ceiling) == self.limits(id))
    }

    pub(super) fn recall(&self, id: &PolicyId) -> Option<Stored> {
        match self.store.last(id) {
            Ok(stored) => stored,
            Err(error) => {
                warn!(policy = %id, %error, "what the policy served last cannot be read");
                None
            }
        }
    }

    /// Brings back from memory what the directory does not have. What is there after all is verified from there.
    pub(super) fn recall_policies(&mut self) -> Result<(), StoreError> {
        for id in self.store.policies()? {
            if !self.seen.contains_key(&id) && self.tenants.contains_key(&id.tenant) {
                if !self.bring_back(&id) {
                    self.fall(&id, Failure::new(Stage::Read, "its files in Berth's memory cannot be read"), None);
                }
                if self.catalogue.lost.is_none() {
                    self.missing.insert(Scope::Policy(id), tokio::time::Instant::now() + self.removal_grace);
                }
            }
        }
        Ok(())
    }

    /// Has what served last verified, if memory has it.
    fn bring_back(&mut self, id: &PolicyId) -> bool {
        let stored = self.recall(id);
        let known = stored.is_some();
        if let Some(Stored { files, since, pin, .. }) = stored {
            self.verify(id, files, Purpose::Recall { since, pin, instead: None });
        }
        known
    }

    /// What memory has cannot serve. If nothing else does, the policy is one all the same: it answers with its fallback,
    /// and its status says why.
    pub(super) fn fall(&mut self, id: &PolicyId, failure: Failure, instead: Option<(PolicyFiles, Stamp)>) {
        warn!(
            policy = %id, stage = failure.stage.as_str(), reason = failure.reason,
            "what the policy served last cannot serve any more"
        );
        if self.serving_version(id).is_some() {
            return;
        }
        if self.policy(id).is_none() {
            self.put_policy(id, None, Some(Failed { failure, at: SystemTime::now() }));
        }
        if let Some((files, stamp)) = instead {
            self.verify(id, files, Purpose::Catalogue(stamp));
        }
    }

    pub(super) fn verify(&mut self, id: &PolicyId, files: PolicyFiles, purpose: Purpose) {
        let Some(limits) = self.limits(id) else { return };
        let ticket = self.tickets.begin(id, matches!(purpose, Purpose::Catalogue(_)));
        let job = Job { id: id.clone(), ticket, files: Arc::new(files), purpose };
        let verifier = self.verifier.clone();
        self.jobs.spawn(async move {
            let result = verifier.verify(&job.id.tenant, &job.files, limits).await;
            (job, result)
        });
    }

    /// Takes a verification's result.
    pub(super) fn finish(&mut self, verified: Result<Verified, JoinError>) {
        let (Job { id, ticket, files, purpose }, result) = match verified {
            Ok(verified) => verified,
            Err(error) => {
                return error!(%error, "a verification ended without a result; what served before still serves");
            }
        };
        let mut ending = self.tickets.end(&id, ticket);
        if let (Purpose::Catalogue(stamp), Ok(_)) = (&purpose, &result)
            && ending != Ending::Outdated
            && !self.is_still(&id, &files, stamp)
        {
            ending = Ending::Outdated;
            // As for a folder that changes while it is read.
            self.seen.remove(&id);
            self.try_again(Scope::Policy(id.clone()));
        }
        self.count(ending, result.as_ref().err());
        if result.as_ref().is_err_and(|failure| matches!(failure.stage, Stage::Settings | Stage::Checks | Stage::Smoke))
        {
            self.tried(&id, Digest::of(&files.component));
        }
        match (purpose, ending) {
            (Purpose::Catalogue(_) | Purpose::Recall { .. }, Ending::Outdated) => {}
            // Removed again before it ever served.
            (Purpose::Catalogue(_), _) if !self.folder(&id).is_dir() => {
                self.seen.remove(&id);
            }
            (Purpose::Catalogue(_), _) => match result {
                Ok(release) => self.adopt(&id, release, &files),
                Err(failure) => self.refuse(&id, &failure, "catalogue"),
            },
            (Purpose::Recall { since, pin, instead }, _) => match result {
                Ok(release) => self.serve_from_memory(&id, release, since, pin),
                Err(failure) => self.fall(&id, failure, instead),
            },
            (Purpose::Rollback { pin, reply }, _) => {
                let done = self.rolled_back(&id, &files, passed(&id, ending, result), pin);
                self.answer(&id, ending, reply, done);
            }
            (Purpose::Push { by, reply }, _) => {
                let done = self.pushed(&id, &files, passed(&id, ending, result), &by);
                self.answer(&id, ending, reply, done);
            }
        }
    }

    /// Serves what memory has.
    pub(super) fn serve_from_memory(&mut self, id: &PolicyId, release: Release, since: SystemTime, pin: Option<Pin>) {
        let origin = pin.map_or(Origin::LastKnownGood, |pin| Origin::Pinned { by: pin.by });
        warn!(policy = %id, version = %release.version, "policy serves from memory");
        self.put(id, Serving { release: Arc::new(release), since, origin }, None);
    }

    /// Counts what a change came to.
    fn count(&self, ending: Ending, failure: Option<&Failure>) {
        match failure {
            _ if ending == Ending::Outdated => self.metrics.reloads.add(SUPERSEDED),
            None => self.metrics.reloads.add(SERVED),
            Some(failure) => {
                self.metrics.reloads.add(REFUSED);
                self.metrics.reload_refusals.add(failure.stage.as_str());
            }
        }
    }

    /// Whether the catalogue still has these files.
    fn is_still(&self, id: &PolicyId, files: &PolicyFiles, stamp: &Stamp) -> bool {
        let folder = self.folder(id);
        Stamp::of(&folder) == *stamp || PolicyFiles::read_still(&folder).is_ok_and(|(found, _)| found == *files)
    }

    /// Serves what the catalogue has.
    fn adopt(&mut self, id: &PolicyId, release: Release, files: &PolicyFiles) {
        let since = self.store.since(id, &release.version, files).unwrap_or_else(|error| {
            warn!(policy = %id, %error, "what the policy served last cannot be read");
            None
        });
        let cause = Cause { kind: EventKind::Served, by: "catalogue", pin: None };
        let since = match since {
            Some(since) => since,
            None => match self.remember(id, &release, files, cause) {
                Ok(since) => since,
                Err(error) => {
                    warn!(policy = %id, %error, "policy refused: it cannot be remembered; what served before still serves");
                    self.seen.remove(id);
                    return self.try_again(Scope::Policy(id.clone()));
                }
            },
        };
        let previous = self.serving_version(id).map(tracing::field::display);
        info!(policy = %id, version = %release.version, previous, "policy serves");
        self.put(id, Serving { release: Arc::new(release), since, origin: Origin::Catalogue }, None);
    }

    /// Makes it durable that a policy serves these files from now on.
    pub(super) fn remember(
        &self,
        id: &PolicyId,
        release: &Release,
        files: &PolicyFiles,
        cause: Cause<'_>,
    ) -> Result<SystemTime, StoreError> {
        let since = SystemTime::now();
        let event = Event::now(cause.kind, cause.by, self.next_generation())
            .versions(self.serving_version(id), Some(release.version));
        let stored = Stored { version: release.version, files: files.clone(), since, pin: cause.pin };
        let unused = self.store.serve(id, &stored, &event)?;
        self.verifier.forget_code(&unused);
        Ok(since)
    }

    /// A version was compiled and then refused: its code is kept until the next one is refused, since often it is only the
    /// settings that are mended.
    fn tried(&mut self, id: &PolicyId, version: Digest) {
        if let Some(before) = self.tried.insert(id.clone(), version)
            && before != version
            && matches!(self.store.has(&before), Ok(false))
        {
            self.verifier.forget_code(&[before]);
        }
    }

    pub(super) fn serving_version(&self, id: &PolicyId) -> Option<Digest> {
        Some(self.policy(id)?.serving.as_ref()?.release.version)
    }

    /// Keeps what serves and says why the change does not.
    fn refuse(&mut self, id: &PolicyId, failure: &Failure, by: &str) {
        let serving = self.policy(id).and_then(|policy| policy.serving.clone());
        let effect = if serving.is_some() { "what served before still serves" } else { "the policy does not serve" };
        let event = Event::now(EventKind::Refused, by, self.catalogue.generation);
        let event = event.versions(self.serving_version(id), None).failure(failure);
        if let Err(error) = self.store.note(id, &event) {
            warn!(policy = %id, %error, "the refusal cannot be remembered");
        }
        let failed = Failed { failure: failure.clone(), at: SystemTime::now() };
        self.put_policy(id, serving, Some(failed));
        if !self.serves_within_limits(id) {
            self.bring_back(id);
        }
        // Last, since whoever reads it takes it for done.
        warn!(policy = %id, stage = failure.stage.as_str(), reason = failure.reason, "policy refused; {effect}");
    }

    pub(super) fn put(&mut self, id: &PolicyId, serving: Serving, failure: Option<Failed>) {
        let failure = match serving.origin {
            // It serves in spite of the failure, which stays to be seen.
            Origin::LastKnownGood => self.policy(id).and_then(|policy| policy.failure.clone()),
            _ => failure,
        };
        self.put_policy(id, Some(serving), failure);
    }

    pub(super) fn put_policy(&mut self, id: &PolicyId, serving: Option<Serving>, failure: Option<Failed>) {
        let (counts, habit) =
            self.policy(id).map(|policy| (policy.counts.clone(), policy.habit.clone())).unwrap_or_default();
        let previous = serving.as_ref().and_then(|serving| self.previous(id, serving));
        let fallback = match &serving {
            Some(serving) => serving.release.fallback,
            None => self.written_fallback(id),
        };
        self.insert(Arc::new(Policy { id: id.clone(), serving, previous, failure, fallback, counts, habit }));
    }
}
