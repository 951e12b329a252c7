//! Whether a dataplane can be built from a configuration: every rule, and who breaks it.

use super::{Config, ConfigError, IftrafConfig, Limits, Policy, RateLimit};
use crate::change::is_host_address;
use crate::device::Devices;
use crate::job::{JobTable, RegisterError, Role, Rows};
use crate::tc::{TcChange, TcPlan, Verb};
use crate::types::{LcoreId, Mac, PortId};
use crate::world::RingPlan;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::Ipv4Addr;

/// A configuration that a dataplane can be built from, as [`Config::checked`] has seen; and what
/// follows from it for all lcores, found once.
#[derive(Clone, Debug)]
pub struct Checked<'a> {
    config: &'a Config,
    devices: Devices,
    jobs: JobTable,
    trees: TcPlan,
    rings: Vec<RingPlan>,
}

impl<'a> Checked<'a> {
    /// The configuration.
    pub fn get(&self) -> &'a Config {
        self.config
    }

    /// Its devices.
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// What each role runs.
    pub fn jobs(&self) -> &JobTable {
        &self.jobs
    }

    /// The trees of traffic control that there are before the first tick.
    pub fn tc_plan(&self) -> &TcPlan {
        &self.trees
    }

    /// Every ring between lcores, in the order of [`Config::rings`].
    pub fn rings(&self) -> &[RingPlan] {
        &self.rings
    }
}

