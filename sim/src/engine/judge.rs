//! What a run is held to when it ends, before anything that is held is given back.
//!
//! Invariant: it looks at the run and changes nothing in it. Not here: what is watched as it happens
//! (`oracle.rs`), and the books (`ledger.rs`).

use super::{Ended, Engine};
use crate::fabric::Fabric;
use crate::oracle::{self, Breach, Known, Pending};
use crate::trace::{Observer, Run};
use dataplane::job::JobKind;
use dataplane::world::Ring;
use dataplane::{Instant, Lcore};

impl<F: Fabric, O: Observer> Engine<'_, F, O> {
    /// What is wrong at the end, and what is still under way then: a sentence each.
    pub(super) fn judge(&self, ended: Ended) -> (Vec<Breach>, Vec<String>) {
        let cores = self.lcores.cores();
        let oracles = &self.world.trace.oracles;
        let mut broken = Vec::new();
        for core in cores {
            let (schedule, at) = (core.schedule(), core.position());
            broken.extend(oracle::check_schedule(core.id(), schedule, at, core.counters()));
        }
        let waiting = self.world.waiting(|ring| matches!(ring, Ring::Iftraf(_)));
        broken.extend(oracle::check_samples(cores.iter().map(Lcore::counters), waiting));
        let orders = self.orders.list();
        let settled = self.world.waiting(|ring| ring == Ring::Msg) == 0
            && !cores.iter().any(Lcore::waits_for_answers)
            && orders.iter().all(|order| order.answered.is_some());
        // DPVS sends a multicast up to the first worker whose ring is full: then there is no law.
        if settled && !self.plan.config.policy.msg_partial_multicast {
            let serves = |kind| move |core: &&Lcore<F::Buf>| core.schedule().each().contains(&kind);
            let hears = |core: &&Lcore<F::Buf>| {
                serves(JobKind::MsgMaster)(core) || serves(JobKind::MsgSlave)(core)
            };
            broken.extend(oracle::check_tables(cores.iter().filter(hears).map(Known::of)));
        }
        let lcores = cores.iter().map(|core| (core.id(), core.held(), core.waits_for_answers()));
        let pending = Pending { lcores: lcores.collect(), orders };
        if ended == Ended::Quiet {
            let stay = !self.plan.config.policy.reassembly_sweep;
            broken.extend(pending.at_rest(oracles, stay));
        }
        let told = if ended == Ended::Restless { pending.told(oracles) } else { Vec::new() };
        (broken, told)
    }

    /// A run of a job that found something has ended: `timer_manage` leaves nothing that is due.
    pub(super) fn judge_timers(&mut self, at: Instant, index: usize, run: Run) {
        if run.job == JobKind::TimerManage {
            let (mut next, skew) = (None, self.lcores.skew(index));
            self.lcores.cores()[index].wants(|kind, due| {
                next = if kind == JobKind::TimerManage { Some(skew.global(due)) } else { next };
            });
            self.world.trace.oracles.timers_ran(at, run, next);
        }
    }
}
