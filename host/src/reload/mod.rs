//! Turns changes of the catalogue directory into the next snapshot: watch, settle, compare, verify, publish.
//!
//! One task owns all of it. Whatever goes wrong keeps what serves, is written to that policy's state, is logged once, and
//! touches no other policy. Nothing here is on the way of a request.

mod programs;
mod verify;
mod watch;

pub use verify::{Failure, Stage};

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::{programs::Programs, verify::Verifier, watch::Watch};
use crate::{
    catalogue::{
        Catalogue, Current, Policy, Tenant, TenantManifest,
        source::{self, PolicyFiles},
    },
    contract::{Digest, Limits, Name, PolicyId},
    engine::Engine,
};

/// What a change of files may concern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// Anything.
    All,
    /// A tenant and all of its policies.
    Tenant(Name),
    /// One policy.
    Policy(PolicyId),
}

/// The owner of the catalogue: reads it, and keeps it up to date.
pub struct Reloader {
    directory: PathBuf,
    verifier: Verifier,
    current: Arc<Current>,
    /// The catalogue as last published.
    catalogue: Catalogue,
    /// The manifest each tenant was last read with, to tell a change from a touch.
    tenants: HashMap<Name, (String, Limits)>,
    /// What was last found in a policy's folder, good or bad: looked at once, then not again until it changes.
    seen: HashMap<PolicyId, Seen>,
}

/// What was found in a policy's folder.
#[derive(PartialEq, Eq, Clone)]
enum Seen {
    /// Files of this content, to run under these limits.
    Files(Digest, Limits),
    /// Files that could not be read, and why.
    Unreadable(String),
}

