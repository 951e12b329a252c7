//! In which order lcores run: strategies that push steps back, and what they come to, a list of stalls.
//!
//! Lockstep runs what is due first. A strategy is asked before each step that finds work, and may have
//! that lcore stall, as if it were preempted. All that it did is a list of [`Fault::Stall`]: a schedule
//! is a value, and the list alone gives the same run again, at each pace and without the strategy.
//!
//! Invariant: what a strategy does depends on its seed and on the plan alone; it pushes a step back no
//! further than its window. Not here: how a stall moves steps (`engine/lcores.rs`), stalls at random
//! times whatever happens then (`fault/draw.rs`).

mod search;

pub use search::{RUNS, Searched, search};
pub(crate) use search::{Shared, Touch};

use crate::engine::{self, Conduct, Outcome};
use crate::fabric::Fabric;
use crate::fault::{Fault, span};
use crate::plan::{Pace, Plan};
use crate::run::{PlanError, RunError};
use crate::trial::{Trying, caught};
use dataplane::job::JobKind;
use dataplane::rng::Rng;
use dataplane::{Instant, LcoreId, Nanos};
use std::path::PathBuf;
use std::str::FromStr;

/// How far ahead another lcore's step counts as due together with this one, and how far a step is
/// pushed back at most: about what a preemption takes.
const WINDOW: Nanos = Nanos::from_micros(100);
/// The same for an lcore that is starved.
const STARVED: Nanos = Nanos::from_millis(1);
/// How many delays a random schedule has, about.
const DELAYS: u64 = 64;
/// Stalls of one schedule, at most.
const STALLS: usize = 1_000;

/// In which order lcores run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sched {
    /// What is due first runs first.
    Fixed,
    /// A strategy says.
    By(Strategy),
    /// The faults of a file say, one a line.
    Replay(PathBuf),
}

/// Who is pushed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Some steps at random, a bounded number of them: delay-bounded scheduling (Emmi, Qadeer and
    /// Rakamarić, POPL 2011), with random delays.
    Random {
        /// What the delays are drawn from.
        seed: u64,
    },
    /// All but the lcore of the highest priority that has work: PCT (Burckhardt et al., ASPLOS 2010).
    Pct {
        /// The depth of the bugs that it is for, at least 1: priorities change one time less.
        depth: u64,
        /// What priorities and places of change are drawn from.
        seed: u64,
    },
    /// One lcore, whenever any other has work.
    Starve(LcoreId),
    /// Whoever it takes: all orders are tried in turn, up to the first in which something is wrong.
    Dfs {
        /// Stalls of one schedule, at most.
        bound: usize,
    },
}

/// What a strategy came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What makes the run so: to be added to the faults of the plan.
    pub stalls: Vec<Fault>,
    /// How many runs it took, if it was a search. If nothing was wrong in any, there are no stalls.
    pub searched: Option<Searched>,
}

/// What a schedule looks like.
const SCHED: &str = "fixed, random:SEED, pct:D, pct:D:SEED, starve:LCORE, dfs:BOUND or \
                     replay:FILE";

impl FromStr for Sched {
    type Err = String;

    fn from_str(text: &str) -> Result<Sched, String> {
        let expected = || format!("\"{text}\" is no schedule, expected {SCHED}");
        let number = |text: &str| text.parse::<u64>().map_err(|_| expected());
        Ok(match text.split_once(':') {
            None if text == "fixed" => Sched::Fixed,
            Some(("random", seed)) => Sched::By(Strategy::Random { seed: number(seed)? }),
            Some(("pct", rest)) => {
                let (depth, seed) = rest.split_once(':').unwrap_or((rest, "0"));
                let (depth, seed) = (number(depth)?, number(seed)?);
                if depth == 0 {
                    return Err(format!("\"{text}\": a bug has at least depth 1"));
                }
                Sched::By(Strategy::Pct { depth, seed })
            }
            Some(("starve", lcore)) => {
                let lcore = lcore.parse().map_err(|_| expected())?;
                Sched::By(Strategy::Starve(LcoreId(lcore)))
            }
            Some(("dfs", bound)) => {
                let bound = bound.parse().map_err(|_| expected())?;
                Sched::By(Strategy::Dfs { bound })
            }
            Some(("replay", file)) if !file.is_empty() => Sched::Replay(file.into()),
            Some(_) | None => return Err(expected()),
        })
    }
}

