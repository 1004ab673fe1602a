//! What the local DPS keeps on disk: enrollments, certificates, devices and what happened to them.
//!
//! One file of an embedded database. All writes go through one thread, which commits together whatever has come in while
//! the last commit ran: each is durable when its call returns, and a thousand at once cost a few commits.

mod devices;
mod file;

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, mpsc},
};

use redb::{Durability, ReadableTable as _, TableDefinition, WriteTransaction};
use thiserror::Error;
use tokio::sync::oneshot;

use self::{
    devices::{DEVICES, HISTORY},
    file::File,
};
use super::enrollment::{Enrollment, Kind};

pub use devices::Outdated;

/// Kind (0 individual, 1 group) and lower-case id -> an enrollment.
const ENROLLMENTS: TableDefinition<'_, (u8, &str), &[u8]> = TableDefinition::new("enrollments");
/// Name -> PEM: the certificate store.
const CERTIFICATES: TableDefinition<'_, &str, &str> = TableDefinition::new("certificates");

/// Writes of one commit. Beyond it the first would wait long for the last.
const MOST_AT_ONCE: usize = 512;

/// The data file failed.
#[derive(Debug, Clone, Error)]
#[error("the local DPS's data file failed: {0}")]
pub struct StoreError(String);

type Finish = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&WriteTransaction) -> Result<Finish, StoreError> + Send>;

