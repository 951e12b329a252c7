//! What the command line calls, and what it shows.

use super::bundles;
use super::swarm::{SwarmError, swarm};
use super::{RunError, RunOptions, RunSummary, execute, steer};
use crate::bundle::BundleError;
use crate::check::Asked;
use crate::cli::{Engine, Failure, Faults, Job, Outcome, Repro, Search, Shrink, Verdict, exit};
use crate::compare::{CompareError, compare};
use crate::control::{Server, Session};
use crate::fault::Fault;
use crate::oracle::Breach;
use crate::plan::Plan;
use crate::scenario::{Request, shell};
use crate::schedule::{Found, Strategy};
use crate::swarm::{ResultsError, Stopped};
use crate::sweep::Sweep;
use crate::trial::caught;
use crate::verify::{Verified, VerifyError, verify};
use dataplane::Nanos;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The simulator, as the command line knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lockstep;

impl Engine for Lockstep {
    fn run(&mut self, job: Job, interrupted: &AtomicBool) -> Result<Outcome, Failure> {
        let (control, backend) = (job.control.clone(), job.backend);
        let bundle = job.bundle.map(|to| (to, job.request.clone()));
        let options = RunOptions {
            pace: job.pace,
            backend: job.backend,
            out: job.out,
            interrupted: Some(interrupted),
            progress: job.progress,
            name: job.scenario.name,
            request: Some(job.request),
        };
        let plan = &job.scenario.plan;
        let summary = match (control, &bundle) {
            (Some(path), _) => steered(&path, plan, &options)?,
            (None, None) => execute(plan, &options)?,
            // Whoever wants a bundle wants one of a panic, too.
            (None, Some((to, request))) => match caught(|| execute(plan, &options)) {
                Ok(summary) => summary?,
                Err(message) => {
                    let wrong = [Breach::new("panic", message)];
                    let said = format!("BROKEN: {}\n", wrong[0]);
                    let made = bundles::of_run(request, &wrong, backend, &to.path, interrupted)?;
                    let (report, verdict) = (said + &made, Verdict::Found);
                    return Ok(Outcome { report, verdict, lcores: Vec::new() });
                }
            },
        };
        if job.progress {
            eprint!("\r\x1b[K");
        }
        let mut report = summary.report.clone();
        report.push('\n');
        report.push_str(&speed(&summary));
        if let Some(dir) = &options.out {
            report.push_str(&format!("the files are in {}\n", dir.display()));
        }
        let verdict = verdict(&summary);
        if let Some((to, request)) = &bundle
            && (verdict == Verdict::Found || to.always && verdict == Verdict::Clean)
        {
            let wrong = &summary.outcome.broken;
            let made = bundles::of_run(request, wrong, backend, &to.path, interrupted)?;
            report.push_str(&made);
        }
        Ok(Outcome { report, verdict, lcores: summary.outcome.lcores })
    }

    fn sweep(
        &mut self,
        job: Job,
        faults: &Faults,
        interrupted: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        let sweep = Sweep {
            kinds: faults.kinds.clone(),
            every: faults.every,
            pace: job.pace,
            interrupted: Some(interrupted),
        };
        let swept = super::sweep(&job.scenario.plan, job.backend, &sweep, job.progress);
        let swept = swept.map_err(Failure::from)?;
        if job.progress {
            eprint!("\r\x1b[K");
        }
        let verdict = match (swept.findings.is_empty(), swept.interrupted) {
            (false, _) => Verdict::Found,
            (true, true) => Verdict::Interrupted,
            (true, false) => Verdict::Clean,
        };
        let mut report = format!("{}: {} runs\n\n{swept}", job.scenario.name, swept.runs());
        if let Some(fault) = swept.findings.iter().find_map(|finding| finding.fault.as_ref()) {
            report.push_str(&format!("\nhave one again: {}\n", again(&job.request, fault)));
        }
        if let Some(to) = &job.bundle {
            let (request, backend) = (&job.request, job.backend);
            report.push_str(&bundles::of_sweep(request, &swept, backend, &to.path, interrupted)?);
        }
        Ok(Outcome { report, verdict, lcores: Vec::new() })
    }

    fn repro(&mut self, job: Repro, interrupted: &AtomicBool) -> Result<Outcome, Failure> {
        bundles::repro(job, interrupted)
    }

    fn shrink(&mut self, job: Shrink, interrupted: &AtomicBool) -> Result<Outcome, Failure> {
        bundles::shrunk(job, interrupted)
    }

    fn swarm(
        &mut self,
        jobs: Vec<Job>,
        search: &Search,
        interrupted: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        let progress = jobs.iter().any(|job| job.progress);
        let (swarmed, scenes) = swarm(&jobs, search, progress, interrupted)?;
        if progress {
            eprint!("\r\x1b[K");
        }
        let why = match swarmed.stopped {
            Stopped::Through => "",
            Stopped::Enough => "\nstopped: the time is over\n",
            Stopped::Stable => "\nstopped: so many seeds in a row reached nothing new\n",
            Stopped::Interrupted => "\ninterrupted: this is what was tried before\n",
        };
        let verdict = match (swarmed.stopped, swarmed.summary.is_broken()) {
            (Stopped::Interrupted, _) => Verdict::Interrupted,
            (_, true) => Verdict::Found,
            (_, false) => Verdict::Clean,
        };
        let mut report = format!("{}{why}", swarmed.summary);
        if let Some(dir) = &search.bundles {
            let made = bundles::of_swarm(&jobs, &scenes, &swarmed.summary, dir, interrupted)?;
            report.push_str(&made);
        }
        Ok(Outcome { report, verdict, lcores: Vec::new() })
    }

