//! All lcores, and when each has something to do next.
//!
//! Nothing is stepped that would find nothing. After each step, [`Lcores::plan`] asks which jobs of
//! the lcore have work to come, and finds in closed form the first run of one of them; whoever gives
//! the lcore something names the job that takes it, and that run may come before. The runs in
//! between are skipped when the planned one is due.
//!
//! An lcore may be stalled on purpose: the first step that would start at a stall's time or later
//! starts so much later, and all behind it with it. The closed forms are taken from there on then.
//!
//! Invariant: skipping changes nothing that can be seen: steps, times and counters are those of an
//! lcore that stepped all the time.

use super::core::{Core, Step};
use crate::clock::{FreeTurn, StepStart, Turn, not_before};
use crate::fault::{Fault, Skew, Skews};
use crate::plan::{Costs, Pace};
use dataplane::job::JobKind;
use dataplane::lcore::{Position, Stepped};
use dataplane::{Instant, LcoreId, Nanos};
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// The lcores, in the order of their numbers.
pub(crate) struct Lcores<C> {
    cores: Vec<C>,
    clocks: Vec<Clock>,
    /// When each lcore has something to do next, by its index.
    next: Vec<Instant>,
    costs: Costs,
    pace: Pace,
}

struct Clock {
    turn: Turn,
    /// When the step starts at which the lcore stands.
    at: Instant,
    /// The step that is planned.
    planned: Position,
    /// Stalls before the step that is planned, of those to come.
    passed: usize,
    /// The stalls to come, in order of time: when, and for how long.
    stalls: VecDeque<(Instant, Nanos)>,
    busy: u64,
    /// The clock that the lcore looks at.
    skew: Skew,
    /// Runs that found work.
    ran: u64,
    /// The runs that find work and take another time, and how long each takes.
    costs: Vec<(RangeInclusive<u64>, Nanos)>,
}

/// A step, and the stalls before it.
#[derive(Clone, Copy, Debug)]
struct Planned {
    step: StepStart,
    passed: usize,
}

impl Clock {
    /// [`Turn::first_run`], past the stalls to come.
    fn first_run(&self, kind: JobKind, here: StepStart, not_before: Instant) -> Option<Planned> {
        self.past_stalls(here, |turn, from| turn.first_run(kind, from, not_before))
    }

    /// [`Turn::first_step`], past the stalls to come.
    fn first_step(&self, here: StepStart, not_before: Instant) -> Option<Planned> {
        self.past_stalls(here, |turn, from| Some(turn.first_step(from, not_before)))
    }

    /// What `find` finds, if all jobs from `here` on are idle, and the stalls to come are as long as
    /// they are: what would start at a stall's time or later is looked for again behind the stall.
    fn past_stalls(
        &self,
        here: StepStart,
        find: impl Fn(&Turn, StepStart) -> Option<StepStart>,
    ) -> Option<Planned> {
        let (mut from, mut passed) = (here, 0);
        for (at, lasts) in &self.stalls {
            let step = find(&self.turn, from)?;
            if step.at < *at {
                return Some(Planned { step, passed });
            }
            let StepStart { position, at } = self.turn.first_step(from, *at);
            (from, passed) = (StepStart { position, at: at.saturating_add(*lasts) }, passed + 1);
        }
        Some(Planned { step: find(&self.turn, from)?, passed })
    }

    /// How long the run takes that was counted last, if that is not what it costs. Of two faults about
    /// it, the one that comes first.
    fn takes(&self) -> Option<Nanos> {
        let here = |(runs, _): &&(RangeInclusive<u64>, Nanos)| runs.contains(&self.ran);
        self.costs.iter().find(here).map(|(_, takes)| *takes)
    }

    /// Plans the very next step, which no closed form is asked for.
    fn plan_next(&mut self, position: Position) -> Instant {
        (self.planned, self.passed) = (position, 0);
        while let Some((_, lasts)) = self.stalls.pop_front_if(|(at, _)| *at <= self.at) {
            self.at = self.at.saturating_add(lasts);
        }
        self.at
    }
}

/// A step that is about to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The index of the lcore.
    pub index: usize,
    /// When the step starts.
    pub at: Instant,
    /// The tick that it is in.
    pub tick: u64,
    /// The job.
    pub kind: JobKind,
}

