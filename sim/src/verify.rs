//! Runs again what left its files in a folder, and names the first thing that differs.
//!
//! Invariant: the folder is read and not written; the second run leaves nothing behind.

use crate::output::{Manifest, beside};
use crate::plan::{Backend, Plan};
use crate::run::{RunError, RunOptions, execute};
use crate::scenario::{self, Request, RequestError};
use serde_json::Value;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// What a second run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every file is the same.
    Same {
        /// The trace digest.
        trace: String,
    },
    /// Something differs.
    Differs(Difference),
    /// It was interrupted before it was clear.
    Interrupted,
}

/// The first thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The folder was changed, or the inputs were: the runs cannot be the same.
    Input(String),
    /// An event: its line in both runs, nothing where one has ended.
    Event {
        /// The number of the line, from 1.
        line: u64,
        /// As it was.
        was: Option<String>,
        /// As it is.
        is: Option<String>,
    },
    /// A file, at this byte.
    File {
        /// Its name.
        name: &'static str,
        /// Where the first different byte is.
        offset: u64,
    },
}

/// A run cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The manifest is none.
    #[error("{}: is no manifest: {why}", path.display())]
    NoManifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The run did not come from a scenario, or was stopped at no particular time.
    #[error("{}: cannot be run again: {why}", path.display())]
    NotRepeatable {
        /// The folder.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// No plan can be made any more of what was asked for.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The second run failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl VerifyError {
    /// The exit code: 2 when the folder is the wrong one, else 3.
    pub fn exit_code(&self) -> u8 {
        match self {
            VerifyError::NoManifest { .. } | VerifyError::NotRepeatable { .. } => 2,
            VerifyError::Unreadable { .. } | VerifyError::Request(_) => 3,
            VerifyError::Run(error) => error.exit_code(),
        }
    }
}

/// Runs again what left its files in `dir`, and compares.
///
/// Paths in the manifest are relative to the directory that the first run was started in; so this
/// one has to be started there too.
///
/// # Errors
/// It could not be run again.
pub fn verify(
    dir: &Path,
    progress: bool,
    interrupted: Option<&AtomicBool>,
) -> Result<Verified, VerifyError> {
    let (manifest, request) = read(dir)?;
    let scenario = request.plan()?;
    if let Some(difference) = changed(&manifest, &request, &scenario.plan)? {
        return Ok(Verified::Differs(difference));
    }
    // Several may verify one folder at once.
    let again = Again(beside(dir, &format!(".verify-{}", std::process::id())));
    let options = RunOptions {
        backend: if manifest.backend == "heap" { Backend::Heap } else { Backend::Dpdk },
        out: Some(again.0.clone()),
        interrupted,
        progress,
        name: scenario.name,
        request: Some(request),
        ..RunOptions::default()
    };
    let summary = execute(&scenario.plan, &options)?;
    if summary.outcome.ended == crate::engine::Ended::Interrupted {
        return Ok(Verified::Interrupted);
    }
    if let Some(difference) = first_event(dir, &again.0)? {
        return Ok(Verified::Differs(difference));
    }
    for name in ["out.pcapng", "ticks.txt", "counters.txt", "report.txt"] {
        if let Some(offset) = first_byte(&dir.join(name), &again.0.join(name))? {
            return Ok(Verified::Differs(Difference::File { name, offset }));
        }
    }
    let (is, _) = read(&again.0)?;
    // Another version of DPDK may carry the same packets.
    if (Manifest { backend: manifest.backend.clone(), ..is.clone() }) != manifest {
        let offset = first_byte(&dir.join("manifest.json"), &again.0.join("manifest.json"))?;
        let name = "manifest.json";
        return Ok(Verified::Differs(Difference::File { name, offset: offset.unwrap_or(0) }));
    }
    Ok(Verified::Same { trace: is.trace })
}

/// The folder of the second run, which goes away in the end.
struct Again(PathBuf);

impl Drop for Again {
    fn drop(&mut self) {
        for name in crate::output::NAMES {
            let _ = fs::remove_file(self.0.join(name));
        }
        let _ = fs::remove_dir(&self.0);
    }
}

fn read(dir: &Path) -> Result<(Manifest, Request), VerifyError> {
    let path = dir.join("manifest.json");
    let text = read_text(&path)?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|error| VerifyError::NoManifest { path, why: error.to_string() })?;
    let repeatable = |why| VerifyError::NotRepeatable { path: dir.to_owned(), why };
    if manifest.ended == "interrupted" {
        return Err(repeatable("the run was interrupted"));
    }
    let Some(mut request) = manifest.request.clone() else {
        return Err(repeatable("it did not come from a scenario"));
    };
    request.scenario = read_text(&dir.join("scenario.toml"))?;
    Ok((manifest, request))
}

