//! A run in one file: `NAME.lockstep` has all that it takes to have a failure again, anywhere.
//!
//! The file is TOML: what failed and why, the digest of all that happened, and a scenario that names
//! no other file. Frames are spelled out, faults are concrete words; nothing in it is drawn from a
//! random stream, so that it stays the same run when streams change.
//!
//! Invariant: what was written reads as it was; a format of which this version does not know is refused
//! by its number. Not here: how a request becomes a [`Case`] (`bundle/case.rs`), how a case is made
//! smaller (`shrink.rs`), what else is made of it (`export.rs`).

mod case;
mod losses;
mod repro;
#[cfg(test)]
mod tests;

pub use case::{Case, CaseInput};
pub(crate) use case::{comment, hex, last_arrival};
pub(crate) use losses::Losses;
pub use repro::Again;

use crate::cli::exit;
use crate::oracle::Breach;
use crate::run::RunError;
use crate::scenario::{LoadError, Overrides, Request, RequestError, text};
use crate::trial::Verdict;
use dataplane::Nanos;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use toml::Value;

/// The format of the files that this version writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// The version of Lockstep that this is.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How the name of a file ends.
pub const EXTENSION: &str = "lockstep";

const HEAD: &str = "\
# A run of Lockstep, whole. `lockstep repro FILE` has it again, `lockstep shrink FILE` makes it smaller,
# `lockstep export FILE` makes a test, a capture or a script of it.
";

/// A run in one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// What is run.
    pub case: Case,
    /// The version of Lockstep that made it.
    pub lockstep: String,
    /// What carried the packets.
    pub backend: String,
    /// What was wrong. Nothing: the run held.
    pub breaches: Vec<Said>,
    /// The digest of all that happened. Nothing: it panicked.
    pub digest: Option<String>,
    /// The virtual time at which the run is given up that does not come to rest; nothing: never.
    pub patience: Option<Nanos>,
    /// Frames of captures that no port receives, snapped ones or too long ones: they are not in it.
    pub left_out: u64,
}

/// What an oracle said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The oracle.
    pub oracle: String,
    /// Why.
    pub why: String,
}

impl From<&Breach> for Said {
    fn from(breach: &Breach) -> Said {
        Said { oracle: breach.oracle.to_owned(), why: breach.why.clone() }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.oracle, self.why)
    }
}

/// There is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// No plan can be made of what was asked for.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// It cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A port reads its capture itself: what it receives when depends on a file.
    #[error(
        "port {0} is of kind \"pcap\" and polls a capture itself, which a bundle cannot hold: make it \
         a ring port with an [[input]] of that capture"
    )]
    Polled(String),
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is none.
    #[error("{}: is no bundle: {why}", path.display())]
    NoBundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A format of another version.
    #[error(
        "{}: is a bundle of format {format}, and Lockstep {VERSION} knows format {FORMAT}: use Lockstep \
         {lockstep}, which made it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: i64,
        /// Who made it.
        lockstep: String,
    },
}

impl BundleError {
    /// The exit code: 2 when the wrong thing was asked for, else 3.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            BundleError::Polled(_) | BundleError::NoBundle { .. } | BundleError::Format { .. } => {
                exit::USAGE
            }
            BundleError::Request(_)
            | BundleError::Unreadable { .. }
            | BundleError::Unwritable { .. } => exit::ENVIRONMENT,
            BundleError::Run(error) => error.exit_code(),
        }
    }
}

impl From<LoadError> for BundleError {
    fn from(error: LoadError) -> BundleError {
        BundleError::Request(error.into())
    }
}

/// The file as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BundleFile {
    #[serde(rename = "format")]
    _format: u32,
    lockstep: String,
    backend: String,
    digest: Option<String>,
    patience: Option<String>,
    left_out: Option<u64>,
    #[serde(default)]
    breaches: Vec<Said>,
    #[serde(default)]
    faults: Vec<String>,
    #[serde(default)]
    fail_on: Vec<String>,
    scenario: String,
}

impl Bundle {
    /// The bundle of a case that was tried on `backend`, and of what came of it.
    pub fn of<O>(
        case: Case,
        verdict: &Verdict<O>,
        backend: &str,
        patience: Option<Nanos>,
        left_out: u64,
    ) -> Bundle {
        Bundle {
            case,
            lockstep: VERSION.to_owned(),
            backend: backend.to_owned(),
            breaches: verdict.breaches.iter().map(Said::from).collect(),
            digest: verdict.outcome().map(|outcome| outcome.digests.trace.to_string()),
            patience,
            left_out,
        }
    }

    /// The name of its scenario.
    pub fn name(&self) -> &str {
        self.case.tables.get("name").and_then(Value::as_str).unwrap_or("run")
    }