impl<C: Core> Lcores<C> {
    /// All lcores before their first step, at the epoch; or one whose turn costs nothing. Of the
    /// faults, those are theirs that stall them.
    pub fn new(
        mut cores: Vec<C>,
        costs: &Costs,
        pace: Pace,
        faults: &[Fault],
    ) -> Result<Lcores<C>, LcoreId> {
        cores.sort_by_key(Core::id);
        let mut clocks = Vec::with_capacity(cores.len());
        let mut next = Vec::with_capacity(cores.len());
        let skews = Skews::of(faults);
        for core in &cores {
            let turn = Turn::new(core.schedule(), costs).map_err(|FreeTurn| core.id())?;
            let (at, planned) = (Instant::EPOCH, core.position());
            let stalls = stalls(faults, core.id());
            let mut clock = Clock {
                turn,
                at,
                planned,
                passed: 0,
                stalls,
                busy: 0,
                ran: 0,
                costs: costs_of(faults, core.id()),
                skew: skews.get(core.id()),
            };
            let never = core.schedule().is_empty();
            next.push(if never { Instant::MAX } else { clock.plan_next(planned) });
            clocks.push(clock);
        }
        Ok(Lcores { cores, clocks, next, costs: costs.clone(), pace })
    }

    /// The lcore to be looked at next, and when: by time, then by number. The end of time when none
    /// has anything to come.
    pub fn earliest(&self) -> (Instant, usize) {
        let mut first = (Instant::MAX, 0);
        for (index, at) in self.next.iter().enumerate() {
            if *at < first.0 {
                first = (*at, index);
            }
        }
        first
    }

    /// The step that is planned for lcore `index` at `at`, the time that [`Lcores::earliest`] told.
    /// All before it are skipped.
    pub fn due(&mut self, index: usize, at: Instant) -> Due {
        let (core, clock) = (&mut self.cores[index], &mut self.clocks[index]);
        if clock.planned != core.position() {
            core.skip_to(clock.planned);
        }
        clock.at = at;
        clock.stalls.drain(..std::mem::take(&mut clock.passed));
        let Position { tick, slot } = clock.planned;
        let kind = if tick == 0 {
            core.schedule().job_at(0, slot)
        } else {
            clock.turn.job_at(tick, slot).map(|(kind, _)| kind)
        };
        match kind {
            Some(kind) => Due { index, at, tick, kind },
            None => unreachable!("an lcore stands at a job, or at the end of all of them"),
        }
    }

    /// Runs the step that [`Lcores::due`] told, and says if it takes another time than it costs.
    pub fn step<W>(&mut self, due: Due, world: &mut W) -> (Stepped, Option<Fault>)
    where
        C: Step<W>,
    {
        let stepped = self.cores[due.index].step(world);
        assert_eq!(
            (stepped.kind, stepped.tick),
            (due.kind, due.tick),
            "the engine counts jobs too"
        );
        let mut cost = self.costs.of(stepped.kind, stepped.work.items);
        let clock = &mut self.clocks[due.index];
        let mut fault = None;
        if stepped.work.items > 0 {
            clock.ran += 1;
            if let Some(takes) = clock.takes() {
                let (lcore, nth) = (self.cores[due.index].id(), clock.ran);
                fault = Some(Fault::Cost { lcore, first: nth, last: nth, takes });
                cost = takes;
            }
            clock.busy += cost.get();
        }
        clock.at = due.at.saturating_add(cost);
        (stepped, fault)
    }

    /// Plans the next step of lcore `index`, which just ran one: the first that finds work of its
    /// own, or what waits for it `outside`, a list of jobs.
    pub fn plan(&mut self, index: usize, outside: impl IntoIterator<Item = JobKind>) {
        let (core, clock) = (&self.cores[index], &mut self.clocks[index]);
        let position = core.position();
        if clock.turn.is_empty() && position.tick > 0 {
            self.next[index] = Instant::MAX;
            return;
        }
        if self.pace == Pace::Step || position.tick == 0 {
            self.next[index] = clock.plan_next(position);
            return;
        }
        let here = StepStart { position, at: clock.at };
        let mut first: Option<Planned> = None;
        let mut want = |kind, from| {
            let run = clock.first_run(kind, here, from);
            if let Some(run) = run
                && first.is_none_or(|first| run.step.position < first.step.position)
            {
                first = Some(run);
            }
        };
        core.wants(|kind, from| want(kind, clock.skew.global(from)));
        outside.into_iter().for_each(|kind| want(kind, Instant::EPOCH));
        clock.planned = first.map_or(position, |run| run.step.position);
        clock.passed = first.map_or(0, |run| run.passed);
        self.next[index] = first.map_or(Instant::MAX, |run| run.step.at);
    }

