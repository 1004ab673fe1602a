//! Reads plain files, of a size at most, and of a folder only what lies in it.
//!
//! Knows nothing of what the files are for.

use std::{
    fs::{self, File},
    io::Read as _,
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::source::SourceError;

/// A folder whose files are read, with what is really behind its name. It may itself be a link; but who may write into a
/// policy's folder, and into a repository that is checked out there, may not read all that the server can.
pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    real: PathBuf,
}

impl<'a> Place<'a> {
    pub(super) fn of(folder: &'a Path) -> Result<Self, SourceError> {
        let real = folder.canonicalize().map_err(|source| SourceError::Io { path: folder.to_owned(), source })?;
        Ok(Self { folder, real })
    }

    /// Reads a file, if it lies in the folder. What counts is what was opened, wherever names lead a moment later.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, SourceError> {
        let error = |source| SourceError::Io { path: path.to_owned(), source };
        match open(path) {
            Ok((file, length)) => {
                let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(error)?;
                self.holds(&real, path)?;
                content(file, length, path, limit)
            }
            // Of what lies elsewhere nothing is told but that.
            Err(refused @ SourceError::NotAFile { .. }) => {
                self.holds(&path.canonicalize().map_err(error)?, path)?;
                Err(refused)
            }
            Err(refused) => Err(refused),
        }
    }

    fn holds(&self, real: &Path, path: &Path) -> Result<(), SourceError> {
        match real.starts_with(&self.real) {
            true => Ok(()),
            false => Err(SourceError::Outside { path: path.to_owned(), folder: self.folder.to_owned() }),
        }
    }
}

/// Reads a plain file, wherever it lies.
pub(super) fn plain(path: &Path, limit: u64) -> Result<Vec<u8>, SourceError> {
    let (file, length) = open(path)?;
    content(file, length, path, limit)
}

/// Opens a plain file, which says that it has so many bytes.
fn open(path: &Path) -> Result<(File, u64), SourceError> {
    let error = |source| SourceError::Io { path: path.to_owned(), source };
    let not_a_file = || SourceError::NotAFile { path: path.to_owned() };
    // Asked before opening, which may do something to a device; and after, since it may be another thing by then. To open a
    // pipe does not wait for a writer.
    if !fs::metadata(path).map_err(error)?.is_file() {
        return Err(not_a_file());
    }
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(error)?;
    let opened = file.metadata().map_err(error)?;
    if opened.is_file() { Ok((file, opened.len())) } else { Err(not_a_file()) }
}

/// Reads what people know as `path`.
fn content(file: File, length: u64, path: &Path, limit: u64) -> Result<Vec<u8>, SourceError> {
    let error = |source| SourceError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // In one piece. It is only what the file says of itself.
    let length = usize::try_from(length.min(limit)).unwrap_or_default();
    bytes.try_reserve_exact(length).map_err(|why| error(why.into()))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > limit {
        return Err(SourceError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}
