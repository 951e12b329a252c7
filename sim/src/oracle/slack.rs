//! How much later than due a timer may be, in a run of a plan.
//!
//! A timer is due at a tick of the wheel, is looked for at a multiple of `timer_interval`, and by a job
//! that comes once in a turn of its lcore. So it is late by those three at most, if no lcore stands
//! still, costs are those of the plan, and clocks are right.
//!
//! Invariant: it is a bound, and no estimate: a turn takes no longer than if each of its jobs found as
//! much as any limit lets it find. Not here: what was due, and when (`timers.rs`, `lifetime.rs`).

use crate::fault::Fault;
use crate::plan::Plan;
use dataplane::Nanos;
use dataplane::job::JobKind;
use dataplane::timer::TICK;

/// Things that a job finds in a turn, at most: receive queues of full bursts, and all that Qschs let go.
const ITEMS: u32 = 4096;

/// How much later than due a timer may be; nothing: any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slack(pub Option<Nanos>);

impl Slack {
    /// That of a plan.
    pub fn of(plan: &Plan) -> Slack {
        let policy = &plan.config.policy;
        // These make a turn longer than its jobs, or a time another one than the clock that it is told by.
        let other_time = |fault: &Fault| {
            matches!(
                fault,
                Fault::Stall { .. }
                    | Fault::Cost { .. }
                    | Fault::Ahead { .. }
                    | Fault::Drift { .. }
            )
        };
        if plan.faults.iter().any(other_time) || !policy.timer_catch_up {
            return Slack(None);
        }
        let turn = JobKind::ALL.iter().map(|kind| {
            // One configuration a turn, and few orders.
            let rare = matches!(kind, JobKind::CfgfileReload | JobKind::Sockopt);
            plan.costs.of(*kind, if rare { 1 } else { ITEMS }).get()
        });
        let turn = turn.fold(0, u64::saturating_add);
        let late = TICK.get().saturating_add(policy.timer_interval.get()).saturating_add(turn);
        Slack(Some(Nanos::new(late)))
    }

    /// Whether something that was to last `due` may last `lasted`.
    pub fn allows(self, lasted: Nanos, due: Nanos) -> bool {
        self.0.is_none_or(|slack| lasted.get() <= due.get().saturating_add(slack.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::{Instant, LcoreId};

    #[test]
    fn a_timer_is_late_by_a_tick_an_interval_and_a_turn_and_by_anything_if_an_lcore_stands_still() {
        let mut plan = dut(1);
        let Slack(Some(slack)) = Slack::of(&plan) else { panic!("it is known") };
        let turn = plan.costs.of(JobKind::RecvFwd, ITEMS);
        assert!(slack > TICK + plan.config.policy.timer_interval + turn);
        assert!(slack < Nanos::from_millis(64), "a turn of the wheel's first level would be seen");
        let due = Nanos::from_secs(2);
        assert!(Slack(Some(slack)).allows(due + slack, due));
        assert!(!Slack(Some(slack)).allows(due + slack + Nanos::new(1), due));
        let (lcore, at, lasts) = (LcoreId(1), Instant::EPOCH, Nanos::from_secs(1));
        plan.faults.push(Fault::Stall { lcore, at, lasts });
        assert_eq!(Slack::of(&plan), Slack(None));
    }
}
