//! All lcores, when each steps next, and which of them are parked.
//!
//! An lcore is parked at the start of a tick when nothing waits for it. A parked lcore has no next
//! step but the one in which its own earliest timer runs; whoever gives it something wakes it
//! earlier. Waking finds, in closed form, the step that it would have come to by itself.
//!
//! Invariant: parking changes nothing that can be seen: steps, times and counters are those of an
//! lcore that stepped all the time.

use super::core::{Core, Step};
use crate::clock::{FreeTurn, TickStart, Turn, not_before};
use crate::plan::{Costs, Pace};
use dataplane::job::JobKind;
use dataplane::lcore::Stepped;
use dataplane::{Instant, LcoreId};

/// The lcores, in the order of their numbers.
pub(crate) struct Lcores<C> {
    cores: Vec<C>,
    clocks: Vec<Clock>,
    /// When each lcore has to be looked at next, by its index.
    next: Vec<Instant>,
    costs: Costs,
    pace: Pace,
}

struct Clock {
    turn: Turn,
    /// When the next step starts; of a parked lcore, when the tick starts that it was parked at.
    at: Instant,
    parked: bool,
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
            clocks.push(Clock { turn, at: Instant::EPOCH, parked: false, busy: 0 });
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

    /// The step that lcore `index` runs next; nothing when it was parked and the step that its
    /// timer wakes it for comes later than `at`, the time that [`Lcores::earliest`] told.
    pub fn due(&mut self, index: usize, at: Instant) -> Option<Due> {
        if self.clocks[index].parked {
            self.wake(index, at);
            if self.next[index] > at {
                return None;
            }
        }
        let position = self.cores[index].position();
        let kind = if position.tick == 0 {
            self.cores[index].schedule().job_at(0, position.slot)
        } else {
            self.clocks[index].turn.job_at(position.tick, position.slot).map(|(kind, _)| kind)
        };
        match kind {
            Some(kind) => Some(Due { index, at, tick: position.tick, kind }),
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
        let over = clock.turn.is_empty() && self.cores[due.index].position().tick > 0;
        self.next[due.index] = if over { Instant::MAX } else { clock.at };
        stepped
    }

    /// Whether lcore `index` stands at the start of a tick with nothing of its own to do.
    pub fn is_idle(&self, index: usize) -> bool {
        let core = &self.cores[index];
        let position = core.position();
        position.slot == 0 && (position.tick > 0 || core.schedule().is_empty()) && !core.has_work()
    }

    /// Parks lcore `index`, for which nothing waits outside either.
    pub fn park(&mut self, index: usize) {
        if self.pace == Pace::Step || self.next[index] == Instant::MAX {
            return;
        }
        let wakeup = self.cores[index].next_wakeup().unwrap_or(Instant::MAX);
        if wakeup > self.clocks[index].at {
            self.clocks[index].parked = true;
            self.next[index] = wakeup;
        }
    }

    /// Something from outside waits for lcore `index` from `not_before` on.
    pub fn wake(&mut self, index: usize, not_before: Instant) {
        let clock = &mut self.clocks[index];
        if !clock.parked {
            return;
        }
        let core = &mut self.cores[index];
        let from = TickStart { tick: core.position().tick, at: clock.at };
        let (position, at) = clock.turn.first_step(from, not_before);
        if position != core.position() {
            core.skip_to(position);
        }
        clock.parked = false;
        clock.at = at;
        self.next[index] = at;
    }

    /// A step of lcore `by` at `at` gave lcore `index` something to do.
    pub fn wake_by(&mut self, index: usize, at: Instant, by: LcoreId) {
        if self.clocks[index].parked {
            let not_before = not_before(at, by, self.cores[index].id());
            self.wake(index, not_before);
        }
    }

    /// Brings the parked lcores to where they would be when all steps before `end` have run.
    pub fn advance_to(&mut self, end: Instant) {
        for index in 0..self.cores.len() {
            self.wake(index, end);
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

    /// Whether any lcore has a timer to come.
    pub fn any_wakeup(&self) -> bool {
        self.cores.iter().any(|core| core.next_wakeup().is_some())
    }
}

#[cfg(test)]
mod tests;
