//! What the dataplane is told before its first tick, checked as a whole.
//!
//! A [`Config`] is plain data; [`Config::check`] says whether a dataplane can be built from it.
//! Everything that has a limit has it in [`Limits`], and nowhere else.

mod check;
mod check_lcores;
mod rings;

pub use rings::RxQueue;

use crate::job::Role;
use crate::msg::Priority;
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
    /// The routes beside those that addresses bring (local and connected).
    pub routes: Vec<RouteConfig>,
    /// Static neighbours that are there before the first tick.
    pub neighbours: Vec<NeighConfig>,
    /// The limits.
    pub limits: Limits,
    /// The switches where DPVS and Lockstep differ.
    pub policy: Policy,
    /// The one seed of all randomness. Each lcore draws from streams of its own.
    pub seed: u64,
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

/// Everything that has a limit. Units and ranges as said; DPVS's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Packets that may wait for one neighbour, 1..=8192 (DPVS holds one more: defect B06).
    pub neigh_queue: u32,
    /// Neighbours that an lcore may know, 1..=1,048,576.
    pub neigh_entries: u32,
    /// Frames that an arp_ring holds, 1..=65,535 (DPVS: size 2048, of which one stays free).
    pub arp_ring: u32,
    /// Changes that a neigh_ring holds, 1..=65,535.
    pub neigh_ring: u32,
    /// Messages that a msg_ring holds, 1..=524,287 (DPVS: size 4096, of which one stays free).
    pub msg_ring: u32,
    /// Conversations that an lcore may have open, 1..=65,535.
    pub msg_open: u32,
    /// Frames that the ring of an isolated receive queue holds, 1..=1,048,575. DPVS's default is
    /// the largest, more than our pool has buffers.
    pub isol_ring: u32,
    /// Frames that wait for the kernel side of a device, 1..=65,535.
    pub kni_ring: u32,
    /// Packets that a transmit queue buffers before it bursts them out by itself, 1..=32.
    pub tx_burst: u32,
    /// Buffers in the pool, 64..=1,048,575.
    pub pool: u32,
    /// Frames that a receive queue holds, 1..=32,768.
    pub rx_descriptors: u32,
    /// Frames that a transmit queue of the port holds, 1..=32,768.
    pub tx_descriptors: u32,
}

impl Limits {
    /// The range of `neigh_queue`.
    pub const NEIGH_QUEUE: (u32, u32) = (1, 8192);
    /// The range of `neigh_entries`.
    pub const NEIGH_ENTRIES: (u32, u32) = (1, 1_048_576);
    /// The range of `arp_ring`, `neigh_ring` and `kni_ring`.
    pub const RING: (u32, u32) = (1, 65_535);
    /// The range of `msg_ring`.
    pub const MSG_RING: (u32, u32) = (1, 524_287);
    /// The range of `msg_open`.
    pub const MSG_OPEN: (u32, u32) = (1, 65_535);
    /// The range of `isol_ring`.
    pub const ISOL_RING: (u32, u32) = (1, 1_048_575);
    /// The range of `tx_burst`.
    pub const TX_BURST: (u32, u32) = (1, 32);
    /// The range of `pool`.
    pub const POOL: (u32, u32) = (64, 1_048_575);
    /// The range of `rx_descriptors` and `tx_descriptors`.
    pub const DESCRIPTORS: (u32, u32) = (1, 32_768);
    /// The range of an MTU, in bytes: RFC 791's smallest, DPVS's largest.
    pub const MTU: (u16, u16) = (68, 9000);
    /// Ports that a process may have (`RTE_MAX_ETHPORTS`).
    pub const PORTS: u64 = 32;
    /// Queues that a port may have in each direction (`NETIF_MAX_QUEUES`).
    pub const QUEUES: u64 = 16;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            neigh_queue: 128,
            neigh_entries: 65_536,
            arp_ring: 2047,
            neigh_ring: 2047,
            msg_ring: 4095,
            msg_open: 1024,
            isol_ring: 16_383,
            kni_ring: 2047,
            tx_burst: 32,
            pool: 16_383,
            rx_descriptors: 256,
            tx_descriptors: 512,
        }
    }
}

/// A token bucket over virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Tokens a second, at least 1.
    pub per_second: u32,
    /// Tokens that the bucket holds, at least 1. It starts full.
    pub burst: u32,
}