    fn schedule(
        &mut self,
        job: &Job,
        strategy: Strategy,
        interrupted: &AtomicBool,
    ) -> Result<Found, Failure> {
        let plan = &job.scenario.plan;
        Ok(super::schedule(plan, job.backend, strategy, Some(interrupted))?)
    }

    fn check(
        &mut self,
        job: Job,
        only: &[String],
        interrupted: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        let asked = Asked { only: only.to_vec(), interrupted: Some(interrupted) };
        let checked = super::check(&job.scenario.plan, job.backend, &asked, job.progress);
        let checked = checked.map_err(Failure::from)?;
        if job.progress {
            eprint!("\r\x1b[K");
        }
        let verdict = match (checked.is_clean(), checked.interrupted) {
            (false, _) => Verdict::Found,
            (true, true) => Verdict::Interrupted,
            (true, false) => Verdict::Clean,
        };
        let report = format!("{}\n\n{checked}", job.scenario.name);
        Ok(Outcome { report, verdict, lcores: Vec::new() })
    }

    fn compare(&mut self, job: Job, slack: Nanos) -> Result<Outcome, Failure> {
        let compared =
            compare(&job.scenario.plan, job.backend, slack).map_err(|error| match error {
                CompareError::Run(error) => error.into(),
                error => Failure::Usage(error.to_string()),
            })?;
        let verdict = if compared.is_same() { Verdict::Clean } else { Verdict::Found };
        let report = format!("{}: {compared}", job.scenario.name);
        Ok(Outcome { report, verdict, lcores: Vec::new() })
    }

    fn verify(
        &mut self,
        dir: &Path,
        progress: bool,
        interrupted: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        let verified = verify(dir, progress, Some(interrupted)).map_err(Failure::from)?;
        if progress {
            eprint!("\r\x1b[K");
        }
        let verdict = match verified {
            Verified::Same { .. } => Verdict::Clean,
            Verified::Differs(_) => Verdict::Found,
            Verified::Interrupted => Verdict::Interrupted,
        };
        Ok(Outcome { report: format!("{verified}\n"), verdict, lcores: Vec::new() })
    }
}

/// Runs a plan that is steered over a socket.
fn steered(path: &Path, plan: &Plan, options: &RunOptions<'_>) -> Result<RunSummary, Failure> {
    let request = options.request.as_ref();
    let dir = request.map(|request| request.dir.clone()).unwrap_or_default();
    let overrides = request.map(|request| request.overrides.clone()).unwrap_or_default();
    let session = Session::new(plan, dir, overrides);
    let mut server = Server::bind(path, session, options.interrupted)
        .map_err(|error| Failure::Environment(error.to_string()))?;
    eprintln!("listening on {0}: `lockstep ctl {0} help` says what can be asked", path.display());
    Ok(steer(plan, options, &mut server)?)
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        let text = error.to_string();
        if error.exit_code() == 2 { Failure::Usage(text) } else { Failure::Environment(text) }
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Failure {
        match error.exit_code() {
            exit::USAGE => Failure::Usage(error.to_string()),
            _ => Failure::Environment(error.to_string()),
        }
    }
}

impl From<SwarmError> for Failure {
    fn from(error: SwarmError) -> Failure {
        match error {
            SwarmError::Run(error) => error.into(),
            SwarmError::Asked(why) => Failure::Usage(why),
            SwarmError::Results(error @ ResultsError::There(_)) => {
                Failure::Usage(error.to_string())
            }
            SwarmError::Results(error) => Failure::Environment(error.to_string()),
        }
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Failure {
        match error {
            VerifyError::Run(error) => error.into(),
            error if error.exit_code() == 2 => Failure::Usage(error.to_string()),
            error => Failure::Environment(error.to_string()),
        }
    }
}

fn verdict(summary: &RunSummary) -> Verdict {
    match summary.exit_code() {
        exit::INTERRUPTED => Verdict::Interrupted,
        exit::FOUND => Verdict::Found,
        _ => Verdict::Clean,
    }
}

/// The command line that has one run of a sweep again. Other options of the sweep go with it.
fn again(request: &Request, fault: &Fault) -> String {
    let (file, fault) = (shell(&request.file), shell(&fault.to_string()));
    if request.captures.is_empty() {
        return format!("lockstep run {file} --fault {fault} --out DIR");
    }
    let captures: String = request.captures.iter().map(|capture| capture.words()).collect();
    format!("lockstep replay{captures} -c {file} --fault {fault} --out DIR")
}

/// How fast it was, for the terminal only: in files it would differ from run to run.
fn speed(summary: &RunSummary) -> String {
    let real = summary.real.max(Duration::from_nanos(1)).as_nanos();
    let ratio = u128::from(summary.outcome.end.as_nanos()) * 100 / real;
    let a_second = |n: u64| u128::from(n) * 1_000_000_000 / real;
    let (micros, ledger) = (real / 1000, &summary.outcome.ledger);
    format!(
        "it took {}.{:06} s on this machine: {}.{:02} times as fast as real time; {} steps, {} \
         packets and {} records a second\n",
        micros / 1_000_000,
        micros % 1_000_000,
        ratio / 100,
        ratio % 100,
        summary.outcome.steps,
        a_second(ledger.came + ledger.made.total()),
        a_second(summary.outcome.records),
    )
}
