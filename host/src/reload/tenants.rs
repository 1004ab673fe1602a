//! Tenants come, change and go.

use std::{collections::BTreeMap, fmt, fs, io, io::ErrorKind, path::Path, sync::Arc, time::SystemTime};

use tokio::time::Instant;
use tracing::{info, warn};

use super::{Reloader, Scope};
use crate::{
    admission::Share,
    catalogue::{
        Failed, Tenant, TenantManifest,
        source::{self, TENANT_FILE},
    },
    contract::{Failure, Name, PolicyId, Stage},
    store::{Event, EventKind, StoreError},
};

impl Reloader {
    /// Brings back the tenants of the last run, so that their policies can be brought back if the directory has none.
    pub(super) fn recall_tenants(&mut self) -> Result<(), StoreError> {
        for (name, text) in self.store.tenants()? {
            match TenantManifest::parse(&text) {
                Ok(manifest) => self.put_tenant(&name, text, &manifest),
                Err(error) => {
                    warn!(tenant = %name, %error, "the tenant's remembered manifest is not understood any more")
                }
            }
        }
        Ok(())
    }

    pub(super) fn refresh_all(&mut self) {
        self.find_tenants().iter().for_each(|tenant| self.refresh_tenant(tenant));
    }

    /// Takes note of which tenants the directory has, and gives those that are to be looked at.
    pub(super) fn find_tenants(&mut self) -> Vec<Name> {
        let lost = match source::tenants(&self.directory) {
            // An empty directory is taken for a lost one: it is what a failed mount or an rm in the wrong place leave.
            Ok(names) if names.is_empty() && !self.catalogue.tenants.is_empty() => "it is empty".to_owned(),
            Ok(names) => {
                self.find();
                let gone: Vec<Name> =
                    self.catalogue.tenants.keys().filter(|name| !names.contains(name)).cloned().collect();
                gone.into_iter().for_each(|tenant| self.miss(Scope::Tenant(tenant)));
                let refused = self.catalogue.refused.len();
                self.catalogue.refused.retain(|name, _| names.contains(name));
                self.changed |= self.catalogue.refused.len() < refused;
                return names;
            }
            Err(error) => error.to_string(),
        };
        self.lose(&lost);
        Vec::new()
    }

    /// The directory is gone or empty: everything serves on as it was.
    fn lose(&mut self, why: &str) {
        self.missing.clear();
        if self.catalogue.lost.as_deref() != Some(why) {
            warn!(reason = why, "the catalogue is lost; what served before still serves");
            self.catalogue.lost = Some(why.to_owned());
            self.changed = true;
        }
    }

    fn find(&mut self) {
        if self.catalogue.lost.take().is_some() {
            info!("the catalogue is back");
            self.changed = true;
        }
    }

    pub(super) fn refresh_tenant(&mut self, name: &Name) {
        let folder = self.directory.join(name.as_str());
        if !folder.is_dir() {
            self.forget_refusal(name);
            return self.miss(Scope::Tenant(name.clone()));
        }
        // Where an emptied directory is filled again, it is a tenant's folder that says that it is back.
        if self.catalogue.lost.is_some() {
            return self.refresh_all();
        }
        self.missing.remove(&Scope::Tenant(name.clone()));
        self.refresh_manifest(name, &folder);
        let Some(tenant) = self.catalogue.tenants.get(name) else { return };
        match source::policies(&folder) {
            Ok(policies) => {
                let gone: Vec<Name> =
                    tenant.policies.keys().filter(|policy| !policies.contains(policy)).cloned().collect();
                let id = |policy| PolicyId { tenant: name.clone(), policy };
                gone.into_iter().for_each(|policy| self.miss(Scope::Policy(id(policy))));
                policies.into_iter().for_each(|policy| self.refresh_policy(&id(policy)));
            }
            Err(error) => warn!(tenant = %name, %error, "the tenant cannot be read; its policies serve as before"),
        }
    }

    /// Reads a tenant's keys and limits. A broken manifest keeps what served.
    fn refresh_manifest(&mut self, name: &Name, folder: &Path) {
        let text = match source::read_tenant(folder) {
            Ok(text) => text,
            Err(error) => return self.refuse_tenant(name, error.stage(), &error),
        };
        if self.tenants.get(name).is_some_and(|(seen, _)| *seen == text) {
            return self.forget_refusal(name);
        }
        let manifest = match TenantManifest::parse(&text) {
            Ok(manifest) => manifest,
            Err(error) => return self.refuse_tenant(name, Stage::Manifest, &error),
        };
        if let Err(error) = self.store.put_tenant(name, Some(&text)) {
            self.metrics.manifest_refusals.add();
            warn!(tenant = %name, %error, "tenant refused: it cannot be remembered; what served before still serves");
            return self.try_again(Scope::Tenant(name.clone()));
        }
        self.forget_refusal(name);
        self.put_tenant(name, text, &manifest);
        info!(tenant = %name, "tenant serves");
    }