/// Where DPVS and the right thing differ. The defaults are the profile `lockstep`;
/// [`Policy::dpvs`] is parity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether packets are forwarded at all. DPVS's default is off; ours is on.
    pub forwarding: bool,
    /// TTL of the packets we make, 1..=255.
    pub default_ttl: u8,
    /// Drop every IPv4 fragment before routing.
    pub drop_fragments: bool,
    /// Send ICMP errors for packets to be forwarded although forwarding is off.
    pub icmp_errors_when_not_forwarding: bool,
    /// Limit of the ICMP errors that one lcore sends.
    pub icmp_rate_limit: Option<RateLimit>,
    /// Create an entry for an ARP reply that nobody asked for.
    pub arp_unsolicited_creates: bool,
    /// Answer ARP in a frame that was sent to another station.
    pub arp_other_host: bool,
    /// Learn the sender of an ARP request for one of our addresses.
    pub arp_learn_requests: bool,
    /// Check an ARP sender's address.
    pub arp_check_sender: bool,
    /// An address of any device is ours on each of them, for ARP and for IPv4 (RFC 1122 §3.3.4.2,
    /// as Linux); else an address is ours only on its own device (as DPVS).
    pub weak_host: bool,
    /// Take VLAN id 0 as untagged and refuse 4095; else refuse 0 and take 4095 for a VLAN.
    pub vid0_untagged: bool,
    /// Tell the sender when there is no route, no protocol, no port: ICMP 3/0, 3/2, 3/3.
    pub icmp_unreachable: bool,
    /// Ask an absent neighbour three times, a second apart, then tell each waiting packet's sender
    /// (ICMP 3/1); else ask on traffic only, at most once in 3 s, and free the queue silently.
    pub neigh_retransmit: bool,
    /// What is drawn at random, below this, and added to each neighbour timer, 0..=10 s.
    pub neigh_jitter: Nanos,
    /// Check IPv4 options: malformed ones earn ICMP 12/0, source routes are refused.
    pub check_options: bool,
    /// Answer an echo request whose code is not 0.
    pub echo_any_code: bool,
    /// Drop packets from or to addresses that may not be on a wire.
    pub drop_martians: bool,
    /// Copy a frame for the kernel again when it comes through a ring (`FORWARD2KNI`; defect B10).
    pub forward2kni_ring_copies: bool,
    /// Run all due timer ticks at once after a stall; else one in each run of `timer_manage`.
    pub timer_catch_up: bool,
    /// How often `timer_manage` looks at the wheel, 1 µs..=10 s; it opens at absolute multiples.
    pub timer_interval: Nanos,
    /// How long the caller of a message waits for its answers, 1 µs..=60 s, unless it says otherwise
    /// (`sync_msg_timeout_us`).
    pub msg_timeout: Nanos,
    /// The least important requests between lcores that are sent (`priority_level`).
    pub msg_priority_level: Priority,
    /// Carry out a request that is taken after its deadline (defect B78).
    pub msg_late_execution: bool,
    /// Send a multicast up to the first worker whose ring is full (defect B80); else to all or none.
    pub msg_partial_multicast: bool,
    /// How long a neighbour that answered is trusted, 1..=3600 s.
    pub neigh_reachable: Nanos,
    /// `skip_loops` of the workers' `neigh_sync`.
    pub neigh_sync_skip: u32,
    /// `skip_loops` of the workers' `ipv4_frag`.
    pub ipv4_frag_skip: u32,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            forwarding: true,
            default_ttl: 64,
            drop_fragments: false,
            icmp_errors_when_not_forwarding: false,
            icmp_rate_limit: None,
            arp_unsolicited_creates: false,
            arp_other_host: false,
            arp_learn_requests: true,
            arp_check_sender: true,
            weak_host: true,
            vid0_untagged: true,
            icmp_unreachable: true,
            neigh_retransmit: true,
            neigh_jitter: Nanos::ZERO,
            check_options: true,
            echo_any_code: true,
            drop_martians: true,
            forward2kni_ring_copies: false,
            timer_catch_up: true,
            timer_interval: Nanos::from_micros(10),
            msg_timeout: Nanos::from_millis(2),
            msg_priority_level: Priority::Low,
            msg_late_execution: false,
            msg_partial_multicast: false,
            neigh_reachable: Nanos::from_secs(60),
            neigh_sync_skip: 100,
            ipv4_frag_skip: 100,
        }
    }
}

impl Policy {
    /// What DPVS does. Forwarding is on here as in the default profile, since a run without it
    /// shows little; DPVS's own default is off.
    pub fn dpvs() -> Policy {
        Policy {
            drop_fragments: true,
            icmp_errors_when_not_forwarding: true,
            arp_unsolicited_creates: true,
            arp_other_host: true,
            arp_learn_requests: false,
            arp_check_sender: false,
            weak_host: false,
            vid0_untagged: false,
            icmp_unreachable: false,
            neigh_retransmit: false,
            neigh_jitter: Nanos::from_millis(200),
            check_options: false,
            echo_any_code: false,
            drop_martians: false,
            forward2kni_ring_copies: true,
            timer_catch_up: false,
            msg_late_execution: true,
            msg_partial_multicast: true,
            ..Policy::default()
        }
    }
}

