//! The same input for another number of workers.
//!
//! Invariant: each worker owns one queue of each port, in both directions. Not here: which queue a frame
//! goes to (`rss.rs`): all packets of a flow to the same.

use super::relations::Cases;
use super::{Base, Case, Stays};
use crate::plan::{Plan, PortPlan};
use dataplane::config::{LcoreConfig, PortQueues};
use dataplane::job::Role;
use dataplane::{LcoreId, PortId, QueueId};

/// With 1, 2 and 4 workers.
pub(super) fn workers(base: &Base<'_>) -> Cases {
    let plan = base.plan;
    let config = &plan.config;
    let other = config.lcores.iter().any(|l| matches!(l.role, Role::IsolRx | Role::Kni));
    if other || !config.kni.is_empty() || config.icmp_redirect_core.is_some() {
        return Err("its lcores have more roles than master and worker".to_owned());
    }
    if !plan.ports.iter().all(|port| matches!(port, PortPlan::Ring(_))) {
        return Err("a port polls its frames: it has one queue".to_owned());
    }
    if !plan.commands.is_empty() {
        return Err(
            "orders come, and when each worker follows depends on how many there are".into()
        );
    }
    if base.outcome.ledger.waited > 0 {
        // Each worker asks, and is answered, by itself.
        return Err("packets waited for neighbours, whom each worker has to ask".to_owned());
    }
    let case = |n: u8| {
        let plan = with_workers(plan, n);
        Case { name: format!("{n} workers"), ..Case::new(plan, Stays::Forwarded) }
    };
    Ok([1, 2, 4].map(case).into())
}

fn with_workers(plan: &Plan, n: u8) -> Plan {
    let mut plan = plan.clone();
    let config = &mut plan.config;
    config.lcores.retain(|lcore| lcore.role != Role::Worker);
    for port in &mut config.ports {
        (port.rx_queues, port.tx_queues) = (n.into(), n.into());
    }
    let ports = u16::try_from(config.ports.len()).unwrap_or(u16::MAX);
    let taken: Vec<_> = config.lcores.iter().map(|lcore| lcore.id).collect();
    let free = (0..u8::MAX).map(LcoreId).filter(|id| !taken.contains(id));
    for (queue, id) in (0..u16::from(n)).map(QueueId).zip(free) {
        let queues = (0..ports).map(PortId).map(|port| PortQueues {
            port,
            rx: vec![queue],
            tx: vec![queue],
        });
        config.lcores.push(LcoreConfig { id, role: Role::Worker, queues: queues.collect() });
    }
    plan
}
