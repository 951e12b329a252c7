//! What came of an order, and what there is: the answers to whoever gave it.

use super::Refused;
use crate::counters::Counters;
use crate::neigh::State;
use crate::route::Listed;
use crate::tc::{ClsConfig, QschConfig, QschStats};
use crate::time::Nanos;
use crate::types::{DeviceName, LcoreId, Mac, PortId, VlanId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// What came of an order, in short: for the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The number of the order: 1, 2, 3 … in the order in which the master was told them.
    pub order: u64,
    /// Nothing: it is done.
    pub refused: Option<Refused>,
    /// The lcore that it failed at, if it did not fail at the master itself.
    pub at: Option<LcoreId>,
    /// How many entries the answer has, if something was to be shown.
    pub entries: Option<u64>,
}

/// What came of an order: for whoever gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Whether it is done, and why not.
    pub outcome: Outcome,
    /// What was to be shown or said.
    pub data: Data,
}

/// What was to be shown. Always in the same order, whichever lcore answered first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nothing but the outcome.
    None,
    /// What there is to say beside the outcome.
    Text(String),
    /// The addresses, in the order of the devices, oldest first.
    Addresses(Vec<AddressEntry>),
    /// The routes, the shortest prefix first.
    Routes(Vec<Listed>),
    /// The neighbours, in the order of devices, addresses and lcores.
    Neighbours(Vec<NeighEntry>),
    /// The VLAN devices.
    Vlans(Vec<VlanEntry>),
    /// The devices.
    Links(Vec<LinkEntry>),
    /// The Qschs in the order of their creation, and what they counted on all workers.
    Qschs(Vec<(QschConfig, QschStats)>),
    /// The classifiers in the order of their creation, and how often they matched.
    Classes(Vec<(ClsConfig, u64)>),
    /// What the lcores counted.
    Stats(Vec<(LcoreId, Counters)>),
}

/// An address of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressEntry {
    /// The device.
    pub dev: PortId,
    /// The address.
    pub net: Ipv4Net,
    /// How long it is ours still; nothing: for ever.
    pub left: Option<Nanos>,
    /// The workers that do not have it. DPVS: if one lists another number, nobody is told anything
    /// (defect B38).
    pub missing: Vec<LcoreId>,
}

/// A neighbour as one worker knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighEntry {
    /// The device on whose link it is.
    pub dev: PortId,
    /// Its address.
    pub address: Ipv4Addr,
    /// The worker.
    pub lcore: LcoreId,
    /// What the worker knows of it.
    pub state: State,
    /// Its MAC, as far as it is known.
    pub mac: Mac,
    /// Whether somebody set it.
    pub is_static: bool,
    /// Packets that wait for it.
    pub waiting: u32,
}

/// A VLAN device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanEntry {
    /// The device.
    pub dev: PortId,
    /// Its port.
    pub port: PortId,
    /// Its VLAN.
    pub vid: VlanId,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEntry {
    /// The device.
    pub dev: PortId,
    /// Its name.
    pub name: String,
    /// Its MAC.
    pub mac: Mac,
    /// The largest IPv4 packet, in bytes.
    pub mtu: u16,
    /// Whether the kernel gets a copy of every frame; nothing without a kernel side.
    pub forward2kni: Option<bool>,
}

impl Data {
    /// How many entries there are, if there is a list.
    pub fn entries(&self) -> Option<u64> {
        let n = match self {
            Data::None | Data::Text(_) => return None,
            Data::Addresses(list) => list.len(),
            Data::Routes(list) => list.len(),
            Data::Neighbours(list) => list.len(),
            Data::Vlans(list) => list.len(),
            Data::Links(list) => list.len(),
            Data::Qschs(list) => list.len(),
            Data::Classes(list) => list.len(),
            Data::Stats(list) => list.len(),
        };
        Some(n as u64)
    }
}

/// How long an address may be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime;

impl Lifetime {
    /// The shortest, a second: DPVS counts in seconds.
    pub const MIN: Nanos = Nanos::from_secs(1);
    /// The longest, 49 days: what a timer can be ahead.
    pub const MAX: Nanos = Nanos::from_secs(49 * 86_400);
}

/// The name that a VLAN device has if it is given none: `<port>.<vid>`.
pub fn vlan_name(port: &DeviceName, vid: VlanId) -> Option<DeviceName> {
    DeviceName::try_new(&format!("{port}.{vid}"))
}
