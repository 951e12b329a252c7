//! All lcores, and when each has something to do next.
//!
//! Nothing is stepped that would find nothing. After each step, [`Lcores::plan`] asks which jobs of
//! the lcore have work to come, and finds in closed form the first run of one of them; whoever gives
//! the lcore something names the job that takes it, and that run may come before. The runs in
//! between are skipped when the planned one is due.
//!
//! Invariant: skipping changes nothing that can be seen: steps, times and counters are those of an
//! lcore that stepped all the time.

use super::core::{Core, Step};
use crate::clock::{FreeTurn, StepStart, Turn, not_before};
use crate::plan::{Costs, Pace};
use dataplane::job::JobKind;
use dataplane::lcore::{Position, Stepped};
use dataplane::{Instant, LcoreId};

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
    busy: u64,
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
    /// All lcores before their first step, at the epoch; or one whose turn costs nothing.
    pub fn new(mut cores: Vec<C>, costs: &Costs, pace: Pace) -> Result<Lcores<C>, LcoreId> {
        cores.sort_by_key(Core::id);
        let mut clocks = Vec::with_capacity(cores.len());
        let mut next = Vec::with_capacity(cores.len());
        for core in &cores {
            let turn = Turn::new(core.schedule(), costs).map_err(|FreeTurn| core.id())?;
            let never = core.schedule().is_empty();
            next.push(if never { Instant::MAX } else { Instant::EPOCH });
            clocks.push(Clock { turn, at: Instant::EPOCH, planned: core.position(), busy: 0 });
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

    /// Runs the step that [`Lcores::due`] told.
    pub fn step<W>(&mut self, due: Due, world: &mut W) -> Stepped
    where
        C: Step<W>,
    {
        let stepped = self.cores[due.index].step(world);
        assert_eq!(
            (stepped.kind, stepped.tick),
            (due.kind, due.tick),
            "the engine counts jobs too"
        );
        let cost = self.costs.of(stepped.kind, stepped.work.items);
        let clock = &mut self.clocks[due.index];
        if stepped.work.items > 0 {
            clock.busy += cost.get();
        }
        clock.at = due.at.saturating_add(cost);
        stepped
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
            clock.planned = position;
            self.next[index] = clock.at;
            return;
        }
        let here = StepStart { position, at: clock.at };
        let mut first: Option<StepStart> = None;
        let mut want = |kind, from| {
            let run = clock.turn.first_run(kind, here, from);
            if let Some(run) = run
                && first.is_none_or(|first| run.position < first.position)
            {
                first = Some(run);
            }
        };
        core.wants(&mut want);
        outside.into_iter().for_each(|kind| want(kind, Instant::EPOCH));
        clock.planned = first.map_or(position, |run| run.position);
        self.next[index] = first.map_or(Instant::MAX, |run| run.at);
    }

    /// Something from outside waits for job `kind` of lcore `index` from `not_before` on.
    pub fn wake(&mut self, index: usize, kind: JobKind, not_before: Instant) {
        let (core, clock) = (&self.cores[index], &mut self.clocks[index]);
        let position = core.position();
        if self.pace == Pace::Step || position.tick == 0 || clock.turn.is_empty() {
            return;
        }
        let here = StepStart { position, at: clock.at };
        let Some(run) = clock.turn.first_run(kind, here, not_before) else { return };
        if self.next[index] == Instant::MAX || run.position < clock.planned {
            clock.planned = run.position;
            self.next[index] = run.at;
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
            let there = clock.turn.first_step(here, end);
            if there.position != position {
                core.skip_to(there.position);
            }
            (clock.at, clock.planned) = (there.at, there.position);
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

#[cfg(test)]
mod tests;