    /// Lets lcore `index` stall at `at`, when its planned step would start. What waits for it `outside`
    /// was there before, so that it is found at the first step behind the stall.
    pub fn stall(
        &mut self,
        index: usize,
        at: Instant,
        lasts: Nanos,
        outside: impl IntoIterator<Item = JobKind>,
    ) {
        let (core, clock) = (&mut self.cores[index], &mut self.clocks[index]);
        let here = StepStart { position: core.position(), at: clock.at };
        if let Some(Planned { step, passed }) = clock.first_step(here, at) {
            if step.position != here.position {
                core.skip_to(step.position);
            }
            clock.stalls.drain(..passed);
            clock.at = step.at.saturating_add(lasts);
        }
        self.plan(index, outside);
    }

    /// The other lcores, and when each has something to do next.
    pub fn others(&self, index: usize) -> impl Iterator<Item = (LcoreId, Instant)> + '_ {
        let all = self.cores.iter().map(Core::id).zip(self.next.iter().copied()).enumerate();
        let others = all.filter(move |(other, _)| *other != index).map(|(_, other)| other);
        others.filter(|(_, at)| *at != Instant::MAX)
    }

    /// Something from outside waits for job `kind` of lcore `index` from `not_before` on.
    pub fn wake(&mut self, index: usize, kind: JobKind, not_before: Instant) {
        let (core, clock) = (&self.cores[index], &mut self.clocks[index]);
        let position = core.position();
        if self.pace == Pace::Step || position.tick == 0 || clock.turn.is_empty() {
            return;
        }
        let here = StepStart { position, at: clock.at };
        let Some(run) = clock.first_run(kind, here, not_before) else { return };
        if self.next[index] == Instant::MAX || run.step.position < clock.planned {
            (clock.planned, clock.passed) = (run.step.position, run.passed);
            self.next[index] = run.step.at;
        }
    }

    /// A step of lcore `by` at `at` gave job `kind` of lcore `index` something to do.
    pub fn wake_by(&mut self, index: usize, kind: JobKind, at: Instant, by: LcoreId) {
        self.wake(index, kind, not_before(at, by, self.cores[index].id()));
    }

    /// Brings the lcores to where they are when all steps before `end` have run.
    pub fn advance_to(&mut self, end: Instant) {
        for (core, clock) in self.cores.iter_mut().zip(&mut self.clocks) {
            let position = core.position();
            if position.tick == 0 || clock.turn.is_empty() {
                continue;
            }
            let here = StepStart { position, at: clock.at };
            let Some(Planned { step, passed }) = clock.first_step(here, end) else { continue };
            if step.position != position {
                core.skip_to(step.position);
            }
            (clock.at, clock.planned, clock.passed) = (step.at, step.position, 0);
            clock.stalls.drain(..passed);
        }
    }

    /// The lcores.
    pub fn cores(&self) -> &[C] {
        &self.cores
    }

    /// The lcores, to be told something.
    pub fn cores_mut(&mut self) -> &mut [C] {
        &mut self.cores
    }

    /// Nanoseconds that lcore `index` spent in runs that found something to do.
    pub fn busy(&self, index: usize) -> u64 {
        self.clocks[index].busy
    }

    /// Runs of lcore `index` that found something to do.
    pub fn ran(&self, index: usize) -> u64 {
        self.clocks[index].ran
    }

    /// The clock that lcore `index` looks at.
    pub fn skew(&self, index: usize) -> Skew {
        self.clocks[index].skew
    }

    /// Whether any lcore has something to do now, and whether any has later, by itself.
    pub fn wanted(&self) -> (bool, bool) {
        let (mut now, mut later) = (false, false);
        for core in &self.cores {
            core.wants(|_, from| {
                now |= from == Instant::EPOCH;
                later |= from != Instant::EPOCH;
            });
        }
        (now, later)
    }
}

/// The stalls of an lcore, in order of time.
fn stalls(faults: &[Fault], id: LcoreId) -> VecDeque<(Instant, Nanos)> {
    let stall = |fault: &Fault| match fault {
        Fault::Stall { lcore, at, lasts } if *lcore == id => Some((*at, *lasts)),
        _ => None,
    };
    let mut stalls: Vec<_> = faults.iter().filter_map(stall).collect();
    stalls.sort_unstable();
    stalls.into()
}

/// The runs of an lcore that take another time than they cost.
fn costs_of(faults: &[Fault], id: LcoreId) -> Vec<(RangeInclusive<u64>, Nanos)> {
    let cost = |fault: &Fault| match fault {
        Fault::Cost { lcore, first, last, takes } if *lcore == id => Some((*first..=*last, *takes)),
        _ => None,
    };
    faults.iter().filter_map(cost).collect()
}

#[cfg(test)]
mod tests;