fn read_text(path: &Path) -> Result<String, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { path: path.to_owned(), source };
    fs::read_to_string(path).map_err(unreadable)
}

/// Whether what goes into the run is not what went into it.
fn changed(
    manifest: &Manifest,
    request: &Request,
    plan: &Plan,
) -> Result<Option<Difference>, VerifyError> {
    if manifest.scenario != Some(scenario::digest(&request.scenario)) {
        let what = "scenario.toml is not the scenario that was run".to_owned();
        return Ok(Some(Difference::Input(what)));
    }
    if manifest.seed != plan.config.seed {
        return Ok(Some(Difference::Input("the seed is another one".to_owned())));
    }
    let reloaded = manifest.reloads.iter().zip(&plan.reloads);
    if let Some((was, _)) = reloaded.into_iter().find(|(was, is)| was != is) {
        let what = format!("{} is not the configuration that was read", was.file);
        return Ok(Some(Difference::Input(what)));
    }
    for input in &manifest.inputs {
        let (Some(file), Some(was)) = (&input.file, &input.xxh3_128) else { continue };
        let info = crate::capture::CaptureInfo::scan(file).map_err(RunError::from)?;
        if format!("{:032x}", info.digest) != *was {
            let what = format!("{} is not the file that was replayed", file.display());
            return Ok(Some(Difference::Input(what)));
        }
    }
    Ok(None)
}

/// The first line in which two runs' events differ.
fn first_event(was: &Path, is: &Path) -> Result<Option<Difference>, VerifyError> {
    let name = "events.jsonl";
    let (was, is) = (was.join(name), is.join(name));
    let (mut was, mut is) = (Lines::open(&was)?, Lines::open(&is)?);
    for line in 1.. {
        let more = (was.next()?, is.next()?);
        if was.line != is.line {
            let shown = |more: bool, line: &str| more.then(|| line.trim_end().to_owned());
            let (was, is) = (shown(more.0, &was.line), shown(more.1, &is.line));
            return Ok(Some(Difference::Event { line, was, is }));
        }
        if !more.0 && !more.1 {
            break;
        }
    }
    Ok(None)
}

struct Lines<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    line: String,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Lines<'a>, VerifyError> {
        let reader = BufReader::with_capacity(1 << 16, open(path)?);
        Ok(Lines { path, reader, line: String::new() })
    }

    /// Reads the next line, and says whether there was one.
    fn next(&mut self) -> Result<bool, VerifyError> {
        self.line.clear();
        let read = self.reader.read_line(&mut self.line);
        let unreadable = |source| VerifyError::Unreadable { path: self.path.to_owned(), source };
        Ok(read.map_err(unreadable)? > 0)
    }
}

fn open(path: &Path) -> Result<File, VerifyError> {
    File::open(path).map_err(|source| VerifyError::Unreadable { path: path.to_owned(), source })
}

/// The first byte in which two files differ.
fn first_byte(was: &Path, is: &Path) -> Result<Option<u64>, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { path: was.to_owned(), source };
    let mut was_bytes = BufReader::new(open(was)?).bytes();
    let mut is_bytes = BufReader::new(open(is)?).bytes();
    for offset in 0.. {
        match (was_bytes.next().transpose(), is_bytes.next().transpose()) {
            (Ok(None), Ok(None)) => break,
            (Ok(a), Ok(b)) if a == b => {}
            (Ok(_), Ok(_)) => return Ok(Some(offset)),
            (Err(error), _) | (_, Err(error)) => return Err(unreadable(error)),
        }
    }
    Ok(None)
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verified::Same { trace } => write!(f, "the same: every file, trace {trace}"),
            Verified::Differs(difference) => write!(f, "different: {difference}"),
            Verified::Interrupted => write!(f, "interrupted before it was clear"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Input(what) => f.write_str(what),
            Difference::File { name, offset } => write!(f, "{name}, from byte {offset} on"),
            Difference::Event { line, was, is } => {
                let either = was.as_deref().or(is.as_deref()).unwrap_or_default();
                write!(f, "event {line}{}", place(either))?;
                let shown = |line: &Option<String>| match line {
                    Some(line) => line.clone(),
                    None => "nothing: the run has ended".to_owned(),
                };
                write!(f, "\n  was {}\n  is  {}", shown(was), shown(is))
            }
        }
    }
}

/// `, lcore 1, tick 17, job recv_fwd, packet 5`
fn place(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<Value>(line) else {
        return ", which is no line of JSON".to_owned();
    };
    let mut place = String::new();
    for (key, name) in [("lcore", "lcore"), ("tick", "tick"), ("job", "job"), ("pkt", "packet")] {
        match &event[key] {
            Value::String(word) => place.push_str(&format!(", {name} {word}")),
            Value::Number(n) => place.push_str(&format!(", {name} {n}")),
            _ => {}
        }
    }
    place
}

#[cfg(test)]
mod tests;
