//! The tables of traffic control.

use super::super::value::{AddressRange, At, FrameType, PortRange, ProtocolName, Rate, Text};
use dataplane::Nanos;
use dataplane::tc::{Handle, Hook};
use schemars::JsonSchema;
use serde::Deserialize;

/// A Qsch, there from the start or changed on the way.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "qsch")]
#[serde(deny_unknown_fields)]
pub struct QschTable {
    /// The device: a port or a VLAN device.
    pub dev: At<String>,
    /// Of the top of a tree: whether it takes what leaves by the device or what comes in.
    /// Default: "egress".
    pub direction: Option<At<DirectionKind>>,
    /// Its name, once on each device. Default: root or ingress at the top, else one is chosen,
    /// 8001: first.
    pub handle: Option<At<Text<Handle>>>,
    /// The Qsch of which it is a child. Default: none, it is the top.
    pub parent: Option<At<Text<Handle>>>,
    /// What it does with its packets. Needed unless it is changed or deleted.
    pub kind: Option<At<QschKind>>,
    /// What it holds: packets of pfifo (1024) and pfifo_fast (1024), bytes of bfifo (1024 full
    /// frames) and tbf (see `latency`).
    pub limit: Option<At<u64>>,
    /// Of a tbf: bits a second, from 8 to 10T.
    pub rate: Option<At<Text<Rate>>>,
    /// Of a tbf: bytes that may pass at once.
    pub burst: Option<At<u64>>,
    /// Of a tbf, instead of `limit`, which is then rate × latency + burst: how long a frame waits at
    /// most beside the time that the burst takes. Default: 50ms.
    pub latency: Option<At<Text<Nanos>>>,
    /// Of a tbf: bits a second at which the burst passes. Default: at once.
    pub peakrate: Option<At<Text<Rate>>>,
    /// Of a tbf with a peakrate: bytes that may pass at once, at least the MTU. Default: a full
    /// frame.
    pub minburst: Option<At<u64>>,
    /// When the control plane is told. Default: it is there before the first tick.
    pub at: Option<At<Text<Nanos>>>,
    /// Change the one that is there, at the time `at`; what is not said stays. Default: false.
    pub change: Option<At<bool>>,
    /// Take it away with all below it, at the time `at`. Default: false.
    pub delete: Option<At<bool>>,
}

/// A classifier, there from the start or changed on the way: which packets of a Qsch go where.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "cls")]
#[serde(deny_unknown_fields)]
pub struct ClsTable {
    /// The device.
    pub dev: At<String>,
    /// The Qsch whose packets it looks at. Default: root.
    pub qsch: Option<At<Text<Handle>>>,
    /// Its name, once in each Qsch. Default: one is chosen, 8001: first.
    pub handle: Option<At<Text<Handle>>>,
    /// Higher ones are asked first; of equal ones, the older. Default: 0.
    pub prio: Option<At<u64>>,
    /// The type of the frame, or that behind its tags.
    pub ether_type: Option<At<Text<FrameType>>>,
    /// The protocol of an IPv4 packet.
    pub proto: Option<At<Text<ProtocolName>>>,
    /// The source of an IPv4 packet: an address, a prefix or a range.
    pub src: Option<At<Text<AddressRange>>>,
    /// The destination of an IPv4 packet.
    pub dst: Option<At<Text<AddressRange>>>,
    /// The source port of TCP, UDP or SCTP: a number or a range. A fragment behind the first has
    /// none.
    pub sport: Option<At<Text<PortRange>>>,
    /// The destination port.
    pub dport: Option<At<Text<PortRange>>>,
    /// The device by which it came in: on ingress.
    pub iif: Option<At<String>>,
    /// The device by which it leaves: on egress.
    pub oif: Option<At<String>>,
    /// The child of the Qsch that takes what matches.
    pub target: Option<At<Text<Handle>>>,
    /// Instead of `target`: what matches is dropped.
    pub drop: Option<At<bool>>,
    /// When the control plane is told. Default: it is there before the first tick.
    pub at: Option<At<Text<Nanos>>>,
    /// Put this in the place of the one that is there, at the time `at`. Default: false.
    pub change: Option<At<bool>>,
    /// Take it away, at the time `at`. Default: false.
    pub delete: Option<At<bool>>,
}

/// Which packets of a device a tree takes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "direction")]
#[serde(rename_all = "lowercase")]
pub enum DirectionKind {
    /// What leaves.
    Egress,
    /// What comes in.
    Ingress,
}

impl From<DirectionKind> for Hook {
    fn from(kind: DirectionKind) -> Hook {
        match kind {
            DirectionKind::Egress => Hook::Egress,
            DirectionKind::Ingress => Hook::Ingress,
        }
    }
}

/// What a Qsch does with its packets.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "qsch-kind")]
#[serde(rename_all = "snake_case")]
pub enum QschKind {
    /// First in, first out; so many packets.
    Pfifo,
    /// First in, first out; so many bytes.
    Bfifo,
    /// Three bands by the type of service.
    PfifoFast,
    /// A token bucket filter.
    Tbf,
}
