//! Roles, jobs, and which job runs in which tick. Spec 1.1, 1.2, 1.4, 1.5.
//!
//! An lcore has a role; a role has INIT jobs (run once), LOOP jobs (each tick) and SLOW jobs (each
//! tick that `skip_loops` divides). The first tick is 1. Within a tick the LOOP jobs come in the
//! order of their registration, then the SLOW jobs that are due.
//!
//! Invariant: a role has a job at most once. Not here: what a job does (`lcore.rs`).
//!
//! DPVS: scheduler.c links the caller's own job object into the list of a role, so that one object
//! registered for two roles corrupts both lists; our table holds values (defect B01).

use crate::planted::{Defect, Planted};
use std::fmt;
use std::num::NonZeroU32;

/// What an lcore is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Enabled, but without a job: its loop returns at once.
    Idle,
    /// The control plane's core. Exactly one lcore has this role.
    Master,
    /// Receives, forwards and transmits (`FWD_WORKER`).
    Worker,
    /// Polls receive queues for workers and hands what it gets over by rings (`ISOLRX_WORKER`).
    IsolRx,
    /// Carries packets to and from the kernel (`KNI_WORKER`).
    Kni,
}

impl Role {
    /// Every role, in the order of [`Role::index`].
    pub const ALL: [Role; 5] = [Role::Idle, Role::Master, Role::Worker, Role::IsolRx, Role::Kni];

    /// A dense number, for tables by role: DPVS's own.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The job that takes what comes to its receive queues; nothing for a role without any.
    pub const fn receives(self) -> Option<JobKind> {
        match self {
            Role::Idle => None,
            Role::Master => Some(JobKind::KniMaster),
            Role::Worker => Some(JobKind::RecvFwd),
            Role::IsolRx => Some(JobKind::IsolPktRcv),
            Role::Kni => Some(JobKind::KniLoop),
        }
    }

    /// What it is for, in a few words.
    pub const fn explain(self) -> &'static str {
        match self {
            Role::Idle => "enabled, but without a job",
            Role::Master => "the control plane's core",
            Role::Worker => "receives, forwards and transmits",
            Role::IsolRx => "polls receive queues for workers",
            Role::Kni => "carries packets to and from the kernel",
        }
    }

    /// The name in scenarios, traces and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Idle => "idle",
            Role::Master => "master",
            Role::Worker => "worker",
            Role::IsolRx => "isol_rx",
            Role::Kni => "kni",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// What a job does. A closed set: the `match` over it is in `lcore/jobs.rs`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum JobKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl JobKind {
            /// Every kind, in the order of [`JobKind::index`].
            pub const ALL: [JobKind; [$($text),+].len()] = [$(JobKind::$name),+];

            /// DPVS's name of the job.
            pub const fn name(self) -> &'static str {
                match self {
                    $(JobKind::$name => $text,)+
                }
            }

            /// One sentence for a report.
            pub const fn explain(self) -> &'static str {
                match self {
                    $(JobKind::$name => concat!($($doc,)+),)+
                }
            }
        }
    };
}

kinds! {
    /// Applies a changed configuration, or keeps the old one and says why. Spec 8.4.
    CfgfileReload = "cfgfile_reload",
    /// Releases what traffic control holds back. Spec 6.2.
    QschSched = "qsch_sched",
    /// Drains the rings and the receive queues, and takes each packet along its path. Spec 2.3.
    RecvFwd = "recv_fwd",
    /// Bursts out what the transmit queues hold. Spec 2.5.
    Xmit = "xmit",
    /// Runs the timers that are due. Spec 7.
    TimerManage = "timer_manage",
    /// Carries packets to and from the kernel, on the master. Spec 10.
    KniMaster = "kni_master_proc",
    /// Handles the messages to the master. Spec 8.1.
    MsgMaster = "msg_master_job",
    /// Handles the messages to a worker. Spec 8.1.
    MsgSlave = "msg_slave_job",
    /// Serves the control plane's clients. Spec 8.2.
    Sockopt = "sockopt_job",
    /// Takes the echoes that all workers hand to this one. Spec 5.2.
    IcmpRedirect = "icmp_redirect_proc",
    /// Spreads static neighbours (master) and applies them (worker). Spec 3.2.
    NeighSync = "neigh_sync",
    /// Gives up datagrams whose fragments stay away. Spec 4.6.
    Ipv4Frag = "ipv4_frag",
    /// Sums up the traffic samples of all workers. Spec 9.
    IftrafRing = "iftraf_ring_proc",
    /// Polls receive queues for workers. Spec 2.4.
    IsolPktRcv = "isol_pkt_rcv",
    /// Carries packets to and from the kernel, on a core of its own. Spec 10.
    KniLoop = "kni_loop",
}

