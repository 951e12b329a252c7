//! The law of the schedule (spec 1.2): after so many ticks, each INIT job ran once, each LOOP job in
//! each of them, and each SLOW job in each that its period divides.
//!
//! An lcore that skips idle ticks counts the runs in between in closed form; this counts them from the
//! law, however they came about.
//!
//! Invariant: nothing is asked but the schedule, the position and the counters. Not here: when a tick
//! begins (`clock.rs`).

use super::Breach;
use dataplane::job::{JobKind, Schedule};
use dataplane::lcore::Position;
use dataplane::{Counters, LcoreId};
use std::fmt;

/// The name of the oracle.
const NAME: &str = "schedule";

/// Where an lcore that stands at `at` ran a job more or less often than the law says.
pub(crate) fn check(
    lcore: LcoreId,
    schedule: &Schedule,
    at: Position,
    counters: &Counters,
) -> Vec<Breach> {
    let mut lawful = [0_u64; JobKind::ALL.len()];
    let done = at.tick.saturating_sub(1);
    let mut slot = 0;
    // Job number `slot` of the tick in which the lcore stands has run if it is before its next one.
    let mut begun = |due: bool| {
        slot += usize::from(due);
        u64::from(due && slot <= at.slot)
    };
    if at.tick == 0 {
        schedule.init().iter().for_each(|kind| lawful[kind.index()] += begun(true));
    } else {
        schedule.init().iter().for_each(|kind| lawful[kind.index()] += 1);
        schedule.each().iter().for_each(|kind| lawful[kind.index()] += done + begun(true));
        for (kind, period) in schedule.slow() {
            let period = u64::from(period.get());
            lawful[kind.index()] += done / period + begun(at.tick.is_multiple_of(period));
        }
    }
    let mut broken = Vec::new();
    let mut compare = |what: fmt::Arguments<'_>, ran: u64, lawful: u64| {
        if ran != lawful {
            let Position { tick, slot } = at;
            let why = format!(
                "lcore {lcore} {what} {ran} times, not {lawful}, up to job {slot} of tick {tick}"
            );
            broken.push(Breach::new(NAME, why));
        }
    };
    for kind in JobKind::ALL {
        let ran = counters.job_runs[kind.index()];
        compare(format_args!("ran {kind}"), ran, lawful[kind.index()]);
    }
    let ticks = if at.tick == 0 { 0 } else { done + u64::from(at.slot > 0) };
    compare(format_args!("began a tick"), counters.lcore_loop, ticks);
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::job::{JobTable, Role, Rows};

    /// What an lcore counts that steps job after job.
    fn stepped(schedule: &Schedule, to: Position) -> Counters {
        let mut counters = Counters::default();
        let mut at = Position { tick: u64::from(schedule.init().is_empty()), slot: 0 };
        while at != to {
            let kind = schedule.job_at(at.tick, at.slot).unwrap();
            counters.job_runs[kind.index()] += 1;
            counters.lcore_loop += u64::from(at.tick > 0 && at.slot == 0);
            at = match schedule.job_at(at.tick, at.slot + 1) {
                Some(_) => Position { slot: at.slot + 1, ..at },
                None => Position { tick: at.tick + 1, slot: 0 },
            };
        }
        counters
    }

    #[test]
    fn whoever_steps_each_job_keeps_the_law_wherever_it_stops() {
        let rows = Rows { neigh_sync_skip: 3, ipv4_frag_skip: 2, ..Rows::default() };
        let table = JobTable::dpvs(rows).unwrap();
        for role in [Role::Master, Role::Worker] {
            let schedule = table.schedule(role);
            for tick in 1..14 {
                for slot in (0..).take_while(|slot| schedule.job_at(tick, *slot).is_some()) {
                    let at = Position { tick, slot };
                    let counters = stepped(&schedule, at);
                    assert_eq!(check(LcoreId(1), &schedule, at, &counters), []);
                }
            }
        }
    }

    #[test]
    fn a_run_more_or_less_is_told_of_each_job() {
        let rows = Rows { neigh_sync_skip: 3, ipv4_frag_skip: 2, ..Rows::default() };
        let schedule = JobTable::dpvs(rows).unwrap().schedule(Role::Worker);
        let at = Position { tick: 7, slot: 1 };
        let right = stepped(&schedule, at);
        for kind in JobKind::ALL {
            let mut counters = right.clone();
            counters.job_runs[kind.index()] += 1;
            let broken = check(LcoreId(1), &schedule, at, &counters);
            assert_eq!(broken.len(), 1, "{kind}");
        }
        let mut counters = right.clone();
        counters.job_runs[JobKind::NeighSync.index()] -= 1;
        counters.lcore_loop += 1;
        let broken = check(LcoreId(1), &schedule, at, &counters);
        let told: Vec<_> = broken.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        schedule: lcore 1 ran neigh_sync 1 times, not 2, up to job 1 of tick 7
        schedule: lcore 1 began a tick 8 times, not 7, up to job 1 of tick 7
        ");
    }
}
