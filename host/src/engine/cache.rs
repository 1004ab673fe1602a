//! Compiled code on disk, by component and engine.
//!
//! Loading code trusts it completely, so an entry carries a code that only the holder of this cache's key can make.
//! An entry that does not carry the right one, whoever damaged it, is no entry: the component is compiled again.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::Engine;
use crate::contract::Digest;

/// Bytes of the key and of an entry's code.
const LENGTH: usize = 32;

/// The file of the key.
pub const KEY: &str = "key";
/// Most bytes of an entry that are read; a longer one is damaged.
const MOST: u64 = super::compiler::MAX_CODE + LENGTH as u64;

/// Compiled code on disk.
pub struct Cache {
    folder: PathBuf,
    key: [u8; LENGTH],
    /// Tells engines apart whose code is not the same.
    engine: u64,
}

impl Cache {
    /// Opens the cache in this folder, or makes one.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn open(folder: &Path, engine: &Engine) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        let mut hasher = DefaultHasher::new();
        engine.wasmtime.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder: folder.to_owned(), key: key(&folder.join(KEY))?, engine: hasher.finish() })
    }

    /// The code of this component, if the cache has it whole.
    #[must_use]
    pub fn get(&self, component: &Digest) -> Option<Vec<u8>> {
        let file = fs::File::open(self.path(component)).ok()?;
        // It was of use now, for whoever removes what was not for long.
        let _ = file.set_modified(SystemTime::now());
        let length = file.metadata().ok()?.len().min(MOST);
        let mut entry = Vec::new();
        entry.try_reserve_exact(usize::try_from(length).ok()?).ok()?;
        file.take(MOST).read_to_end(&mut entry).ok()?;
        let (code, mac) = entry.split_last_chunk::<LENGTH>()?;
        // Hashes of this kind are compared without telling by the time taken where they differ.
        (self.mac(component, code) == *mac).then_some(())?;
        // At the end, so that what is before it stays where it is.
        entry.truncate(entry.len() - LENGTH);
        Some(entry)
    }

    /// Keeps the code of this component.
    ///
    /// # Errors
    ///
    /// If it cannot be written. The component will be compiled again.
    pub fn put(&self, component: &Digest, content: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(content)?;
        file.write_all(self.mac(component, content).as_bytes())?;
        file.persist(self.path(component))?;
        Ok(())
    }

    /// Removes the code of this component. What cannot be removed is in nobody's way.
    pub(super) fn remove(&self, component: &Digest) {
        let _ = fs::remove_file(self.path(component));
    }

    /// Removes everything but the key and the entries, made by an engine such as this, of the components that are wanted.
    pub(super) fn sweep(&self, wanted: &dyn Fn(&Digest) -> bool) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let component = name.to_str().and_then(|name| name.split_once('-')).and_then(|(name, _)| name.parse().ok());
            let stays = |component: &Digest| entry.path() == self.path(component) && wanted(component);
            if name != KEY && !component.as_ref().is_some_and(stays) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, component: &Digest) -> PathBuf {
        self.folder.join(format!("{component}-{:016x}", self.engine))
    }

    /// Over the entry's name too, so that an entry cannot be passed off as another's.
    fn mac(&self, component: &Digest, content: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(component.to_string().as_bytes());
        mac.update(&self.engine.to_le_bytes());
        mac.update(content);
        mac.finalize()
    }
}

/// The cache's key. One that is not there or not whole is made anew, and no older entry is an entry any more.
fn key(path: &Path) -> io::Result<[u8; LENGTH]> {
    if let Ok(key) = fs::read(path).and_then(|bytes| <[u8; LENGTH]>::try_from(bytes).map_err(|_| io::Error::other("")))
    {
        return Ok(key);
    }
    let mut key = [0; LENGTH];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let mut new = path.to_owned();
    new.set_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    Ok(key)
}
