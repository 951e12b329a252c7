//! A failing case made smaller, until nothing more can be left out.
//!
//! What is tried: fewer faults; fewer frames, by hosts, flows, datagrams (fragments together) and one
//! by one; fewer lcores; fewer tables; shorter and rounder times; simpler frames. That again and again
//! until nothing helps. A candidate is taken if the same oracle says that it fails.
//!
//! Invariant: the same case gives the same smallest one, after the same number of runs; no candidate
//! is run twice; at each moment [`Shrinker::best`] fails as the case did. Not here: what a candidate is
//! run on, and that the smallest one is confirmed (`run.rs`).

mod ddmin;
mod fields;
mod groups;
mod passes;
mod renumber;
mod tables;
#[cfg(test)]
mod tests;
mod times;

use crate::asked::Asked;
use crate::bundle::{Case, last_arrival};
use crate::fabric::Fabric;
use crate::oracle::Breach;
use crate::plan::Plan;
use crate::run::RunError;
use crate::trial::{PATIENCE, Trying, trial};
use dataplane::{Instant, Nanos, Planted};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use xxhash_rust::xxh3::Xxh3;

/// How a case is made smaller.
pub struct Shrinking<'a> {
    /// The oracle that is to say that a candidate fails.
    pub oracle: String,
    /// When a run without an end is given up; nothing: an hour after the case's own end.
    pub patience: Option<Nanos>,
    /// So many runs at most; nothing: as many as it takes.
    pub runs: Option<u64>,
    /// Set from outside to stop.
    pub interrupted: Option<&'a AtomicBool>,
    /// Asked before each run, and told how far it is: false stops it.
    pub go_on: &'a mut dyn FnMut(&Progress) -> bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs so far.
    pub runs: u64,
    /// Frames that are left.
    pub frames: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// What is tried.
    pub trying: &'static str,
}

/// How large a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Frames that arrive.
    pub frames: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// Things that go wrong on purpose.
    pub faults: usize,
    /// Lcores.
    pub lcores: usize,
    /// Tables of the scenario, but for its inputs.
    pub tables: usize,
    /// How long the run takes, in virtual time.
    pub time: Nanos,
}

/// What it came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest case that was found.
    pub case: Case,
    /// What was wrong in its run.
    pub breaches: Vec<Breach>,
    /// How large the case was.
    pub before: Size,
    /// How large it is.
    pub after: Size,
    /// Runs that it took.
    pub runs: u64,
    /// Candidates that had been seen before.
    pub seen: u64,
    /// Candidates that make no plan.
    pub no_plan: u64,
    /// Whether it was stopped: then it may not be the smallest.
    pub stopped: bool,
}

/// A case that cannot be made smaller.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// It does not fail that way.
    #[error("it does not fail by the oracle \"{oracle}\": {is}")]
    NoFailure {
        /// The oracle.
        oracle: String,
        /// What is wrong instead.
        is: String,
    },
    /// It cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It was interrupted before it was clear that it fails.
    #[error("interrupted before anything was clear")]
    Interrupted,
}

/// What is the same in all runs, and in no case: which defect is planted, and after how many events a
/// run is given up that has not ended (nothing: never).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Under {
    /// The defect, if there is one.
    pub planted: Planted,
    /// The most events of a run.
    pub events: Option<u64>,
}

/// Makes `case` smaller, with runs on `fabric`.
///
/// # Errors
/// It cannot be run, or does not fail by that oracle.
pub fn shrink<'a, F: Fabric>(
    case: &Case,
    shrinking: Shrinking<'a>,
    fabric: &'a mut F,
) -> Result<Shrunk, ShrinkError> {
    shrink_under(Under::default(), case, shrinking, fabric)
}

/// The same, with something in all runs that no case says.
pub(crate) fn shrink_under<'a, F: Fabric>(
    under: Under,
    case: &Case,
    shrinking: Shrinking<'a>,
    fabric: &'a mut F,
) -> Result<Shrunk, ShrinkError> {
    let (mut shrinker, before) = Shrinker::new(under, case, shrinking, fabric)?;
    let stopped = shrinker.rounds().is_err();
    let Shrinker { best, runs, seen_again, no_plan, .. } = shrinker;
    let after = best.size();
    let Best { case, breaches, .. } = best;
    Ok(Shrunk { case, breaches, before, after, runs, seen: seen_again, no_plan, stopped })
}

