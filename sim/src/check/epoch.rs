//! The same input at another time.
//!
//! An idle lcore repeats itself: after so many ticks that every SLOW job's period divides them, it stands
//! at the same job, so much later. When all that comes is later by a time that is a whole number of such
//! turns of every lcore, and of everything else that happens at absolute times, nothing can tell.
//!
//! Invariant: a plan whose inputs are polled has no times that could be shifted. Not here: when an idle
//! lcore steps (`clock.rs`).

use super::relations::Cases;
use super::{Base, Case, Stays};
use crate::plan::{Plan, PortPlan, Source};
use dataplane::job::JobTable;
use dataplane::{Instant, Nanos};

/// 2^32 ms, in nanoseconds: 49.7 days.
const WRAP: u64 = (1 << 32) * 1_000_000;

/// Everything a whole number of turns later, beyond the time at which counts of milliseconds wrap.
pub(super) fn later(base: &Base<'_>) -> Cases {
    let period = period(base.plan).ok_or("no such time is within 584 years")?;
    let offset = WRAP.div_ceil(period).checked_mul(period).filter(|offset| *offset < u64::MAX / 2);
    let offset = Nanos::new(offset.ok_or("no such time is within 292 years")?);
    let plan = shifted(base.plan, offset)?;
    Ok(vec![Case { later: offset, ..Case::new(plan, Stays::Later(offset)) }])
}

/// Everything so much later that 2^32 ms pass in the middle.
pub(super) fn across(base: &Base<'_>) -> Cases {
    let Some(last) = base.heard.last() else { return Err("nothing left".to_owned()) };
    let offset = Nanos::new(WRAP.saturating_sub(last.as_nanos() / 2));
    let plan = shifted(base.plan, offset)?;
    Ok(vec![Case { later: offset, ..Case::new(plan, Stays::Forwarded) }])
}

fn shifted(plan: &Plan, offset: Nanos) -> Result<Plan, String> {
    let polls = |port: &PortPlan| {
        matches!(port, PortPlan::Pcap { rx: Some(_) } | PortPlan::Null { rx_frame_len: Some(_) })
    };
    if plan.ports.iter().any(polls) {
        return Err("a port polls its frames: they have no times".to_owned());
    }
    if plan.inputs.is_empty() && plan.commands.is_empty() {
        return Err("nothing comes".to_owned());
    }
    let mut plan = plan.clone();
    let shift = |at: &mut Instant| *at = at.saturating_add(offset);
    for input in &mut plan.inputs {
        match &mut input.source {
            Source::Capture(capture) => shift(&mut capture.start),
            Source::Frames(frames) => frames.iter_mut().for_each(|(at, _)| shift(at)),
        }
    }
    plan.commands.iter_mut().for_each(|command| shift(&mut command.at));
    plan.until = plan.until.map(|until| until + offset);
    Ok(plan)
}

/// The shortest time after which every idle lcore, and all that happens at absolute times, repeats.
fn period(plan: &Plan) -> Option<u64> {
    let policy = &plan.config.policy;
    let table = plan.config.job_table().ok()?;
    // A tick of the timers is a millisecond.
    let mut all = lcm(1_000_000, policy.timer_interval.get())?;
    all = lcm(all, policy.tbf_quantum.get().max(1))?;
    all = lcm(all, plan.config.iftraf.slot.get())?;
    for lcore in &plan.config.lcores {
        let turn = turns(plan, &table, lcore.role)?;
        all = lcm(all, turn.max(1))?;
    }
    Some(all)
}

/// How long an idle lcore of a role takes until it stands where it stood.
fn turns(plan: &Plan, table: &JobTable, role: dataplane::job::Role) -> Option<u64> {
    let schedule = table.schedule(role);
    let periods = schedule.slow().iter().map(|(_, period)| u64::from(period.get()));
    let ticks = periods.clone().try_fold(1, lcm)?;
    let idle = |kind: &dataplane::job::JobKind| plan.costs.idle(*kind).get();
    let each = schedule.each().iter().map(idle).sum::<u64>().checked_mul(ticks)?;
    let slow = schedule.slow().iter().zip(periods);
    let slow = slow.map(|((kind, _), period)| idle(kind) * (ticks / period)).sum::<u64>();
    each.checked_add(slow)
}

fn lcm(a: u64, b: u64) -> Option<u64> {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1)).checked_mul(b)
}
