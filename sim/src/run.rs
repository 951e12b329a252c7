//! A run from its plan to what it leaves: in memory, or in a folder.
//!
//! [`simulate`] runs a plan and tells an observer; [`execute`] writes the files too. [`Lockstep`] is
//! what the command line calls.
//!
//! Invariant: the wall clock is read here and nowhere else, and what it says goes to the terminal
//! and into no file.

mod bundles;
mod error;
pub(crate) mod stopwatch;
mod swarm;
mod terminal;

pub use error::{PlanError, RunError};
pub use terminal::Lockstep;

use crate::check::{Asked, Checked};
use crate::cli::exit;
use crate::control::Server;
use crate::engine::{self, Conduct, Ended, Outcome};
use crate::fabric::{DpdkFabric, Fabric, FabricError, HeapFabric};
use crate::fault::Fault;
use crate::output::Files;
use crate::plan::{Backend, Pace, Plan};
use crate::report;
use crate::scenario::{Overrides, Request};
use crate::schedule::{Found, Strategy, find};
use crate::sweep::{Sweep, Swept};
use crate::trace::{Behind, Observer};
use crate::trial::Trying;
use dataplane::Instant;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;
use stopwatch::Stopwatch;

/// How a plan is run, and what is left of it.
#[derive(Clone, Debug, Default)]
pub struct RunOptions<'a> {
    /// How fast idle time passes.
    pub pace: Pace,
    /// What carries the packets.
    pub backend: Backend,
    /// Where files go; nothing: there are none.
    pub out: Option<PathBuf>,
    /// Set from outside to stop the run between two events.
    pub interrupted: Option<&'a AtomicBool>,
    /// Whether progress is shown on the standard error.
    pub progress: bool,
    /// What the report calls the run.
    pub name: String,
    /// What was asked for: into the manifest, so that the run can be verified.
    pub request: Option<Request>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// What it came to.
    pub outcome: Outcome,
    /// The report, as it is in report.txt.
    pub report: String,
    /// How long it took on the wall clock, once DPDK had started.
    pub real: Duration,
}

impl RunSummary {
    /// The exit code: 130 when it was interrupted, 1 when an invariant does not hold, else 0.
    pub fn exit_code(&self) -> u8 {
        match (self.outcome.ended, self.outcome.broken.is_empty()) {
            (Ended::Interrupted, _) => exit::INTERRUPTED,
            (Ended::Restless, _) | (Ended::Quiet | Ended::Until, false) => exit::FOUND,
            (Ended::Quiet | Ended::Until, true) => exit::OK,
        }
    }
}

/// Runs a plan in memory, and gives the observer back.
///
/// Many runs in a row are faster with [`engine::run`] and a fabric that is kept.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn simulate<O: Observer + Send>(
    plan: &Plan,
    backend: Backend,
    pace: Pace,
    observer: O,
) -> Result<(Outcome, O), RunError> {
    let conduct = Conduct { pace, ..Conduct::default() };
    let Ran { outcome, observer, .. } = on(backend, Simulation { plan, conduct, observer })?;
    Ok((outcome, observer))
}

/// Runs a plan and leaves its files.
///
/// # Errors
/// The plan cannot be run, an input cannot be read, or a file cannot be written. Nothing is left.
pub fn execute(plan: &Plan, options: &RunOptions<'_>) -> Result<RunSummary, RunError> {
    let conduct = Conduct {
        pace: options.pace,
        interrupted: options.interrupted,
        progress: options.progress.then(progress),
        ..Conduct::default()
    };
    let Some(dir) = &options.out else {
        let Ran { outcome, real, .. } =
            on(options.backend, Simulation { plan, conduct, observer: () })?;
        let report = report::text(&options.name, plan, &outcome);
        return Ok(RunSummary { outcome, report, real });
    };
    let observer = Files::create(plan, dir)?;
    let Ran { outcome, observer: files, real } =
        watched(options.backend, Simulation { plan, conduct, observer })?;
    let report = report::text(&options.name, plan, &outcome);
    files.finish(plan, options.request.as_ref(), &outcome, &report)?;
    Ok(RunSummary { outcome, report, real })
}

/// Runs a plan once for each fault of a sweep, on this backend.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn sweep(
    plan: &Plan,
    backend: Backend,
    sweep: &Sweep<'_>,
    progress: bool,
) -> Result<Swept, RunError> {
    let mut told = progress.then(|| occasionally(|(done, of)| eprint!("\r{done} of {of} runs ")));
    let mut told = move |done, of| {
        if let Some(told) = &mut told {
            told((done, of));
        }
    };
    match backend {
        Backend::Heap => crate::sweep::sweep(plan, sweep, &mut HeapFabric::new(), &mut told),
        Backend::Dpdk => dpdk::on_eal_thread(move |eal| {
            crate::sweep::sweep(plan, sweep, &mut DpdkFabric::new(eal), &mut told)
        })
        .map_err(FabricError::from)?,
    }
}

/// Runs a plan as a strategy says, on this backend, and returns what makes it run so.
///
/// # Errors
/// As for [`find`](crate::schedule::find).
pub fn schedule(
    plan: &Plan,
    backend: Backend,
    strategy: Strategy,
    interrupted: Option<&AtomicBool>,
) -> Result<Found, RunError> {
    let trying = Trying { interrupted, ..Trying::default() };
    match backend {
        Backend::Heap => find(plan, strategy, trying, &mut HeapFabric::new()),
        Backend::Dpdk => {
            dpdk::on_eal_thread(move |eal| find(plan, strategy, trying, &mut DpdkFabric::new(eal)))
                .map_err(FabricError::from)?
        }
    }
}

