//! The tables of a scenario file, as TOML and the JSON Schema know them.
//!
//! The doc comments here are the descriptions in the schema. Nothing is checked here but types;
//! ranges are in `ranges.rs`, and what the values mean to each other is checked in `build.rs`.

mod knobs;
mod orders;
mod peers;
mod tc;

pub use knobs::{CostTable, CostsTable, LimitsTable, PolicyTable, RateLimitTable};
pub use orders::{ControlTable, HelloTable, IftrafTable, PriorityKind, ReloadTable, SwitchTable};
pub use peers::{AttackTable, PeerKindName, PeerTable, PingTable, TcpSendTable, UdpSendTable};
pub use tc::{ClsTable, QschKind, QschTable};

use super::value::{At, Destination, Frame, Queues, Rate, Seed, Text};
use crate::fault::Fault;
use crate::plan::{Ours, Timing};
use dataplane::{Mac, Nanos};
use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::Ipv4Addr;

/// A Lockstep scenario: the box, what is around it, and what happens.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "scenario")]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// A name for reports. Default: the name of the file without `.toml`.
    pub name: Option<String>,
    /// The one seed of all randomness: a number, or a git commit hash. Default: 0.
    pub seed: Option<At<Text<Seed>>>,
    /// Virtual time at which the run stops. Default: when all input is through and nothing waits.
    pub until: Option<At<Text<Nanos>>>,
    /// Which side to take where DPVS and the right thing differ. Default: "lockstep".
    pub profile: Option<Profile>,
    /// So many workers, 1 to 16: lcores 1 to N, each with its own rx and tx queue on every port,
    /// beside the master, lcore 0. Instead of [[lcore]]. Default: 1.
    pub workers: Option<At<u64>>,
    /// What happens to a frame of which a capture holds only the front. Default: "pad".
    pub snapped: Option<SnappedKind>,
    /// What goes wrong on purpose, in the words of `--fault`. Default: nothing.
    #[serde(default)]
    pub faults: Vec<At<Text<Fault>>>,
    /// The physical ports, in order.
    #[serde(default)]
    pub port: Vec<At<PortTable>>,
    /// The lcores, if `workers` does not say it.
    #[serde(default)]
    pub lcore: Vec<At<LcoreTable>>,
    /// The routes beside those that addresses bring.
    #[serde(default)]
    pub route: Vec<At<RouteTable>>,
    /// Static neighbours, there from the start or changed on the way.
    #[serde(default)]
    pub neighbour: Vec<At<NeighbourTable>>,
    /// Messages from the master to other lcores.
    #[serde(default)]
    pub hello: Vec<At<HelloTable>>,
    /// Traffic control: what holds packets back, parents before their children.
    #[serde(default)]
    pub qsch: Vec<At<QschTable>>,
    /// Traffic control: which packets go where.
    #[serde(default)]
    pub cls: Vec<At<ClsTable>>,
    /// When the master asks all workers what traffic control counted: the sums are in the trace.
    #[serde(default)]
    pub show_tc: Vec<At<Text<Nanos>>>,
    /// Traffic statistics. Default: off.
    pub iftraf: Option<IftrafTable>,
    /// What the control plane is told on the way, in the words of `lockstep ctl`.
    #[serde(default)]
    pub control: Vec<At<ControlTable>>,
    /// Other configurations, to be used from some time on.
    #[serde(default)]
    pub reload: Vec<At<ReloadTable>>,
    /// What arrives from outside, at ring ports.
    #[serde(default)]
    pub input: Vec<At<InputTable>>,
    /// Who is at the far ends of the wires, and answers.
    #[serde(default)]
    pub peer: Vec<At<PeerTable>>,
    /// Single switches, different from the profile's.
    #[serde(default)]
    pub policy: PolicyTable,
    /// Everything that has a limit.
    #[serde(default)]
    pub limits: LimitsTable,
    /// What the jobs cost, in virtual time.
    #[serde(default)]
    pub costs: CostsTable,
}