/// A configuration from which no dataplane can be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Two devices have one name.
    #[error("two devices are named {0}")]
    DeviceTwice(String),
    /// A MAC that no station may have.
    #[error("{whose}: {mac} is no unicast address")]
    BadMac {
        /// Whose it is: a device or a neighbour.
        whose: String,
        /// Its address.
        mac: Mac,
    },
    /// An address is on two devices, or twice on one.
    #[error("address {address} is on {first} and on {second}")]
    AddressTwice {
        /// The address.
        address: Ipv4Addr,
        /// A device that has it.
        first: String,
        /// The other one, perhaps the same.
        second: String,
    },
    /// An address that no host may have.
    #[error("device {dev}: {address} is no address for a host")]
    BadAddress {
        /// The device.
        dev: String,
        /// The address.
        address: Ipv4Addr,
    },
    /// A VLAN is on a port twice.
    #[error("port {port} has VLAN {vid} twice")]
    VlanTwice {
        /// The port.
        port: String,
        /// The VLAN.
        vid: VlanId,
    },
    /// A number is out of its range.
    #[error("{what} is {value}, and must be from {min} to {max}")]
    Range {
        /// What it is the number of.
        what: String,
        /// What it is.
        value: u64,
        /// The smallest it may be.
        min: u64,
        /// The largest it may be.
        max: u64,
    },
    /// There is no port at all.
    #[error("there is no port: a dataplane needs at least one")]
    NoPorts,
    /// There is no worker.
    #[error("no lcore is a worker: nobody would receive a packet")]
    NoWorkers,
    /// Not exactly one lcore is the master.
    #[error("{0} lcores are the master: exactly one must be")]
    Masters(usize),
    /// Two lcores have one number.
    #[error("lcore {0} is there twice")]
    LcoreTwice(LcoreId),
    /// There is no such lcore.
    #[error("there is no lcore {0}")]
    NoLcore(LcoreId),
    /// A worker has no ports (DPVS would silently lose all workers behind it: defect B18).
    #[error("lcore {0} is a worker without ports: it would have nothing to do")]
    WorkerWithoutPorts(LcoreId),
    /// A master or an idle lcore owns queues.
    #[error("lcore {0} is no worker, so it cannot own queues")]
    QueuesWithoutWorker(LcoreId),
    /// More lcores than one are there for the KNI.
    #[error("{0} lcores have the role kni: at most one may")]
    KniLcores(usize),
    /// An isolated-rx lcore has nothing to poll.
    #[error("lcore {0} polls no receive queue for a worker: it would have nothing to do")]
    IsolWithoutQueues(LcoreId),
    /// An isolated-rx lcore transmits.
    #[error("lcore {0} only receives, so it cannot own a tx queue")]
    IsolTransmits(LcoreId),
    /// A device has two kernel sides, or a kernel side is none.
    #[error("the kernel side of {device}: {problem}")]
    Kni {
        /// The device.
        device: String,
        /// What is wrong.
        problem: String,
    },
    /// A queue belongs to nobody, or the port has no such queue.
    #[error("port {port}: {direction} queue {queue} {problem}")]
    Queue {
        /// The port.
        port: String,
        /// `rx` or `tx`.
        direction: &'static str,
        /// The queue.
        queue: QueueId,
        /// What is wrong: `belongs to no lcore`, `belongs to lcores 1 and 2`, `does not exist` …
        problem: String,
    },
    /// A worker cannot send on a port.
    #[error("lcore {lcore} has no tx queue on port {port}: what it forwards there would be lost")]
    NoTxQueue {
        /// The worker.
        lcore: LcoreId,
        /// The port.
        port: String,
    },
    /// Something names a device that is not there.
    #[error("{what} names device {dev}, and there are only {devices}")]
    NoDevice {
        /// Who names it.
        what: String,
        /// The number it gives.
        dev: u16,
        /// How many there are.
        devices: usize,
    },
    /// A gateway is not on the link of the device.
    #[error("route to {to}: gateway {via} is on no subnet of {dev}")]
    GatewayOffLink {
        /// The route.
        to: Ipv4Net,
        /// Its gateway.
        via: Ipv4Addr,
        /// Its device.
        dev: String,
    },
    /// The same destination twice on one device.
    #[error("the route to {to} on {dev} is there twice")]
    RouteTwice {
        /// The destination.
        to: Ipv4Net,
        /// The device.
        dev: String,
    },
    /// A job cannot be registered.
    #[error(transparent)]
    Job(#[from] crate::job::RegisterError),
}

#[cfg(test)]
mod tests;
