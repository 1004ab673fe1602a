//! Berth's own memory: every version that served and the files it served with, what served last, what happened.
//!
//! One file of an embedded database in the data directory; each method is one transaction, durable when it returns. Never
//! in the catalogue directory, which belongs to others. Knows no wasmtime and no HTTP.

mod database;
mod kept;
mod record;

pub use record::{Event, EventKind, Pin, Stored};

use std::{num::NonZeroU32, path::Path, time::SystemTime};

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

pub use self::database::{Damage, StoreError};
use self::{
    database::Database,
    record::{Companions, Release},
};
use crate::{
    catalogue::source::PolicyFiles,
    contract::{Digest, Name, PolicyId},
};

/// Digest of a component -> its bytes.
const COMPONENTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("components");
/// Policy and version -> the files the version last served with.
const VERSIONS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("versions");
/// Policy -> what it serves: its last-known-good release.
const RELEASES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("releases");
/// Tenant -> the text of its last good manifest.
const TENANTS: TableDefinition<'_, &str, &str> = TableDefinition::new("tenants");
/// Policy and number -> what happened.
const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");

/// How many tables there are, those of [`kept`] included.
const TABLES: usize = 8;

/// Names -> numbers: the generation.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// The newest generation that may be published without another word to the disk.
const GENERATION: &str = "generation";
/// Events that are kept of one policy.
const MOST_EVENTS: u64 = 1000;

/// Berth's memory.
pub struct Store {
    database: Database,
    /// Versions that are kept of one policy.
    versions: usize,
}

impl Store {
    /// Opens the memory in this directory, or makes one, which keeps so many versions of each policy. A file that is
    /// damaged beyond repair is put aside: what was in it is gone, and the catalogue fills the new one.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written, another process has the file open, or it is an older Berth's.
    pub fn open(directory: &Path, versions: NonZeroU32) -> Result<(Self, Option<Damage>), StoreError> {
        // Tables are there from the start, so that reading never meets a missing one.
        let (database, damage) = Database::open(directory, &|transaction| {
            transaction.open_table(COMPONENTS)?;
            transaction.open_table(VERSIONS)?;
            transaction.open_table(RELEASES)?;
            transaction.open_table(TENANTS)?;
            transaction.open_table(EVENTS)?;
            transaction.open_table(NUMBERS)?;
            kept::create_tables(transaction)
        })?;
        Ok((Self { database, versions: versions.get() as usize }, damage))
    }

    /// Remembers that a policy serves these files from now on, and why. Forgets the oldest versions of the policy if they
    /// are more than are kept, and returns those that no policy has any more.
    ///
    /// # Errors
    ///
    /// If it could not be made durable; then nothing is remembered.
    pub fn serve(&self, id: &PolicyId, stored: &Stored, event: &Event) -> Result<Vec<Digest>, StoreError> {
        let name = id.to_string();
        let version = stored.version.to_string();
        let companions = serde_json::to_vec(&Companions::of(&stored.files))?;
        let release = serde_json::to_vec(&Release::of(stored))?;
        self.database.write(|transaction| {
            let mut components = transaction.open_table(COMPONENTS)?;
            if components.get(version.as_str())?.is_none_or(|kept| kept.value() != stored.files.component) {
                components.insert(version.as_str(), stored.files.component.as_slice())?;
            }
            let mut versions = transaction.open_table(VERSIONS)?;
            versions.insert((name.as_str(), version.as_str()), companions.as_slice())?;
            transaction.open_table(RELEASES)?.insert(name.as_str(), release.as_slice())?;
            append(transaction, &name, event)?;
            let mut unused = Vec::new();
            for old in kept::served(transaction, &name, &version, self.versions)? {
                versions.remove((name.as_str(), old.as_str()))?;
                if kept::is_unused(transaction, &name, &old)? {
                    components.remove(old.as_str())?;
                    unused.extend(old.parse::<Digest>().ok());
                }
            }
            Ok(unused)
        })
    }

