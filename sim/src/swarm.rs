//! Many runs of scenarios, each under another seed, and what they come to.
//!
//! A *unit* is a scenario and a seed. The seed is that of the run, and the faults of the run are drawn
//! from it; so a unit comes to the same on every machine, and a line of JSON says what. Units can be
//! shared out among shards, their lines put together again, and a run that was stopped can be gone on
//! with.
//!
//! Invariant: what a unit comes to depends on the scenario and the seed, not on what ran before it, with
//! how many jobs, or on the machine. Not here: what a seed does to a run (`fault/draw.rs`), what a run
//! is held to (`oracle.rs`).

mod coverage;
mod environment;
mod junit;
mod line;
mod merge;
mod results;
mod runner;
mod seeds;
mod summary;

pub use coverage::{Watch, reachable};
pub use environment::shard as shard_from;
pub use junit::junit;
pub use line::{Extent, Key, Line, LineError, SCHEMA, Status, read};
pub use merge::Merged;
pub use results::{Results, ResultsError};
pub use runner::{Stopped, Swarm, Swarmed, Told, swarm, swarm_in_parallel};
pub use seeds::{Seeds, Shard};
pub use summary::Summary;

use crate::asked;
use crate::bundle::Said;
use crate::capture::CaptureInfo;
use crate::fabric::Fabric;
use crate::fault::{Fault, Reach, draw};
use crate::plan::{Pace, Plan, PortPlan, Source};
use crate::run::RunError;
use crate::source;
use crate::trial::{Trying, Verdict, patience, trial};
use dataplane::Instant;
use std::fmt::{self, Write as _};
use std::sync::atomic::AtomicBool;
use xxhash_rust::xxh3::Xxh3Default;

/// A scenario that is ready to be run under any seed.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Its name.
    pub name: String,
    /// The digest of all that decides its runs but the seed.
    pub input: String,
    /// What is run. Its captures are in memory.
    plan: Plan,
    /// What could go wrong; or, if already the run without drawn faults is broken, what is wrong.
    reach: Result<Reach, Vec<Said>>,
    /// When a run is given up that does not come to rest.
    patience: Option<Instant>,
}

impl Scene {
    /// Reads the captures of a plan, and runs it once with its own seed, to see what could go wrong.
    /// Nothing: it was interrupted.
    ///
    /// # Errors
    /// The plan cannot be run, or an input cannot be read.
    pub fn new<F: Fabric>(
        name: &str,
        plan: &Plan,
        pace: Pace,
        interrupted: &AtomicBool,
        fabric: &mut F,
    ) -> Result<Option<Scene>, RunError> {
        let mut plan = plan.clone();
        source::in_memory(&mut plan)?;
        let input = digest(&plan)?;
        let trying = Trying { pace, interrupted: Some(interrupted), ..Trying::default() };
        let verdict = trial(&plan, trying, fabric, ())?;
        if verdict.is_interrupted() {
            return Ok(None);
        }
        // What a user calls a failure may happen without any fault.
        let broken = verdict.breaches.iter().filter(|breach| breach.oracle != asked::ORACLE);
        let broken: Vec<Said> = broken.map(Said::from).collect();
        let reach = match verdict.outcome() {
            Some(outcome) if broken.is_empty() => Ok(Reach::of(&plan, outcome)),
            Some(_) | None => Err(broken),
        };
        let patience = verdict.outcome().and_then(|outcome| patience(&plan, outcome.end));
        let name = name.to_owned();
        Ok(Some(Scene { name, input, plan, reach, patience }))
    }

    /// When a run is given up that does not come to rest; nothing: never.
    pub fn patience(&self) -> Option<Instant> {
        self.patience
    }

    /// What is wrong already without drawn faults: then no unit is run.
    pub fn broken(&self) -> Option<&[Said]> {
        self.reach.as_ref().err().map(Vec::as_slice)
    }
}

/// A scene of which one seed after the other is tried.
struct Stage<'a> {
    scene: &'a Scene,
    plan: Plan,
    /// How many faults the plan has of itself.
    own: usize,
}

/// What a unit came to: a line without what was built and how to have it again, and the faults.
struct Tried {
    line: Line,
    faults: Vec<Fault>,
}

impl<'a> Stage<'a> {
    fn new(scene: &'a Scene) -> Stage<'a> {
        Stage { scene, plan: scene.plan.clone(), own: scene.plan.faults.len() }
    }

    /// Tries one seed. Nothing: it was interrupted.
    fn unit<F: Fabric>(
        &mut self,
        seed: u64,
        pace: Pace,
        interrupted: &AtomicBool,
        fabric: &mut F,
    ) -> Result<Option<Tried>, RunError> {
        let Scene { name, input, reach, patience, .. } = self.scene;
        let mut line = Line {
            schema: SCHEMA,
            build: String::new(),
            scenario: name.clone(),
            input: input.clone(),
            unit: seed,
            status: Status::Skip,
            trace: None,
            events: 0,
            faults: Vec::new(),
            breaches: Vec::new(),
            coverage: Vec::new(),
            again: None,
        };
        let reach = match reach {
            Ok(reach) => reach,
            Err(broken) => {
                line.breaches.clone_from(broken);
                return Ok(Some(Tried { line, faults: Vec::new() }));
            }
        };
        let faults = draw(seed, reach);
        self.plan.reseed(seed);
        self.plan.faults.truncate(self.own);
        self.plan.faults.extend(faults.iter().cloned());
        let trying = Trying {
            pace,
            patience: *patience,
            interrupted: Some(interrupted),
            ..Trying::default()
        };
        let verdict = trial(&self.plan, trying, fabric, Watch::default())?;
        if verdict.is_interrupted() {
            return Ok(None);
        }
        let Verdict { ran, breaches } = verdict;
        line.status = if breaches.is_empty() { Status::Ok } else { Status::Fail };
        line.coverage = coverage::reached(ran.as_ref(), &breaches);
        if let Some((outcome, _)) = &ran {
            line.trace = Some(outcome.digests.trace.to_string());
            line.events = outcome.records;
        }
        if line.status == Status::Fail {
            line.breaches = breaches.iter().map(Said::from).collect();
            line.faults = faults.iter().map(ToString::to_string).collect();
        }
        Ok(Some(Tried { line, faults }))
    }
}

/// The digest of all that decides the runs of a plan but the seed. It is the same wherever the files
/// of the plan lie.
fn digest(plan: &Plan) -> Result<String, RunError> {
    let mut plan = plan.clone();
    plan.reseed(0);
    for port in &mut plan.ports {
        if let PortPlan::Pcap { rx: Some(path) } = port {
            let info = CaptureInfo::scan(path)?;
            *path = format!("{:032x}", info.digest).into();
        }
    }
    for input in &mut plan.inputs {
        if let Source::Capture(capture) = &mut input.source {
            let info = CaptureInfo::scan(&capture.path)?;
            capture.path = format!("{:032x}", info.digest).into();
        }
    }
    let mut text = Hashed(Xxh3Default::new());
    let _ = write!(text, "{plan:?}");
    Ok(format!("{:016x}", text.0.digest()))
}

/// Hashes what is written into it.
struct Hashed(Xxh3Default);

impl fmt::Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