/// A line of a file that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {why}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// The faults of a file: one a line, but for blank lines and what begins with `#`.
///
/// # Errors
/// A line is no fault: its number, from 1, and why.
pub fn read(text: &str) -> Result<Vec<Fault>, LineError> {
    let mut faults = Vec::new();
    for (line, fault) in (1..).zip(text.lines()) {
        let fault = fault.trim();
        if !fault.is_empty() && !fault.starts_with('#') {
            faults.push(fault.parse().map_err(|why| LineError { line, why })?);
        }
    }
    Ok(faults)
}

/// Runs `plan` as the strategy says, and returns what makes it run so again. A run that panics has
/// stalls up to there. Idle time is skipped, since whoever steps it asks no one.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn find<F: Fabric>(
    plan: &Plan,
    strategy: Strategy,
    trying: Trying<'_>,
    fabric: &mut F,
) -> Result<Found, RunError> {
    if let Strategy::Dfs { bound } = strategy {
        let searched = search(plan, bound, trying, fabric)?;
        let stalls = searched.failing.clone().unwrap_or_default();
        return Ok(Found { stalls, searched: Some(searched) });
    }
    if let Strategy::Starve(lcore) = strategy {
        let stall = Fault::Stall { lcore, at: Instant::EPOCH, lasts: STARVED };
        stall.check(plan).map_err(PlanError::Fault)?;
    }
    // How many steps there are is known from a run that nobody disturbs.
    let mut counting = Picker::new(plan, Rule::Fixed, Rng::new(0));
    // Whoever runs it with these stalls sees the panic, if there is one.
    if !matches!(strategy, Strategy::Starve(_)) {
        picked(plan, &mut counting, trying, fabric)?;
    }
    let mut picker = Picker::of(plan, strategy, &counting);
    picked(plan, &mut picker, trying, fabric)?;
    Ok(Found { stalls: picker.stalls, searched: None })
}

/// What a run came to in which a picker was asked; nothing: it panicked.
fn picked<F: Fabric>(
    plan: &Plan,
    picker: &mut Picker,
    trying: Trying<'_>,
    fabric: &mut F,
) -> Result<Option<Outcome>, RunError> {
    let conduct = Conduct { pace: Pace::Skip, ..trying.conduct() };
    if let Ok(ran) = caught(|| engine::run_picked(plan, conduct, picker, fabric)) {
        return ran.map(Some);
    }
    fabric.finish();
    Ok(None)
}

/// A strategy at work.
#[derive(Clone, Debug)]
pub(crate) struct Picker {
    rule: Rule,
    rng: Rng,
    /// Steps that it let run, and those that were due together with another lcore's.
    ran: u64,
    contended: u64,
    /// When the step of each lcore would have started that is being pushed back.
    since: Vec<(LcoreId, Option<Instant>)>,
    stalls: Vec<Fault>,
    /// The steps that touched what several lcores share.
    touches: Vec<Touch>,
}

#[derive(Clone, Debug)]
enum Rule {
    Fixed,
    /// One of so many steps is pushed back.
    Random {
        one_in: u64,
    },
    /// An lcore of a higher rank goes first. After so many steps in all, the lcore that ran sinks
    /// below all others.
    Ranks {
        ranks: Vec<(LcoreId, u64)>,
        changes: Vec<u64>,
        window: Nanos,
    },
}

impl Picker {
    fn new(plan: &Plan, rule: Rule, rng: Rng) -> Picker {
        let mut since: Vec<_> = plan.config.lcores.iter().map(|lcore| (lcore.id, None)).collect();
        since.sort_unstable_by_key(|(id, _)| *id);
        let (stalls, touches) = (Vec::new(), Vec::new());
        Picker { rule, rng, ran: 0, contended: 0, since, stalls, touches }
    }