    /// Whether some policy has this version.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn has(&self, version: &Digest) -> Result<bool, StoreError> {
        let transaction = self.database.read()?;
        Ok(transaction.open_table(COMPONENTS)?.get(version.to_string().as_str())?.is_some())
    }

    /// The version before the one that a policy serves, if one is kept. What somebody rolled back from does not count: going
    /// back from version to version never comes to it again.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn earlier(&self, id: &PolicyId, serving: Option<&Digest>) -> Result<Option<Digest>, StoreError> {
        let mut line: Vec<Event> = Vec::new();
        for event in self.history(id, usize::MAX)?.into_iter().rev() {
            let place = line.iter().position(|before| before.to == event.to);
            match (event.kind, place) {
                (EventKind::RolledBack, Some(place)) => line.truncate(place + 1),
                (EventKind::Served | EventKind::RolledBack, _) => {
                    line.retain(|before| before.to != event.to);
                    line.push(event);
                }
                _ => {}
            }
        }
        let serving = serving.map(Digest::to_string);
        let earlier = line.into_iter().rev().find(|event| !event.gone && event.to != serving);
        Ok(earlier.and_then(|event| event.to?.parse().ok()))
    }

    /// Remembers something that happened to a policy.
    ///
    /// # Errors
    ///
    /// If it could not be made durable.
    pub fn note(&self, id: &PolicyId, event: &Event) -> Result<(), StoreError> {
        self.database.write(|transaction| append(transaction, &id.to_string(), event))
    }

    /// What a policy served last, with its files. `None` if it never served or its component is damaged.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn last(&self, id: &PolicyId) -> Result<Option<Stored>, StoreError> {
        let name = id.to_string();
        let transaction = self.database.read()?;
        let Some(release) = transaction.open_table(RELEASES)?.get(name.as_str())? else { return Ok(None) };
        let release: Release = serde_json::from_slice(release.value())?;
        let Some(files) = self.files(id, &release.version)? else { return Ok(None) };
        Ok(release.with(files))
    }

    /// Since when a policy serves these files of this version, if they are what it served last and it is not pinned to them.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn since(
        &self,
        id: &PolicyId,
        version: &Digest,
        files: &PolicyFiles,
    ) -> Result<Option<SystemTime>, StoreError> {
        let (name, version) = (id.to_string(), version.to_string());
        let transaction = self.database.read()?;
        let Some(release) = transaction.open_table(RELEASES)?.get(name.as_str())? else { return Ok(None) };
        let release: Release = serde_json::from_slice(release.value())?;
        if release.version != version || release.pin.is_some() {
            return Ok(None);
        }
        let Some(companions) = transaction.open_table(VERSIONS)?.get((name.as_str(), version.as_str()))? else {
            return Ok(None);
        };
        let same = serde_json::from_slice::<Companions>(companions.value())? == Companions::of(files);
        // Held against the bytes themselves: what is damaged here is to be remembered again.
        let kept = transaction.open_table(COMPONENTS)?.get(version.as_str())?;
        let whole = kept.is_some_and(|component| component.value() == files.component);
        Ok((same && whole).then_some(release.since))
    }

    /// Whether what a policy served last is pinned.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn is_pinned(&self, id: &PolicyId) -> Result<bool, StoreError> {
        let transaction = self.database.read()?;
        let Some(release) = transaction.open_table(RELEASES)?.get(id.to_string().as_str())? else { return Ok(false) };
        Ok(serde_json::from_slice::<Release>(release.value())?.pin.is_some())
    }

    /// The files a version of a policy last served with.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn version(&self, id: &PolicyId, version: &Digest) -> Result<Option<PolicyFiles>, StoreError> {
        self.files(id, &version.to_string())
    }

    fn files(&self, id: &PolicyId, version: &str) -> Result<Option<PolicyFiles>, StoreError> {
        let name = id.to_string();
        let transaction = self.database.read()?;
        let Some(companions) = transaction.open_table(VERSIONS)?.get((name.as_str(), version))? else {
            return Ok(None);
        };
        let companions: Companions = serde_json::from_slice(companions.value())?;
        let Some(component) = transaction.open_table(COMPONENTS)?.get(version)? else { return Ok(None) };
        let component = component.value().to_vec();
        Ok((Digest::of(&component).to_string() == version).then(|| companions.with(component)))
    }

    /// Every policy that has a last-known-good release.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn policies(&self) -> Result<Vec<PolicyId>, StoreError> {
        let transaction = self.database.read()?;
        let table = transaction.open_table(RELEASES)?;
        let mut ids = Vec::new();
        for entry in table.iter()? {
            ids.extend(entry?.0.value().parse::<PolicyId>().ok());
        }
        Ok(ids)
    }

    /// Forgets what a policy serves, since it was removed. Its versions stay.
    ///
    /// # Errors
    ///
    /// If it could not be made durable.
    pub fn remove(&self, id: &PolicyId, event: &Event) -> Result<(), StoreError> {
        let name = id.to_string();
        self.database.write(|transaction| {
            transaction.open_table(RELEASES)?.remove(name.as_str())?;
            append(transaction, &name, event)
        })
    }

    /// Remembers a tenant's manifest, or with `None` forgets it.
    ///
    /// # Errors
    ///
    /// If it could not be made durable.
    pub fn put_tenant(&self, tenant: &Name, manifest: Option<&str>) -> Result<(), StoreError> {
        self.database.write(|transaction| {
            let mut table = transaction.open_table(TENANTS)?;
            match manifest {
                Some(text) => table.insert(tenant.as_str(), text)?,
                None => table.remove(tenant.as_str())?,
            };
            Ok(())
        })
    }

    /// The last good manifest of every tenant.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn tenants(&self) -> Result<Vec<(Name, String)>, StoreError> {
        let transaction = self.database.read()?;
        let table = transaction.open_table(TENANTS)?;
        let mut tenants = Vec::new();
        for entry in table.iter()? {
            let (name, manifest) = entry?;
            tenants.extend(name.value().parse().ok().map(|name| (name, manifest.value().to_owned())));
        }
        Ok(tenants)
    }

    /// A generation that no earlier run has gone beyond.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn generation(&self) -> Result<u64, StoreError> {
        let transaction = self.database.read()?;
        Ok(transaction.open_table(NUMBERS)?.get(GENERATION)?.map_or(0, |number| number.value()))
    }

    /// Promises that the next run begins beyond this generation, so that not each one has to be written.
    ///
    /// # Errors
    ///
    /// If it could not be made durable.
    pub fn reserve(&self, generation: u64) -> Result<(), StoreError> {
        self.database.write(|transaction| {
            transaction.open_table(NUMBERS)?.insert(GENERATION, generation)?;
            Ok(())
        })
    }

    /// What happened to a policy, newest first.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn history(&self, id: &PolicyId, most: usize) -> Result<Vec<Event>, StoreError> {
        let name = id.to_string();
        let transaction = self.database.read()?;
        let (table, versions) = (transaction.open_table(EVENTS)?, transaction.open_table(VERSIONS)?);
        let range = table.range((name.as_str(), 0)..=(name.as_str(), u64::MAX))?;
        let event = |entry: Result<_, redb::StorageError>| {
            let (_, record): (_, redb::AccessGuard<'_, &[u8]>) = entry?;
            let mut event: Event = serde_json::from_slice(record.value())?;
            if let Some(to) = &event.to {
                event.gone = versions.get((name.as_str(), to.as_str()))?.is_none();
            }
            Ok(event)
        };
        range.rev().take(most).map(event).collect()
    }
}

fn append(transaction: &WriteTransaction, policy: &str, event: &Event) -> Result<(), StoreError> {
    let mut table = transaction.open_table(EVENTS)?;
    let newest = table.range((policy, 0)..=(policy, u64::MAX))?.next_back().transpose()?.map(|(key, _)| key.value().1);
    let number = newest.map_or(0, |newest| newest + 1);
    table.insert((policy, number), serde_json::to_vec(event)?.as_slice())?;
    if let Some(oldest) = number.checked_sub(MOST_EVENTS) {
        table.remove((policy, oldest))?;
    }
    Ok(())
}