impl Config {
    /// The forwarding workers, in the order of the configuration.
    pub fn workers(&self) -> impl Iterator<Item = LcoreId> + '_ {
        self.lcores.iter().filter(|l| l.role == Role::Worker).map(|l| l.id)
    }

    /// What each role runs.
    ///
    /// # Errors
    /// A SLOW job has no period.
    pub fn job_table(&self) -> Result<JobTable, RegisterError> {
        JobTable::dpvs(Rows {
            neigh_sync_skip: self.policy.neigh_sync_skip,
            ipv4_frag_skip: self.policy.ipv4_frag_skip,
            kni_lcore: self.lcores.iter().any(|l| l.role == Role::Kni),
            icmp_redirect: self.icmp_redirect_core.is_some(),
        })
    }

    /// Whether a dataplane can be built from this.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.checked().map(drop)
    }

    /// The same, and the proof of it: so that many lcores need only one check.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn checked(&self) -> Result<Checked<'_>, ConfigError> {
        self.check_limits()?;
        self.check_policy()?;
        self.check_devices()?;
        self.check_kni()?;
        self.check_lcores()?;
        self.check_queues()?;
        let devices = Devices::new(self);
        self.check_routes(&devices)?;
        for n in &self.neighbours {
            named(format_args!("neighbour {}", n.address), n.dev, devices.len())?;
            self.not_kernel(format_args!("neighbour {}", n.address), n.dev)?;
            host_mac(format_args!("neighbour {}", n.address), n.mac)?;
        }
        let (trees, jobs, rings) = (self.trees(&devices)?, self.job_table()?, self.rings());
        Ok(Checked { config: self, devices, jobs, trees, rings })
    }

    fn trees(&self, devices: &Devices) -> Result<TcPlan, ConfigError> {
        let mut plan = TcPlan::default();
        for qsch in &self.qschs {
            let what = || format!("Qsch {}", qsch.handle);
            let added = plan.apply(TcChange::Qsch(Verb::Add, *qsch), devices);
            added.map_err(|why| ConfigError::Tc { what: what(), dev: qsch.dev.0, why })?;
        }
        for cls in &self.classes {
            let what = || format!("a classifier of Qsch {}", cls.qsch);
            let added = plan.apply(TcChange::Cls(Verb::Add, *cls), devices);
            added.map_err(|why| ConfigError::Tc { what: what(), dev: cls.dev.0, why })?;
        }
        Ok(plan)
    }

    pub(super) fn device_count(&self) -> usize {
        self.ports.len() + self.ports.iter().map(|p| p.vlans.len()).sum::<usize>()
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let l = &self.limits;
        let ranges = [
            ("limits.neigh_queue", l.neigh_queue, Limits::NEIGH_QUEUE),
            ("limits.neigh_entries", l.neigh_entries, Limits::NEIGH_ENTRIES),
            ("limits.reasm_datagrams", l.reasm_datagrams, Limits::REASM_DATAGRAMS),
            ("limits.reasm_fragments", l.reasm_fragments, Limits::REASM_FRAGMENTS),
            ("limits.reasm_bytes", l.reasm_bytes, Limits::REASM_BYTES),
            ("limits.arp_ring", l.arp_ring, Limits::RING),
            ("limits.neigh_ring", l.neigh_ring, Limits::RING),
            ("limits.msg_ring", l.msg_ring, Limits::MSG_RING),
            ("limits.msg_open", l.msg_open, Limits::MSG_OPEN),
            ("limits.isol_ring", l.isol_ring, Limits::ISOL_RING),
            ("limits.kni_ring", l.kni_ring, Limits::RING),
            ("limits.icmp_redirect_ring", l.icmp_redirect_ring, Limits::RING),
            ("limits.iftraf_ring", l.iftraf_ring, Limits::RING),
            ("limits.iftraf_flows", l.iftraf_flows, Limits::IFTRAF_ENTRIES),
            ("limits.iftraf_hosts", l.iftraf_hosts, Limits::IFTRAF_ENTRIES),
            ("limits.rx_burst", l.rx_burst, Limits::RX_BURST),
            ("limits.tx_burst", l.tx_burst, Limits::TX_BURST),
            ("limits.pool", l.pool, Limits::POOL),
            ("limits.rx_descriptors", l.rx_descriptors, Limits::DESCRIPTORS),
            ("limits.tx_descriptors", l.tx_descriptors, Limits::DESCRIPTORS),
        ];
        ranges.iter().try_for_each(|(what, value, (min, max))| {
            in_range(*what, u64::from(*value), u64::from(*min), u64::from(*max))
        })
    }

    fn check_policy(&self) -> Result<(), ConfigError> {
        let p = &self.policy;
        in_range("policy.default_ttl", u64::from(p.default_ttl), 1, 255)?;
        in_range("policy.neigh_sync_skip", u64::from(p.neigh_sync_skip), 1, u64::from(u32::MAX))?;
        in_range("policy.ipv4_frag_skip", u64::from(p.ipv4_frag_skip), 1, u64::from(u32::MAX))?;
        let (min, max) = Policy::REASSEMBLY_TIMEOUT;
        let ns = p.reassembly_timeout.get();
        in_range("policy.reassembly_timeout in ns", ns, min.get(), max.get())?;
        let (min, max) = Policy::REASSEMBLY_FRAGMENTS;
        let n = u64::from(p.reassembly_fragments);
        in_range("policy.reassembly_fragments", n, u64::from(min), u64::from(max))?;
        let ns = p.timer_interval.get();
        in_range("policy.timer_interval in ns", ns, 1_000, 10_000_000_000)?;
        let ns = p.msg_timeout.get();
        in_range("policy.msg_timeout in ns", ns, 1_000, 60_000_000_000)?;
        let ns = p.neigh_reachable.get();
        in_range("policy.neigh_reachable in ns", ns, 1_000_000_000, 3_600_000_000_000)?;
        in_range("policy.neigh_jitter in ns", p.neigh_jitter.get(), 0, 10_000_000_000)?;
        in_range("policy.tbf_quantum in ns", p.tbf_quantum.get(), 0, 1_000_000_000)?;
        let IftrafConfig { every, slot, .. } = self.iftraf;
        in_range("iftraf.every", u64::from(every), 1, 1_048_576)?;
        in_range("iftraf.slot in ns", slot.get(), 1_000_000, 3_600_000_000_000)?;
        if let Some(rate) = p.icmp_rate_limit {
            bucket("policy.icmp_rate_limit", rate)?;
        }
        bucket("policy.icmp_redirect_rate_limit", p.icmp_redirect_rate_limit)
    }

    fn check_devices(&self) -> Result<(), ConfigError> {
        if self.ports.is_empty() {
            return Err(ConfigError::NoPorts);
        }
        in_range("the number of ports", self.ports.len() as u64, 1, Limits::PORTS)?;
        let mut names: Vec<&str> = Vec::new();
        let mut addresses: Vec<(Ipv4Addr, &str)> = Vec::new();
        for port in &self.ports {
            device(&port.name, port.mac, port.mtu, &port.addresses, &mut names, &mut addresses)?;
            for (way, queues) in [("rx", port.rx_queues), ("tx", port.tx_queues)] {
                let what = format_args!("{way} queues of port {}", port.name);
                in_range(what, u64::from(queues), 0, Limits::QUEUES)?;
            }
            for (index, vlan) in port.vlans.iter().enumerate() {
                if port.vlans[..index].iter().any(|v| v.vid == vlan.vid) {
                    return Err(ConfigError::VlanTwice { port: port.name.clone(), vid: vlan.vid });
                }
                let mtu = vlan.mtu.unwrap_or(port.mtu);
                let what = format_args!("MTU of {}", vlan.name);
                in_range(what, u64::from(mtu), u64::from(Limits::MTU.0), u64::from(port.mtu))?;
                let mac = vlan.mac.unwrap_or(port.mac);
                device(&vlan.name, mac, mtu, &vlan.addresses, &mut names, &mut addresses)?;
            }
        }
        Ok(())
    }

    /// A kernel side is the end of a path: no worker has a transmit queue on it.
    fn not_kernel(&self, what: impl Display, dev: PortId) -> Result<(), ConfigError> {
        match self.ports.get(dev.index()) {
            Some(port) if self.is_kni(dev) => {
                Err(ConfigError::KernelSide { what: what.to_string(), dev: port.name.clone() })
            }
            _ => Ok(()),
        }
    }

    fn check_routes(&self, devices: &Devices) -> Result<(), ConfigError> {
        let mut before = BTreeSet::new();
        for route in &self.routes {
            named(format_args!("route to {}", route.to), route.dev, devices.len())?;
            self.not_kernel(format_args!("route to {}", route.to), route.dev)?;
            let dev = devices.get(route.dev);
            if let Some(via) = route.via
                && !dev.on_link(via)
            {
                let dev = dev.name.clone();
                return Err(ConfigError::GatewayOffLink { to: route.to, via, dev });
            }
            if let Some(mtu) = route.mtu {
                let (min, max) = Limits::MTU;
                let what = format_args!("MTU of the route to {}", route.to);
                in_range(what, u64::from(mtu), u64::from(min), u64::from(max))?;
            }
            if !before.insert((route.to.trunc(), route.dev)) {
                return Err(ConfigError::RouteTwice { to: route.to, dev: dev.name.clone() });
            }
        }
        Ok(())
    }
}