impl JobKind {
    /// What one item of its work is: what `per_item` is the cost of.
    pub const fn item(self) -> &'static str {
        match self {
            JobKind::CfgfileReload => "configuration",
            JobKind::QschSched
            | JobKind::RecvFwd
            | JobKind::Xmit
            | JobKind::KniMaster
            | JobKind::IcmpRedirect
            | JobKind::IsolPktRcv
            | JobKind::KniLoop => "packet",
            JobKind::TimerManage => "timer",
            JobKind::MsgMaster | JobKind::MsgSlave => "message",
            JobKind::Sockopt => "request",
            JobKind::NeighSync => "change",
            JobKind::Ipv4Frag => "datagram",
            JobKind::IftrafRing => "sample",
        }
    }

    /// A dense number, for tables by kind.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// When a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobType {
    /// Once, before the first tick.
    Init,
    /// In each tick.
    Loop,
    /// In each tick that `skip_loops` divides. Zero is refused at registration.
    Slow {
        /// The period, in ticks, at least 1.
        skip_loops: u32,
    },
}

impl fmt::Display for JobType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobType::Init => f.write_str("INIT"),
            JobType::Loop => f.write_str("LOOP"),
            JobType::Slow { skip_loops } => write!(f, "SLOW/{skip_loops}"),
        }
    }
}

/// A job as it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// What it does.
    pub kind: JobKind,
    /// When it runs.
    pub when: JobType,
}

/// A registration that the table refuses. Spec 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// An idle lcore runs no loop, so a job for it would never run.
    #[error("job {0}: an idle lcore runs no jobs")]
    Idle(JobKind),
    /// `tick % 0` has no meaning.
    #[error("job {0}: a SLOW job needs skip_loops of 1 or more, not 0")]
    ZeroSkip(JobKind),
    /// The same job is already there for this role.
    #[error("job {kind} is already registered for role {role}")]
    Exists {
        /// The job.
        kind: JobKind,
        /// The role that has it.
        role: Role,
    },
    /// The job to be taken out is not there.
    #[error("job {kind} is not registered for role {role}")]
    NotExist {
        /// The job.
        kind: JobKind,
        /// The role that lacks it.
        role: Role,
    },
}

/// Which jobs each role runs, in order: DPVS's `dpvs_lcore_jobs[role][type]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobTable {
    by_role: [Vec<Job>; Role::ALL.len()],
}

/// What decides which rows the table has, and how seldom the SLOW jobs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// `skip_loops` of the workers' `neigh_sync`, at least 1.
    pub neigh_sync_skip: u32,
    /// `skip_loops` of `ipv4_frag`, at least 1.
    pub ipv4_frag_skip: u32,
    /// Whether an lcore is there for the KNI; else the master does its work.
    pub kni_lcore: bool,
    /// Whether one worker takes the echoes of all.
    pub icmp_redirect: bool,
}

impl Default for Rows {
    /// DPVS's table as it is built by default.
    fn default() -> Rows {
        Rows { neigh_sync_skip: 100, ipv4_frag_skip: 100, kni_lcore: false, icmp_redirect: false }
    }
}

impl JobTable {
    /// A table without any job.
    pub fn empty() -> JobTable {
        JobTable::default()
    }

    /// The jobs of the dataplane in the order in which DPVS's modules register them (spec 1.4).
    ///
    /// # Errors
    /// A `skip_loops` is zero.
    pub fn dpvs(rows: Rows) -> Result<JobTable, RegisterError> {
        use JobKind as Kind;
        let slow = |skip_loops| JobType::Slow { skip_loops };
        let mut table = JobTable::empty();
        let mut add = |role, when, kinds: &[JobKind]| {
            kinds.iter().try_for_each(|kind| table.register(role, Job { kind: *kind, when }))
        };
        add(Role::Master, JobType::Loop, &[Kind::CfgfileReload, Kind::TimerManage])?;
        if !rows.kni_lcore {
            add(Role::Master, JobType::Loop, &[Kind::KniMaster])?;
        }
        let control = [Kind::MsgMaster, Kind::Sockopt, Kind::NeighSync, Kind::IftrafRing];
        add(Role::Master, JobType::Loop, &control)?;
        let packets = [Kind::QschSched, Kind::RecvFwd, Kind::Xmit];
        add(Role::Worker, JobType::Loop, &packets)?;
        add(Role::Worker, JobType::Loop, &[Kind::TimerManage, Kind::MsgSlave])?;
        if rows.icmp_redirect {
            add(Role::Worker, JobType::Loop, &[Kind::IcmpRedirect])?;
        }
        add(Role::Worker, slow(rows.neigh_sync_skip), &[Kind::NeighSync])?;
        add(Role::Worker, slow(rows.ipv4_frag_skip), &[Kind::Ipv4Frag])?;
        add(Role::IsolRx, JobType::Loop, &[Kind::IsolPktRcv])?;
        add(Role::Kni, JobType::Loop, &[Kind::KniLoop])?;
        Ok(table)
    }

