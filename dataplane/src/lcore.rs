//! One lcore: all that a core owns, and its loop of jobs.
//!
//! [`Lcore::step`] runs the next job of the loop once. On a real thread that is the whole loop; in
//! the simulator each step is an event on the virtual clock, and idle ticks are skipped with
//! [`Lcore::skip_to`].
//!
//! Invariant: an lcore shares nothing with another but what goes through rings; n idle runs of a
//! job change exactly what [`Lcore::skip_to`] says they do.
//! Not here: what a job costs, and when it is stepped.
//!
//! DPVS: scheduler.c `dpvs_job_loop`.

mod changes;
mod iftraf;
mod jobs;
mod messages;
mod orders;
mod tc;
#[cfg(test)]
mod tests;

use crate::config::{Checked, Config, ConfigError, Limits, Policy, RxQueue};
use crate::counters::Counters;
use crate::device::Devices;
use crate::env::{Env, TimerKey};
use crate::icmp::ErrorLimit;
use crate::iftraf::{Collector, Sampler};
use crate::ipv4::IpIds;
use crate::ipv4::reassembly::Reassembler;
use crate::job::{JobKind, Role, Schedule, Work};
use crate::msg::Messages;
use crate::neigh::Neighbours;
use crate::netif::TxQueues;
use crate::packet::Buf;
use crate::path::{Next, Tables};
use crate::planted::{Defect, Planted};
use crate::rng::Rng;
use crate::route::Routes;
use crate::tc::{Qsch, Tc, TcPlan};
use crate::time::Instant;
use crate::timer::TimerWheel;
use crate::types::{LcoreId, PortId};
use crate::world::{BURST, Ring, World};
use changes::LastChange;
use orders::Control;

/// Where an lcore is in its loop: the next step is job number `slot` of `tick`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The tick, from 1. Tick 0 are the INIT jobs.
    pub tick: u64,
    /// The job within the tick, from 0.
    pub slot: usize,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// The job that ran.
    pub kind: JobKind,
    /// The tick it ran in.
    pub tick: u64,
    /// What it found to do.
    pub work: Work,
}

/// An lcore with everything it owns.
#[derive(Debug)]
pub struct Lcore<B> {
    id: LcoreId,
    role: Role,
    schedule: Schedule,
    position: Position,
    /// The receive queues that it takes packets from, in polling order.
    rx: Vec<RxQueue>,
    /// The devices whose kernel sides it serves, each with the kernel's port.
    kernels: Vec<(PortId, PortId)>,
    peers: Vec<LcoreId>,
    icmp_redirect_core: Option<LcoreId>,
    devices: Devices,
    policy: Policy,
    limits: Limits,
    planted: Planted,
    tables: Tables<B>,
    timers: TimerWheel<TimerKey>,
    rng: Rng,
    /// The gate at which the last timers ran, when only one tick may run at a time.
    last_gate: Option<Instant>,
    /// On the master: the trees of traffic control, as they are to be on every worker.
    tc_plan: TcPlan,
    /// Of the master: the samples of all workers, summed up.
    iftraf: Collector,
    /// What the control plane was told, and what it is about to do: the master's.
    control: Control,
    /// The last change that it made to its tables, as long as it may have to be undone.
    last_change: LastChange,
    counters: Counters,
    next: Next<B>,
    burst: Vec<B>,
}

impl<B: Buf> Lcore<B> {
    /// The lcore `id` of a configuration.
    ///
    /// # Errors
    /// See [`Config::check`]; or there is no such lcore.
    pub fn new(config: &Config, id: LcoreId) -> Result<Lcore<B>, ConfigError> {
        Lcore::of(&config.checked()?, id)
    }

    /// The lcore `id` of a configuration that was checked.
    ///
    /// # Errors
    /// There is no such lcore.
    pub fn of(checked: &Checked<'_>, id: LcoreId) -> Result<Lcore<B>, ConfigError> {
        let config = checked.get();
        let Some(mine) = config.lcores.iter().find(|l| l.id == id) else {
            return Err(ConfigError::NoLcore(id));
        };
        let schedule = checked.jobs().schedule(mine.role).planted(config.planted);
        let devices = checked.devices().clone();
        let mut workers: Vec<LcoreId> = config.workers().collect();
        workers.sort_unstable();
        let index = workers.iter().position(|w| *w == id).unwrap_or(0);
        let small = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let mut neigh = Neighbours::default();
        if mine.role == Role::Worker {
            for n in &config.neighbours {
                neigh.add_static(n.dev, n.address, n.mac);
            }
        }
        let serves = config.kni_lcore() == Some(id);
        let kernels = config.kni.iter().filter(|_| serves).map(|kni| (kni.device, kni.port));
        let plan = checked.tc_plan();
        // The master shapes nothing, and the KNI lcore sends past traffic control.
        let trees = if mine.role == Role::Worker { plan.clone() } else { TcPlan::default() };
        let tick = if schedule.init().is_empty() { 1 } else { 0 };
        Ok(Lcore {
            id,
            role: mine.role,
            position: Position { tick, slot: 0 },
            schedule,
            rx: config.rx_queues(id),
            kernels: kernels.collect(),
            tables: Tables {
                routes: Routes::new(config, &devices),
                reassembly: Reassembler::default(),
                neigh,
                tc: Tc::new(&trees, &devices),
                tx: TxQueues::new(config, id),
                msg: Messages::new(config, checked.rings(), id),
                ids: IpIds::new(small(index), small(workers.len().max(1))),
                icmp_limit: ErrorLimit::default(),
                redirect_limit: ErrorLimit::default(),
                sampler: Sampler::new(config, id),
            },
            peers: workers.into_iter().filter(|w| *w != id).collect(),
            icmp_redirect_core: config.icmp_redirect_core,
            devices,
            policy: config.policy.clone(),
            limits: config.limits.clone(),
            planted: config.planted,
            timers: TimerWheel::new().planted(config.planted),
            rng: Rng::new(config.seed).fork(&format!("lcore.{id}.neigh")),
            last_gate: None,
            tc_plan: if mine.role == Role::Master { plan.clone() } else { TcPlan::default() },
            iftraf: Collector::new(config),
            control: Control::new(config, id),
            last_change: LastChange::default(),
            counters: Counters::default(),
            next: Next::default(),
            burst: Vec::with_capacity(BURST),
        })
    }

