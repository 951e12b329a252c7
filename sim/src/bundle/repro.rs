//! What came of a bundle that was run again, beside what came of it then.

use super::{Bundle, Said, VERSION};
use crate::cli::exit;
use crate::trial::Verdict;
use std::fmt;

/// A run of a bundle, then and now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// What was wrong then.
    pub was: Vec<Said>,
    /// What is wrong now.
    pub is: Vec<Said>,
    /// The digests, then and now. Nothing: it panicked.
    pub digests: (Option<String>, Option<String>),
    /// The version of Lockstep that made the bundle, and what carried the packets.
    pub made_by: (String, String),
    /// What carried the packets now.
    pub backend: String,
    /// Whether it was interrupted before it was clear.
    pub interrupted: bool,
}

impl Again {
    /// Compares what came of a bundle.
    pub fn new<O>(bundle: &Bundle, verdict: &Verdict<O>, backend: &str) -> Again {
        let digest = verdict.outcome().map(|outcome| outcome.digests.trace.to_string());
        Again {
            was: bundle.breaches.clone(),
            is: verdict.breaches.iter().map(Said::from).collect(),
            digests: (bundle.digest.clone(), digest),
            made_by: (bundle.lockstep.clone(), bundle.backend.clone()),
            backend: backend.to_owned(),
            interrupted: verdict.is_interrupted(),
        }
    }

    /// Whether it is the same: the same oracles, the same words, the same digest.
    pub fn is_same(&self) -> bool {
        self.was == self.is && self.digests.0 == self.digests.1
    }

    /// Whether it failed then and holds now.
    pub fn is_gone(&self) -> bool {
        !self.was.is_empty() && self.is.is_empty()
    }

    /// The exit code: that of the run then, if it is the same; 0 if what was wrong is gone; else 4.
    pub fn exit_code(&self) -> u8 {
        match self {
            _ if self.interrupted => exit::INTERRUPTED,
            _ if self.is_same() && self.was.is_empty() => exit::OK,
            _ if self.is_same() => exit::FOUND,
            _ if self.is_gone() => exit::OK,
            _ => exit::OTHERWISE,
        }
    }
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.interrupted {
            return writeln!(f, "interrupted before it was clear");
        }
        let verdict = match self {
            _ if self.is_same() && self.was.is_empty() => "the same: it holds, as it did",
            _ if self.is_same() => "the same failure",
            _ if self.is_gone() => "GONE: what was wrong is not wrong any more",
            _ if self.was.is_empty() && self.is.is_empty() => {
                "DIFFERENT: it holds, as it did, but not the same happens"
            }
            _ if self.was.is_empty() => "DIFFERENT: it held, and does not any more",
            _ if first(&self.was) == first(&self.is) => {
                "DIFFERENT: it fails by the same oracle, but not with the same words and events"
            }
            _ => "DIFFERENT: something else is wrong",
        };
        writeln!(f, "{verdict}")?;
        if self.is_same() {
            said(f, "    ", &self.was)?;
        } else {
            said(f, "then", &self.was)?;
            said(f, "now ", &self.is)?;
        }
        let digest = |digest: &Option<String>| match digest {
            Some(digest) => digest.clone(),
            None => "none: it panicked".to_owned(),
        };
        let (was, is) = (digest(&self.digests.0), digest(&self.digests.1));
        match was == is {
            true => writeln!(f, "trace {is}")?,
            false => writeln!(f, "trace {was} then, {is} now")?,
        }
        let (version, backend) = &self.made_by;
        if version != VERSION {
            writeln!(f, "made by Lockstep {version} on {backend}; this is Lockstep {VERSION}")?;
        }
        writeln!(f, "run on {}", self.backend)
    }
}

fn first(said: &[Said]) -> Option<&str> {
    said.first().map(|said| said.oracle.as_str())
}

fn said(f: &mut fmt::Formatter<'_>, when: &str, all: &[Said]) -> fmt::Result {
    if all.is_empty() {
        writeln!(f, "  {when}  nothing was wrong")?;
    }
    all.iter().try_for_each(|said| writeln!(f, "  {when}  {said}"))
}
