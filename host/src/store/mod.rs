//! Berth's own memory: every version that served and the files it served with, what served last, what happened.
//!
//! One file of an embedded database in the data directory; each method is one transaction, durable when it returns. Never
//! in the catalogue directory, which belongs to others. Knows no wasmtime and no HTTP.

mod record;

pub use record::{Event, EventKind, Pin, Stored};

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};
use thiserror::Error;

use self::record::{Companions, Release};
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

/// Names -> numbers: the generation.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// The generation of the newest event.
const GENERATION: &str = "generation";

/// The database's file in the data directory.
const FILE: &str = "berth.redb";
/// Events that are kept of one policy.
const MOST_EVENTS: u64 = 1000;

/// Berth's memory failed. What serves goes on serving.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database says no.
    #[error("the data directory's database failed: {0}")]
    Database(Box<redb::Error>),
    /// A record that cannot be read.
    #[error("a record of the data directory's database cannot be read: {0}")]
    Record(#[from] serde_json::Error),
    /// The directory or the file cannot be used.
    #[error("the data directory cannot be used: {0}")]
    Io(#[from] std::io::Error),
}

/// Each step of a transaction has an error type of its own; callers need not tell them apart.
macro_rules! from_database {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })+
    };
}

from_database!(CommitError, DatabaseError, SetDurabilityError, StorageError, TableError, TransactionError);

/// Berth's memory.
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens the memory in this directory, or makes one. A file that is damaged is put aside, and its new name returned:
    /// what was in it is gone, and the catalogue fills the new one.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written, or another process has it open.
    pub fn open(directory: &Path) -> Result<(Self, Option<PathBuf>), StoreError> {
        fs::create_dir_all(directory)?;
        let path = directory.join(FILE);
        match Self::open_sound(&path) {
            Some(Ok(database)) => Ok((Self { database }, None)),
            Some(Err(redb::DatabaseError::DatabaseAlreadyOpen)) => {
                Err(std::io::Error::other("another process has it open").into())
            }
            // Not damage: whatever it is, the file is better left alone.
            Some(Err(error)) if !is_damage(&error) => Err(error.into()),
            _ => {
                let aside = directory.join(format!("{FILE}.damaged-{}", jiff::Timestamp::now().as_millisecond()));
                fs::rename(&path, &aside)?;
                let store = Self { database: Database::create(&path)? };
                store.create_tables()?;
                Ok((store, Some(aside)))
            }
        }
    }

    /// Opens the file and reads all of it once. `None` if the database gave up in the middle of it, which it does by
    /// panicking on some kinds of damage.
    fn open_sound(path: &Path) -> Option<Result<Database, redb::DatabaseError>> {
        let open = || {
            let mut database = Database::create(path)?;
            database.check_integrity()?;
            let store = Self { database };
            if let Err(StoreError::Database(error)) = store.create_tables() {
                return Err(redb::DatabaseError::Storage(redb::StorageError::Corrupted(error.to_string())));
            }
            Ok(store.database)
        };
        catch_unwind(AssertUnwindSafe(open)).ok()
    }

    /// Tables are there from the start, so that reading never meets a missing one.
    fn create_tables(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(COMPONENTS)?;
            transaction.open_table(VERSIONS)?;
            transaction.open_table(RELEASES)?;
            transaction.open_table(TENANTS)?;
            transaction.open_table(EVENTS)?;
            transaction.open_table(NUMBERS)?;
            Ok(())
        })
    }

    /// Remembers that a policy serves these files from now on, and why.
    ///
    /// # Errors
    ///
    /// If it could not be made durable; then nothing is remembered.
    pub fn serve(&self, id: &PolicyId, stored: &Stored, event: &Event) -> Result<(), StoreError> {
        let name = id.to_string();
        let version = stored.version.to_string();
        let companions = serde_json::to_vec(&Companions::of(&stored.files))?;
        let release = serde_json::to_vec(&Release::of(stored))?;
        self.write(|transaction| {
            let mut components = transaction.open_table(COMPONENTS)?;
            if components.get(version.as_str())?.is_none_or(|kept| kept.value() != stored.files.component) {
                components.insert(version.as_str(), stored.files.component.as_slice())?;
            }
            transaction.open_table(VERSIONS)?.insert((name.as_str(), version.as_str()), companions.as_slice())?;
            transaction.open_table(RELEASES)?.insert(name.as_str(), release.as_slice())?;
            append(transaction, &name, event)
        })
    }

    /// Remembers something that happened to a policy.
    ///
    /// # Errors
    ///
    /// If it could not be made durable.
    pub fn note(&self, id: &PolicyId, event: &Event) -> Result<(), StoreError> {
        self.write(|transaction| append(transaction, &id.to_string(), event))
    }

    /// What a policy served last, with its files. `None` if it never served or its component is damaged.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn last(&self, id: &PolicyId) -> Result<Option<Stored>, StoreError> {
        let name = id.to_string();
        let transaction = self.database.begin_read()?;
        let Some(release) = transaction.open_table(RELEASES)?.get(name.as_str())? else { return Ok(None) };
        let release: Release = serde_json::from_slice(release.value())?;
        let Some(files) = self.files(id, &release.version)? else { return Ok(None) };
        Ok(release.with(files))
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
        let transaction = self.database.begin_read()?;
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
        let transaction = self.database.begin_read()?;
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
        self.write(|transaction| {
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
        self.write(|transaction| {
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
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(TENANTS)?;
        let mut tenants = Vec::new();
        for entry in table.iter()? {
            let (name, manifest) = entry?;
            tenants.extend(name.value().parse().ok().map(|name| (name, manifest.value().to_owned())));
        }
        Ok(tenants)
    }

    /// The newest generation that something happened in, over restarts.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn generation(&self) -> Result<u64, StoreError> {
        let transaction = self.database.begin_read()?;
        Ok(transaction.open_table(NUMBERS)?.get(GENERATION)?.map_or(0, |number| number.value()))
    }

    /// What happened to a policy, newest first.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn history(&self, id: &PolicyId, most: usize) -> Result<Vec<Event>, StoreError> {
        let name = id.to_string();
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(EVENTS)?;
        let range = table.range((name.as_str(), 0)..=(name.as_str(), u64::MAX))?;
        range.rev().take(most).map(|entry| Ok(serde_json::from_slice(entry?.1.value())?)).collect()
    }

    fn write(&self, work: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        work(&transaction)?;
        Ok(transaction.commit()?)
    }
}

/// Whether opening failed because of what is in the file.
fn is_damage(error: &redb::DatabaseError) -> bool {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        redb::DatabaseError::Storage(redb::StorageError::Corrupted(_)) | redb::DatabaseError::UpgradeRequired(_) => {
            true
        }
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) => {
            matches!(error.kind(), InvalidData | UnexpectedEof)
        }
        _ => false,
    }
}

fn append(transaction: &WriteTransaction, policy: &str, event: &Event) -> Result<(), StoreError> {
    let mut table = transaction.open_table(EVENTS)?;
    let newest = table.range((policy, 0)..=(policy, u64::MAX))?.next_back().transpose()?.map(|(key, _)| key.value().1);
    let number = newest.map_or(0, |newest| newest + 1);
    table.insert((policy, number), serde_json::to_vec(event)?.as_slice())?;
    transaction.open_table(NUMBERS)?.insert(GENERATION, event.generation)?;
    if let Some(oldest) = number.checked_sub(MOST_EVENTS) {
        table.remove((policy, oldest))?;
    }
    Ok(())
}