    /// Its number.
    pub fn id(&self) -> LcoreId {
        self.id
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The turn of its loop. Empty for an idle lcore, which is never stepped.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Where it is in its loop.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What it counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whom it knows on the links.
    pub fn neighbours(&self) -> &Neighbours<B> {
        &self.tables.neigh
    }

    /// Its Qschs, in the order of their creation.
    pub fn qschs(&self) -> &[Qsch<B>] {
        self.tables.tc.qschs()
    }

    /// The devices that it knows of.
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// Its routes.
    pub fn routes(&self) -> &Routes {
        &self.tables.routes
    }

    /// The switches that it goes by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How many timers are armed.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Packets that wait in it: for other fragments, for a neighbour, in a Qsch, or for job xmit.
    pub fn held(&self) -> u64 {
        let Tables { reassembly, neigh, tc, tx, .. } = &self.tables;
        reassembly.held() + neigh.held() + tc.held() + tx.held()
    }

    /// Whether it waits for answers to messages of its own.
    pub fn waits_for_answers(&self) -> bool {
        self.tables.msg.is_waiting()
    }

    /// Tells `want` each job whose next run finds work without anything coming from outside, and
    /// from when on: [`Instant::EPOCH`] when it does now. Earlier runs, and all other jobs, find
    /// nothing.
    pub fn wants(&self, mut want: impl FnMut(JobKind, Instant)) {
        if self.tables.tx.held() > 0 {
            let sends = if self.role == Role::Kni { JobKind::KniLoop } else { JobKind::Xmit };
            want(sends, Instant::EPOCH);
        }
        if let Some(ready) = self.tables.tc.next_ready()
            && !self.planted.is(Defect::WakeLost)
        {
            want(JobKind::QschSched, ready);
        }
        self.control.wants(&mut want);
        if self.policy.reassembly_sweep
            && let Some(due) = self.tables.reassembly.next_due()
        {
            want(JobKind::Ipv4Frag, due);
        }
        if let Some(due) = self.next_timer() {
            want(JobKind::TimerManage, due);
        }
        if let Some(due) = self.tables.msg.next_due() {
            want(Ring::Msg.drained_by(self.role), due);
        }
    }

    /// Runs the next job of the loop once.
    ///
    /// # Panics
    /// The lcore is idle: it has no jobs.
    pub fn step<W: World<Buf = B>>(&mut self, world: &mut W) -> Stepped {
        let Position { tick, slot } = self.position;
        let Some(kind) = self.schedule.job_at(tick, slot) else {
            unreachable!("lcore {} has no job {slot} in tick {tick}", self.id)
        };
        self.counters.lcore_loop += u64::from(slot == 0 && tick > 0);
        self.counters.job_runs[kind.index()] += 1;
        let items = self.run(kind, world);
        self.counters.job_work[kind.index()] += u64::from(items > 0);
        self.counters.job_items[kind.index()] += u64::from(items);
        self.position = match self.schedule.job_at(tick, slot + 1) {
            Some(_) => Position { tick, slot: slot + 1 },
            None => Position { tick: tick + 1, slot: 0 },
        };
        Stepped { kind, tick, work: Work { items } }
    }

    /// Goes through idle runs of jobs in closed form, from where it is to `to`.
    ///
    /// The result is the same as stepping every job in between, none of which finds work.
    pub fn skip_to(&mut self, to: Position) {
        let from = self.position;
        debug_assert!(from.tick > 0, "INIT jobs are not skipped");
        debug_assert!(to >= from, "time does not run back");
        let begun = |position: Position| position.tick - 1 + u64::from(position.slot > 0);
        self.counters.lcore_loop += begun(to) - begun(from);
        let Lcore { schedule, counters, tables, rx, planted, .. } = self;
        let queues = if planted.is(Defect::IdlePolls) { 1 } else { rx.len() };
        for (kind, n) in schedule.runs_between((from.tick, from.slot), (to.tick, to.slot)) {
            jobs::idle_runs(kind, n, queues, counters, tables, *planted);
        }
        self.position = to;
    }

    /// Gives every held packet back: the end of the run. These are not drops.
    pub fn release<W: World<Buf = B>>(&mut self, world: &mut W) {
        self.tables.reassembly.release(world);
        self.tables.neigh.release(world);
        self.tables.tc.release_all(world);
        self.tables.tx.release(world);
    }

    /// Borrows the world and everything of this lcore that a stage may touch, side by side.
    fn with_env<W: World<Buf = B>, T>(
        &mut self,
        world: &mut W,
        run: impl FnOnce(&mut Tables<B>, &mut Env<'_, W>, &mut Next<B>) -> T,
    ) -> T {
        let now = world.now();
        let mut env = Env {
            world,
            counters: &mut self.counters,
            timers: &mut self.timers,
            rng: &mut self.rng,
            devices: &self.devices,
            policy: &self.policy,
            limits: &self.limits,
            peers: &self.peers,
            icmp_redirect_core: self.icmp_redirect_core,
            planted: self.planted,
            now,
        };
        run(&mut self.tables, &mut env, &mut self.next)
    }
}