    /// Appends a job to its role's list.
    ///
    /// # Errors
    /// See [`RegisterError`]; the table is then as it was.
    pub fn register(&mut self, role: Role, job: Job) -> Result<(), RegisterError> {
        if job.when == (JobType::Slow { skip_loops: 0 }) {
            return Err(RegisterError::ZeroSkip(job.kind));
        }
        if role == Role::Idle {
            return Err(RegisterError::Idle(job.kind));
        }
        let jobs = &mut self.by_role[role.index()];
        if jobs.iter().any(|j| j.kind == job.kind) {
            return Err(RegisterError::Exists { kind: job.kind, role });
        }
        jobs.push(job);
        Ok(())
    }

    /// Takes a job out of its role's list.
    ///
    /// # Errors
    /// The role has no such job.
    pub fn unregister(&mut self, role: Role, kind: JobKind) -> Result<Job, RegisterError> {
        let jobs = &mut self.by_role[role.index()];
        let at = jobs.iter().position(|j| j.kind == kind);
        let at = at.ok_or(RegisterError::NotExist { kind, role })?;
        Ok(jobs.remove(at))
    }

    /// The jobs of a role in the order of their registration.
    pub fn jobs(&self, role: Role) -> &[Job] {
        &self.by_role[role.index()]
    }

    /// The turn of a role's loop: what runs in which tick.
    pub fn schedule(&self, role: Role) -> Schedule {
        let mut schedule = Schedule::default();
        for job in self.jobs(role) {
            match job.when {
                JobType::Init => schedule.init.push(job.kind),
                JobType::Loop => schedule.each.push(job.kind),
                JobType::Slow { skip_loops } => match NonZeroU32::new(skip_loops) {
                    Some(period) => schedule.slow.push((job.kind, period)),
                    None => unreachable!("register() refuses a SLOW job without a period"),
                },
            }
        }
        schedule
    }
}

/// The turn of one role's loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    init: Vec<JobKind>,
    each: Vec<JobKind>,
    slow: Vec<(JobKind, NonZeroU32)>,
    planted: Planted,
}

impl Schedule {
    /// The same with this defect planted, if it is one of schedules.
    #[must_use]
    pub(crate) fn planted(self, planted: Planted) -> Schedule {
        Schedule { planted, ..self }
    }

    /// The jobs that run once, as "tick 0".
    pub fn init(&self) -> &[JobKind] {
        &self.init
    }

    /// The jobs that run in each tick.
    pub fn each(&self) -> &[JobKind] {
        &self.each
    }

    /// The jobs that run in some ticks, and their periods.
    pub fn slow(&self) -> &[(JobKind, NonZeroU32)] {
        &self.slow
    }

    /// Whether this loop never does anything.
    pub fn is_empty(&self) -> bool {
        self.init.is_empty() && self.each.is_empty() && self.slow.is_empty()
    }

    /// How often each job of the loop runs from one place in it, which is a tick of 1 or more and the
    /// number of a job in it, to before a later one. O(jobs).
    pub fn runs_between(
        &self,
        from: (u64, usize),
        to: (u64, usize),
    ) -> impl Iterator<Item = (JobKind, u64)> + '_ {
        let ticks = to.0 - from.0;
        let each =
            self.each.iter().enumerate().map(move |(at, kind)| {
                (*kind, ticks + u64::from(at < to.1) - u64::from(at < from.1))
            });
        let mut places = [self.each.len(); 2];
        let slow = self.slow.iter().map(move |(kind, period)| {
            let period = u64::from(period.get());
            let [before, after] = [(from, 0), (to, 1)].map(|((tick, slot), which)| {
                let ran = (tick - 1) / period;
                let due = tick - ran * period == period;
                let at = places[which];
                places[which] += usize::from(due);
                ran + u64::from(due && at < slot)
            });
            (*kind, after - before)
        });
        each.chain(slow)
    }

    /// Job number `slot` of `tick`, or nothing when that tick has fewer. Tick 0 are the INIT jobs.
    pub fn job_at(&self, tick: u64, slot: usize) -> Option<JobKind> {
        if tick == 0 {
            return self.init.get(slot).copied();
        }
        if let Some(kind) = self.each.get(slot) {
            return Some(*kind);
        }
        let tick = tick + u64::from(self.planted.one_if(Defect::SlowModulo));
        self.slow
            .iter()
            .filter(|(_, period)| tick.is_multiple_of(u64::from(period.get())))
            .nth(slot - self.each.len())
            .map(|(kind, _)| *kind)
    }
}

