//! What a Qsch and a classifier are told: plain values, small enough to travel in a message.

use super::Handle;
use crate::time::Nanos;
use crate::types::PortId;
use crate::wire::ethernet::{self, EtherType};
use std::net::Ipv4Addr;

/// Packets that a pfifo or pfifo_fast holds, unless it is told otherwise.
pub const DEFAULT_PACKETS: u32 = 1024;
/// The latency of a tbf, unless it or a limit is told: see [`Tbf::limit_of`].
pub const DEFAULT_LATENCY: Nanos = Nanos::from_millis(50);

/// Where a tree of Qschs takes packets from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// What leaves by a device.
    Egress,
    /// What came in by a device.
    Ingress,
}

impl Hook {
    /// The name in scenarios and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Hook::Egress => "egress",
            Hook::Ingress => "ingress",
        }
    }

    /// The Qsch that takes the packets.
    pub const fn top(self) -> Handle {
        match self {
            Hook::Egress => Handle::ROOT,
            Hook::Ingress => Handle::INGRESS,
        }
    }
}

/// A queueing scheduler (`Qsch`) of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QschConfig {
    /// The device.
    pub dev: PortId,
    /// Its name, once on each device: [`Handle::ROOT`] and [`Handle::INGRESS`] for the tops;
    /// [`Handle::NONE`] to have one chosen.
    pub handle: Handle,
    /// The Qsch whose classifiers give it packets; [`Handle::NONE`] for the tops.
    pub parent: Handle,
    /// What it does.
    pub kind: Kind,
}

/// What a Qsch does with its packets. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// First in, first out.
    Pfifo {
        /// Packets that it holds.
        limit: u32,
    },
    /// First in, first out.
    Bfifo {
        /// Bytes that it holds.
        limit: u64,
    },
    /// Three bands by the type of service, the most urgent first.
    PfifoFast {
        /// Packets that it holds in all bands.
        limit: u32,
    },
    /// A token bucket filter.
    Tbf(Tbf),
}

/// A token bucket: its rate and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRate {
    /// Bits a second.
    pub bits: u64,
    /// Bytes that may pass at once.
    pub burst: u64,
}

/// A token bucket filter. Bytes are those of whole frames, without FCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tbf {
    /// Rate and burst.
    pub rate: TokenRate,
    /// Peak rate and minburst (tc's `mtu`), if there is one.
    pub peak: Option<TokenRate>,
    /// Bytes that wait at most, the frame at the head included.
    pub limit: u64,
}

impl Kind {
    /// DPVS's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Kind::Pfifo { .. } => "pfifo",
            Kind::Bfifo { .. } => "bfifo",
            Kind::PfifoFast { .. } => "pfifo_fast",
            Kind::Tbf(_) => "tbf",
        }
    }

    /// A bfifo as it is without a limit of its own: 1024 full frames.
    pub fn bfifo(mtu: u16) -> Kind {
        let frame = u64::from(mtu) + ethernet::HEADER_LEN as u64;
        Kind::Bfifo { limit: u64::from(DEFAULT_PACKETS) * frame }
    }
}

impl Tbf {
    /// Bytes that come together in `latency`, and a burst: the limit of a tbf in which none waits
    /// longer than both take.
    ///
    /// As Linux: `rate × latency + burst`, and the same of the peak rate if that is less.
    // DPVS: `rate × latency` alone, which drops what the bucket would let pass at once.
    pub fn limit_of(rate: TokenRate, peak: Option<TokenRate>, latency: Nanos) -> u64 {
        let bytes = |rate: TokenRate| {
            let bits = u128::from(rate.bits) * u128::from(latency.get()) / 1_000_000_000;
            let bytes = bits / 8 + u128::from(rate.burst);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        peak.map_or(bytes(rate), |peak| bytes(rate).min(bytes(peak)))
    }

    /// The longest frame that can ever pass.
    pub fn max_frame(&self) -> u64 {
        self.peak.map_or(self.rate.burst, |peak| peak.burst.min(self.rate.burst))
    }
}

/// A classifier of a Qsch (`cls`, kind `match`): where packets go that look like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClsConfig {
    /// The device.
    pub dev: PortId,
    /// The Qsch whose packets it looks at.
    pub qsch: Handle,
    /// Its name, once in each Qsch; [`Handle::NONE`] to have one chosen.
    pub handle: Handle,
    /// Higher ones are asked first; of equal ones, the older.
    pub prio: u16,
    /// What a packet has to look like.
    pub pattern: Match,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a packet that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is dropped.
    Drop,
    /// A child of the Qsch takes it.
    To(Handle),
}

/// Numbers from the first to the second, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<T>(pub T, pub T);

impl<T: PartialOrd + Copy> Range<T> {
    /// Whether `value` is one of them.
    pub fn contains(&self, value: T) -> bool {
        self.0 <= value && value <= self.1
    }

    /// Whether it holds anything at all.
    pub fn is_valid(&self) -> bool {
        self.0 <= self.1
    }
}

/// What a packet has to look like. What is not said may be anything; what is said must be there to
/// be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The type of the frame, or that behind its tags.
    pub ether_type: Option<EtherType>,
    /// The protocol of an IPv4 packet.
    pub protocol: Option<u8>,
    /// The source of an IPv4 packet.
    pub src: Option<Range<Ipv4Addr>>,
    /// The destination of an IPv4 packet.
    pub dst: Option<Range<Ipv4Addr>>,
    /// The source port of TCP, UDP or SCTP. A fragment behind the first has none.
    pub sport: Option<Range<u16>>,
    /// The destination port of the same.
    pub dport: Option<Range<u16>>,
    /// The device by which it came in: on ingress only.
    pub iif: Option<PortId>,
    /// The device by which it leaves: on egress only.
    pub oif: Option<PortId>,
}
