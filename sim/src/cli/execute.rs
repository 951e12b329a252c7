//! The boundary to what runs a dataplane.

use crate::engine::LcoreOutcome;
use crate::fault::FaultKind;
use crate::plan::{Backend, Pace};
use crate::scenario::{Request, Scenario};
use crate::schedule::{Found, Strategy};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// What the command line needs of whatever runs a dataplane.
pub trait Engine {
    /// Runs a job. When `interrupted` becomes true it stops at the next event, and leaves complete
    /// files.
    ///
    /// # Errors
    /// It could not be run; nothing is left behind.
    fn run(&mut self, job: Job, interrupted: &AtomicBool) -> Result<Outcome, Failure>;

    /// Runs a job as a strategy says, and returns what makes it run so without the strategy.
    ///
    /// # Errors
    /// It could not be run.
    fn schedule(
        &mut self,
        job: &Job,
        strategy: Strategy,
        interrupted: &AtomicBool,
    ) -> Result<Found, Failure>;

    /// Runs a job once for each of these faults. When `interrupted` becomes true, what was found
    /// before is what there is.
    ///
    /// # Errors
    /// It could not be run.
    fn sweep(
        &mut self,
        job: Job,
        faults: &Faults,
        interrupted: &AtomicBool,
    ) -> Result<Outcome, Failure>;

    /// Runs again what left its files in `dir`, and compares.
    ///
    /// # Errors
    /// It could not be run.
    fn verify(
        &mut self,
        dir: &Path,
        progress: bool,
        interrupted: &AtomicBool,
    ) -> Result<Outcome, Failure>;
}

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// What was asked for: for the manifest.
    pub request: Request,
    /// What it comes to.
    pub scenario: Scenario,
    /// How fast idle time passes.
    pub pace: Pace,
    /// What carries the packets.
    pub backend: Backend,
    /// Where files go; nothing: only the report.
    pub out: Option<PathBuf>,
    /// The socket on which somebody steers the run; nothing: nobody does.
    pub control: Option<PathBuf>,
    /// Whether somebody likes to see progress on the standard error.
    pub progress: bool,
}

/// Which faults a sweep tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Of these kinds.
    pub kinds: Vec<FaultKind>,
    /// Every so manieth call of each, at least 1.
    pub every: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The report, for the standard output.
    pub report: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// What the lcores came to; empty unless it was one run.
    pub lcores: Vec<LcoreOutcome>,
}

/// What a run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Clean,
    /// A difference, or a broken invariant; the report says which.
    Found,
    /// It was interrupted.
    Interrupted,
}

/// Why there was no run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// What was asked for is wrong.
    #[error("{0}")]
    Usage(String),
    /// The environment does not let it.
    #[error("{0}")]
    Environment(String),
}