/// It is to stop.
struct Stop;

/// The smallest case so far, and its run.
struct Best {
    case: Case,
    breaches: Vec<Breach>,
    lcores: usize,
    end: Nanos,
}

struct Shrinker<'a, F> {
    how: Shrinking<'a>,
    under: Under,
    fabric: &'a mut F,
    best: Best,
    patience: Instant,
    /// Digests of all candidates that did not do.
    seen: BTreeSet<u128>,
    /// The last plan without its inputs, and the case that it is of.
    bare: Option<(u128, Option<Plan>)>,
    trying: &'static str,
    runs: u64,
    seen_again: u64,
    no_plan: u64,
}

impl Best {
    fn size(&self) -> Size {
        let frames = self.case.inputs.iter().flat_map(|input| &input.frames);
        Size {
            frames: frames.clone().count(),
            bytes: frames.map(|(_, frame)| frame.len()).sum(),
            faults: self.case.faults.len(),
            lcores: self.lcores,
            tables: tables::count(&self.case.tables),
            time: self.end,
        }
    }
}

impl<'a, F: Fabric> Shrinker<'a, F> {
    fn new(
        under: Under,
        case: &Case,
        how: Shrinking<'a>,
        fabric: &'a mut F,
    ) -> Result<(Shrinker<'a, F>, Size), ShrinkError> {
        let arrived = last_arrival(case);
        let patience = how.patience.map_or_else(
            || Instant::EPOCH.saturating_add(arrived).saturating_add(PATIENCE),
            |patience| Instant::EPOCH.saturating_add(patience),
        );
        let best = Best { case: case.clone(), breaches: Vec::new(), lcores: 0, end: arrived };
        let mut shrinker = Shrinker {
            how,
            under,
            fabric,
            best,
            patience,
            seen: BTreeSet::new(),
            bare: None,
            trying: "the case as it is",
            runs: 0,
            seen_again: 0,
            no_plan: 0,
        };
        let plan = shrinker.plan(bare_digest(case), case).or_else(|| {
            let mut plan = case.request("the bundle").plan().ok()?.plan;
            plan.config.planted = under.planted;
            Some(plan)
        });
        let oracle = shrinker.how.oracle.clone();
        let Some(plan) = plan else {
            let is = "it makes no plan".to_owned();
            return Err(ShrinkError::NoFailure { oracle, is });
        };
        let ran = shrinker.run(&plan)?.ok_or(ShrinkError::Interrupted)?;
        if !is_failure(&oracle, &ran.breaches) {
            let is = ran.breaches.first().map_or("it holds".to_owned(), ToString::to_string);
            return Err(ShrinkError::NoFailure { oracle, is });
        }
        shrinker.take(case.clone(), &plan, ran);
        let before = shrinker.best.size();
        Ok((shrinker, before))
    }

    /// Tries a candidate. Whether it fails the same way: then it is the best so far.
    fn attempt(&mut self, candidate: Case) -> Result<bool, Stop> {
        if candidate == self.best.case {
            return Ok(true);
        }
        let bare = bare_digest(&candidate);
        let digest = digest(bare, &candidate);
        if self.seen.contains(&digest) {
            self.seen_again += 1;
            return Ok(false);
        }
        let Some(plan) = self.plan(bare, &candidate) else {
            self.no_plan += 1;
            self.seen.insert(digest);
            return Ok(false);
        };
        let out_of_runs = self.how.runs.is_some_and(|runs| self.runs >= runs);
        let progress = self.progress();
        if out_of_runs || !(self.how.go_on)(&progress) || self.is_interrupted() {
            return Err(Stop);
        }
        // A plan that cannot be run is no candidate, as one that cannot be made.
        let Ok(ran) = self.run(&plan) else {
            self.seen.insert(digest);
            return Ok(false);
        };
        let ran = ran.ok_or(Stop)?;
        let fails = is_failure(&self.how.oracle, &ran.breaches);
        match fails {
            true => self.take(candidate, &plan, ran),
            false => drop(self.seen.insert(digest)),
        }
        Ok(fails)
    }

