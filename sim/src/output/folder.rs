//! A folder that is filled beside its place and moved there when it is complete.

use super::NAMES;
use crate::run::RunError;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the files of a run go, and where they are until they are complete.
pub(crate) struct Folder {
    target: PathBuf,
    partial: PathBuf,
    committed: bool,
    /// The folder beside, which this run alone fills: locked.
    _lock: File,
}

impl Folder {
    /// Makes room for the files of a run that is to be found in `target`.
    ///
    /// # Errors
    /// It is no folder, or one with something else in it, or cannot be written beside, or another run
    /// does.
    pub fn create(target: &Path) -> Result<Folder, RunError> {
        let output = |path: &Path, source| RunError::Output { path: path.to_owned(), source };
        match fs::read_dir(target) {
            Ok(mut entries) => {
                if entries.next().is_some() && !is_a_runs(target) {
                    return Err(RunError::NotOurs(target.to_owned()));
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(output(target, error)),
        }
        let partial = beside(target, ".partial");
        fs::create_dir_all(&partial).map_err(|error| output(&partial, error))?;
        let lock = File::open(&partial).map_err(|error| output(&partial, error))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(RunError::Busy(target.to_owned())),
            // Where the file system knows no locks, one run at a time is the user's business.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        // Whoever had the lock may just have moved the folder into place.
        if !is_at(&lock, &partial) {
            return Err(RunError::Busy(target.to_owned()));
        }
        // An earlier run may have been killed.
        clear(&partial).map_err(|error| output(&partial, error))?;
        Ok(Folder { target: target.to_owned(), partial, committed: false, _lock: lock })
    }

    /// Begins one of the files.
    pub fn file(&self, name: &str) -> Result<File, RunError> {
        File::create(self.partial.join(name)).map_err(|source| self.error(name, source))
    }

    /// Writes a whole file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        fs::write(self.partial.join(name), bytes).map_err(|source| self.error(name, source))
    }

    /// A file that is none of those that a run leaves, for as long as the run takes.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.partial.join(name)
    }

    /// What went wrong with a file, under the name it would have had.
    pub fn error(&self, name: &str, source: io::Error) -> RunError {
        RunError::Output { path: self.target.join(name), source }
    }

    /// Moves the files into place. Those of an earlier run give way, other files stay.
    pub fn commit(mut self) -> Result<(), RunError> {
        if self.target.exists() {
            for name in NAMES {
                let (from, to) = (self.partial.join(name), self.target.join(name));
                let moved = if from.exists() { fs::rename(&from, &to) } else { absent(&to) };
                moved.map_err(|source| self.error(name, source))?;
            }
            fs::remove_dir(&self.partial).map_err(|source| self.error("", source))?;
        } else {
            fs::rename(&self.partial, &self.target).map_err(|source| self.error("", source))?;
        }
        self.committed = true;
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.committed {
            // If even that fails, there is nothing left to try: the next run tries again.
            let _ = discard(&self.partial);
        }
    }
}

/// The path with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(|| OsString::from("out"), OsString::from);
    name.push(suffix);
    path.with_file_name(name)
}

/// Whether a folder has the manifest of a run: others leave a `manifest.json`, too.
fn is_a_runs(folder: &Path) -> bool {
    let manifest = fs::read(folder.join("manifest.json")).unwrap_or_default();
    let manifest = serde_json::from_slice::<serde_json::Value>(&manifest);
    manifest.is_ok_and(|manifest| manifest.get("lockstep").is_some())
}

/// Whether a folder that was opened is still the one at a path.
fn is_at(folder: &File, path: &Path) -> bool {
    let which = |found: fs::Metadata| (found.dev(), found.ino());
    match (folder.metadata(), fs::metadata(path)) {
        (Ok(opened), Ok(there)) => which(opened) == which(there),
        _ => false,
    }
}

/// Removes what a run may have left in a folder, in which nothing else may be.
fn clear(partial: &Path) -> io::Result<()> {
    for entry in fs::read_dir(partial)? {
        let name = entry?.file_name();
        let known =
            name.to_str().is_some_and(|name| NAMES.contains(&name) || name.starts_with("ticks."));
        if !known {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        fs::remove_file(partial.join(name))?;
    }
    Ok(())
}

/// Removes a folder with what a run may have left in it, and nothing else.
fn discard(partial: &Path) -> io::Result<()> {
    clear(partial)?;
    fs::remove_dir(partial)
}

/// Removes a file that may not be there.
fn absent(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
