//! Bundles, as the command line asks for them: made after a run that fails, run again, made smaller.
//!
//! Invariant: what a bundle says was seen in a run of what is in it, not of what it was made from.

use super::stopwatch::Stopwatch;
use super::swarm::unit;
use super::{RunError, occasionally};
use crate::bundle::{Again, Bundle, BundleError, Case, EXTENSION, Losses, make_folder};
use crate::cli::{Failure, Job, Outcome, Repro, Shrink, Verdict, exit};
use crate::fabric::{DpdkFabric, Fabric, FabricError, HeapFabric};
use crate::fault::Fault;
use crate::oracle::Breach;
use crate::output::Files;
use crate::plan::{Backend, Plan};
use crate::report;
use crate::scenario::Request;
use crate::shrink::{Progress, ShrinkError, Shrinking, Shrunk, shrink};
use crate::swarm::{Scene, Summary};
use crate::sweep::Swept;
use crate::trace::Observer;
use crate::trial::{self, Trying, trial};
use dataplane::{Instant, Nanos};
use std::panic;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Tries a plan once on a backend. What carried the packets is told, too.
fn tried<O: Observer + Send>(
    plan: &Plan,
    backend: Backend,
    trying: Trying<'_>,
    observer: O,
) -> Result<(trial::Verdict<O>, String), RunError> {
    fn on<F: Fabric, O: Observer>(
        plan: &Plan,
        trying: Trying<'_>,
        fabric: &mut F,
        observer: O,
    ) -> Result<(trial::Verdict<O>, String), RunError> {
        let verdict = trial(plan, trying, fabric, observer)?;
        Ok((verdict, fabric.name()))
    }
    match backend {
        Backend::Heap => on(plan, trying, &mut HeapFabric::new(), observer),
        Backend::Dpdk => {
            dpdk::on_eal_thread(|eal| on(plan, trying, &mut DpdkFabric::new(eal), observer))
                .map_err(FabricError::from)?
        }
    }
}

/// A case tried on a backend, as a bundle. Nothing: it was interrupted.
fn bundled(
    case: Case,
    left_out: u64,
    backend: Backend,
    trying: Trying<'_>,
) -> Result<Option<Bundle>, BundleError> {
    let plan = case.request("the bundle").plan()?.plan;
    let mut losses = Losses::default();
    let (verdict, name) = tried(&plan, backend, trying, &mut losses)?;
    let patience = trying.patience.map(|patience| patience.saturating_since(Instant::EPOCH));
    let of = || Bundle::of(case.clone(), &verdict, &name, patience, left_out);
    let bundle = (!verdict.is_interrupted()).then(of);
    drop(verdict);
    // What was lost by chance is named, and what the bundle says is seen in a run that names it.
    match losses.spelled_out(&case).filter(|_| bundle.is_some()) {
        Some(named) => bundled(named, left_out, backend, trying),
        None => Ok(bundle),
    }
}

/// Writes the bundle of a run in which this was wrong, and says so.
pub(super) fn of_run(
    request: &Request,
    wrong: &[Breach],
    backend: Backend,
    path: &Path,
    interrupted: &AtomicBool,
) -> Result<String, Failure> {
    let (case, left_out) = Case::of(request)?;
    let trying = Trying { interrupted: Some(interrupted), ..Trying::default() };
    let Some(bundle) = bundled(case, left_out, backend, trying)? else {
        return Ok("interrupted before there was a bundle\n".to_owned());
    };
    bundle.write(path)?;
    let mut text = String::new();
    let oracles = |breach: &Breach| bundle.breaches.iter().any(|said| said.oracle == breach.oracle);
    if !wrong.iter().all(oracles) {
        let are: Vec<_> = bundle.breaches.iter().map(ToString::to_string).collect();
        let are = if are.is_empty() { "nothing is".to_owned() } else { are.join("; ") };
        text.push_str(&format!("note: in the bundle not the same is wrong: {are}\n"));
    }
    if left_out > 0 {
        text.push_str(&format!("note: {left_out} frames that no port receives are not in it\n"));
    }
    let path = path.display();
    Ok(text + &format!("the bundle is {path}: `lockstep repro {path}` has this run again\n"))
}

