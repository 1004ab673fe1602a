//! The embedded database: opened, checked, put aside if it is damaged, and opened again after its disk failed.

use std::{
    cell::Cell,
    fmt, fs,
    io::Read as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use redb::{Durability, ReadTransaction, ReadableDatabase as _, WriteTransaction};
use thiserror::Error;

/// The database's file in the data directory.
const FILE: &str = "berth.redb";
/// How long another process may take to let go of it.
const LETTING_GO: Duration = Duration::from_secs(2);

/// Berth's memory failed. What serves goes on serving.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database says no.
    #[error("the data directory's database failed: {0}")]
    Database(Box<redb::Error>),
    /// A record that cannot be read.
    #[error("a record of the data directory's database cannot be read: {0}")]
    Record(#[from] serde_json::Error),
    /// The file is one of an older Berth's. All that it remembers is worth more than a quick start.
    #[error(
        "{FILE} has a format of an older Berth, which this one does not read: start that version again, or move the file \
         away, and Berth begins a new one with what the catalogue has, without history, earlier versions and pins"
    )]
    OldFormat,
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

/// Bytes of the file that it keeps in memory. What is read often is read by Berth into its own; left alone, the database would
/// keep every component of every policy for ever.
const CACHE: usize = 4 << 20;

fn builder() -> redb::Builder {
    let mut builder = redb::Database::builder();
    builder.set_cache_size(CACHE);
    builder
}

/// What was wrong with the database's file, and what became of it.
#[derive(Debug)]
pub enum Damage {
    /// It did not hold together and was repaired.
    Repaired,
    /// It had no bytes.
    Emptied,
    /// It could not be repaired, and lies here now.
    PutAside(PathBuf),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repaired => f.write_str("was damaged and is repaired; the last changes in it may be lost"),
            Self::Emptied => f.write_str("was emptied; a new one begins with the catalogue"),
            Self::PutAside(aside) => {
                write!(f, "was damaged and is put aside as {}; a new one begins with the catalogue", aside.display())
            }
        }
    }
}

/// The database. Each transaction is durable when it is done.
pub(super) struct Database {
    path: PathBuf,
    /// `None` from a failure of the disk until it could be opened again: the database does not trust itself after one.
    open: Mutex<Option<Arc<redb::Database>>>,
}

type Tables<'a> = &'a dyn Fn(&WriteTransaction) -> Result<(), StoreError>;

impl Database {
    /// Opens the database in this directory, or makes one with these tables. A file that is damaged is repaired or put
    /// aside, which is returned.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written, another process has the file open, or its format is an older one.
    pub(super) fn open(directory: &Path, tables: Tables<'_>) -> Result<(Self, Option<Damage>), StoreError> {
        fs::create_dir_all(directory)?;
        let path = directory.join(FILE);
        let database = |open| Self { path: path.clone(), open: Mutex::new(Some(Arc::new(open))) };
        let emptied = fs::metadata(&path).is_ok_and(|file| file.len() == 0);
        match open_sole(&path, tables) {
            Some(Ok((open, _))) if emptied => Ok((database(open), Some(Damage::Emptied))),
            Some(Ok((open, sound))) => Ok((database(open), (!sound).then_some(Damage::Repaired))),
            Some(Err(redb::DatabaseError::DatabaseAlreadyOpen)) => {
                Err(std::io::Error::other("another process has it open").into())
            }
            Some(Err(redb::DatabaseError::UpgradeRequired(_))) if is_old(&path) => Err(StoreError::OldFormat),
            // Not damage: whatever it is, the file is better left alone.
            Some(Err(error)) if !is_damage(&error) => Err(error.into()),
            _ => {
                let aside = directory.join(format!("{FILE}.damaged-{}", jiff::Timestamp::now().as_millisecond()));
                fs::rename(&path, &aside)?;
                let open = builder().create(&path)?;
                write(&open, tables)?;
                Ok((database(open), Some(Damage::PutAside(aside))))
            }
        }
    }

    /// A view of the database as it is now.
    pub(super) fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.with(|database| Ok(database.begin_read()?))
    }

    /// Does all of this, durably, or nothing.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|database| write(database, work))
    }

    /// After a failure of the disk the database answers nothing any more, though there may be space again by now: then
    /// it is opened anew by whoever comes next.
    fn with<T>(&self, work: impl FnOnce(&redb::Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut place = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match place.take() {
            Some(database) => database,
            None => Arc::new(builder().set_check_integrity_on_open(true).open(&self.path)?),
        };
        // A transaction may wait for the disk, or for another; readers do not wait for it.
        *place = Some(database.clone());
        drop(place);
        let done = work(&database);
        if let Err(StoreError::Database(error)) = &done
            && matches!(**error, redb::Error::Io(_) | redb::Error::PreviousIo)
        {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        done
    }
}

fn write<T>(
    database: &redb::Database,
    work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// Opens the file and reads all of it once, and tells whether it was sound without repair. `None` if the database gave up
/// in the middle of it, which it does by panicking on some kinds of damage.
///
/// Nothing is believed before its checksum is seen to hold: the number of a page says how long it is, and a wrong one may say
/// four gibibytes, for which the database makes room.
fn open_sound(path: &Path, tables: Tables<'_>) -> Option<Result<(redb::Database, bool), redb::DatabaseError>> {
    let open = || {
        let fell_back = Rc::new(Cell::new(false));
        let falls_back = fell_back.clone();
        let told = move |repair: &mut redb::RepairSession| {
            // It tells of its first step if the last change did not hold together and the one before it is taken.
            if (0.1..0.5).contains(&repair.progress()) {
                falls_back.set(true);
            }
        };
        let database = builder().set_check_integrity_on_open(true).set_repair_callback(told).create(path)?;
        // Written only if need be: a server starts on a full disk, too.
        if !has_tables(&database)
            && let Err(StoreError::Database(error)) = write(&database, tables)
        {
            return Err(redb::DatabaseError::Storage(match *error {
                redb::Error::Io(error) => redb::StorageError::Io(error),
                error => redb::StorageError::Corrupted(error.to_string()),
            }));
        }
        Ok((database, !fell_back.get()))
    };
    catch_unwind(AssertUnwindSafe(open)).ok()
}

/// As [`open_sound`]; waits for a while for another process to let go of the file. One that was killed may still be ending,
/// and what it was about to start has its files for a moment longer.
fn open_sole(path: &Path, tables: Tables<'_>) -> Option<Result<(redb::Database, bool), redb::DatabaseError>> {
    let given_up = Instant::now() + LETTING_GO;
    loop {
        match open_sound(path, tables) {
            Some(Err(redb::DatabaseError::DatabaseAlreadyOpen)) if Instant::now() < given_up => {
                thread::sleep(LETTING_GO / 100);
            }
            opened => return opened,
        }
    }
}

fn has_tables(database: &redb::Database) -> bool {
    let tables = |database: &redb::Database| Some(database.begin_read().ok()?.list_tables().ok()?.count());
    tables(database) == Some(super::TABLES)
}

/// Whether both of the file's commit slots have the same format, of which they begin with the number. If only one says that
/// it is an old one, a bit of it flipped.
fn is_old(path: &Path) -> bool {
    const SLOTS: [usize; 2] = [64, 192];
    let mut head = [0; 256];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let [first, second] = SLOTS.map(|slot| head.get(slot));
    read.is_ok() && first == second
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