    /// A strategy for a run that has as many steps as were counted.
    fn of(plan: &Plan, strategy: Strategy, counted: &Picker) -> Picker {
        match strategy {
            Strategy::Random { seed } => {
                let one_in = (counted.contended / DELAYS).max(2);
                Picker::new(plan, Rule::Random { one_in }, Rng::new(seed).fork("sched.random"))
            }
            Strategy::Pct { depth, seed } => {
                let mut rng = Rng::new(seed).fork("sched.pct");
                let mut order: Vec<u64> = (0..plan.config.lcores.len() as u64).collect();
                for last in (1..order.len()).rev() {
                    let other = usize::try_from(rng.below(last as u64 + 1)).unwrap_or(0);
                    order.swap(last, other);
                }
                // Below these are the ranks of those that sink: the later, the lower.
                let ids = counted.since.iter().map(|(id, _)| *id);
                let ranks = ids.zip(order).map(|(id, rank)| (id, depth + rank)).collect();
                let places = counted.ran.max(1);
                let mut changes: Vec<_> = (1..depth).map(|_| 1 + rng.below(places)).collect();
                changes.sort_unstable();
                let rule = Rule::Ranks { ranks, changes, window: WINDOW };
                Picker::new(plan, rule, rng)
            }
            Strategy::Starve(starved) => {
                let ids = counted.since.iter().map(|(id, _)| *id);
                let ranks = ids.map(|id| (id, u64::from(id != starved))).collect();
                let rule = Rule::Ranks { ranks, changes: Vec::new(), window: STARVED };
                Picker::new(plan, rule, Rng::new(0))
            }
            Strategy::Dfs { .. } => Picker::new(plan, Rule::Fixed, Rng::new(0)),
        }
    }

    /// A step of `lcore` is due at `at`, and others at the times that `others` says, or never. How
    /// much later this one is to start; nothing: it runs.
    pub fn asked(
        &mut self,
        at: Instant,
        lcore: LcoreId,
        others: impl Iterator<Item = (LcoreId, Instant)>,
    ) -> Option<Nanos> {
        let lasts = self.delay(at, lcore, others).filter(|_| self.stalls.len() < STALLS);
        let slot = self.since.iter_mut().find(|(id, _)| *id == lcore).map(|(_, since)| since);
        let Some(lasts) = lasts else {
            self.ran += 1;
            slot.into_iter().for_each(|since| *since = None);
            self.sink(lcore);
            return None;
        };
        slot.into_iter().for_each(|since| *since = since.or(Some(at)));
        match self.stalls.last_mut() {
            // One that goes on is one.
            Some(Fault::Stall { lcore: last, at: from, lasts: before })
                if *last == lcore && from.saturating_add(*before) == at =>
            {
                *before = *before + lasts;
            }
            _ => self.stalls.push(Fault::Stall { lcore, at, lasts }),
        }
        Some(lasts)
    }

    /// A step has run, and touched this.
    pub fn touched(&mut self, at: Instant, lcore: LcoreId, job: JobKind, what: &[Shared]) {
        if !what.is_empty() {
            self.touches.push(Touch { at, lcore, job, what: what.to_vec() });
        }
    }

    fn delay(
        &mut self,
        at: Instant,
        lcore: LcoreId,
        mut others: impl Iterator<Item = (LcoreId, Instant)>,
    ) -> Option<Nanos> {
        let Rule::Ranks { ranks, window, .. } = &self.rule else {
            let until = at.saturating_add(WINDOW);
            others.find(|(_, due)| *due <= until)?;
            self.contended += 1;
            let Rule::Random { one_in } = self.rule else { return None };
            if self.rng.below(one_in) != 0 {
                return None;
            }
            return Some(span(&mut self.rng, 3));
        };
        let rank =
            |id: LcoreId| ranks.iter().find(|(other, _)| *other == id).map(|(_, rank)| *rank);
        let own = rank(lcore);
        let higher = others.filter(|(id, _)| rank(*id) > own).map(|(_, due)| due).min()?;
        let since = self.since.iter().find(|(id, _)| *id == lcore)?.1.unwrap_or(at);
        let behind = higher.max(at).saturating_add(Nanos::new(1));
        (behind.saturating_since(since) <= *window).then(|| behind.saturating_since(at))
    }

    /// An lcore has run a step. At a place of change it sinks below all others.
    fn sink(&mut self, lcore: LcoreId) {
        let Rule::Ranks { ranks, changes, .. } = &mut self.rule else { return };
        while changes.first().is_some_and(|place| *place <= self.ran) {
            changes.remove(0);
            let rank = changes.len() as u64;
            ranks.iter_mut().filter(|(id, _)| *id == lcore).for_each(|(_, own)| *own = rank);
        }
    }
}

#[cfg(test)]
mod tests;
