//! When the steps of an idle loop start: closed forms, so that idle time is skipped and not stepped.
//!
//! An idle turn of a loop costs the same in every tick, but for the SLOW jobs, which run in those
//! ticks that their period divides. So the start of tick `k`, counted from a tick `k0` that started
//! at `t0`, is `t0 + (k − k0)·C + Σ cost·(⌊(k−1)/period⌋ − ⌊(k0−1)/period⌋)`; the tick that runs at
//! a given time is found between two bounds that lie close together.
//!
//! Invariant: what is computed here is what stepping every idle job would give; tests compare them.
//! Not here: who is idle, and who wakes whom (`engine/lcores.rs`).

use crate::plan::Costs;
use dataplane::job::{JobKind, Schedule};
use dataplane::lcore::Position;
use dataplane::{Instant, LcoreId, Nanos};

/// The start of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickStart {
    /// The tick, at least 1.
    pub tick: u64,
    /// When its first job starts.
    pub at: Instant,
}

/// A step of a loop: which it is, and when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepStart {
    /// Its place in the loop, in tick 1 or later.
    pub position: Position,
    /// When it starts.
    pub at: Instant,
}

/// The earliest start that a step of lcore `woken` may have, when a step of lcore `by` at `at` gave
/// it something to do: `(start, woken) > (at, by)`.
///
/// Steps at one instant happen in the order of their lcores, so a higher lcore sees at once what a
/// lower one sent, and a lower one sees it a nanosecond later at the earliest.
pub fn not_before(at: Instant, by: LcoreId, woken: LcoreId) -> Instant {
    if woken > by { at } else { Instant::from_nanos(at.as_nanos().saturating_add(1)) }
}

/// So many ticks are walked and not bisected.
const NEAR: u64 = 4;

/// One turn of a role's loop, with what each job costs when it finds nothing to do.
#[derive(Clone, Debug)]
pub struct Turn {
    each: Vec<(JobKind, u64)>,
    each_cost: u64,
    slow: Vec<SlowJob>,
    slow_cost: u64,
    slope: Option<Slope>,
}

#[derive(Clone, Copy, Debug)]
struct SlowJob {
    kind: JobKind,
    period: u64,
    cost: u64,
}

/// What a tick costs on average: `cost` nanoseconds in `ticks` ticks.
#[derive(Clone, Copy, Debug)]
struct Slope {
    cost: u64,
    ticks: u64,
}

/// A tick that costs no time would never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the LOOP jobs cost nothing when they are idle: time would stand still")]
pub struct FreeTurn;

impl Turn {
    /// The turn of a loop whose jobs cost `costs`.
    ///
    /// # Errors
    /// There are jobs, and those of every tick cost nothing.
    pub fn new(schedule: &Schedule, costs: &Costs) -> Result<Turn, FreeTurn> {
        let each = schedule.each().iter();
        let each: Vec<_> = each.map(|kind| (*kind, costs.idle(*kind).get())).collect();
        let slow = schedule.slow().iter().map(|(kind, period)| SlowJob {
            kind: *kind,
            period: u64::from(period.get()),
            cost: costs.idle(*kind).get(),
        });
        let slow: Vec<_> = slow.collect();
        let each_cost = each.iter().map(|(_, cost)| cost).sum();
        if each_cost == 0 && !(each.is_empty() && slow.is_empty()) {
            return Err(FreeTurn);
        }
        let slow_cost = slow.iter().map(|job| job.cost).sum();
        let slope = Slope::of(each_cost, &slow);
        Ok(Turn { each, each_cost, slow, slow_cost, slope })
    }

