//! The job table: which job runs where and how often, what it costs, what it drains, and, after a
//! run, what it did.
//!
//! Invariant: the rows are those that the lcores register ([`JobTable`]), in that order.
//! Not here: when a job runs (`engine.rs`), its counters (`dataplane`).

mod text;

pub use text::{after_run, text};

use crate::engine::LcoreOutcome;
use crate::plan::{Cost, Costs, Plan};
use dataplane::device::Devices;
use dataplane::job::{JobKind, JobTable, JobType, RegisterError, Role, Rows};
use dataplane::world::Ring;
use dataplane::{Config, LcoreId, PortId};
use serde::Serialize;

/// A role, or an lcore that has it, and its jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lcore {
    /// The number of the lcore; nothing when it is about the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lcore: Option<u8>,
    /// The role.
    pub role: &'static str,
    /// What the role is for.
    pub what: &'static str,
    /// Its jobs, in the order in which they run in a tick.
    pub jobs: Vec<Row>,
}

/// A job of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `INIT`, `LOOP` or `SLOW/100`.
    #[serde(rename = "type")]
    pub when: String,
    /// Its place in the turn of the loop, from 1.
    pub order: usize,
    /// DPVS's name of the job.
    pub job: &'static str,
    /// What a run that finds nothing costs, in nanoseconds.
    pub idle_ns: u64,
    /// What each item costs, in nanoseconds.
    pub per_item_ns: u64,
    /// What one item is.
    pub item: &'static str,
    /// What it does, in a sentence.
    pub what: &'static str,
    /// Which queues and rings it drains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drains: Option<Vec<String>>,
    /// What it did in a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Done>,
}

/// What a job of an lcore did in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// How often it ran.
    pub runs: u64,
    /// How many of these runs found work.
    pub with_work: u64,
    /// How many items they found.
    pub items: u64,
    /// What these runs cost, in nanoseconds of virtual time.
    pub busy_ns: u64,
}

impl Done {
    /// What job `kind` of an lcore did.
    pub fn of(lcore: &LcoreOutcome, kind: JobKind, costs: &Costs) -> Done {
        let (counters, at) = (&lcore.counters, kind.index());
        let Cost { idle, per_item } = costs.0[at];
        let (with_work, items) = (counters.job_work[at], counters.job_items[at]);
        let busy_ns = idle * with_work + per_item * items;
        Done { runs: counters.job_runs[at], with_work, items, busy_ns }
    }
}

/// DPVS's whole table, role by role: every job that any configuration has.
///
/// # Errors
/// Never, unless a default is wrong.
pub fn whole() -> Result<Vec<Lcore>, RegisterError> {
    let rows = Rows { icmp_redirect: true, kni_lcore: false, ..Rows::default() };
    let (table, costs) = (JobTable::dpvs(rows)?, Costs::default());
    let roles = [Role::Master, Role::Worker, Role::IsolRx, Role::Kni, Role::Idle];
    let lcore = |role| Lcore {
        lcore: None,
        role: Role::name(role),
        what: role.explain(),
        jobs: rows_of(&table, role, &costs),
    };
    Ok(roles.into_iter().map(lcore).collect())
}

/// The jobs of each lcore of a plan, and what they did if it was run.
///
/// # Errors
/// A SLOW job has no period.
pub fn of(plan: &Plan, ran: Option<&[LcoreOutcome]>) -> Result<Vec<Lcore>, RegisterError> {
    let table = plan.config.job_table()?;
    let mut lcores: Vec<_> = plan.config.lcores.iter().map(|l| (l.id, l.role)).collect();
    lcores.sort_unstable();
    let lcore = |(id, role): (LcoreId, Role)| {
        let mut jobs = rows_of(&table, role, &plan.costs);
        let ran = ran.and_then(|ran| ran.iter().find(|lcore| lcore.id == id));
        for (row, job) in jobs.iter_mut().zip(in_turn(&table, role)) {
            row.drains = Some(drains(&plan.config, (id, role), job.0));
            row.run = ran.map(|ran| Done::of(ran, job.0, &plan.costs));
        }
        Lcore { lcore: Some(id.0), role: role.name(), what: role.explain(), jobs }
    };
    Ok(lcores.into_iter().map(lcore).collect())
}

/// The jobs of a role in the order in which they run: INIT, LOOP, SLOW, each as registered.
fn in_turn(table: &JobTable, role: Role) -> Vec<(JobKind, JobType)> {
    let mut jobs: Vec<_> = table.jobs(role).iter().map(|job| (job.kind, job.when)).collect();
    // Stable. The period of a SLOW job says nothing about its place.
    jobs.sort_by_key(|(_, when)| match when {
        JobType::Init => 0,
        JobType::Loop => 1,
        JobType::Slow { .. } => 2,
    });
    jobs
}

fn rows_of(table: &JobTable, role: Role, costs: &Costs) -> Vec<Row> {
    let row = |(at, (kind, when)): (usize, (JobKind, JobType))| {
        let Cost { idle, per_item } = costs.0[kind.index()];
        Row {
            when: when.to_string(),
            order: at + 1,
            job: kind.name(),
            idle_ns: idle,
            per_item_ns: per_item,
            item: kind.item(),
            what: sentence(kind.explain()),
            drains: None,
            run: None,
        }
    };
    in_turn(table, role).into_iter().enumerate().map(row).collect()
}

/// The queues and rings that job `kind` of an lcore drains, in the order of the configuration.
fn drains(config: &Config, (id, role): (LcoreId, Role), kind: JobKind) -> Vec<String> {
    let devices = Devices::new(config);
    let name = |device: PortId| devices.get(device).name.as_str();
    let mut drains = Vec::new();
    if role.receives() == Some(kind) {
        let queues = config.polled(id).into_iter();
        drains.extend(queues.map(|(port, queue)| format!("{} rx {queue}", name(port))));
    }
    let rings = config.rings().into_iter().filter(|plan| plan.owner == id);
    let mine = rings.map(|plan| plan.ring).filter(|ring| ring.drained_by(role) == kind);
    drains.extend(mine.map(|ring| match ring {
        Ring::Arp | Ring::Neigh | Ring::Msg | Ring::IcmpRedirect => ring.name().to_owned(),
        Ring::Isol(port, queue) => format!("{} of {} rx {queue}", ring.name(), name(port)),
        Ring::Kni(device) => format!("{} of {}", ring.name(), name(device)),
        Ring::Iftraf(worker) => format!("{} of lcore {worker}", ring.name()),
    }));
    if matches!(kind, JobKind::Xmit | JobKind::KniLoop) {
        let mine = config.lcores.iter().filter(|lcore| lcore.id == id).flat_map(|l| &l.queues);
        let queues = mine.flat_map(|q| q.tx.iter().map(move |queue| (q.port, queue)));
        drains.extend(queues.map(|(port, queue)| format!("{} tx {queue}", name(port))));
    }
    drains
}

/// Without the place in the specification, which is for whoever reads the source.
fn sentence(explain: &'static str) -> &'static str {
    explain.split(" Spec ").next().unwrap_or(explain).trim()
}

#[cfg(test)]
mod tests;
