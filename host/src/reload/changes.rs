//! Policies change by a person's request.

use std::sync::Arc;

use tracing::{error, info};

use super::{
    Reloader, Scope, Seen,
    command::{Act, Changed, Command, CommandError, Reply},
    deploy,
    policies::{Cause, Purpose},
    tickets::Ending,
};
use crate::{
    catalogue::{Origin, Release, Serving, source::PolicyFiles},
    contract::{Digest, Failure, PolicyId},
    store::{Event, EventKind, Pin, Stored},
};

impl Reloader {
    /// Does what a person asks for, or begins to.
    pub(super) fn obey(&mut self, command: Command) {
        let Command { id, act, by, reply } = command;
        match act {
            Act::Rollback(to) => match self.roll_back(&id, to) {
                Ok((files, against)) => self.verify(&id, files, Purpose::Rollback { pin: Pin { against, by }, reply }),
                Err(error) => self.reply(reply, Err(error)),
            },
            Act::Push(files) if self.tenants.contains_key(&id.tenant) => {
                self.verify(&id, files, Purpose::Push { by, reply });
            }
            Act::Push(_) => self.reply(reply, Err(CommandError::UnknownTenant(id.tenant.to_string()))),
            Act::Unpin => {
                let done = self.take_pin(&id, &by);
                self.reply(reply, done);
            }
        }
    }

    /// Publishes before it answers: who is told that a change was made finds it made.
    fn reply(&mut self, reply: Reply, done: Result<Changed, CommandError>) {
        self.publish();
        // Who asked may have gone; the change stands.
        let _ = reply.send(done);
    }

    /// Answers once a change was verified. If it was not made, files that it overtook are looked at again.
    pub(super) fn answer(&mut self, id: &PolicyId, ending: Ending, reply: Reply, done: Result<Changed, CommandError>) {
        let not_made = done.is_err();
        self.reply(reply, done);
        if not_made && ending == (Ending::Newest { overtook: true }) {
            self.seen.remove(id);
            self.refresh_policy(id);
        }
    }

    /// The files to go back to, and the digest of those that the pin holds against.
    fn roll_back(&self, id: &PolicyId, to: Option<Digest>) -> Result<(PolicyFiles, String), CommandError> {
        if self.policy(id).is_none() {
            return Err(CommandError::UnknownPolicy(id.clone()));
        }
        let earlier = || self.store.earlier(id, self.serving_version(id).as_ref());
        let to = match to {
            Some(version) => version,
            None => earlier()?.ok_or_else(|| CommandError::NoEarlierVersion(id.clone()))?,
        };
        let Some(files) = self.store.version(id, &to)? else {
            let to = to.to_string();
            let served = self.store.history(id, usize::MAX)?.iter().any(|event| event.to.as_ref() == Some(&to));
            let error = if served { CommandError::VersionGone } else { CommandError::UnknownVersion };
            return Err(error(id.clone()));
        };
        Ok((files, self.against(id)))
    }

    /// The digest of the files that a pin set now holds against: those that the catalogue has, or if they cannot be read
    /// at the moment, those that served last from there.
    fn against(&self, id: &PolicyId) -> String {
        if let Some(Seen::Files(digest, _)) = self.seen.get(id) {
            return digest.to_string();
        }
        match self.recall(id) {
            Some(Stored { pin: Some(pin), .. }) => pin.against,
            Some(Stored { files, .. }) => files.digest().to_string(),
            None => String::new(),
        }
    }

    pub(super) fn rolled_back(
        &mut self,
        id: &PolicyId,
        files: &PolicyFiles,
        passed: Result<Release, CommandError>,
        pin: Pin,
    ) -> Result<Changed, CommandError> {
        let by = pin.by.clone();
        let release = self.noting_refusal(id, Some(Digest::of(&files.component)), passed, &by)?;
        let cause = Cause { kind: EventKind::RolledBack, by: &by, pin: Some(pin) };
        let since = self.remember(id, &release, files, cause)?;
        let (version, previous) = (release.version, self.serving_version(id));
        info!(policy = %id, %version, previous = previous.map(tracing::field::display), by, "policy rolled back and pinned");
        audit("rollback", &by, id, previous, version);
        self.put(id, Serving { release: Arc::new(release), since, origin: Origin::Pinned { by } }, None);
        Ok(Changed { version, previous, generation: self.next_generation() })
    }

    pub(super) fn pushed(
        &mut self,
        id: &PolicyId,
        files: &PolicyFiles,
        passed: Result<Release, CommandError>,
        by: &str,
    ) -> Result<Changed, CommandError> {
        let release = self.noting_refusal(id, None, passed, by)?;
        let replaced = deploy::replace(&self.folder(id), files)?;
        let cause = Cause { kind: EventKind::Served, by, pin: None };
        let since = match self.remember(id, &release, files, cause) {
            Ok(since) => since,
            Err(cannot) => {
                if let Err(error) = replaced.undo() {
                    error!(policy = %id, %error, "the folder of a refused push could not be put back; it is looked at again");
                    self.try_again(Scope::Policy(id.clone()));
                }
                return Err(cannot.into());
            }
        };
        // The watch will find what is known already.
        self.seen.insert(id.clone(), Seen::Files(files.digest(), release.ceiling));
        let (version, previous) = (release.version, self.serving_version(id));
        info!(policy = %id, %version, previous = previous.map(tracing::field::display), by, "policy serves");
        audit("push", by, id, previous, version);
        self.put(id, Serving { release: Arc::new(release), since, origin: Origin::Catalogue }, None);
        Ok(Changed { version, previous, generation: self.next_generation() })
    }

    /// Gives a release that somebody asked for, or remembers that it was refused.
    fn noting_refusal(
        &self,
        id: &PolicyId,
        to: Option<Digest>,
        passed: Result<Release, CommandError>,
        by: &str,
    ) -> Result<Release, CommandError> {
        if let Err(CommandError::Refused(failure)) = &passed {
            let event = Event::now(EventKind::Refused, by, self.catalogue.generation);
            self.store.note(id, &event.versions(self.serving_version(id), to).failure(failure))?;
        }
        passed
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
        audit("unpin", by, id, Some(version), version);
        self.put(id, Serving { release, since, origin: Origin::LastKnownGood }, None);
        self.seen.remove(id);
        self.refresh_policy(id);
        Ok(Changed { version, previous: Some(version), generation: self.next_generation() })
    }
}

/// Writes into the log who did what; the policy's history has it too. Who makes the change writes it, so that it is there
/// also if who asked has gone.
fn audit(action: &str, by: &str, id: &PolicyId, from: Option<Digest>, to: Digest) {
    info!(action, by, policy = %id, from = from.map(tracing::field::display), %to, "admin change");
}

/// What a verification that somebody asked for came to.
pub(super) fn passed(id: &PolicyId, ending: Ending, result: Result<Release, Failure>) -> Result<Release, CommandError> {
    if ending == Ending::Outdated {
        return Err(CommandError::Superseded(id.clone()));
    }
    result.map_err(CommandError::Refused)
}