    /// Whether this loop has no job at all.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty() && self.slow.is_empty()
    }

    /// Job number `slot` of `tick`, with its idle cost; nothing when the tick has fewer jobs.
    pub fn job_at(&self, tick: u64, slot: usize) -> Option<(JobKind, u64)> {
        if let Some(job) = self.each.get(slot) {
            return Some(*job);
        }
        let due = self.slow.iter().filter(|job| tick.is_multiple_of(job.period));
        due.map(|job| (job.kind, job.cost)).nth(slot - self.each.len())
    }

    /// When `tick` starts, if all ticks since `from` are idle.
    pub fn start_of(&self, from: TickStart, tick: u64) -> Instant {
        from.at.saturating_add(Nanos::new(self.cost_until(from.tick, tick)))
    }

    /// The first step that starts at `not_before` or later, if all jobs from `from` on are idle.
    pub fn first_step(&self, from: StepStart, not_before: Instant) -> StepStart {
        if from.at >= not_before {
            return from;
        }
        let mut start = TickStart { tick: from.position.tick, at: from.at };
        if from.position.slot > 0 {
            let here = self.within(from, not_before);
            if here.at >= not_before {
                return here;
            }
            start = TickStart { tick: here.position.tick, at: here.at };
        }
        let TickStart { tick, at } = self.last_before(start, not_before);
        self.within(StepStart { position: Position { tick, slot: 0 }, at }, not_before)
    }

    /// The first run of `kind` that starts at `not_before` or later, if all jobs from `from` on are
    /// idle; nothing when this loop has no such job.
    pub fn first_run(
        &self,
        kind: JobKind,
        from: StepStart,
        not_before: Instant,
    ) -> Option<StepStart> {
        if let Some(wanted) = self.each.iter().position(|(each, _)| *each == kind) {
            return Some(self.first_loop_run(wanted, from, not_before));
        }
        let here = self.first_step(from, not_before);
        let Position { tick, .. } = here.position;
        let period = self.slow.iter().find(|job| job.kind == kind)?.period;
        if tick.is_multiple_of(period)
            && let Some(here) = self.in_tick(kind, here)
        {
            return Some(here);
        }
        let next = self.within(here, Instant::MAX);
        let start = TickStart { tick: next.position.tick, at: next.at };
        let due = (tick / period + 1).saturating_mul(period);
        let position = Position { tick: due, slot: 0 };
        self.in_tick(kind, StepStart { position, at: self.start_of(start, due) })
    }

    /// The first run of LOOP job number `wanted` that starts at `not_before` or later.
    ///
    /// It runs once a tick, always as long after the start of the tick. So this is about the starts of
    /// ticks, counted from where that of `from` would have been, had its jobs so far been idle.
    fn first_loop_run(&self, wanted: usize, from: StepStart, not_before: Instant) -> StepStart {
        let Position { tick, slot } = from.position;
        if from.at >= not_before
            && let Some(between) = self.each.get(slot..wanted)
        {
            let at = later(from.at, between.iter().map(|(_, cost)| cost).sum());
            return StepStart { position: Position { tick, slot: wanted }, at };
        }
        let before = self.cost_before(tick, wanted);
        let ran = self.cost_before(tick, slot);
        let due = not_before.saturating_add(Nanos::new(ran)).saturating_since(from.at).get();
        let (mut ticks, mut cost) = match due.saturating_sub(before) {
            0 => (0, 0),
            room => {
                let (ticks, cost) = self.ticks_within(tick, room - 1);
                (ticks + 1, cost.saturating_add(self.cost_of(tick + ticks)))
            }
        };
        if ticks == 0 && slot > wanted {
            (ticks, cost) = (1, self.cost_of(tick));
        }
        let at = later(from.at, cost.saturating_add(before) - ran);
        StepStart { position: Position { tick: tick + ticks, slot: wanted }, at }
    }

    /// What the jobs of an idle tick before number `slot` cost.
    fn cost_before(&self, tick: u64, slot: usize) -> u64 {
        let each = self.each.get(..slot).unwrap_or(&self.each).iter().map(|(_, cost)| cost);
        let behind = slot.saturating_sub(self.each.len());
        if behind == 0 {
            return each.sum();
        }
        let slow = self.slow.iter().filter(|job| tick.is_multiple_of(job.period)).take(behind);
        each.chain(slow.map(|job| &job.cost)).sum()
    }

    /// The run of `kind` in the tick of `from`, there or behind it.
    fn in_tick(&self, kind: JobKind, from: StepStart) -> Option<StepStart> {
        let StepStart { position: Position { tick, mut slot }, mut at } = from;
        while let Some((here, cost)) = self.job_at(tick, slot) {
            if here == kind {
                return Some(StepStart { position: Position { tick, slot }, at });
            }
            at = later(at, cost);
            slot += 1;
        }
        None
    }

    /// The first step of the tick of `from` that starts at `not_before` or later, or else the first
    /// one of the next tick.
    fn within(&self, from: StepStart, not_before: Instant) -> StepStart {
        let StepStart { position: Position { tick, mut slot }, mut at } = from;
        let behind = slot.saturating_sub(self.each.len());
        let each = self.each.get(slot..).unwrap_or_default().iter().map(|(_, cost)| *cost);
        let slow = self.slow.iter().filter(|job| tick.is_multiple_of(job.period)).skip(behind);
        let mut step = |cost| {
            if at >= not_before {
                return Some(StepStart { position: Position { tick, slot }, at });
            }
            at = later(at, cost);
            slot += 1;
            None
        };
        for cost in each {
            if let Some(here) = step(cost) {
                return here;
            }
        }
        for job in slow {
            if let Some(here) = step(job.cost) {
                return here;
            }
        }
        StepStart { position: Position { tick: tick + 1, slot: 0 }, at }
    }

    /// The last tick that starts before `end`, which is after the start of `from`.
    fn last_before(&self, from: TickStart, end: Instant) -> TickStart {
        let (ticks, cost) = self.ticks_within(from.tick, (end - from.at).get() - 1);
        TickStart { tick: from.tick + ticks, at: later(from.at, cost) }
    }

    /// The most idle ticks from `from` on that cost no more than `room`, and what they cost.
    fn ticks_within(&self, from: u64, room: u64) -> (u64, u64) {
        let (mut low, mut beyond) = self.bounds(room);
        while beyond - low > NEAR {
            let middle = low + (beyond - low) / 2;
            if self.cost_until(from, from.saturating_add(middle)) <= room {
                low = middle;
            } else {
                beyond = middle;
            }
        }
        // The last few ticks one by one: that takes less than bisecting them.
        let mut cost = self.cost_until(from, from + low);
        while beyond - low > 1 {
            let more = cost.saturating_add(self.cost_of(from + low));
            if more > room {
                break;
            }
            (cost, low) = (more, low + 1);
        }
        (low, cost)
    }

    /// What an idle tick costs.
    fn cost_of(&self, tick: u64) -> u64 {
        let due = self.slow.iter().filter(|job| tick.is_multiple_of(job.period));
        due.fold(self.each_cost, |cost, job| cost.saturating_add(job.cost))
    }

    /// Numbers of ticks: the first certainly costs no more than `room`, the second certainly more.
    fn bounds(&self, room: u64) -> (u64, u64) {
        match self.slope {
            // Each SLOW job runs at most once more, or once less, than its period says on average.
            Some(slope) => (
                slope.ticks_in(room.saturating_sub(self.slow_cost)),
                slope.ticks_in(room.saturating_add(self.slow_cost)).saturating_add(1),
            ),
            None => (
                room / self.each_cost.saturating_add(self.slow_cost),
                (room / self.each_cost).saturating_add(1),
            ),
        }
    }

    /// What the idle ticks from `from` to before `to` cost; the longest time there is, if it is more.
    fn cost_until(&self, from: u64, to: u64) -> u64 {
        let mut cost = (to - from).saturating_mul(self.each_cost);
        for job in &self.slow {
            let runs = (to - 1) / job.period - (from - 1) / job.period;
            cost = cost.saturating_add(runs.saturating_mul(job.cost));
        }
        cost
    }
}

fn later(at: Instant, cost: u64) -> Instant {
    Instant::from_nanos(at.as_nanos().saturating_add(cost))
}

impl Slope {
    /// Nothing when the numbers get too large to be exact; the bounds are then wider.
    fn of(each_cost: u64, slow: &[SlowJob]) -> Option<Slope> {
        let mut ticks: u64 = 1;
        for job in slow {
            ticks = (ticks / greatest_common_divisor(ticks, job.period)).checked_mul(job.period)?;
        }
        let mut cost = each_cost.checked_mul(ticks)?;
        for job in slow {
            cost = cost.checked_add(job.cost.checked_mul(ticks / job.period)?)?;
        }
        (cost > 0).then_some(Slope { cost, ticks })
    }

    fn ticks_in(self, time: u64) -> u64 {
        match time.checked_mul(self.ticks) {
            Some(product) => product / self.cost,
            None => {
                let wide = u128::from(time) * u128::from(self.ticks) / u128::from(self.cost);
                u64::try_from(wide).unwrap_or(u64::MAX)
            }
        }
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests;
