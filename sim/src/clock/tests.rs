use super::*;
use crate::plan::Cost;
use dataplane::job::{Job, JobTable, JobType, Role};
use proptest::prelude::*;

/// A turn of up to four jobs: `periods[i] == 0` makes job `i` a LOOP job.
fn turn(costs: [u64; 4], periods: [u32; 4]) -> Option<Turn> {
    let mut table = JobTable::empty();
    for (kind, skip_loops) in JobKind::ALL.into_iter().zip(periods) {
        let when = if skip_loops == 0 { JobType::Loop } else { JobType::Slow { skip_loops } };
        table.register(Role::Worker, Job { kind, when }).unwrap();
    }
    let idle = |kind: JobKind| costs.get(kind.index()).copied().unwrap_or(0);
    let costs = Costs(JobKind::ALL.map(|kind| Cost { idle: idle(kind), per_item: 1 }));
    Turn::new(&table.schedule(Role::Worker), &costs).ok()
}

/// Steps every job, as a loop that skips nothing does, until one starts at `not_before` or later that
/// is of the `kind` that is asked for.
fn stepped(turn: &Turn, from: StepStart, not_before: Instant, kind: Option<JobKind>) -> StepStart {
    let StepStart { position: Position { mut tick, mut slot }, at } = from;
    let mut at = at.as_nanos();
    loop {
        let Some((here, cost)) = turn.job_at(tick, slot) else {
            tick += 1;
            slot = 0;
            continue;
        };
        if Instant::from_nanos(at) >= not_before && kind.is_none_or(|kind| kind == here) {
            return StepStart { position: Position { tick, slot }, at: Instant::from_nanos(at) };
        }
        at += cost;
        slot += 1;
    }
}

proptest! {
    #[test]
    fn the_first_step_is_the_one_that_stepping_finds(
        costs in prop::array::uniform4(0_u64..40),
        periods in prop::array::uniform4(prop::sample::select(vec![0, 0, 1, 2, 3, 7, 10, 100])),
        tick in 1_u64..300,
        slot in 0_usize..4,
        at in 0_u64..5_000,
        later in 0_u64..20_000,
        kind in prop::sample::select(JobKind::ALL[..4].to_vec()),
    ) {
        let Some(turn) = turn(costs, periods) else { return Ok(()) };
        let slot = (0..=slot).rev().find(|slot| turn.job_at(tick, *slot).is_some()).unwrap();
        let from = StepStart { position: Position { tick, slot }, at: Instant::from_nanos(at) };
        let not_before = Instant::from_nanos(at + later);
        prop_assert_eq!(turn.first_step(from, not_before), stepped(&turn, from, not_before, None));
        prop_assert_eq!(
            turn.first_run(kind, from, not_before),
            Some(stepped(&turn, from, not_before, Some(kind)))
        );
    }

    #[test]
    fn bounds_hold_the_answer_between_them(
        costs in prop::array::uniform4(0_u64..1_000_000_000),
        periods in prop::array::uniform4(prop::sample::select(vec![0, 1, 97, 4_294_967_295_u32])),
        tick in 1_u64..1_000_000,
        later in 1_u64..(1 << 62),
    ) {
        let Some(turn) = turn(costs, periods) else { return Ok(()) };
        let (low, beyond) = turn.bounds(later - 1);
        prop_assert!(turn.cost_until(tick, tick + low) < later);
        prop_assert!(turn.cost_until(tick, tick.saturating_add(beyond)) >= later);
    }
}

#[test]
fn a_year_is_no_further_than_a_second() {
    let turn = turn([60, 20, 20, 20], [0, 0, 0, 100]).unwrap();
    let from = StepStart { position: Position { tick: 1, slot: 0 }, at: Instant::EPOCH };
    // Hundred ticks cost 100·100 + 20 ns.
    let year = Instant::from_nanos(365 * 86_400_000_000_000);
    let StepStart { position, at } = turn.first_step(from, year);
    let hundreds = year.as_nanos() / 10_020;
    assert_eq!((position.tick - 1) / 100, hundreds);
    assert!(at >= year && at.as_nanos() - year.as_nanos() < 60);
}

#[test]
fn a_higher_lcore_sees_at_once_what_a_lower_one_sent() {
    let at = Instant::from_nanos(7);
    assert_eq!(not_before(at, LcoreId(1), LcoreId(2)), at);
    assert_eq!(not_before(at, LcoreId(2), LcoreId(1)), Instant::from_nanos(8));
}

#[test]
fn a_turn_that_costs_nothing_is_refused() {
    assert!(turn([0, 0, 0, 5], [0, 0, 0, 2]).is_none());
    assert!(turn([0, 0, 0, 5], [0, 0, 0, 0]).is_some());
}

#[test]
fn a_job_that_a_loop_has_not_never_runs_in_it() {
    let turn = turn([60, 20, 20, 20], [0, 0, 0, 100]).unwrap();
    let from = StepStart { position: Position { tick: 1, slot: 0 }, at: Instant::EPOCH };
    assert_eq!(turn.first_run(JobKind::KniLoop, from, Instant::EPOCH), None);
}
