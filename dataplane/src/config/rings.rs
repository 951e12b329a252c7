//! Who polls which receive queue, which lcore drains which ring, and how much each holds.

use super::Config;
use crate::job::Role;
use crate::planted::Defect;
use crate::types::{LcoreId, PortId, QueueId};
use crate::world::{Ring, RingPlan};

/// A receive queue, as an lcore sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxQueue {
    /// The port.
    pub port: PortId,
    /// The queue.
    pub queue: QueueId,
    /// For a worker: the isolated-rx lcore that polls the queue for it, if there is one. For an
    /// isolated-rx lcore: the worker that owns the queue.
    pub other: Option<LcoreId>,
}

impl Config {
    /// Whether a port is the kernel side of a device.
    pub fn is_kni(&self, port: PortId) -> bool {
        self.kni.iter().any(|kni| kni.port == port)
    }

    /// The lcore that carries packets to and from the kernel: the KNI lcore, else the master.
    pub fn kni_lcore(&self) -> Option<LcoreId> {
        let with = |role| self.lcores.iter().find(|l| l.role == role).map(|l| l.id);
        with(Role::Kni).or_else(|| with(Role::Master))
    }

    /// The receive queues that an lcore lists, in polling order.
    pub fn rx_queues(&self, lcore: LcoreId) -> Vec<RxQueue> {
        let Some(mine) = self.lcores.iter().find(|l| l.id == lcore) else { return Vec::new() };
        let wanted = match mine.role {
            Role::Worker => Role::IsolRx,
            Role::IsolRx => Role::Worker,
            Role::Idle | Role::Master | Role::Kni => Role::Idle,
        };
        let listed = mine.queues.iter().flat_map(|q| q.rx.iter().map(|queue| (q.port, *queue)));
        let queues = listed.map(|(port, queue)| {
            let lists = |l: &&super::LcoreConfig| {
                l.role == wanted && l.queues.iter().any(|q| q.port == port && q.rx.contains(&queue))
            };
            RxQueue { port, queue, other: self.lcores.iter().find(lists).map(|l| l.id) }
        });
        queues.collect()
    }

    /// The receive queues that an lcore polls itself: not those that another polls for it, but the
    /// kernel's if it serves the kernel.
    pub fn polled(&self, lcore: LcoreId) -> Vec<(PortId, QueueId)> {
        let is_worker = self.workers().any(|worker| worker == lcore);
        let own = self.rx_queues(lcore).into_iter().filter(|rx| !(is_worker && rx.other.is_some()));
        let mut queues: Vec<_> = own.map(|rx| (rx.port, rx.queue)).collect();
        if self.kni_lcore() == Some(lcore) {
            queues.extend(self.kni.iter().map(|kni| (kni.port, QueueId(0))));
        }
        queues
    }

    /// Every ring between lcores, always in the same order: by the lcore that drains it.
    pub fn rings(&self) -> Vec<RingPlan> {
        let limits = &self.limits;
        let mut lcores: Vec<_> = self.lcores.iter().collect();
        lcores.sort_by_key(|lcore| lcore.id);
        let mut rings = Vec::with_capacity(4 * lcores.len());
        for lcore in lcores {
            let mut add = |ring, room| rings.push(RingPlan { owner: lcore.id, ring, room });
            if lcore.role == Role::Worker {
                add(Ring::Arp, limits.arp_ring - self.planted.one_if(Defect::RingOneLess));
                add(Ring::Neigh, limits.neigh_ring);
                let isolated = self.rx_queues(lcore.id).into_iter().filter(|rx| rx.other.is_some());
                isolated.for_each(|rx| add(Ring::Isol(rx.port, rx.queue), limits.isol_ring));
            }
            if self.icmp_redirect_core == Some(lcore.id) {
                add(Ring::IcmpRedirect, limits.icmp_redirect_ring);
            }
            if matches!(lcore.role, Role::Master | Role::Worker) {
                add(Ring::Msg, limits.msg_ring);
            }
            // They are there while nobody samples too: it can be switched on at any time.
            if lcore.role == Role::Master {
                let mut workers: Vec<_> = self.workers().collect();
                workers.sort_unstable();
                workers.iter().for_each(|w| add(Ring::Iftraf(*w), limits.iftraf_ring));
            }
            if self.kni_lcore() == Some(lcore.id) {
                self.kni.iter().for_each(|kni| add(Ring::Kni(kni.device), limits.kni_ring));
            }
        }
        rings
    }
}
