//! A swarm on this machine: its fabric, its file of results, its time, and what is shown of it.
//!
//! Invariant: the clock on the wall decides how many units are tried, and of none what it comes to. Not
//! here: which units there are, and what they come to (`swarm.rs`).

use super::stopwatch::Stopwatch;
use super::{RunError, occasionally};
use crate::cli::{Job, Search};
use crate::fabric::{DpdkFabric, Fabric, FabricError, HeapFabric};
use crate::fault::Fault;
use crate::plan::Backend;
use crate::scenario::{Overrides, Request, shell};
use crate::swarm::{
    Line, Results, ResultsError, Scene, Stopped, Summary, Swarm, Swarmed, swarm as one_by_one,
    swarm_in_parallel,
};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A swarm that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum SwarmError {
    /// A scenario cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The results cannot be kept.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// What was asked for does not go together.
    #[error("{0}")]
    Asked(String),
}

/// Runs all jobs under all seeds. Of each it says, too, what it was tried as.
pub(super) fn swarm(
    jobs: &[Job],
    search: &Search,
    progress: bool,
    interrupted: &AtomicBool,
) -> Result<(Swarmed, Vec<Scene>), SwarmError> {
    let on = jobs.iter().map(|job| job.backend).next().unwrap_or_default();
    let workers = search.jobs;
    match on {
        Backend::Heap => {
            let fabric = &mut HeapFabric::new();
            tried(jobs, search, progress, interrupted, fabric, workers)
        }
        Backend::Dpdk if workers > 1 => Err(SwarmError::Asked(
            "DPDK runs once in a process: take --backend heap for --jobs, or start several \
             processes, each with its --shard"
                .to_owned(),
        )),
        Backend::Dpdk => dpdk::on_eal_thread(move |eal| {
            tried(jobs, search, progress, interrupted, &mut DpdkFabric::new(eal), workers)
        })
        .map_err(|error| RunError::from(FabricError::from(error)))?,
    }
}

fn tried<F: Fabric>(
    jobs: &[Job],
    search: &Search,
    progress: bool,
    interrupted: &AtomicBool,
    fabric: &mut F,
    workers: usize,
) -> Result<(Swarmed, Vec<Scene>), SwarmError> {
    let watch = Stopwatch::start();
    let mut scenes = Vec::new();
    for Job { scenario, pace, .. } in jobs {
        match Scene::new(&scenario.name, &scenario.plan, *pace, interrupted, fabric)? {
            Some(scene) => scenes.push(scene),
            None => {
                let (summary, stopped) = (Summary::default(), Stopped::Interrupted);
                return Ok((Swarmed { summary, tried: 0, stopped }, scenes));
            }
        }
    }
    let (mut results, known, before) = results(search, &scenes)?;
    let swarm = Swarm {
        scenes: &scenes,
        seeds: search.seeds,
        shard: search.shard,
        known: &known,
        pace: jobs.iter().map(|job| job.pace).next().unwrap_or_default(),
        build: &search.build,
        until_stable: search.until_stable,
        interrupted,
        again: &|scene, seed, faults| again(&jobs[scene], seed, faults),
    };
    let budget = search.time_budget.map(|budget| Duration::from_nanos(budget.get()));
    let mut show = progress.then(|| occasionally(rate(watch)));
    let mut tried = 0;
    let mut told = |line: &Line, summary: &Summary| -> Result<bool, SwarmError> {
        if let Some(results) = &mut results {
            results.add(line)?;
        }
        tried += 1;
        if let Some(show) = &mut show {
            show((tried, summary.bad()));
        }
        Ok(budget.is_none_or(|budget| watch.elapsed() < budget))
    };
    let swarmed = match workers {
        1 => one_by_one(&swarm, before, fabric, &mut told),
        _ => swarm_in_parallel(&swarm, before, workers, &mut told),
    };
    Ok((swarmed?, scenes))
}

/// Says on the standard error how many units were tried, how many a second, and how many failed.
fn rate(watch: Stopwatch) -> impl FnMut((u64, u64)) + Send {
    move |(tried, bad)| {
        let millis = watch.elapsed().as_millis().max(1);
        let rate = u128::from(tried) * 1000 / millis;
        eprint!("\r{tried} units, {rate} a second, {bad} failed ");
    }
}

/// The file of results, and of the units in it those that are asked for: which, and what they say.
type Known = (Option<Results>, BTreeSet<(usize, u64)>, Summary);

fn results(search: &Search, scenes: &[Scene]) -> Result<Known, SwarmError> {
    let (mut known, mut before) = (BTreeSet::new(), Summary::default());
    let Some(path) = &search.out else { return Ok((None, known, before)) };
    if !search.resume {
        return Ok((Some(Results::create(path)?), known, before));
    }
    let take = |line: Line| {
        let of_it = |scene: &Scene| scene.name == line.scenario && scene.input == line.input;
        if let Some(scene) = scenes.iter().position(of_it)
            && line.build == search.build
            && (search.seeds.first..search.seeds.end).contains(&line.unit)
            && known.insert((scene, line.unit))
        {
            before.add(&line);
        }
    };
    let (results, torn) = Results::resume(path, take)?;
    let path = path.display();
    if torn {
        eprintln!("{path}: the last line was cut short, and is cut off");
    }
    eprintln!("{path}: {} units are there already", known.len());
    Ok((Some(results), known, before))
}

/// What is asked for by a unit.
pub(super) fn unit(job: &Job, seed: u64, faults: &[Fault]) -> Request {
    let mut overrides = Overrides { seed: Some(seed), ..job.request.overrides.clone() };
    overrides.faults.extend(faults.iter().cloned());
    Request { overrides, ..job.request.clone() }
}

/// The command line that has a unit again.
fn again(job: &Job, seed: u64, faults: &[Fault]) -> String {
    let request = &unit(job, seed, faults);
    let captures = request.captures.iter().map(|capture| capture.words());
    let captures: String = captures.collect();
    let file = shell(&request.file);
    let what = match captures.is_empty() {
        true => format!("run {file}"),
        false => format!("replay{captures} -c {file}"),
    };
    let backend = match job.backend {
        Backend::Heap => " --backend heap",
        Backend::Dpdk => "",
    };
    format!("lockstep {what}{}{backend}", request.overrides.options())
}
