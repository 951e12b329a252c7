//! A model of lcores that send each other work, stepped with and without skipping.

use super::*;
use crate::plan::Cost;
use dataplane::Nanos;
use dataplane::job::{Job, JobTable, JobType, Role, Rows, Schedule, Work};
use dataplane::lcore::Position;
use dataplane::rng::Rng;
use std::collections::VecDeque;

const JOBS: usize = JobKind::ALL.len();
/// The jobs that a model has.
const KINDS: [JobKind; 4] =
    [JobKind::RecvFwd, JobKind::Xmit, JobKind::TimerManage, JobKind::NeighSync];
const END: Instant = Instant::from_nanos(30_000);

/// Something to do, which is then handed on `hops` times.
#[derive(Clone, Copy, Debug)]
struct Item {
    hops: u64,
    value: u64,
}

/// A job takes up to four items in a run, and the timers that are due.
struct Model {
    id: LcoreId,
    schedule: Schedule,
    position: Position,
    timers: Vec<Timer>,
    runs: [u64; JOBS],
}

#[derive(Clone)]
struct Timer {
    job: JobKind,
    due: Instant,
    period: u64,
}

/// The queues of all lcores, by job.
#[derive(Default)]
struct Queues {
    now: Instant,
    /// What the clock says of the lcore that steps.
    local: Instant,
    items: Vec<[VecDeque<Item>; JOBS]>,
    woken: Vec<(usize, JobKind)>,
    seen: Vec<(u64, u8, u64, &'static str, usize, usize)>,
}

impl Queues {
    fn put(&mut self, item: Item) -> (usize, JobKind) {
        let index = usize::try_from(item.value).unwrap() % self.items.len();
        let job = KINDS[usize::try_from(item.value / 7).unwrap() % KINDS.len()];
        self.items[index][job.index()].push_back(item);
        (index, job)
    }

    fn waiting_for(&self, index: usize) -> Vec<JobKind> {
        let waits = |kind: &JobKind| !self.items[index][kind.index()].is_empty();
        KINDS.into_iter().filter(waits).collect()
    }
}

impl Core for Model {
    fn id(&self) -> LcoreId {
        self.id
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn position(&self) -> Position {
        self.position
    }

    fn wants(&self, mut want: impl FnMut(JobKind, Instant)) {
        self.timers.iter().for_each(|timer| want(timer.job, timer.due));
    }

    fn skip_to(&mut self, to: Position) {
        let from = self.position;
        let skipped = self.schedule.runs_between((from.tick, from.slot), (to.tick, to.slot));
        for (kind, n) in skipped {
            self.runs[kind.index()] += n;
        }
        self.position = to;
    }
}

impl Step<Queues> for Model {
    fn step(&mut self, world: &mut Queues) -> Stepped {
        let Position { tick, slot } = self.position;
        let kind = self.schedule.job_at(tick, slot).unwrap();
        let queue = &mut world.items[usize::from(self.id.0)][kind.index()];
        let mut items: Vec<Item> = queue.drain(..queue.len().min(4)).collect();
        let taken = items.len();
        for timer in self.timers.iter_mut().filter(|t| t.job == kind && t.due <= world.local) {
            items.push(Item { hops: 2, value: timer.due.as_nanos() * 7919 });
            timer.due = match timer.period {
                0 => Instant::MAX,
                period => timer.due + Nanos::new(period),
            };
        }
        if !items.is_empty() {
            let fired = items.len() - taken;
            let now = world.now.as_nanos();
            world.seen.push((now, self.id.0, tick, kind.name(), taken, fired));
        }
        let items_done = u32::try_from(items.len()).unwrap();
        for item in items.into_iter().filter(|item| item.hops > 0) {
            let value = (item.value.wrapping_mul(1_103_515_245) + 12_345) % (1 << 30);
            let woken = world.put(Item { hops: item.hops - 1, value });
            world.woken.push(woken);
        }
        self.runs[kind.index()] += 1;
        self.position.slot += 1;
        if self.schedule.job_at(tick, slot + 1).is_none() {
            self.position = Position { tick: tick + 1, slot: 0 };
        }
        Stepped { kind, tick, work: Work { items: items_done } }
    }
}

struct Scenario {
    costs: Costs,
    tables: Vec<JobTable>,
    timers: Vec<Vec<Timer>>,
    arrivals: Vec<(Instant, Item)>,
}

fn scenario(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed);
    let lcores = 1 + rng.below(4);
    let mut costs = Costs::default();
    for cost in &mut costs.0 {
        *cost = Cost { idle: 1 + rng.below(9), per_item: 1 + rng.below(50) };
    }
    let mut tables = Vec::new();
    let mut timers = Vec::new();
    for _ in 0..lcores {
        let mut table = JobTable::empty();
        let slow_jobs = usize::try_from(rng.below(3)).unwrap();
        let mut own = Vec::new();
        for (number, kind) in KINDS.into_iter().enumerate() {
            let skip_loops = [2, 3, 7, 10, 100][usize::try_from(rng.below(5)).unwrap()];
            let slow = number > 0 && number <= slow_jobs;
            let when = if slow { JobType::Slow { skip_loops } } else { JobType::Loop };
            table.register(Role::Worker, Job { kind, when }).unwrap();
            if rng.below(5) == 0 {
                let due = Instant::from_nanos(1 + rng.below(9_000));
                let period = [0, 500, 3333][usize::try_from(rng.below(3)).unwrap()];
                own.push(Timer { job: kind, due, period });
            }
        }
        tables.push(table);
        timers.push(own);
    }
    let mut arrivals: Vec<_> = (0..rng.below(13))
        .map(|_| {
            let at = Instant::from_nanos(rng.below(20_000));
            (at, Item { hops: rng.below(7), value: rng.below(1 << 30) })
        })
        .collect();
    arrivals.sort_by_key(|(at, _)| *at);
    Scenario { costs, tables, timers, arrivals }
}

/// What can be seen of a run: the steps that found work, and where each lcore ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<(u64, u8, u64, &'static str, usize, usize)>,
    ends: Vec<([u64; JOBS], Position, Instant)>,
}