/// Runs a plan in other ways, on this backend, and compares what must stay the same.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn check(
    plan: &Plan,
    backend: Backend,
    asked: &Asked<'_>,
    progress: bool,
) -> Result<Checked, RunError> {
    let mut told = move |name: &str| {
        if progress {
            eprint!("\r\x1b[K{name} ");
        }
    };
    let mut heap = HeapFabric::new();
    match backend {
        Backend::Heap => {
            crate::check::check(plan, asked, &mut heap, None::<&mut HeapFabric>, &mut told)
        }
        Backend::Dpdk => dpdk::on_eal_thread(move |eal| {
            let mut dpdk = DpdkFabric::new(eal);
            crate::check::check(plan, asked, &mut dpdk, Some(&mut heap), &mut told)
        })
        .map_err(FabricError::from)?,
    }
}

/// Runs a plan that somebody steers over a socket, and leaves the files of the same run without
/// anybody who steers it: in their scenario are the orders that were given, and the end.
///
/// # Errors
/// As for [`execute`]; and a fault that moves orders by their number.
pub fn steer(
    plan: &Plan,
    options: &RunOptions<'_>,
    server: &mut Server<'_>,
) -> Result<RunSummary, RunError> {
    if let Some(moved) = plan.faults.iter().find(|fault| matches!(fault, Fault::Order { .. })) {
        let why = "counts the orders of the scenario, of which --control makes more: leave one of them out";
        return Err(PlanError::Fault(format!("the fault {moved} {why}")).into());
    }
    let conduct = |driver| Conduct {
        pace: options.pace,
        interrupted: options.interrupted,
        driver: Some(driver),
        ..Conduct::default()
    };
    let Some(dir) = &options.out else {
        let simulation = Simulation { plan, conduct: conduct(server), observer: () };
        let Ran { outcome, real, .. } = on(options.backend, simulation)?;
        let report = report::text(&options.name, plan, &outcome);
        return Ok(RunSummary { outcome, report, real });
    };
    let observer = Files::create(plan, dir)?;
    let simulation = Simulation { plan, conduct: conduct(server), observer };
    let Ran { outcome, observer: files, real } = watched(options.backend, simulation)?;
    let report = report::text(&options.name, plan, &outcome);
    let recorded = server.session().recorded();
    let mut plan = plan.clone();
    plan.reloads.extend(recorded.reloads().cloned());
    let request = options.request.as_ref().map(|request| Request {
        scenario: recorded.scenario(&request.scenario, outcome.end),
        overrides: Overrides { until: None, ..request.overrides.clone() },
        ..request.clone()
    });
    files.finish(&plan, request.as_ref(), &outcome, &report)?;
    Ok(RunSummary { outcome, report, real })
}

/// A run that waits for its fabric.
struct Simulation<'a, O> {
    plan: &'a Plan,
    conduct: Conduct<'a>,
    observer: O,
}

/// A run that has ended, and how long it took once its fabric was there.
struct Ran<O> {
    outcome: Outcome,
    observer: O,
    real: Duration,
}

impl<O: Observer> Simulation<'_, O> {
    fn through<F: Fabric>(self, fabric: &mut F) -> Result<Ran<O>, RunError> {
        let watch = Stopwatch::start();
        let (outcome, observer) = engine::run(self.plan, self.conduct, fabric, self.observer)?;
        Ok(Ran { outcome, observer, real: watch.elapsed() })
    }
}

fn on<O: Observer + Send>(
    backend: Backend,
    simulation: Simulation<'_, O>,
) -> Result<Ran<O>, RunError> {
    match backend {
        Backend::Heap => simulation.through(&mut HeapFabric::new()),
        Backend::Dpdk => {
            let through = |eal| simulation.through(&mut DpdkFabric::new(eal));
            dpdk::on_eal_thread(through).map_err(FabricError::from)?
        }
    }
}

/// The same, with the observer on a thread of its own; it has seen everything when this returns.
fn watched<O: Observer + Send>(
    backend: Backend,
    Simulation { plan, conduct, observer }: Simulation<'_, O>,
) -> Result<Ran<O>, RunError> {
    thread::scope(|scope| {
        let observer = Behind::start(scope, observer);
        let Ran { outcome, observer, real } = on(backend, Simulation { plan, conduct, observer })?;
        let watch = Stopwatch::start();
        let observer = observer.finish();
        Ok(Ran { outcome, observer, real: real + watch.elapsed() })
    })
}

/// Says on the standard error how far a run is, twice a second.
fn progress() -> Box<dyn FnMut(Instant) + Send> {
    Box::new(occasionally(|at| eprint!("\r{at} s of virtual time ")))
}

/// Shows what it is called with, but not more than twice a second.
fn occasionally<T>(mut show: impl FnMut(T) + Send) -> impl FnMut(T) + Send {
    let watch = Stopwatch::start();
    let mut shown = Duration::ZERO;
    move |what| {
        let elapsed = watch.elapsed();
        if elapsed - shown >= Duration::from_millis(500) {
            shown = elapsed;
            show(what);
        }
    }
}
