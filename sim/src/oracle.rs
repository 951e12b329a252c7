//! What every run is held to: oracles, each of which has a name and can say why.
//!
//! An oracle that finds something says it as a [`Breach`]. What no oracle of a run itself can say, that
//! it panicked or never came to rest, is said by whoever tried it (`trial.rs`).
//!
//! Invariant: what an oracle says depends on the plan alone. Not here: the books that most of them
//! read (`ledger.rs`).

use std::fmt;

/// Something that does not hold, though it should in every run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// The oracle that says so: a word, the same for all breaches of one kind.
    pub oracle: &'static str,
    /// Why: a sentence.
    pub why: String,
}

impl Breach {
    /// What `oracle` says.
    pub(crate) fn new(oracle: &'static str, why: impl Into<String>) -> Breach {
        Breach { oracle, why: why.into() }
    }
}

impl fmt::Display for Breach {
    /// `packets: not conserved: in 3 + made 0 ≠ …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.oracle, self.why)
    }
}
