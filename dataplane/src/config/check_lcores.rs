//! Whether the lcores of a configuration can share out its queues. Spec 1.1.

use super::check::{in_range, named};
use super::{Config, ConfigError, LcoreConfig};
use crate::job::Role;
use crate::types::{LcoreId, PortId, QueueId};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Rx,
    Tx,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Direction::Rx => "rx",
            Direction::Tx => "tx",
        }
    }

    /// The queues of `port` that an lcore lists.
    fn of(self, lcore: &LcoreConfig, port: PortId) -> impl Iterator<Item = QueueId> + '_ {
        let mine = lcore.queues.iter().filter(move |q| q.port == port);
        mine.flat_map(move |q| if self == Direction::Rx { &q.rx } else { &q.tx }).copied()
    }
}

impl Config {
    pub(super) fn check_lcores(&self) -> Result<(), ConfigError> {
        for (index, lcore) in self.lcores.iter().enumerate() {
            in_range("the number of an lcore", u64::from(lcore.id.0), 0, u64::from(LcoreId::MAX))?;
            if self.lcores[..index].iter().any(|l| l.id == lcore.id) {
                return Err(ConfigError::LcoreTwice(lcore.id));
            }
            let rx = lcore.queues.iter().any(|q| !q.rx.is_empty());
            let tx = lcore.queues.iter().any(|q| !q.tx.is_empty());
            match lcore.role {
                Role::Worker if !rx && !tx => {
                    return Err(ConfigError::WorkerWithoutPorts(lcore.id));
                }
                Role::IsolRx if tx => return Err(ConfigError::IsolTransmits(lcore.id)),
                Role::IsolRx if !rx => return Err(ConfigError::IsolWithoutQueues(lcore.id)),
                Role::Master | Role::Idle if rx || tx => {
                    return Err(ConfigError::QueuesWithoutWorker(lcore.id));
                }
                _ => {}
            }
        }
        if self.workers().next().is_none() {
            return Err(ConfigError::NoWorkers);
        }
        // DPVS takes lcore 0 if none is named, and any that is: a ring that nobody drains swallows
        // every ping (defect B53).
        if let Some(core) = self.icmp_redirect_core
            && !self.workers().any(|worker| worker == core)
        {
            return Err(ConfigError::IcmpRedirectCore(core));
        }
        let with = |role| self.lcores.iter().filter(|l| l.role == role).count();
        match (with(Role::Master), with(Role::Kni)) {
            (1, 0 | 1) => Ok(()),
            (1, n) => Err(ConfigError::KniLcores(n)),
            (n, _) => Err(ConfigError::Masters(n)),
        }
    }

    /// Every queue has exactly one owner, an isolated one also one lcore that polls it, and who
    /// sends can send on every port.
    pub(super) fn check_queues(&self) -> Result<(), ConfigError> {
        for lcore in &self.lcores {
            for queues in &lcore.queues {
                named(format_args!("lcore {}", lcore.id), queues.port, self.ports.len())?;
            }
        }
        for port in (0..).map(PortId).take(self.ports.len()) {
            if self.is_kni(port) {
                self.check_kni_queues(port)?;
                continue;
            }
            self.check_owners(port, Direction::Rx)?;
            self.check_owners(port, Direction::Tx)?;
            for lcore in self.lcores.iter().filter(|l| matches!(l.role, Role::Worker | Role::Kni)) {
                if Direction::Tx.of(lcore, port).next().is_none() {
                    let port = self.ports[port.index()].name.clone();
                    return Err(ConfigError::NoTxQueue { lcore: lcore.id, port });
                }
            }
        }
        Ok(())
    }

    /// The queues of a physical port, in one direction: each has one owner, and at most one lcore
    /// polls it for the owner.
    fn check_owners(&self, id: PortId, direction: Direction) -> Result<(), ConfigError> {
        let port = &self.ports[id.index()];
        let count = if direction == Direction::Rx { port.rx_queues } else { port.tx_queues };
        let wrong = |queue, problem: String| {
            let (port, direction) = (port.name.clone(), direction.name());
            Err(ConfigError::Queue { port, direction, queue, problem })
        };
        let listed = || self.lcores.iter().flat_map(|l| direction.of(l, id).map(move |q| (l, q)));
        if let Some((_, queue)) = listed().find(|(_, queue)| queue.0 >= count) {
            return wrong(queue, format!("does not exist: the port has {count}"));
        }
        for queue in (0..count).map(QueueId) {
            let by = |isol: bool| {
                let isolated = move |l: &LcoreConfig| (l.role == Role::IsolRx) == isol;
                let mut who = listed().filter(move |(l, q)| *q == queue && isolated(l));
                (who.next().map(|(l, _)| l), who.next().map(|(l, _)| l.id))
            };
            match (by(false), by(true)) {
                ((None, _), _) => return wrong(queue, "belongs to no lcore".into()),
                ((Some(a), Some(b)), _) => {
                    return wrong(queue, format!("belongs to lcores {} and {b}", a.id));
                }
                (_, (Some(a), Some(b))) => {
                    return wrong(queue, format!("is polled by lcores {} and {b}", a.id));
                }
                ((Some(owner), None), (Some(poller), None)) if owner.role != Role::Worker => {
                    let problem =
                        format!("is polled by lcore {}, but its owner is no worker", poller.id);
                    return wrong(queue, problem);
                }
                ((Some(_), None), _) => {}
            }
        }
        Ok(())
    }

    /// The kernel's queues are nobody's but the kernel's lcore's.
    fn check_kni_queues(&self, port: PortId) -> Result<(), ConfigError> {
        for lcore in &self.lcores {
            for direction in [Direction::Rx, Direction::Tx] {
                if let Some(queue) = direction.of(lcore, port).next() {
                    return Err(ConfigError::Queue {
                        port: self.ports[port.index()].name.clone(),
                        direction: direction.name(),
                        queue,
                        problem: format!("is the kernel's, and lcore {} lists it", lcore.id),
                    });
                }
            }
        }
        Ok(())
    }

    /// Each device has one kernel side at most, and that is a port with nothing else on it.
    pub(super) fn check_kni(&self) -> Result<(), ConfigError> {
        for (index, kni) in self.kni.iter().enumerate() {
            named("the kernel side of a device", kni.device, self.device_count())?;
            named("the kernel side of a device", kni.port, self.ports.len())?;
            let port = &self.ports[kni.port.index()];
            let before = &self.kni[..index];
            let problem = if self.is_kni(kni.device) {
                "it is the kernel side of another device itself".to_owned()
            } else if before.iter().any(|other| other.device == kni.device) {
                "it has one already".to_owned()
            } else if before.iter().any(|other| other.port == kni.port) {
                format!("port {} is that of another device", port.name)
            } else if !port.addresses.is_empty() || !port.vlans.is_empty() {
                format!("port {} has addresses or VLANs; those are the device's", port.name)
            } else if (port.rx_queues, port.tx_queues) != (1, 1) {
                format!("port {} needs one rx and one tx queue", port.name)
            } else {
                continue;
            };
            let device = crate::device::Devices::new(self).get(kni.device).name.clone();
            return Err(ConfigError::Kni { device, problem });
        }
        Ok(())
    }
}