/// Some stalls of its lcores, short and long, some at one time and some within others.
fn stalls(seed: u64) -> Vec<Fault> {
    let mut rng = Rng::new(seed).fork("stalls");
    let stall = |_| {
        let lcore = LcoreId(u8::try_from(rng.below(4)).unwrap());
        let from = [0, 500, 9_000, 29_990][usize::try_from(rng.below(4)).unwrap()];
        let at = Instant::from_nanos(from + rng.below(40) * 10);
        let width = [1, 10, 4_000][usize::try_from(rng.below(3)).unwrap()];
        Fault::Stall { lcore, at, lasts: Nanos::new(1 + rng.below(width)) }
    };
    (0..1 + seed % 9).map(stall).collect()
}

fn run(seed: u64, pace: Pace, ties: bool) -> (Outcome, u64) {
    run_with(seed, pace, ties, &[])
}

fn run_with(seed: u64, pace: Pace, ties: bool, faults: &[Fault]) -> (Outcome, u64) {
    let Scenario { costs, tables, timers, arrivals } = scenario(seed);
    let models = tables.iter().zip(timers).zip(0..).map(|((table, timers), id)| Model {
        id: LcoreId(id),
        schedule: table.schedule(Role::Worker),
        position: Position { tick: 1, slot: 0 },
        timers,
        runs: [0; JOBS],
    });
    let mut lcores = Lcores::new(models.collect(), &costs, pace, faults).unwrap();
    let mut world = Queues::default();
    world.items.resize_with(tables.len(), Default::default);
    let mut arrivals = arrivals.into_iter().peekable();
    let mut steps = 0;
    loop {
        let (at, index) = lcores.earliest();
        let arrival = arrivals.peek().map_or(Instant::MAX, |(at, _)| *at);
        if at.min(arrival) >= END {
            break;
        }
        if arrival <= at {
            let (at, item) = arrivals.next().unwrap();
            let (index, kind) = world.put(item);
            lcores.wake(index, kind, at);
            continue;
        }
        let due = lcores.due(index, at);
        (world.now, world.local) = (at, lcores.skew(index).local(at));
        lcores.step(due, &mut world);
        steps += 1;
        for (woken, kind) in std::mem::take(&mut world.woken) {
            if ties {
                lcores.wake_by(woken, kind, at, lcores.cores()[index].id);
            } else {
                lcores.wake(woken, kind, at);
            }
        }
        lcores.plan(index, world.waiting_for(index));
    }
    lcores.advance_to(END);
    let ends = lcores.cores().iter().zip(&lcores.clocks);
    let ends = ends.map(|(core, clock)| (core.runs, core.position, clock.at)).collect();
    (Outcome { seen: world.seen, ends }, steps)
}

#[test]
fn skipping_shows_what_stepping_shows() {
    let (mut stepped, mut skipped, mut seen) = (0, 0, 0);
    for seed in 0..300 {
        let (every, all_steps) = run(seed, Pace::Step, true);
        let (some, few_steps) = run(seed, Pace::Skip, true);
        assert_eq!(every, some, "seed {seed}");
        stepped += all_steps;
        skipped += few_steps;
        seen += some.seen.len();
    }
    assert!(seen > 3_000, "the scenarios have something to show: {seen}");
    assert!(skipped * 3 < stepped, "and there is something to skip: {skipped} of {stepped}");
}

/// Holds skipping to stepping under 600 seeds with the faults of each. In how many they are seen.
fn both_paces(faults: fn(u64) -> Vec<Fault>) -> u64 {
    let (mut stepped, mut skipped, mut changed) = (0, 0, 0);
    for seed in 0..600 {
        let mut faults = faults(seed);
        if seed % 3 == 0 {
            faults.extend(stalls(seed));
        }
        let (every, all_steps) = run_with(seed, Pace::Step, true, &faults);
        let (some, few_steps) = run_with(seed, Pace::Skip, true, &faults);
        assert_eq!(every, some, "seed {seed}: {faults:?}");
        stepped += all_steps;
        skipped += few_steps;
        changed += u64::from(some != run(seed, Pace::Skip, true).0);
    }
    assert!(skipped * 3 < stepped, "there is something to skip: {skipped} of {stepped}");
    changed
}