/// Writes a bundle for each finding of a sweep, and says so.
pub(super) fn of_sweep(
    request: &Request,
    swept: &Swept,
    backend: Backend,
    dir: &Path,
    interrupted: &AtomicBool,
) -> Result<String, Failure> {
    if swept.findings.is_empty() {
        return Ok(String::new());
    }
    let (case, left_out) = Case::of(request)?;
    make_folder(dir)?;
    let mut made = 0u64;
    for finding in &swept.findings {
        let mut case = case.clone();
        case.faults.extend(finding.fault.clone());
        let patience = finding.fault.as_ref().and(swept.patience);
        let trying = Trying { patience, interrupted: Some(interrupted), ..Trying::default() };
        let Some(bundle) = bundled(case, left_out, backend, trying)? else { break };
        let fault = finding.fault.as_ref().map_or("no-fault".to_owned(), |fault| {
            fault.to_string().replace([':', '@', '='], "-").replace('/', "_")
        });
        bundle.write(&dir.join(format!("{}-{fault}.{EXTENSION}", bundle.name())))?;
        made += 1;
    }
    let dir = dir.display();
    Ok(format!("{made} bundles are in {dir}: `lockstep repro FILE` has one of them again\n"))
}

/// Writes a bundle for each failure that a swarm shows, and says so. A scene is what a job was tried as.
pub(super) fn of_swarm(
    jobs: &[Job],
    scenes: &[Scene],
    summary: &Summary,
    dir: &Path,
    interrupted: &AtomicBool,
) -> Result<String, Failure> {
    let mut made = 0u64;
    for (name, seed, faults) in summary.shown() {
        let tried = jobs.iter().zip(scenes).find(|(_, scene)| scene.name == name);
        let Some((job, scene)) = tried else { continue };
        // They were written by us.
        let faults: Vec<Fault> = faults.iter().filter_map(|text| text.parse().ok()).collect();
        let (case, left_out) = Case::of(&unit(job, seed, &faults))?;
        let patience = scene.patience();
        let trying = Trying { patience, interrupted: Some(interrupted), ..Trying::default() };
        let Some(bundle) = bundled(case, left_out, job.backend, trying)? else { break };
        make_folder(dir)?;
        bundle.write(&dir.join(format!("{name}-seed-{seed}.{EXTENSION}")))?;
        made += 1;
    }
    let dir = dir.display();
    Ok(match made {
        0 => String::new(),
        _ => format!("{made} bundles are in {dir}: `lockstep repro FILE` has one of them again\n"),
    })
}

/// Runs a bundle again.
pub(super) fn repro(job: Repro, interrupted: &AtomicBool) -> Result<Outcome, Failure> {
    let Repro { bundle, file, backend, out } = job;
    let request = bundle.case.request(&file);
    let plan = request.plan().map_err(BundleError::from)?.plan;
    let backend = backend.unwrap_or_else(|| backend_of(&bundle));
    let patience = bundle.patience.map(|patience| Instant::EPOCH.saturating_add(patience));
    let trying = Trying { patience, interrupted: Some(interrupted), ..Trying::default() };
    let mut left = String::new();
    let again = match out {
        None => {
            let (verdict, name) = tried(&plan, backend, trying, ())?;
            Again::new(&bundle, &verdict, &name)
        }
        Some(dir) => {
            let files = Files::create(&plan, &dir)?;
            let (verdict, name) = tried(&plan, backend, trying, files)?;
            let again = Again::new(&bundle, &verdict, &name);
            left = match verdict.ran {
                Some((outcome, files)) => {
                    let report = report::text(bundle.name(), &plan, &outcome);
                    files.finish(&plan, Some(&request), &outcome, &report)?;
                    format!("the files are in {}\n", dir.display())
                }
                None => "a run that panics leaves no files\n".to_owned(),
            };
            again
        }
    };
    let verdict = verdict(again.exit_code());
    Ok(Outcome { report: format!("{file}: {again}{left}"), verdict, lcores: Vec::new() })
}

/// What carries the packets of a bundle if nobody says.
fn backend_of(bundle: &Bundle) -> Backend {
    if bundle.backend == "heap" { Backend::Heap } else { Backend::Dpdk }
}

fn verdict(code: u8) -> Verdict {
    match code {
        exit::OK => Verdict::Clean,
        exit::FOUND => Verdict::Found,
        exit::INTERRUPTED => Verdict::Interrupted,
        _ => Verdict::Otherwise,
    }
}