/// What one run of a job found to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Packets, timers, messages, commands or samples: what the job is about.
    /// Zero when the run found nothing to do and changed nothing but its own poll counters.
    pub items: u32,
}

impl Work {
    /// A run that found nothing to do.
    pub const IDLE: Work = Work { items: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOP: JobType = JobType::Loop;

    #[test]
    fn jobs_run_in_the_order_of_their_registration_and_slow_ones_last() {
        let mut table = JobTable::empty();
        let slow = JobType::Slow { skip_loops: 3 };
        table.register(Role::Worker, Job { kind: JobKind::NeighSync, when: slow }).unwrap();
        table.register(Role::Worker, Job { kind: JobKind::Xmit, when: LOOP }).unwrap();
        table.register(Role::Worker, Job { kind: JobKind::RecvFwd, when: LOOP }).unwrap();
        let schedule = table.schedule(Role::Worker);
        let tick = |tick| (0..4).map_while(|slot| schedule.job_at(tick, slot)).collect::<Vec<_>>();
        assert_eq!(tick(0), []);
        assert_eq!(tick(1), [JobKind::Xmit, JobKind::RecvFwd]);
        assert_eq!(tick(2), [JobKind::Xmit, JobKind::RecvFwd]);
        assert_eq!(tick(3), [JobKind::Xmit, JobKind::RecvFwd, JobKind::NeighSync]);
        assert_eq!(tick(6), [JobKind::Xmit, JobKind::RecvFwd, JobKind::NeighSync]);
    }

    // B01
    #[test]
    fn the_same_job_twice_is_refused_and_so_is_a_period_of_zero() {
        let mut table = JobTable::empty();
        let xmit = Job { kind: JobKind::Xmit, when: LOOP };
        table.register(Role::Worker, xmit).unwrap();
        assert_eq!(
            table.register(Role::Worker, xmit),
            Err(RegisterError::Exists { kind: JobKind::Xmit, role: Role::Worker })
        );
        let never = Job { kind: JobKind::NeighSync, when: JobType::Slow { skip_loops: 0 } };
        assert_eq!(
            table.register(Role::Worker, never),
            Err(RegisterError::ZeroSkip(JobKind::NeighSync))
        );
        assert_eq!(table.register(Role::Idle, xmit), Err(RegisterError::Idle(JobKind::Xmit)));
        assert_eq!(table.jobs(Role::Worker), [xmit]);
    }

    #[test]
    fn a_job_that_was_taken_out_can_come_back() {
        let mut table = JobTable::dpvs(Rows::default()).unwrap();
        let frag = table.unregister(Role::Worker, JobKind::Ipv4Frag).unwrap();
        assert_eq!(
            table.unregister(Role::Worker, JobKind::Ipv4Frag),
            Err(RegisterError::NotExist { kind: JobKind::Ipv4Frag, role: Role::Worker })
        );
        table.register(Role::Worker, frag).unwrap();
        assert_eq!(table, JobTable::dpvs(Rows::default()).unwrap());
    }

    // B01
    #[test]
    fn each_role_has_the_jobs_of_dpvs_in_its_order() {
        let names = |rows: Rows, role| -> Vec<String> {
            let table = JobTable::dpvs(rows).unwrap();
            table.jobs(role).iter().map(|job| format!("{} {}", job.when, job.kind)).collect()
        };
        let rows = Rows { icmp_redirect: true, ..Rows::default() };
        let master = [
            "LOOP cfgfile_reload",
            "LOOP timer_manage",
            "LOOP kni_master_proc",
            "LOOP msg_master_job",
            "LOOP sockopt_job",
            "LOOP neigh_sync",
            "LOOP iftraf_ring_proc",
        ];
        assert_eq!(names(rows, Role::Master), master);
        let worker = [
            "LOOP qsch_sched",
            "LOOP recv_fwd",
            "LOOP xmit",
            "LOOP timer_manage",
            "LOOP msg_slave_job",
            "LOOP icmp_redirect_proc",
            "SLOW/100 neigh_sync",
            "SLOW/100 ipv4_frag",
        ];
        assert_eq!(names(rows, Role::Worker), worker);
        assert_eq!(names(rows, Role::IsolRx), ["LOOP isol_pkt_rcv"]);
        assert_eq!(names(rows, Role::Kni), ["LOOP kni_loop"]);
        assert_eq!(names(rows, Role::Idle), [""; 0]);
        let with_kni = Rows { kni_lcore: true, ..rows };
        assert!(!names(with_kni, Role::Master).contains(&"LOOP kni_master_proc".to_owned()));
        assert_eq!(names(Rows::default(), Role::Worker).len(), worker.len() - 1);
    }
}
