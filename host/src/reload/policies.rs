//! Policies change: by their files, by a person's request, or by being brought back from memory.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use tokio::task::JoinError;
use tracing::{error, info, warn};

use super::{
    Reloader, Scope, Seen,
    command::{Act, Changed, Command, CommandError, Reply},
    deploy,
};
use crate::{
    catalogue::{Failed, Origin, Policy, Release, Serving, source::PolicyFiles},
    contract::{Digest, Failure, Limits, PolicyId, Stage},
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
enum Purpose {
    /// The catalogue has them.
    Catalogue,
    /// Memory has them, and nothing else can serve.
    Recall { since: SystemTime, pin: Option<Pin> },
    /// Somebody wants to go back to them.
    Rollback { pin: Pin, reply: Reply },
    /// Somebody pushed them.
    Push { by: String, reply: Reply },
}

impl Reloader {
    pub(super) fn policy(&self, id: &PolicyId) -> Option<&Arc<Policy>> {
        self.catalogue.tenants.get(&id.tenant)?.policies.get(&id.policy)
    }

    pub(super) fn folder(&self, id: &PolicyId) -> PathBuf {
        self.directory.join(id.tenant.as_str()).join(id.policy.as_str())
    }

    fn limits(&self, id: &PolicyId) -> Option<Limits> {
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
        let files = PolicyFiles::read(&folder);
        let seen = match &files {
            Ok(files) => Seen::Files(files.digest(), limits),
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        if self.seen.get(id) == Some(&seen) {
            return;
        }
        self.seen.insert(id.clone(), seen);
        match files {
            Ok(files) if self.is_pinned_against(id, &files) => {}
            Ok(files) => self.verify(id, files, Purpose::Catalogue),
            Err(error) => {
                // Whatever was being verified is not what the folder has now.
                self.next_ticket(id);
                self.refuse(id, &Failure::new(Stage::Read, error), "catalogue");
            }
        }
    }

    /// Whether a pin holds against these files: they are the ones that were there when it was set.
    fn is_pinned_against(&mut self, id: &PolicyId, files: &PolicyFiles) -> bool {
        let Some(stored) = self.recall(id) else { return false };
        let pinned = stored.pin.as_ref().is_some_and(|pin| pin.against == files.digest().to_string());
        let serving = self.policy(id).and_then(|policy| policy.serving.as_ref());
        if pinned && serving.is_none() {
            let Stored { files, since, pin, .. } = stored;
            self.verify(id, files, Purpose::Recall { since, pin });
        }
        pinned
    }

    fn recall(&self, id: &PolicyId) -> Option<Stored> {
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
                self.bring_back(&id);
                if self.catalogue.lost.is_none() {
                    self.missing.insert(Scope::Policy(id), tokio::time::Instant::now() + self.removal_grace);
                }
            }
        }
        Ok(())
    }

    fn bring_back(&mut self, id: &PolicyId) {
        if let Some(Stored { files, since, pin, .. }) = self.recall(id) {
            self.verify(id, files, Purpose::Recall { since, pin });
        }
    }

    fn next_ticket(&mut self, id: &PolicyId) -> u64 {
        self.last_ticket += 1;
        self.tickets.insert(id.clone(), self.last_ticket);
        self.last_ticket
    }

    fn verify(&mut self, id: &PolicyId, files: PolicyFiles, purpose: Purpose) {
        let Some(limits) = self.limits(id) else { return };
        let job = Job { id: id.clone(), ticket: self.next_ticket(id), files: Arc::new(files), purpose };
        let verifier = self.verifier.clone();
        self.jobs.spawn(async move {
            let result = verifier.verify(&job.files, limits).await;
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
        let outdated = self.tickets.get(&id) != Some(&ticket);
        match purpose {
            Purpose::Catalogue if outdated => {}
            // Removed again before it ever served.
            Purpose::Catalogue if !self.folder(&id).is_dir() => {
                self.seen.remove(&id);
            }
            Purpose::Recall { .. } if outdated => {}
            Purpose::Catalogue => match result {
                Ok(release) => self.adopt(&id, release, &files),
                Err(failure) => self.refuse(&id, &failure, "catalogue"),
            },
            Purpose::Recall { since, pin } => match result {
                Ok(release) => {
                    let origin = pin.map_or(Origin::LastKnownGood, |pin| Origin::Pinned { by: pin.by });
                    warn!(policy = %id, version = %release.version, "policy serves from memory");
                    self.put(&id, Serving { release: Arc::new(release), since, origin }, None);
                }
                Err(failure) => warn!(
                    policy = %id, stage = failure.stage.as_str(), reason = failure.reason,
                    "what the policy served last cannot serve any more"
                ),
            },
            Purpose::Rollback { pin, reply } => {
                let done = self.rolled_back(&id, &files, outdated, result, pin);
                self.answer(reply, done);
            }
            Purpose::Push { by, reply } => {
                let done = self.pushed(&id, &files, outdated, result, &by);
                self.answer(reply, done);
            }
        }
    }

    /// Publishes before it answers: who is told that a change was made finds it made.
    fn answer(&mut self, reply: Reply, done: Result<Changed, CommandError>) {
        self.publish();
        // Who asked may have gone; the change stands.
        let _ = reply.send(done);
    }

    /// Serves what the catalogue has.
    fn adopt(&mut self, id: &PolicyId, release: Release, files: &PolicyFiles) {
        let before = self.recall(id);
        let same = before.filter(|before| before.pin.is_none() && before.files == *files);
        let since = match same {
            Some(before) => before.since,
            None => match self.remember(id, &release, files, None, EventKind::Served, "catalogue") {
                Ok(since) => since,
                Err(error) => {
                    self.seen.remove(id);
                    return warn!(policy = %id, %error, "policy refused: it cannot be remembered; what served before still serves");
                }
            },
        };
        let previous = self.serving_version(id).map(tracing::field::display);
        info!(policy = %id, version = %release.version, previous, "policy serves");
        self.put(id, Serving { release: Arc::new(release), since, origin: Origin::Catalogue }, None);
    }

    /// Makes it durable that a policy serves these files from now on.
    fn remember(
        &self,
        id: &PolicyId,
        release: &Release,
        files: &PolicyFiles,
        pin: Option<Pin>,
        kind: EventKind,
        by: &str,
    ) -> Result<SystemTime, StoreError> {
        let since = SystemTime::now();
        let event =
            Event::now(kind, by, self.next_generation()).versions(self.serving_version(id), Some(release.version));
        let stored = Stored { version: release.version, files: files.clone(), since, pin };
        self.store.serve(id, &stored, &event)?;
        Ok(since)
    }

    fn serving_version(&self, id: &PolicyId) -> Option<Digest> {
        Some(self.policy(id)?.serving.as_ref()?.release.version)
    }

    /// Keeps what serves and says why the change does not.
    fn refuse(&mut self, id: &PolicyId, failure: &Failure, by: &str) {
        let serving = self.policy(id).and_then(|policy| policy.serving.clone());
        let effect = if serving.is_some() { "what served before still serves" } else { "the policy does not serve" };
        warn!(policy = %id, stage = failure.stage.as_str(), reason = failure.reason, "policy refused; {effect}");
        let event = Event::now(EventKind::Refused, by, self.catalogue.generation);
        let event = event.versions(self.serving_version(id), None).failure(failure);
        if let Err(error) = self.store.note(id, &event) {
            warn!(policy = %id, %error, "the refusal cannot be remembered");
        }
        let nothing_serves = serving.is_none();
        let failed = Failed { failure: failure.clone(), at: SystemTime::now() };
        self.put_policy(id, serving, Some(failed));
        if nothing_serves {
            self.bring_back(id);
        }
    }

    fn put(&mut self, id: &PolicyId, serving: Serving, failure: Option<Failed>) {
        let failure = match serving.origin {
            // It serves in spite of the failure, which stays to be seen.
            Origin::LastKnownGood => self.policy(id).and_then(|policy| policy.failure.clone()),
            _ => failure,
        };
        self.put_policy(id, Some(serving), failure);
    }

    fn put_policy(&mut self, id: &PolicyId, serving: Option<Serving>, failure: Option<Failed>) {
        let counts = self.policy(id).map(|policy| policy.counts.clone()).unwrap_or_default();
        let Some(tenant) = self.catalogue.tenants.get_mut(&id.tenant) else { return };
        let policy = Policy { id: id.clone(), serving, failure, counts };
        Arc::make_mut(tenant).policies.insert(id.policy.clone(), Arc::new(policy));
        self.changed = true;
    }

    /// Does what a person asks for, or begins to.
    pub(super) fn obey(&mut self, command: Command) {
        let Command { id, act, by, reply } = command;
        let begun = match act {
            Act::Rollback(to) => self.roll_back(&id, to).map(|(files, against)| {
                let pin = Pin { against, by };
                (files, Box::new(move |reply| Purpose::Rollback { pin, reply }) as Box<dyn FnOnce(Reply) -> Purpose>)
            }),
            Act::Push(files) if self.tenants.contains_key(&id.tenant) => {
                Ok((files, Box::new(move |reply| Purpose::Push { by, reply }) as Box<dyn FnOnce(Reply) -> Purpose>))
            }
            Act::Push(_) => Err(CommandError::UnknownTenant(id.tenant.to_string())),
            Act::Unpin => return self.unpin(&id, by, reply),
        };
        match begun {
            Ok((files, purpose)) => self.verify(&id, files, purpose(reply)),
            Err(error) => self.answer(reply, Err(error)),
        }
    }

    /// The files to go back to, and the digest of those that the pin holds against.
    fn roll_back(&self, id: &PolicyId, to: Option<Digest>) -> Result<(PolicyFiles, String), CommandError> {
        if self.policy(id).is_none() {
            return Err(CommandError::UnknownPolicy(id.clone()));
        }
        let to = match to {
            Some(version) => version,
            None => self.earlier_version(id)?.ok_or_else(|| CommandError::NoEarlierVersion(id.clone()))?,
        };
        let files = self.store.version(id, &to)?.ok_or_else(|| CommandError::UnknownVersion(id.clone()))?;
        let against = match self.seen.get(id) {
            Some(Seen::Files(digest, _)) => digest.to_string(),
            _ => String::new(),
        };
        Ok((files, against))
    }

    /// The version that served before the one that serves.
    fn earlier_version(&self, id: &PolicyId) -> Result<Option<Digest>, StoreError> {
        let now = self.serving_version(id).map(|version| version.to_string());
        let served = |event: &Event| matches!(event.kind, EventKind::Served | EventKind::RolledBack);
        let history = self.store.history(id, usize::MAX)?;
        let versions = history.into_iter().filter(served).filter_map(|event| event.to);
        Ok(versions.filter(|version| Some(version) != now.as_ref()).find_map(|version| version.parse().ok()))
    }

    fn rolled_back(
        &mut self,
        id: &PolicyId,
        files: &PolicyFiles,
        outdated: bool,
        result: Result<Release, Failure>,
        pin: Pin,
    ) -> Result<Changed, CommandError> {
        let release = passed(id, outdated, result)?;
        let previous = self.serving_version(id);
        let by = pin.by.clone();
        let since = self.remember(id, &release, files, Some(pin), EventKind::RolledBack, &by)?;
        let version = release.version;
        info!(policy = %id, %version, previous = previous.map(tracing::field::display), by, "policy rolled back and pinned");
        self.put(id, Serving { release: Arc::new(release), since, origin: Origin::Pinned { by } }, None);
        Ok(Changed { version, previous, generation: self.next_generation() })
    }

    fn pushed(
        &mut self,
        id: &PolicyId,
        files: &PolicyFiles,
        outdated: bool,
        result: Result<Release, Failure>,
        by: &str,
    ) -> Result<Changed, CommandError> {
        if let (false, Err(failure)) = (outdated, &result) {
            let event = Event::now(EventKind::Refused, by, self.catalogue.generation);
            self.store.note(id, &event.versions(self.serving_version(id), None).failure(failure))?;
        }
        let release = passed(id, outdated, result)?;
        let limits = release.limits;
        deploy::replace(&self.folder(id), files)?;
        // The watch will find what is known already.
        self.seen.insert(id.clone(), Seen::Files(files.digest(), self.limits(id).unwrap_or(limits)));
        let previous = self.serving_version(id);
        let since = self.remember(id, &release, files, None, EventKind::Served, by)?;
        let version = release.version;
        info!(policy = %id, %version, previous = previous.map(tracing::field::display), by, "policy serves");
        self.put(id, Serving { release: Arc::new(release), since, origin: Origin::Catalogue }, None);
        Ok(Changed { version, previous, generation: self.next_generation() })
    }

    fn unpin(&mut self, id: &PolicyId, by: String, reply: Reply) {
        let done = self.take_pin(id, &by);
        self.answer(reply, done);
    }

    fn take_pin(&mut self, id: &PolicyId, by: &str) -> Result<Changed, CommandError> {
        let Some(policy) = self.policy(id) else { return Err(CommandError::UnknownPolicy(id.clone())) };
        let Some(Serving { release, origin: Origin::Pinned { .. }, since }) = policy.serving.clone() else {
            return Err(CommandError::NotPinned(id.clone()));
        };
        let Some(stored) = self.store.last(id)? else { return Err(CommandError::UnknownVersion(id.clone())) };
        let version = release.version;
        let event = Event::now(EventKind::Unpinned, by, self.next_generation()).versions(Some(version), None);
        self.store.serve(id, &Stored { pin: None, ..stored }, &event)?;
        info!(policy = %id, by, "policy unpinned; what the catalogue has serves next");
        self.put(id, Serving { release, since, origin: Origin::LastKnownGood }, None);
        self.seen.remove(id);
        self.refresh_policy(id);
        Ok(Changed { version, previous: Some(version), generation: self.next_generation() })
    }
}

fn passed(id: &PolicyId, outdated: bool, result: Result<Release, Failure>) -> Result<Release, CommandError> {
    if outdated {
        return Err(CommandError::Superseded(id.clone()));
    }
    result.map_err(CommandError::Refused)
}