/// Makes a bundle smaller: on the heap, and on DPDK only if it does not fail there.
pub(super) fn shrunk(job: Shrink, interrupted: &AtomicBool) -> Result<Outcome, Failure> {
    let Some(first) = job.bundle.breaches.first() else {
        let why = format!("{}: nothing is wrong in it, so nothing can be made smaller", job.file);
        return Err(Failure::Usage(why));
    };
    let backend = job.backend.unwrap_or_else(|| backend_of(&job.bundle));
    let quiet = Silence::begin();
    let mut ran_on = Backend::Heap;
    let mut smaller = smaller(&job, &first.oracle, Backend::Heap, interrupted);
    if backend == Backend::Dpdk && matches!(smaller, Err(ShrinkError::NoFailure { .. })) {
        ran_on = Backend::Dpdk;
        smaller = self::smaller(&job, &first.oracle, Backend::Dpdk, interrupted);
    }
    let small = match smaller {
        Ok(small) => small,
        Err(ShrinkError::Run(error)) => return Err(error.into()),
        Err(ShrinkError::Interrupted) => return Ok(outcome("interrupted\n", Verdict::Interrupted)),
        Err(error @ ShrinkError::NoFailure { .. }) => {
            let report = format!("{}: {error}\n", job.file);
            return Ok(outcome(&report, Verdict::Otherwise));
        }
    };
    let patience = job.bundle.patience.map(|patience| Instant::EPOCH.saturating_add(patience));
    // What was found is kept also after Ctrl-C: only a second one ends this run.
    let trying = Trying { patience, ..Trying::default() };
    let left_out = job.bundle.left_out;
    let confirmed = bundled(small.case.clone(), left_out, backend, trying)?;
    drop(quiet);
    let mut report = format!("{}: {first}\n\n{small}", job.file);
    let Some(bundle) = confirmed else { return Ok(outcome(&report, Verdict::Interrupted)) };
    let (is_confirmed, words) = confirmation(&bundle, &first.oracle, ran_on);
    report.push_str(&words);
    bundle.write(&job.to)?;
    let to = job.to.display();
    report.push_str(&format!("the smallest case is {to}: `lockstep repro {to}` has it again\n"));
    let is_interrupted = interrupted.load(std::sync::atomic::Ordering::Relaxed);
    Ok(outcome(
        &report,
        match is_confirmed {
            _ if is_interrupted => Verdict::Interrupted,
            true => Verdict::Clean,
            false => Verdict::Otherwise,
        },
    ))
}

/// Whether the smallest case fails where it is to be confirmed, and what is said of it.
fn confirmation(bundle: &Bundle, oracle: &str, ran_on: Backend) -> (bool, String) {
    let found = bundle.breaches.iter().find(|said| said.oracle == *oracle);
    let is: Vec<_> = bundle.breaches.iter().map(ToString::to_string).collect();
    let backend = &bundle.backend;
    let words = match (found, ran_on) {
        (Some(said), _) => format!("confirmed on {backend}: {said}\n"),
        (None, Backend::Heap) => format!(
            "NOT confirmed: it fails in plain memory, and not on {backend}: {}\n",
            is.join("; ")
        ),
        (None, Backend::Dpdk) => format!("NOT confirmed on {backend}: {}\n", is.join("; ")),
    };
    (found.is_some(), words)
}

fn outcome(report: &str, verdict: Verdict) -> Outcome {
    Outcome { report: report.to_owned(), verdict, lcores: Vec::new() }
}

fn smaller(
    job: &Shrink,
    oracle: &str,
    backend: Backend,
    interrupted: &AtomicBool,
) -> Result<Shrunk, ShrinkError> {
    let watch = Stopwatch::start();
    let budget = job.time_budget.map(|budget: Nanos| Duration::from_nanos(budget.get()));
    let mut told = job.progress.then(|| {
        occasionally(|Progress { runs, frames, bytes, trying }: Progress| {
            eprint!("\r\x1b[K{runs} runs, {frames} frames of {bytes} bytes left, {trying} ");
        })
    });
    let mut go_on = move |progress: &Progress| {
        if let Some(told) = &mut told {
            told(*progress);
        }
        budget.is_none_or(|budget| watch.elapsed() < budget)
    };
    let patience = job.bundle.patience;
    let (oracle, runs) = (oracle.to_owned(), job.runs);
    let case = &job.bundle.case;
    let smaller = match backend {
        Backend::Heap => {
            let interrupted = Some(interrupted);
            let how = Shrinking { oracle, patience, runs, interrupted, go_on: &mut go_on };
            shrink(case, how, &mut HeapFabric::new())
        }
        Backend::Dpdk => dpdk::on_eal_thread(move |eal| {
            let interrupted = Some(interrupted);
            let how = Shrinking { oracle, patience, runs, interrupted, go_on: &mut go_on };
            shrink(case, how, &mut DpdkFabric::new(eal))
        })
        .map_err(|error| RunError::from(FabricError::from(error)))?,
    };
    if job.progress {
        eprint!("\r\x1b[K");
    }
    smaller
}

/// As long as it lives, nothing is printed for a panic: thousands of runs may have one each.
struct Silence;

impl Silence {
    fn begin() -> Silence {
        panic::set_hook(Box::new(|_| {}));
        Silence
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(panic::take_hook());
        }
    }
}
