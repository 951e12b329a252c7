//! A starting scenario, guessed from captures: which device was recorded, its ports, addresses and
//! peers. Each guess stands in the scenario with the evidence for it.
//!
//! It reads each capture once (`observe.rs`), finds out which station is the device (`device.rs`),
//! what its links look like (`links.rs`), and writes that down (`write.rs`).
//!
//! Invariant: what comes out is a scenario that parses and runs, whatever the capture holds. Where
//! nothing is known something is made up, and a comment says so.

mod device;
mod links;
mod observe;
mod write;

#[cfg(test)]
mod tests;

use crate::capture::{CaptureError, CaptureInfo};
use crate::plan::Ours;
use crate::scenario::{is_name, starts};
use dataplane::Nanos;
use observe::Observed;
use std::path::{Path, PathBuf};

/// A capture to guess from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name of its port, if somebody said it.
    pub port: Option<String>,
    /// The file.
    pub path: PathBuf,
}

/// A guessed scenario.
#[derive(Clone, Debug)]
pub struct Guess {
    /// The scenario, with comments.
    pub toml: String,
    /// What was guessed, in a few lines.
    pub summary: Vec<String>,
}

/// Why nothing could be guessed.
#[derive(Debug, thiserror::Error)]
pub enum GuessError {
    /// A capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// No port can be called that, or two would be.
    #[error("{0}")]
    Name(String),
}

/// One interface of one capture: what a port is made of.
#[derive(Clone, Debug)]
struct Side {
    name: String,
    path: PathBuf,
    /// Its number in the capture, if that has several.
    interface: Option<u32>,
    /// How long after the first capture this one began.
    start: Nanos,
    /// What the file says it is called.
    called: Option<String>,
}

/// Guesses a scenario of the device that `sources` recorded. `ours` are addresses that it has, as
/// far as somebody knows; paths in the scenario are written as seen from `dir`.
///
/// # Errors
/// A capture cannot be read, or the name of a port is impossible.
pub fn scenario(sources: &[Source], ours: &[Ours], dir: &Path) -> Result<Guess, GuessError> {
    let mut infos = Vec::new();
    for source in sources {
        infos.push(CaptureInfo::scan(&source.path)?);
    }
    let sides = sides(sources, &infos)?;
    let mut observed = Observed::new(&sides);
    for source in sources {
        observed.read(&source.path)?;
    }
    let device = device::find(&observed, ours);
    let network = links::network(&observed, &device, ours);
    Ok(write::scenario(&sides, &device, &network, dir))
}

/// The sides of all captures, each with a name of its own.
fn sides(sources: &[Source], infos: &[CaptureInfo]) -> Result<Vec<Side>, GuessError> {
    let mut sides: Vec<Side> = Vec::new();
    for ((source, info), start) in sources.iter().zip(infos).zip(starts(infos)) {
        let several = info.interfaces.len() > 1;
        // A pcapng without a packet may declare no interface; it is a port all the same.
        for number in 0..info.interfaces.len().max(1) {
            let called = info.interfaces.get(number).and_then(|i| i.name.clone());
            let name = match &source.port {
                Some(name) if !is_name(name) => {
                    return Err(GuessError::Name(format!("a port cannot be called \"{name}\"")));
                }
                Some(name) if !several => name.clone(),
                Some(name) => format!("{name}{number}"),
                None => port_name(called.as_deref(), &source.path, sides.len()),
            };
            let name = match sides.iter().any(|side| side.name == name) {
                true if source.port.is_some() => {
                    let why = format!("two captures are for port {name}: name each once");
                    return Err(GuessError::Name(why));
                }
                true => format!("{name}-{}", sides.len()),
                false => name,
            };
            let interface = several.then(|| u32::try_from(number).unwrap_or(u32::MAX));
            sides.push(Side { name, path: source.path.clone(), interface, start, called });
        }
    }
    sides.truncate(PORTS);
    Ok(sides)
}

/// Ports that a scenario may have, less one for a port that is made up.
const PORTS: usize = 31;

/// What to call a port: as the capture says, else as the file is called.
fn port_name(called: Option<&str>, path: &Path, number: usize) -> String {
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    for name in [called.unwrap_or_default(), stem] {
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
        let name: String = name.chars().map(allowed).take(24).collect();
        let name = name.trim_matches('-');
        if is_name(name) {
            return name.to_owned();
        }
    }
    format!("port{number}")
}

/// "1 packet", "2 packets".
fn many(n: u64, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}

/// "once", "2 times".
fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}