/// Which side to take where DPVS and the right thing differ.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "profile")]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The right thing.
    Lockstep,
    /// What DPVS does.
    Dpvs,
}

/// What happens to a frame of which a capture holds only the front.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "snapped")]
#[serde(rename_all = "lowercase")]
pub enum SnappedKind {
    /// It is filled up with zeros to its original length.
    Pad,
    /// It is dropped, by the name `rx_snapped`.
    Drop,
}

/// A physical port.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "port")]
#[serde(deny_unknown_fields)]
pub struct PortTable {
    /// Its name, unique among ports and VLAN devices: 1 to 32 letters, digits, `-`, `_`, `.`.
    pub name: At<String>,
    /// What is behind it. Default: "ring".
    pub kind: Option<At<PortKind>>,
    /// Its Ethernet address. Default: 02:00:00:00:01:NN, where NN is 01 for the first port.
    pub mac: Option<At<Text<Mac>>>,
    /// The largest IPv4 packet it carries, in bytes. Default: 1500.
    pub mtu: Option<At<u64>>,
    /// Its addresses, each with the prefix length of its subnet.
    #[serde(default)]
    pub addresses: Vec<At<Text<Ipv4Net>>>,
    /// The wire of a ring port, in each direction.
    pub wire: Option<At<WireTable>>,
    /// The capture that a pcap port receives, relative to this file. Default: nothing is received.
    pub rx: Option<At<String>>,
    /// Bytes of each frame of zeros that a null port receives without end. Default: it receives
    /// nothing.
    pub rx_frame_len: Option<At<u64>>,
    /// Receive queues. Default: as many as the lcores own.
    pub rx_queues: Option<At<u64>>,
    /// Transmit queues. Default: as many as the lcores own.
    pub tx_queues: Option<At<u64>>,
    /// Its kernel side: a port `<port>.kni` of its own, behind which is the kernel.
    pub kni: Option<At<KniTable>>,
    /// The VLAN devices on it.
    #[serde(default)]
    pub vlan: Vec<At<VlanTable>>,
}

/// The kernel side of a device (KNI). What the dataplane does not handle leaves by it; what the
/// kernel sends is an [[input]] of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "kni")]
#[serde(deny_unknown_fields)]
pub struct KniTable {
    /// Its name. Default: `<device>.kni`.
    pub name: Option<At<String>>,
    /// Copy every frame of the device to the kernel (FORWARD2KNI). Default: false.
    pub forward: Option<bool>,
    /// How fast the kernel takes frames. Default: infinitely fast.
    pub wire: Option<At<WireTable>>,
}

/// What is behind a port.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "port-kind")]
#[serde(rename_all = "lowercase")]
pub enum PortKind {
    /// A net_ring port with a wire: what a timed run uses. Its input is in [[input]].
    Ring,
    /// A net_pcap port that the dataplane polls itself, as fast as it polls: untimed.
    Pcap,
    /// A net_null port: a sink, or an endless source of frames of zeros.
    Null,
}

/// A wire between a ring port and the outside.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "wire")]
#[serde(deny_unknown_fields)]
pub struct WireTable {
    /// Bits a second, over frames without preamble and FCS. Default: infinitely fast.
    pub rate: Option<At<Text<Rate>>>,
    /// How long a frame travels towards the port. Default: 0s.
    pub delay: Option<At<Text<Nanos>>>,
    /// Frames that may wait for the wire, towards the port. Default: 1024.
    pub queue: Option<At<u64>>,
}

/// A VLAN device on a port.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "vlan")]
#[serde(deny_unknown_fields)]
pub struct VlanTable {
    /// Its VLAN.
    pub vid: At<u64>,
    /// Its name. Default: `<port>.<vid>`.
    pub name: Option<At<String>>,
    /// Its Ethernet address. Default: its port's.
    pub mac: Option<At<Text<Mac>>>,
    /// The largest IPv4 packet it carries, at most its port's. Default: its port's.
    pub mtu: Option<At<u64>>,
    /// Its kernel side, as of a port.
    pub kni: Option<At<KniTable>>,
    /// Its addresses, each with the prefix length of its subnet.
    #[serde(default)]
    pub addresses: Vec<At<Text<Ipv4Net>>>,
}