#[test]
fn skipping_shows_what_stepping_shows_of_lcores_that_stall() {
    let changed = both_paces(stalls);
    assert!(changed > 400, "a stall is seen: {changed} of 600");
}

/// Some clocks of its lcores that are ahead, fast or slow.
fn clocks(seed: u64) -> Vec<Fault> {
    let mut rng = Rng::new(seed).fork("clocks");
    let clock = |_| {
        let lcore = LcoreId(u8::try_from(rng.below(4)).unwrap());
        match rng.below(2) {
            0 => Fault::Ahead { lcore, by: Nanos::new(1 + rng.below(3_000)) },
            _ => {
                let by = i32::try_from(1 + rng.below(100_000)).unwrap();
                Fault::Drift { lcore, ppm: if rng.below(2) == 0 { by } else { -by } }
            }
        }
    };
    (0..1 + seed % 5).map(clock).collect()
}

#[test]
fn skipping_shows_what_stepping_shows_of_lcores_whose_clocks_differ() {
    let changed = both_paces(clocks);
    assert!(changed > 300, "a clock is seen: {changed} of 600");
}

/// Some runs of its lcores that take another time, alone and in rows, some of them overlapping.
fn costs(seed: u64) -> Vec<Fault> {
    let mut rng = Rng::new(seed).fork("costs");
    let cost = |_| {
        let lcore = LcoreId(u8::try_from(rng.below(4)).unwrap());
        let first = 1 + rng.below(12);
        let width = [1, 100, 9_000][usize::try_from(rng.below(3)).unwrap()];
        let takes = Nanos::new(1 + rng.below(width));
        Fault::Cost { lcore, first, last: first + rng.below(3), takes }
    };
    (0..1 + seed % 9).map(cost).collect()
}

#[test]
fn skipping_shows_what_stepping_shows_of_runs_that_take_another_time() {
    let changed = both_paces(costs);
    assert!(changed > 400, "a cost is seen: {changed} of 600");
}

#[test]
fn a_stall_moves_the_first_step_that_would_start_then_or_later() {
    let table = JobTable::dpvs(Rows::default()).unwrap();
    let idle = |faults: &[&str]| {
        let model = Model {
            id: LcoreId(0),
            schedule: table.schedule(Role::Worker),
            position: Position { tick: 1, slot: 0 },
            timers: Vec::new(),
            runs: [0; JOBS],
        };
        let faults: Vec<Fault> = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        let costs = Costs::default();
        let mut lcores = Lcores::new(vec![model], &costs, Pace::Skip, &faults).unwrap();
        lcores.plan(0, []);
        lcores.advance_to(Instant::from_nanos(10_000));
        (lcores.clocks[0].planned.tick, lcores.clocks[0].at.as_nanos())
    };
    // Turns of 100 ns, from tick 1 on; the SLOW jobs of tick 100 begin after 10 µs.
    assert_eq!(idle(&[]), (100, 10_000));
    assert_eq!(idle(&["stall:0@5us=1us"]), (91, 10_000));
    assert_eq!(idle(&["stall:0@5us=1us", "stall:0@5us=1us"]), (81, 10_000));
    assert_eq!(idle(&["stall:0@5us=1us", "stall:0@5500ns=2us"]), (71, 10_000));
    assert_eq!(idle(&["stall:1@5us=1us"]), (100, 10_000));
    assert_eq!(idle(&["stall:0@10us=1us"]), (100, 11_000));
    assert_eq!(idle(&["stall:0@11us=1us"]), (100, 10_000));
}

#[test]
fn without_the_tie_rule_it_would_show_something_else() {
    let differs = |seed: &u64| run(*seed, Pace::Step, true).0 != run(*seed, Pace::Skip, false).0;
    assert!((0..300).find(differs).is_some());
}

#[test]
fn an_hour_of_idleness_is_one_wake_a_timer() {
    let mut rng_free = scenario(0);
    rng_free.costs = Costs::default();
    let table = JobTable::dpvs(Rows::default()).unwrap();
    let model = Model {
        id: LcoreId(0),
        schedule: table.schedule(Role::Worker),
        position: Position { tick: 1, slot: 0 },
        timers: Vec::new(),
        runs: [0; JOBS],
    };
    let mut lcores = Lcores::new(vec![model], &rng_free.costs, Pace::Skip, &[]).unwrap();
    lcores.plan(0, []);
    let hour = Instant::EPOCH + Nanos::from_secs(3600);
    assert_eq!(lcores.earliest().0, Instant::MAX);
    lcores.advance_to(hour);
    // 100 turns of 100 ns, one neigh_sync and one ipv4_frag of 20 ns each.
    let hundreds = hour.as_nanos() / 10_040;
    let core = &lcores.cores()[0];
    assert_eq!(core.runs[JobKind::NeighSync.index()], hundreds);
    assert!(core.runs[JobKind::RecvFwd.index()] - hundreds * 100 <= 100);
}
