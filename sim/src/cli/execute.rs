//! The boundary to what runs a dataplane.

use super::swarm::Search;
use crate::bundle::Bundle;
use crate::engine::LcoreOutcome;
use crate::plan::{Backend, Pace};
use crate::scenario::{Request, Scenario};
use crate::schedule::{Found, Strategy};
use crate::sweep::Kind;
use dataplane::Nanos;
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

    /// Runs a bundle again.
    ///
    /// # Errors
    /// It could not be run.
    fn repro(&mut self, job: Repro, interrupted: &AtomicBool) -> Result<Outcome, Failure>;

    /// Makes a bundle smaller. When `interrupted` becomes true, the smallest so far is what there is.
    ///
    /// # Errors
    /// It could not be run, or the result not be written.
    fn shrink(&mut self, job: Shrink, interrupted: &AtomicBool) -> Result<Outcome, Failure>;

    /// Runs all jobs under each of these seeds. When `interrupted` becomes true, what was tried before
    /// is what there is.
    ///
    /// # Errors
    /// It could not be run.
    fn swarm(
        &mut self,
        jobs: Vec<Job>,
        search: &Search,
        interrupted: &AtomicBool,
    ) -> Result<Outcome, Failure>;

    /// Runs a job in other ways, by the relations of these names, or by all: and says what differs.
    ///
    /// # Errors
    /// It could not be run.
    fn check(
        &mut self,
        job: Job,
        only: &[String],
        interrupted: &AtomicBool,
    ) -> Result<Outcome, Failure>;

    /// Runs a job on what came to a recorded device, and compares what is sent with what the device
    /// sent; `slack` is how much earlier or later it may be.
    ///
    /// # Errors
    /// It could not be run, or there is nothing to compare with.
    fn compare(&mut self, job: Job, slack: Nanos) -> Result<Outcome, Failure>;

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
    /// Where a bundle goes if something is wrong; of a sweep, the folder for one of each finding.
    pub bundle: Option<BundleTo>,
    /// Whether somebody likes to see progress on the standard error.
    pub progress: bool,
}

/// Where a bundle goes, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleTo {
    /// The file or folder.
    pub path: PathBuf,
    /// Also if nothing is wrong.
    pub always: bool,
}

/// A bundle that is to be run again.
#[derive(Clone, Debug)]
pub struct Repro {
    /// The bundle.
    pub bundle: Bundle,
    /// Its file, as it was named.
    pub file: String,
    /// What carries the packets; nothing: what carried them then.
    pub backend: Option<Backend>,
    /// Where files go; nothing: there are none.
    pub out: Option<PathBuf>,
}

/// A bundle that is to be made smaller.
#[derive(Clone, Debug)]
pub struct Shrink {
    /// The bundle.
    pub bundle: Bundle,
    /// Its file, as it was named.
    pub file: String,
    /// Where the smallest goes.
    pub to: PathBuf,
    /// So many runs at most.
    pub runs: Option<u64>,
    /// So long at most, on the wall clock.
    pub time_budget: Option<Nanos>,
    /// On what it is confirmed; nothing: on what carried the packets then.
    pub backend: Option<Backend>,
    /// Whether somebody likes to see progress on the standard error.
    pub progress: bool,
}

/// Which faults a sweep tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// Every so manieth place of each, at least 1.
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
    /// A bundle does something else than it says.
    Otherwise,
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