impl Reloader {
    /// An owner of the catalogue in this directory, which publishes to `current`. Reads nothing yet.
    #[must_use]
    pub fn new(directory: PathBuf, engine: Engine, limits: Limits, current: Arc<Current>) -> Self {
        Self {
            directory,
            verifier: Verifier::new(engine, limits, Programs::default()),
            current,
            catalogue: Catalogue::default(),
            tenants: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    /// Reads the whole catalogue for the first time. Policies that cannot be loaded are logged, and the rest serves.
    ///
    /// # Errors
    ///
    /// If the directory itself cannot be read.
    pub async fn load(&mut self) -> anyhow::Result<()> {
        let names = source::tenants(&self.directory)
            .with_context(|| format!("failed to read the catalogue {}", self.directory.display()))?;
        self.refresh_tenants(names).await;
        self.publish();
        Ok(())
    }

    /// Follows the directory until told to stop.
    ///
    /// # Errors
    ///
    /// If the directory cannot be watched.
    pub async fn follow(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut watch = Watch::start(&self.directory)?;
        // What changed between reading and watching.
        self.refresh(BTreeSet::from([Scope::All])).await;
        while let Some(scopes) = tokio::select! {
            scopes = watch.changes() => scopes,
            () = stop.cancelled() => None,
        } {
            self.refresh(scopes).await;
        }
        Ok(())
    }

    /// Brings these parts of the catalogue up to date and publishes if anything changed.
    async fn refresh(&mut self, scopes: BTreeSet<Scope>) {
        let mut changed = false;
        for scope in scopes {
            changed |= match scope {
                Scope::All => match source::tenants(&self.directory) {
                    Ok(names) => self.refresh_tenants(names).await,
                    Err(error) => {
                        warn!(%error, "the catalogue cannot be read; what served before still serves");
                        false
                    }
                },
                Scope::Tenant(tenant) => self.refresh_tenant(&tenant).await,
                Scope::Policy(id) => self.refresh_policy(&id).await,
            };
        }
        if changed {
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.catalogue.generation += 1;
        self.current.publish(self.catalogue.clone());
        info!(generation = self.catalogue.generation, "catalogue published");
    }

    async fn refresh_tenants(&mut self, names: Vec<Name>) -> bool {
        let gone: Vec<Name> = self.catalogue.tenants.keys().filter(|name| !names.contains(name)).cloned().collect();
        let mut changed = !gone.is_empty();
        for tenant in gone {
            info!(%tenant, "tenant removed");
            self.catalogue.tenants.remove(&tenant);
            self.tenants.remove(&tenant);
            self.seen.retain(|id, _| id.tenant != tenant);
        }
        for tenant in names {
            changed |= self.refresh_tenant(&tenant).await;
        }
        changed
    }

    async fn refresh_tenant(&mut self, name: &Name) -> bool {
        let folder = self.directory.join(name.as_str());
        if !folder.is_dir() {
            // Removed, or being replaced; the look at the whole directory that follows tells.
            return match source::tenants(&self.directory) {
                Ok(names) if !names.contains(name) => self.remove_tenant(name),
                _ => false,
            };
        }
        let mut changed = self.refresh_manifest(name, &folder);
        if !self.catalogue.tenants.contains_key(name) {
            return changed;
        }
        match source::policies(&folder) {
            Ok(names) => {
                changed |= self.remove_policies_but(name, &names);
                for policy in names {
                    changed |= self.refresh_policy(&PolicyId { tenant: name.clone(), policy }).await;
                }
            }
            Err(error) => warn!(tenant = %name, %error, "the tenant cannot be read; its policies serve as before"),
        }
        changed
    }

    fn remove_tenant(&mut self, name: &Name) -> bool {
        self.tenants.remove(name);
        self.seen.retain(|id, _| id.tenant != *name);
        let removed = self.catalogue.tenants.remove(name).is_some();
        if removed {
            info!(tenant = %name, "tenant removed");
        }
        removed
    }

    /// Reads a tenant's keys and limits. A broken manifest keeps the keys that served.
    fn refresh_manifest(&mut self, name: &Name, folder: &Path) -> bool {
        let text = match source::read_tenant(folder) {
            Ok(text) => text,
            Err(error) => {
                warn!(tenant = %name, %error, "tenant refused; what served before still serves");
                return false;
            }
        };
        if self.tenants.get(name).is_some_and(|(seen, _)| *seen == text) {
            return false;
        }
        let manifest = match TenantManifest::parse(&text) {
            Ok(manifest) => manifest,
            Err(error) => {
                warn!(tenant = %name, %error, "{} refused; what served before still serves", source::TENANT_FILE);
                return false;
            }
        };
        let limits = manifest.limits.within(self.verifier.limits());
        self.tenants.insert(name.clone(), (text, limits));
        let policies = self.catalogue.tenants.get(name).map_or_else(BTreeMap::new, |tenant| tenant.policies.clone());
        let tenant = Tenant { keys: manifest.keys.into(), policies };
        self.catalogue.tenants.insert(name.clone(), Arc::new(tenant));
        info!(tenant = %name, "tenant serves");
        true
    }

    fn remove_policies_but(&mut self, tenant: &Name, kept: &[Name]) -> bool {
        let Some(entry) = self.catalogue.tenants.get_mut(tenant) else {
            return false;
        };
        let gone: Vec<Name> = entry.policies.keys().filter(|name| !kept.contains(name)).cloned().collect();
        for policy in &gone {
            Arc::make_mut(entry).policies.remove(policy);
            let id = PolicyId { tenant: tenant.clone(), policy: policy.clone() };
            info!(policy = %id, "policy removed");
            self.seen.remove(&id);
        }
        !gone.is_empty()
    }

    async fn refresh_policy(&mut self, id: &PolicyId) -> bool {
        let Some((_, limits)) = self.tenants.get(&id.tenant) else {
            return false;
        };
        let limits = *limits;
        let tenant_folder = self.directory.join(id.tenant.as_str());
        let folder = tenant_folder.join(id.policy.as_str());
        if !folder.is_dir() {
            return match source::policies(&tenant_folder) {
                Ok(names) => self.remove_policies_but(&id.tenant, &names),
                Err(_) => false,
            };
        }
        let files = PolicyFiles::read(&folder);
        let seen = match &files {
            Ok(files) => Seen::Files(files.digest(), limits),
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        if self.seen.get(id) == Some(&seen) {
            return false;
        }
        self.seen.insert(id.clone(), seen);
        let serving = self.serving(id);
        let verified = match files {
            Ok(files) => self.verifier.verify(files, limits).await,
            Err(error) => Err(Failure::new(Stage::Read, error.to_string())),
        };
        let policy = match verified {
            Ok(release) => {
                let before = serving.and_then(|policy| policy.release.as_ref().map(|release| release.version));
                info!(policy = %id, version = %release.version, previous = before.map(tracing::field::display), "policy serves");
                Policy { id: id.clone(), release: Some(Arc::new(release)), failure: None }
            }
            Err(failure) => {
                let release = serving.and_then(|policy| policy.release.clone());
                let effect =
                    if release.is_some() { "what served before still serves" } else { "the policy does not serve" };
                warn!(policy = %id, stage = failure.stage.as_str(), reason = failure.reason, "policy refused; {effect}");
                Policy { id: id.clone(), release, failure: Some(failure.to_string()) }
            }
        };
        if let Some(tenant) = self.catalogue.tenants.get_mut(&id.tenant) {
            Arc::make_mut(tenant).policies.insert(id.policy.clone(), Arc::new(policy));
        }
        true
    }

    fn serving(&self, id: &PolicyId) -> Option<Arc<Policy>> {
        self.catalogue.tenants.get(&id.tenant)?.policies.get(&id.policy).cloned()
    }
}