pub(super) fn in_range(
    what: impl Display,
    value: u64,
    min: u64,
    max: u64,
) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Range { what: what.to_string(), value, min, max })
}

fn bucket(what: &str, rate: RateLimit) -> Result<(), ConfigError> {
    let max = u64::from(u32::MAX);
    in_range(format_args!("{what}.per_second"), u64::from(rate.per_second), 1, max)?;
    in_range(format_args!("{what}.burst"), u64::from(rate.burst), 1, max)
}

pub(super) fn named(what: impl Display, dev: PortId, devices: usize) -> Result<(), ConfigError> {
    if dev.index() < devices {
        return Ok(());
    }
    Err(ConfigError::NoDevice { what: what.to_string(), dev: dev.0, devices })
}

fn host_mac(whose: impl Display, mac: Mac) -> Result<(), ConfigError> {
    if mac.is_multicast() || mac == Mac::ZERO {
        return Err(ConfigError::BadMac { whose: whose.to_string(), mac });
    }
    Ok(())
}

fn device<'a>(
    name: &'a str,
    mac: Mac,
    mtu: u16,
    nets: &[Ipv4Net],
    names: &mut Vec<&'a str>,
    addresses: &mut Vec<(Ipv4Addr, &'a str)>,
) -> Result<(), ConfigError> {
    if names.contains(&name) {
        return Err(ConfigError::DeviceTwice(name.to_owned()));
    }
    names.push(name);
    host_mac(format_args!("device {name}"), mac)?;
    let (min, max) = Limits::MTU;
    in_range(format_args!("MTU of {name}"), u64::from(mtu), u64::from(min), u64::from(max))?;
    for net in nets {
        let address = net.addr();
        if !is_host_address(*net) {
            return Err(ConfigError::BadAddress { dev: name.to_owned(), address });
        }
        if let Some((_, first)) = addresses.iter().find(|(a, _)| *a == address) {
            let (first, second) = ((*first).to_owned(), name.to_owned());
            return Err(ConfigError::AddressTwice { address, first, second });
        }
        addresses.push((address, name));
    }
    Ok(())
}