/// An lcore.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "lcore")]
#[serde(deny_unknown_fields)]
pub struct LcoreTable {
    /// Its number, unique.
    pub id: At<u64>,
    /// What it is for.
    pub role: At<RoleKind>,
    /// The receive queues it owns, by port, in polling order. For an isol_rx lcore: those that it
    /// polls for the workers that own them. For the kni lcore: those whose packets are the kernel's.
    pub rx: Option<At<Queues>>,
    /// The transmit queues it owns, by port: a worker and the kni lcore need one on each. Default,
    /// if no lcore says `tx`: the first of them gets queue 0 of every port, the second queue 1, and
    /// so on.
    pub tx: Option<At<Queues>>,
    /// Of one worker: it takes the pings of all workers, so that those of one flow are on one core
    /// (DPVS: icmp_redirect_core). Default: false.
    pub icmp_redirect: Option<At<bool>>,
}

/// What an lcore is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "role")]
#[serde(rename_all = "lowercase")]
pub enum RoleKind {
    /// The control plane's core: exactly one.
    Master,
    /// Receives, forwards and transmits.
    Worker,
    /// Polls receive queues for workers and hands what it gets over by rings.
    #[serde(rename = "isol_rx")]
    IsolRx,
    /// Carries packets to and from the kernel: at most one.
    Kni,
    /// Has no job.
    Idle,
}

/// A route.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "route")]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// Where to.
    pub to: At<Text<Destination>>,
    /// The gateway. Default: none, the destination is on the link.
    pub via: Option<At<Text<Ipv4Addr>>>,
    /// The device to leave by. Default: the one on whose subnet `via` is.
    pub dev: Option<At<String>>,
    /// The largest packet for this route, in bytes. Default: the device's.
    pub mtu: Option<At<u64>>,
}

/// A static neighbour, or a change of one.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "neighbour")]
#[serde(deny_unknown_fields)]
pub struct NeighbourTable {
    /// The device on whose link it is.
    pub dev: At<String>,
    /// Its address.
    pub address: At<Text<Ipv4Addr>>,
    /// Its Ethernet address. Needed unless it is deleted.
    pub mac: Option<At<Text<Mac>>>,
    /// When the control plane is told. Default: it is there before the first tick.
    pub at: Option<At<Text<Nanos>>>,
    /// Take it away, at the time `at`. Default: false.
    pub delete: Option<At<bool>>,
}

/// What arrives at a ring port from outside: a capture, or frames spelled out here.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "input")]
#[serde(deny_unknown_fields)]
pub struct InputTable {
    /// The port.
    pub port: At<String>,
    /// A capture file, pcap or pcapng, relative to this file.
    pub capture: Option<At<String>>,
    /// Only frames of this pcapng interface: its name, or its number from 0. Default: of all.
    pub interface: Option<At<InterfaceName>>,
    /// Addresses of the recorded device: frames that it sent itself are no input.
    #[serde(default)]
    pub ours: Vec<At<Text<Ours>>>,
    /// When the frames arrive. Default: "recorded".
    pub timing: Option<At<Text<Timing>>>,
    /// Virtual time of the capture's first frame. Default: 0s.
    pub start: Option<At<Text<Nanos>>>,
    /// Frames spelled out, instead of a capture.
    pub frames: Option<At<Vec<FrameTable>>>,
}

/// A pcapng interface: its name, or its number from 0.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "interface")]
#[serde(untagged)]
pub enum InterfaceName {
    /// Its number, in the order of the file, from 0.
    Number(u32),
    /// Its name (`if_name`).
    Name(String),
}

/// A frame that is spelled out.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "timed-frame")]
#[serde(deny_unknown_fields)]
pub struct FrameTable {
    /// When it arrives.
    pub at: Text<Nanos>,
    /// Its bytes, from the destination MAC on, without FCS.
    pub hex: Text<Frame>,
}