    fn refuse_tenant(&mut self, name: &Name, stage: Stage, error: &dyn fmt::Display) {
        self.metrics.manifest_refusals.add();
        let failure = Failure::new(stage, error);
        // It is read again with every change of the tenant; since when it is refused stays.
        if self.catalogue.refused.get(name).is_none_or(|failed| failed.failure != failure) {
            self.catalogue.refused.insert(name.clone(), Failed { failure, at: SystemTime::now() });
            self.changed = true;
        }
        warn!(tenant = %name, %error, file = TENANT_FILE, "tenant refused; what served before still serves");
    }

    fn forget_refusal(&mut self, name: &Name) {
        self.changed |= self.catalogue.refused.remove(name).is_some();
    }

    fn put_tenant(&mut self, name: &Name, text: String, manifest: &TenantManifest) {
        let limits = manifest.limits.within(self.verifier.limits());
        self.tenants.insert(name.clone(), (text, limits));
        let policies = self.catalogue.tenants.get(name).map_or_else(BTreeMap::new, |tenant| tenant.policies.clone());
        let quotas = manifest.quotas.within(self.quotas);
        let kept = self.catalogue.tenants.get(name).map(|tenant| &tenant.share);
        // What is under way stays counted.
        let share = match kept {
            Some(share) if share.quotas() == quotas => share.clone(),
            Some(share) => Arc::new(share.resized(quotas)),
            None => Arc::new(Share::new(quotas)),
        };
        let tenant = Tenant { keys: manifest.keys.clone().into(), tokens: manifest.tokens.clone(), share, policies };
        self.catalogue.tenants.insert(name.clone(), Arc::new(tenant));
        self.changed = true;
    }

    /// Something is not there any more. That counts only if it is still so in a while: a directory that is being replaced
    /// or deleted is for a moment one in which something is missing.
    pub(super) fn miss(&mut self, scope: Scope) {
        let known = match &scope {
            Scope::All => false,
            Scope::Tenant(tenant) => self.catalogue.tenants.contains_key(tenant),
            Scope::Policy(id) => self.policy(id).is_some() || self.seen.contains_key(id),
        };
        if known {
            let counts = Instant::now() + self.removal_grace;
            self.missing.entry(scope).or_insert(counts);
        }
    }

    /// Removes what has been missing long enough, if the directory it was in is still there.
    pub(super) fn confirm_missing(&mut self) {
        let now = Instant::now();
        let due: Vec<Scope> =
            self.missing.iter().filter(|(_, when)| **when <= now).map(|(scope, _)| scope.clone()).collect();
        match source::tenants(&self.directory) {
            Ok(names) if names.is_empty() => return self.lose("it is empty"),
            Ok(_) => {}
            Err(error) => return self.lose(&error.to_string()),
        }
        for scope in due {
            self.missing.remove(&scope);
            match scope {
                Scope::All => {}
                Scope::Tenant(tenant) if is_gone(&self.directory.join(tenant.as_str())) => self.remove_tenant(&tenant),
                // With its tenant gone too, it is the tenant's removal that counts.
                Scope::Policy(id) if self.directory.join(id.tenant.as_str()).is_dir() => {
                    if is_gone(&self.folder(&id)) {
                        self.remove_policy(&id);
                    }
                }
                Scope::Tenant(_) | Scope::Policy(_) => {}
            }
        }
    }

    fn remove_tenant(&mut self, name: &Name) {
        let policies = self.catalogue.tenants.get(name).map(|tenant| tenant.policies.keys().cloned().collect());
        let policies: Vec<Name> = policies.unwrap_or_default();
        policies.into_iter().for_each(|policy| self.remove_policy(&PolicyId { tenant: name.clone(), policy }));
        if let Err(error) = self.store.put_tenant(name, None) {
            warn!(tenant = %name, %error, "the tenant's removal cannot be remembered; it comes back at the next start");
        }
        self.tenants.remove(name);
        self.catalogue.tenants.remove(name);
        self.changed = true;
        info!(tenant = %name, "tenant removed");
    }

    fn remove_policy(&mut self, id: &PolicyId) {
        self.seen.remove(id);
        self.tickets.void(id);
        let Some(tenant) = self.catalogue.tenants.get_mut(&id.tenant) else { return };
        let Some(policy) = Arc::make_mut(tenant).policies.remove(&id.policy) else { return };
        let event = Event::now(EventKind::Removed, "catalogue", self.next_generation());
        let event = event.versions(policy.serving.as_ref().map(|serving| serving.release.version), None);
        if let Err(error) = self.store.remove(id, &event) {
            warn!(policy = %id, %error, "the policy's removal cannot be remembered; it comes back at the next start");
        }
        self.changed = true;
        info!(policy = %id, "policy removed");
    }
}

/// Whether there is no such folder. One that may not be looked at is there as far as anybody knows.
fn is_gone(folder: &Path) -> bool {
    let absent = |error: io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    fs::metadata(folder).map_or_else(absent, |found| !found.is_dir())
}
