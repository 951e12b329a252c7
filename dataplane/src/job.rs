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

use std::fmt;
use std::num::NonZeroU32;

/// What an lcore is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Enabled, but without a job: its loop returns at once.
    Idle,
    /// The control plane's core. Exactly one lcore has this role.
    Master,
    /// Receives, forwards and transmits.
    Worker,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Idle, Role::Master, Role::Worker];

    /// The name in scenarios, traces and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Idle => "idle",
            Role::Master => "master",
            Role::Worker => "worker",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a job does. A closed set: the `match` over it is in `lcore.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKind {
    /// Drains the rings and the receive queues, and takes each packet along its path. Spec 2.3.
    RecvFwd,
    /// Bursts out what the transmit queues hold. Spec 2.5.
    Xmit,
    /// Runs the timers that are due. Spec 7.
    TimerManage,
    /// Spreads static neighbours (master) and applies them (worker). Spec 3.2.
    NeighSync,
}

impl JobKind {
    /// Every kind, in the order of [`JobKind::index`].
    pub const ALL: [JobKind; 4] =
        [JobKind::RecvFwd, JobKind::Xmit, JobKind::TimerManage, JobKind::NeighSync];

    /// DPVS's name of the job.
    pub const fn name(self) -> &'static str {
        match self {
            JobKind::RecvFwd => "recv_fwd",
            JobKind::Xmit => "xmit",
            JobKind::TimerManage => "timer_manage",
            JobKind::NeighSync => "neigh_sync",
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
    master: Vec<Job>,
    worker: Vec<Job>,
}

impl JobTable {
    /// A table without any job.
    pub fn empty() -> JobTable {
        JobTable::default()
    }

    /// The jobs of the dataplane in DPVS's order (spec 1.4), with `neigh_sync` of the workers
    /// every `neigh_sync_skip` ticks.
    ///
    /// # Errors
    /// `neigh_sync_skip` is zero.
    pub fn dpvs(neigh_sync_skip: u32) -> Result<JobTable, RegisterError> {
        let slow = JobType::Slow { skip_loops: neigh_sync_skip };
        let mut table = JobTable::empty();
        for (role, kind, when) in [
            (Role::Master, JobKind::TimerManage, JobType::Loop),
            (Role::Master, JobKind::NeighSync, JobType::Loop),
            (Role::Worker, JobKind::RecvFwd, JobType::Loop),
            (Role::Worker, JobKind::Xmit, JobType::Loop),
            (Role::Worker, JobKind::TimerManage, JobType::Loop),
            (Role::Worker, JobKind::NeighSync, slow),
        ] {
            table.register(role, Job { kind, when })?;
        }
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
        let jobs = self.jobs_mut(role).ok_or(RegisterError::Idle(job.kind))?;
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
        let missing = RegisterError::NotExist { kind, role };
        let jobs = self.jobs_mut(role).ok_or(missing)?;
        let at = jobs.iter().position(|j| j.kind == kind).ok_or(missing)?;
        Ok(jobs.remove(at))
    }

    /// The jobs of a role in the order of their registration.
    pub fn jobs(&self, role: Role) -> &[Job] {
        match role {
            Role::Idle => &[],
            Role::Master => &self.master,
            Role::Worker => &self.worker,
        }
    }

    fn jobs_mut(&mut self, role: Role) -> Option<&mut Vec<Job>> {
        match role {
            Role::Idle => None,
            Role::Master => Some(&mut self.master),
            Role::Worker => Some(&mut self.worker),
        }
    }

    /// The turn of a role's loop: what runs in which tick.
    pub fn schedule(&self, role: Role) -> Schedule {
        let mut schedule = Schedule { init: Vec::new(), each: Vec::new(), slow: Vec::new() };
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    init: Vec<JobKind>,
    each: Vec<JobKind>,
    slow: Vec<(JobKind, NonZeroU32)>,
}

impl Schedule {
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

    /// Job number `slot` of `tick`, or nothing when that tick has fewer. Tick 0 are the INIT jobs.
    pub fn job_at(&self, tick: u64, slot: usize) -> Option<JobKind> {
        if tick == 0 {
            return self.init.get(slot).copied();
        }
        if let Some(kind) = self.each.get(slot) {
            return Some(*kind);
        }
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
    /// Packets for `recv_fwd` and `xmit`, timers for `timer_manage`, changes for `neigh_sync`.
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
        let mut table = JobTable::dpvs(100).unwrap();
        let sync = table.unregister(Role::Worker, JobKind::NeighSync).unwrap();
        assert_eq!(
            table.unregister(Role::Worker, JobKind::NeighSync),
            Err(RegisterError::NotExist { kind: JobKind::NeighSync, role: Role::Worker })
        );
        table.register(Role::Worker, sync).unwrap();
        assert_eq!(table, JobTable::dpvs(100).unwrap());
    }
}