    /// Reads the bundle at `path`.
    ///
    /// # Errors
    /// It cannot be read, is none, or of a format that is not known.
    pub fn read(path: &Path) -> Result<Bundle, BundleError> {
        let unreadable = |source| BundleError::Unreadable { path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(unreadable)?;
        let no_bundle = |why: String| BundleError::NoBundle { path: path.to_owned(), why };
        let text = String::from_utf8(bytes).map_err(|_| no_bundle("it is no text".to_owned()))?;
        Bundle::parse(&text, path)
    }

    /// Reads a bundle from its text; `path` is its name in errors.
    ///
    /// # Errors
    /// It is none, or of a format that is not known.
    pub fn parse(text: &str, path: &Path) -> Result<Bundle, BundleError> {
        let no_bundle = |why: String| BundleError::NoBundle { path: path.to_owned(), why };
        let in_toml = |error: toml::de::Error| no_bundle(error.to_string().trim_end().to_owned());
        let table: toml::Table = toml::from_str(text).map_err(in_toml)?;
        match table.get("format").and_then(Value::as_integer) {
            Some(format) if format == i64::from(FORMAT) => {}
            Some(format) => {
                let lockstep = table.get("lockstep").and_then(Value::as_str).unwrap_or("of then");
                let (path, lockstep) = (path.to_owned(), lockstep.to_owned());
                return Err(BundleError::Format { path, format, lockstep });
            }
            None => return Err(no_bundle("it does not say its `format`".to_owned())),
        }
        let file: BundleFile = toml::from_str(text).map_err(in_toml)?;
        let faults = file.faults.iter().map(|fault| fault.parse()).collect::<Result<_, _>>();
        let asked = file.fail_on.iter().map(|asked| asked.parse()).collect::<Result<_, _>>();
        let patience = file.patience.as_deref().map(text::duration).transpose();
        let overrides = Overrides {
            faults: faults.map_err(no_bundle)?,
            asked: asked.map_err(no_bundle)?,
            ..Overrides::default()
        };
        let request = Request {
            file: path.display().to_string(),
            scenario: file.scenario,
            overrides,
            ..Request::default()
        };
        let (case, _) = Case::of(&request)?;
        Ok(Bundle {
            case,
            lockstep: file.lockstep,
            backend: file.backend,
            breaches: file.breaches,
            digest: file.digest,
            patience: patience.map_err(no_bundle)?,
            left_out: file.left_out.unwrap_or(0),
        })
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        let mut text = String::from(HEAD);
        let mut key = |key: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key} = {value}");
        };
        key("format", FORMAT.to_string());
        key("lockstep", quoted(&self.lockstep));
        key("backend", quoted(&self.backend));
        if let Some(digest) = &self.digest {
            key("digest", quoted(digest));
        }
        if let Some(patience) = self.patience {
            key("patience", quoted(&patience.to_string()));
        }
        if self.left_out > 0 {
            key("left-out", self.left_out.to_string());
        }
        let said = |Said { oracle, why }: &Said| {
            format!("  {{ oracle = {}, why = {} }},\n", quoted(oracle), quoted(why))
        };
        if !self.breaches.is_empty() {
            key("breaches", format!("[\n{}]", self.breaches.iter().map(said).collect::<String>()));
        }
        let list = |words: Vec<String>| {
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            format!("[{}]", words.join(", "))
        };
        if !self.case.faults.is_empty() {
            key("faults", list(self.case.faults.iter().map(ToString::to_string).collect()));
        }
        if !self.case.asked.is_empty() {
            key("fail-on", list(self.case.asked.iter().map(ToString::to_string).collect()));
        }
        key("scenario", literal(&self.case.scenario()));
        text
    }

    /// Writes it to `path`, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), BundleError> {
        let unwritable = |source| BundleError::Unwritable { path: path.to_owned(), source };
        let partial = crate::output::beside(path, ".partial");
        fs::write(&partial, self.text()).map_err(unwritable)?;
        fs::rename(&partial, path).map_err(|error| {
            // If that fails, too, there is nothing left to try.
            let _ = fs::remove_file(&partial);
            unwritable(error)
        })
    }
}

/// A text of many lines as TOML has it: as it is, if that can be.
fn literal(text: &str) -> String {
    let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    if text.contains("'''") || !text.chars().all(plain) {
        return Value::String(text.to_owned()).to_string();
    }
    format!("'''\n{text}'''")
}

/// Makes the folder for bundles, if it is not there.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make_folder(dir: &Path) -> Result<(), BundleError> {
    match fs::create_dir_all(dir) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(BundleError::Unwritable { path: dir.to_owned(), source })
        }
        Err(_) | Ok(()) => Ok(()),
    }
}
