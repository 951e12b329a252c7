//! The file of results of one shard, to which a line is added at a time.
//!
//! Invariant: what was written before stays, whatever happens. Not here: the lines (`line.rs`).

use super::line::{Line, LineError, read};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file of results that is written.
#[derive(Debug)]
pub struct Results {
    file: File,
    path: PathBuf,
}

/// Results that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The file is there, and nobody said that it is to be gone on with.
    #[error("{}: is already there; --resume goes on with it, or name another file", .0.display())]
    There(PathBuf),
    /// It cannot be gone on with.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The system does not let it.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Results {
    /// A new file.
    ///
    /// # Errors
    /// It is there already, or cannot be made.
    pub fn create(path: &Path) -> Result<Results, ResultsError> {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => Ok(Results { file, path: path.to_owned() }),
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {
                Err(ResultsError::There(path.to_owned()))
            }
            Err(source) => Err(ResultsError::Write { path: path.to_owned(), source }),
        }
    }

    /// A file to go on with, a new one if there is none. `take` gets each line that it has. A last
    /// line that was cut short is cut off; whether there was one is told.
    ///
    /// # Errors
    /// It has something else in it, or cannot be written.
    pub fn resume(path: &Path, take: impl FnMut(Line)) -> Result<(Results, bool), ResultsError> {
        if !path.exists() {
            return Ok((Results::create(path)?, false));
        }
        let extent = read(path, take)?;
        let open = || {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.set_len(extent.bytes)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file =
            open().map_err(|source| ResultsError::Write { path: path.to_owned(), source })?;
        Ok((Results { file, path: path.to_owned() }, extent.torn))
    }

    /// Adds a line, and hands it to the system at once.
    ///
    /// # Errors
    /// The system does not take it.
    pub fn add(&mut self, line: &Line) -> Result<(), ResultsError> {
        let wrote = self.file.write_all(line.text().as_bytes());
        wrote.map_err(|source| ResultsError::Write { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::{Status, tests::line};
    use super::*;

    fn fresh(name: &str) -> PathBuf {
        let name = format!("lockstep-swarm-results-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_file_that_was_cut_short_is_gone_on_with() {
        let path = fresh("cut");
        let lines = [0, 1, 2].map(|unit| line(unit, Status::Ok));
        let mut results = Results::create(&path).unwrap();
        lines[..2].iter().for_each(|line| results.add(line).unwrap());
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"schema\":1,\"bu"].concat()).unwrap();
        let mut there = Vec::new();
        let (mut results, torn) = Results::resume(&path, |line| there.push(line)).unwrap();
        results.add(&lines[2]).unwrap();
        assert!(torn);
        assert_eq!(there, lines[..2]);
        let text = lines.iter().map(Line::text).collect::<String>();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let (_, torn) = Results::resume(&path, |_| ()).unwrap();
        assert!(!torn);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_there_stays() {
        let path = fresh("there");
        Results::create(&path).unwrap().add(&line(0, Status::Ok)).unwrap();
        let error = Results::create(&path).unwrap_err().to_string();
        assert!(error.contains("is already there; --resume goes on with it"), "{error}");
        std::fs::write(&path, "something else\n").unwrap();
        let error = Results::resume(&path, |_| ()).unwrap_err().to_string();
        assert!(error.contains(":1: this is no result of `lockstep swarm`"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "something else\n");
        std::fs::remove_file(path).unwrap();
    }
}