    fn is_interrupted(&self) -> bool {
        self.how.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    fn progress(&self) -> Progress {
        let Size { frames, bytes, .. } = self.best.size();
        Progress { runs: self.runs, frames, bytes, trying: self.trying }
    }

    /// Runs a plan. Nothing: it was interrupted.
    fn run(&mut self, plan: &Plan) -> Result<Option<Ran>, RunError> {
        let patience = plan.until.is_none().then_some(self.patience);
        let (interrupted, events) = (self.how.interrupted, self.under.events);
        let trying = Trying { patience, interrupted, events, ..Trying::default() };
        let verdict = trial(plan, trying, self.fabric, ())?;
        self.runs += 1;
        if verdict.is_interrupted() {
            return Ok(None);
        }
        let end = verdict.outcome().map(|outcome| outcome.end);
        Ok(Some(Ran { end, breaches: verdict.breaches }))
    }

    fn take(&mut self, case: Case, plan: &Plan, ran: Ran) {
        let end =
            ran.end.map_or_else(|| last_arrival(&case), |end| end.saturating_since(Instant::EPOCH));
        let lcores = plan.config.lcores.len();
        self.best = Best { case, breaches: ran.breaches, lcores, end };
    }

    /// The plan of a candidate of which `key` is the digest of all but its frames: without a detour by
    /// the text of those.
    fn plan(&mut self, key: u128, case: &Case) -> Option<Plan> {
        if self.bare.as_ref().is_none_or(|(known, _)| *known != key) {
            self.bare = Some((key, case.bare_plan().ok()));
        }
        let (_, bare) = self.bare.as_ref()?;
        let mut plan = bare.clone()?;
        plan.config.planted = self.under.planted;
        plan.inputs = case.plan_inputs(&plan)?;
        Some(plan)
    }
}

struct Ran {
    /// When it ended; nothing: it panicked.
    end: Option<Instant>,
    breaches: Vec<Breach>,
}

fn is_failure(oracle: &str, breaches: &[Breach]) -> bool {
    breaches.iter().any(|breach| breach.oracle == oracle)
}

/// The digest of all that a candidate is, of which `bare` is that of all but what arrives.
fn digest(bare: u128, case: &Case) -> u128 {
    let mut digest = Xxh3::new();
    digest.update(&bare.to_le_bytes());
    for input in &case.inputs {
        digest.update(input.port.as_bytes());
        digest.update(&(input.frames.len() as u64).to_le_bytes());
        for (at, frame) in &input.frames {
            digest.update(&at.as_nanos().to_le_bytes());
            digest.update(&(frame.len() as u64).to_le_bytes());
            digest.update(frame);
        }
    }
    digest.digest128()
}

/// The digest of all but what arrives.
fn bare_digest(case: &Case) -> u128 {
    let mut digest = Xxh3::new();
    digest.update(toml::to_string(&case.tables).unwrap_or_default().as_bytes());
    for fault in &case.faults {
        digest.update(format!("\n{fault}").as_bytes());
    }
    for asked in &case.asked {
        digest.update(format!("\n{asked}").as_bytes());
    }
    digest.digest128()
}

/// The first thing that the user called a failure and that happened, of the words of a breach.
fn first_asked<'a>(asked: &'a [Asked], why: &str) -> Option<&'a Asked> {
    asked.iter().find(|asked| {
        why.strip_prefix(&asked.to_string()).is_some_and(|rest| rest.starts_with(", "))
    })
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (was, is) = (&self.before, &self.after);
        writeln!(f, "{:<14} {:>14} {:>14}", "", "before", "after")?;
        for (what, was, is) in [
            ("frames", was.frames, is.frames),
            ("bytes", was.bytes, is.bytes),
            ("faults", was.faults, is.faults),
            ("lcores", was.lcores, is.lcores),
            ("tables", was.tables, is.tables),
        ] {
            writeln!(f, "{what:<14} {was:>14} {is:>14}")?;
        }
        let seconds = |time| format!("{} s", Instant::EPOCH.saturating_add(time));
        let (was, is) = (seconds(was.time), seconds(is.time));
        writeln!(f, "{:<14} {was:>14} {is:>14}", "virtual time")?;
        let Shrunk { runs, seen, no_plan, .. } = self;
        writeln!(f, "\n{runs} runs; {seen} candidates seen before, {no_plan} that make no plan")?;
        if self.stopped {
            writeln!(f, "stopped: this is the smallest so far, and it may not be the smallest")?;
        }
        Ok(())
    }
}