/// The data file. Cloning it is cheap.
#[derive(Clone)]
pub struct Store {
    file: Arc<File>,
    jobs: mpsc::Sender<Job>,
    /// Every device without an individual enrollment is held against all of them.
    groups: Arc<RwLock<Arc<Vec<Arc<Enrollment>>>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the file in this directory, or begins one.
    ///
    /// # Errors
    ///
    /// If it cannot be used, for example since another process uses it.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory).map_err(failed)?;
        Self::of(File::at(&directory.join("dps.redb"))?)
    }

    fn of(file: File) -> Result<Self, StoreError> {
        let file = Arc::new(file);
        let begin = file.write()?;
        begin.open_table(ENROLLMENTS).map_err(failed)?;
        begin.open_table(DEVICES).map_err(failed)?;
        begin.open_table(HISTORY).map_err(failed)?;
        begin.open_table(CERTIFICATES).map_err(failed)?;
        begin.commit().map_err(failed)?;
        let (jobs, queue) = mpsc::channel();
        let writer = file.clone();
        std::thread::Builder::new()
            .name("dps-store".into())
            .spawn(move || write_all(&writer, &queue))
            .map_err(failed)?;
        let store = Self { file, jobs, groups: Arc::default() };
        store.refresh_groups()?;
        Ok(store)
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let value = work(transaction)?;
            Ok(Box::new(move |committed| drop(sender.send(committed.map(|()| value)))))
        });
        self.jobs.send(job).map_err(failed)?;
        // The sender is dropped unused if the transaction was given up.
        receiver.await.map_err(|_| StoreError("the transaction was given up".into()))?
    }

    /// An enrollment.
    pub(super) fn enrollment(&self, kind: Kind, id: &str) -> Result<Option<Enrollment>, StoreError> {
        let transaction = self.file.read()?;
        let table = transaction.open_table(ENROLLMENTS).map_err(failed)?;
        let found = table.get((number(kind), key(id).as_str())).map_err(failed)?;
        found.map(|entry| parse(entry.value())).transpose()
    }

    /// All groups.
    pub(super) fn groups(&self) -> Arc<Vec<Arc<Enrollment>>> {
        self.groups.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Enrollments of a kind in the order of their ids, from the one after `after`.
    pub(super) fn enrollments(&self, kind: Kind, after: &str, most: usize) -> Result<Vec<Enrollment>, StoreError> {
        let transaction = self.file.read()?;
        let table = transaction.open_table(ENROLLMENTS).map_err(failed)?;
        let after = key(after);
        let range = table.range((number(kind), after.as_str())..(number(kind) + 1, "")).map_err(failed)?;
        let mut found = Vec::new();
        for entry in range {
            let (id, enrollment) = entry.map_err(failed)?;
            if after.is_empty() || id.value().1 != after {
                found.push(parse(enrollment.value())?);
            }
            if found.len() == most {
                break;
            }
        }
        Ok(found)
    }

    /// Writes what `change` makes of an enrollment: `None` removes it. An error of `change` is handed back and nothing is
    /// written.
    pub(super) async fn change_enrollment<T: Send + 'static, E: Send + 'static>(
        &self,
        kind: Kind,
        id: &str,
        change: impl FnOnce(Option<Enrollment>) -> Result<(Option<Enrollment>, T), E> + Send + 'static,
    ) -> Result<Result<T, E>, StoreError> {
        let id = key(id);
        let changed = self
            .write(move |transaction| {
                let mut table = transaction.open_table(ENROLLMENTS).map_err(failed)?;
                let place = (number(kind), id.as_str());
                let now = table.get(place).map_err(failed)?.map(|entry| parse(entry.value())).transpose()?;
                match change(now) {
                    Ok((Some(enrollment), value)) => {
                        table.insert(place, to_json(&enrollment)?.as_slice()).map_err(failed)?;
                        Ok(Ok(value))
                    }
                    Ok((None, value)) => {
                        table.remove(place).map_err(failed)?;
                        Ok(Ok(value))
                    }
                    Err(error) => Ok(Err(error)),
                }
            })
            .await?;
        if kind == Kind::Group {
            self.refresh_groups()?;
        }
        Ok(changed)
    }

    fn refresh_groups(&self) -> Result<(), StoreError> {
        // Locked before it is read, so that of two changes at once the later is what stays.
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        *groups = Arc::new(self.enrollments(Kind::Group, "", usize::MAX)?.into_iter().map(Arc::new).collect());
        Ok(())
    }

    /// Puts a certificate into the certificate store.
    pub(super) async fn put_certificate(&self, name: &str, pem: &str) -> Result<(), StoreError> {
        let (name, pem) = (name.to_owned(), pem.to_owned());
        self.write(move |transaction| {
            let mut table = transaction.open_table(CERTIFICATES).map_err(failed)?;
            table.insert(name.as_str(), pem.as_str()).map_err(failed)?;
            Ok(())
        })
        .await
    }

    /// A certificate of the certificate store, in PEM.
    pub(super) fn certificate(&self, name: &str) -> Result<Option<String>, StoreError> {
        let transaction = self.file.read()?;
        let table = transaction.open_table(CERTIFICATES).map_err(failed)?;
        Ok(table.get(name).map_err(failed)?.map(|pem| pem.value().to_owned()))
    }
}

/// Commits what comes in, as much at once as there is, until nobody can send any more.
fn write_all(file: &File, queue: &mpsc::Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let jobs = std::iter::once(first).chain(std::iter::from_fn(|| queue.try_recv().ok())).take(MOST_AT_ONCE);
        if let Err(error) = write_together(file, jobs) {
            tracing::error!(%error, "nothing was written");
            file.renew();
        }
    }
}

fn write_together(file: &File, jobs: impl Iterator<Item = Job>) -> Result<(), StoreError> {
    let mut transaction = file.write()?;
    transaction.set_durability(Durability::Immediate).map_err(failed)?;
    let finishes = jobs.map(|job| job(&transaction)).collect::<Result<Vec<_>, _>>()?;
    let committed = transaction.commit().map_err(failed);
    for finish in finishes {
        finish(committed.clone());
    }
    committed
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError(error.to_string())
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(failed)
}

fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(failed)
}

/// Ids are compared without regard to case.
fn key(id: &str) -> String {
    id.to_ascii_lowercase()
}

fn number(kind: Kind) -> u8 {
    match kind {
        Kind::Individual => 0,
        Kind::Group => 1,
    }
}
