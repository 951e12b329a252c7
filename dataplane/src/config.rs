//! What the dataplane is told before its first tick, checked as a whole.
//!
//! A [`Config`] is plain data; [`Config::check`] says whether a dataplane can be built from it.
//! Everything that has a limit has it in [`Limits`], and nowhere else.

mod check;
mod check_lcores;
mod error;
mod limits;
mod policy;
mod reload;
mod rings;

pub use check::Checked;
pub use error::ConfigError;
pub use limits::{Limits, RateLimit};
pub use policy::Policy;
pub use rings::RxQueue;

use crate::job::Role;
use crate::planted::Planted;
use crate::tc::{ClsConfig, QschConfig};
use crate::time::Nanos;
use crate::types::{LcoreId, Mac, PortId, QueueId, VlanId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// Everything the dataplane is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The physical ports. Port `i` gets [`PortId`] `i`; VLAN devices follow, in order.
    pub ports: Vec<PortConfig>,
    /// The lcores.
    pub lcores: Vec<LcoreConfig>,
    /// The kernel sides of devices.
    pub kni: Vec<KniConfig>,
    /// The worker that takes the echoes of all workers; nothing: each worker keeps its own.
    pub icmp_redirect_core: Option<LcoreId>,
    /// The routes beside those that addresses bring (local and connected).
    pub routes: Vec<RouteConfig>,
    /// Static neighbours that are there before the first tick.
    pub neighbours: Vec<NeighConfig>,
    /// The Qschs that are there before the first tick, parents before their children.
    pub qschs: Vec<QschConfig>,
    /// The classifiers that are there before the first tick.
    pub classes: Vec<ClsConfig>,
    /// Traffic statistics.
    pub iftraf: IftrafConfig,
    /// The limits.
    pub limits: Limits,
    /// The switches where DPVS and Lockstep differ.
    pub policy: Policy,
    /// The one seed of all randomness. Each lcore draws from streams of its own.
    pub seed: u64,
    /// The defect that is planted: none, without the feature `mutants`.
    pub planted: Planted,
}

/// A physical port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Its name: unique among ports and VLAN devices.
    pub name: String,
    /// Its address.
    pub mac: Mac,
    /// The largest IPv4 packet it carries, in bytes, 68..=9000.
    pub mtu: u16,
    /// Its addresses, each with the prefix of its subnet.
    pub addresses: Vec<Ipv4Net>,
    /// Receive queues, 0..=16.
    pub rx_queues: u16,
    /// Transmit queues, 0..=16.
    pub tx_queues: u16,
    /// The VLAN devices on it.
    pub vlans: Vec<VlanConfig>,
}

/// A VLAN device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlanConfig {
    /// Its name; DPVS's default is `<port>.<vid>`.
    pub name: String,
    /// Its VLAN.
    pub vid: VlanId,
    /// Its address, if it is not its port's.
    pub mac: Option<Mac>,
    /// The largest IPv4 packet it carries, at most its port's; nothing for its port's.
    pub mtu: Option<u16>,
    /// Its addresses.
    pub addresses: Vec<Ipv4Net>,
}

/// An lcore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LcoreConfig {
    /// Its number.
    pub id: LcoreId,
    /// What it is for.
    pub role: Role,
    /// The queues it owns, port by port, in polling order. Of an isolated-rx lcore: the receive
    /// queues that it polls for the workers that own them.
    pub queues: Vec<PortQueues>,
}

/// The queues of one port that an lcore owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortQueues {
    /// The physical port.
    pub port: PortId,
    /// Receive queues, in polling order.
    pub rx: Vec<QueueId>,
    /// Transmit queues.
    pub tx: Vec<QueueId>,
}

/// The kernel side of a device: a port of its own, behind which is the kernel.
///
/// DPVS: a virtio-user vdev for each device, which is a port to DPDK too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KniConfig {
    /// The device whose packets the kernel gets.
    pub device: PortId,
    /// The port behind which the kernel is: one queue each way, which no lcore lists as its own.
    /// They belong to the KNI lcore, or without one to the master.
    pub port: PortId,
    /// Whether the kernel gets a copy of every frame of the device (`FORWARD2KNI`).
    pub forward: bool,
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteConfig {
    /// Where to.
    pub to: Ipv4Net,
    /// The gateway; nothing when the destination is on the link.
    pub via: Option<Ipv4Addr>,
    /// The device to leave by.
    pub dev: PortId,
    /// The largest packet for this route; nothing for the device's.
    pub mtu: Option<u16>,
}

/// Traffic statistics by samples. They can be switched on and off at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IftrafConfig {
    /// Whether they are on from the start.
    pub on: bool,
    /// Every so manieth packet with ports is sampled, of each worker and direction, 1..=1,048,576.
    pub every: u32,
    /// The length of one of the 30 slots of the history, 1 ms..=1 h.
    ///
    /// DPVS: 2^20 loops of the master, some tenths of a second (defect B86).
    pub slot: Nanos,
}

impl Default for IftrafConfig {
    fn default() -> IftrafConfig {
        IftrafConfig { on: false, every: 1024, slot: Nanos::from_secs(1) }
    }
}

/// A static neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighConfig {
    /// The device on whose link it is.
    pub dev: PortId,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its MAC.
    pub mac: Mac,
}

#[cfg(test)]
mod tests;
