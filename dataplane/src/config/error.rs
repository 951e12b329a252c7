//! What can be wrong with a configuration.

use crate::tc::TcError;
use crate::types::{LcoreId, Mac, QueueId, VlanId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

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
    /// The lcore that is to take all echoes does not forward, so that nobody would drain its ring.
    #[error("lcore {0} is to take the echoes of all workers, and is no worker")]
    IcmpRedirectCore(LcoreId),
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
    /// Something is to be reached by the kernel side of a device.
    #[error("{what} is on {dev}, which is the kernel side of a device: nothing is sent there")]
    KernelSide {
        /// What is to be reached.
        what: String,
        /// The kernel side.
        dev: String,
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
    /// Traffic control that cannot be.
    #[error("{what} of device {dev}: {why}")]
    Tc {
        /// What.
        what: String,
        /// The number of its device.
        dev: u16,
        /// Why not.
        why: TcError,
    },
    /// A job cannot be registered.
    #[error(transparent)]
    Job(#[from] crate::job::RegisterError),
}
