//! The data file itself: opened, and opened again once the disk has failed it.
//!
//! The database trusts its file no more after a write that failed, which a full disk is enough for. What was committed is
//! still there, so it is opened anew, and a local DPS goes on once there is room again.

use std::{
    fs::{OpenOptions, Permissions},
    io::ErrorKind,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::{PoisonError, RwLock},
};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase as _, StorageError, TransactionError, WriteTransaction,
};

use super::{StoreError, failed};

type Open = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

pub(super) struct File {
    open: Open,
    /// None while it cannot be opened.
    database: RwLock<Option<Database>>,
}

impl File {
    /// Opens the file at this path, or begins one.
    pub(super) fn at(path: &Path) -> Result<Self, StoreError> {
        keep_private(path).map_err(failed)?;
        let path = path.to_owned();
        // A file that was damaged is refused for what it is, and not read until something gives way.
        Self::opened(Box::new(move || Database::builder().set_check_integrity_on_open(true).create(&path)))
    }

    pub(super) fn opened(open: Open) -> Result<Self, StoreError> {
        let database = RwLock::new(Some(open().map_err(|error| failed(in_words(&error)))?));
        Ok(Self { open, database })
    }

    pub(super) fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.begin(Database::begin_read)
    }

    pub(super) fn write(&self) -> Result<WriteTransaction, StoreError> {
        self.begin(Database::begin_write)
    }

    /// Closes the file, which a write has failed, and opens it again; if that fails, whoever needs it next tries once more.
    pub(super) fn renew(&self) {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // Closed first, since it is open for one at a time.
        *database = None;
        *database =
            (self.open)().inspect_err(|error| tracing::error!(%error, "the data file was not opened again")).ok();
    }

    fn begin<T>(&self, begin: impl Fn(&Database) -> Result<T, TransactionError>) -> Result<T, StoreError> {
        if let Some(database) = &*self.database.read().unwrap_or_else(PoisonError::into_inner) {
            return begin(database).map_err(failed);
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let opened = match database.take() {
            // Another has opened it meanwhile.
            Some(opened) => opened,
            None => (self.open)().map_err(failed)?,
        };
        begin(database.insert(opened)).map_err(failed)
    }
}

/// Why the file is not opened, and what to do.
fn in_words(error: &DatabaseError) -> String {
    let what_to_do = match error {
        DatabaseError::DatabaseAlreadyOpen => "another local DPS has it open: end that one, or set another `data`",
        DatabaseError::UpgradeRequired(_) => "it is of another version's format: start that one, or move the file away",
        DatabaseError::Storage(StorageError::Corrupted(_)) => DAMAGED,
        DatabaseError::Storage(StorageError::Io(error))
            if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            DAMAGED
        }
        _ => return error.to_string(),
    };
    format!("{error}; {what_to_do}")
}

const DAMAGED: &str = "it is damaged, or another program's: move it away, and a new one begins without its devices";

/// The file holds all keys, so nobody but its owner reads it; an older one may still be open to others.
fn keep_private(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use redb::{StorageBackend, backends::InMemoryBackend};

    use super::*;
    use crate::dps::store::Store;

    /// A disk on which nothing more can be written while it is full.
    #[derive(Debug, Clone, Default)]
    struct Disk {
        file: Arc<InMemoryBackend>,
        is_full: Arc<AtomicBool>,
    }

    impl Disk {
        fn room(&self) -> io::Result<()> {
            if self.is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            StorageBackend::read(&*self.file, offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.room()?;
            self.file.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.room()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.room()?;
            StorageBackend::write(&*self.file, offset, data)
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_borne_and_over_once_there_is_room() {
        let disk = Disk::default();
        let kept = disk.clone();
        let open = move || Database::builder().set_cache_size(0).create_with_backend(kept.clone());
        let store = Store::of(File::opened(Box::new(open)).unwrap()).unwrap();
        store.put_certificate("before", "pem").await.unwrap();
        disk.is_full.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            store.put_certificate("lost", "pem").await.unwrap_err();
        }
        disk.is_full.store(false, Ordering::SeqCst);
        assert_eq!(store.certificate("before").unwrap().as_deref(), Some("pem"));
        store.put_certificate("after", "pem").await.unwrap();
        let read = ["before", "lost", "after"].map(|name| store.certificate(name).unwrap().is_some());
        assert_eq!(read, [true, false, true]);
    }
}
