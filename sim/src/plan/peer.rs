//! Who is at the far end of a wire, and what it does.
//!
//! Invariant: what a peer does is decided here, by the seed, and by what reaches it. Not here: doing
//! it (`peer.rs` and below).

use dataplane::{Instant, Mac, Nanos, PortId, VlanId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// Somebody behind a ring port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerPlan {
    /// Its name, unique among peers: it names its streams of randomness, too.
    pub name: String,
    /// The physical port that its wire leads to. It is a ring port.
    pub port: PortId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its address, and the subnet that it takes to be its link.
    pub address: Ipv4Net,
    /// The VLAN that it is in: its frames are tagged. Nothing: they are not.
    pub vlan: Option<VlanId>,
    /// Of a million frames between it and the port, in either direction, so many are lost.
    pub loss: u32,
    /// What it is.
    pub kind: PeerKind,
}

/// What a peer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerKind {
    /// A host: smoltcp.
    Host(HostPlan),
    /// Somebody who sends what nobody should.
    Hostile(Vec<AttackPlan>),
}

/// What a host is asked to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPlan {
    /// The largest IPv4 packet that it sends, in bytes: 576 to 9000.
    pub mtu: u16,
    /// Where packets go that are not for its link. Nothing: nowhere.
    pub gateway: Option<Ipv4Addr>,
    /// Whom it pings.
    pub pings: Vec<PingPlan>,
    /// Sends back what comes to this UDP port.
    pub udp_echo: Option<u16>,
    /// Takes what comes to this UDP port.
    pub udp_listen: Option<u16>,
    /// Which datagrams it sends.
    pub udp_sends: Vec<UdpSendPlan>,
    /// Sends back what comes to this TCP port.
    pub tcp_echo: Option<u16>,
    /// Takes what comes to this TCP port.
    pub tcp_listen: Option<u16>,
    /// Which transfers it begins.
    pub tcp_sends: Vec<TcpSendPlan>,
}

/// Something that is done a number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it is done first.
    pub at: Instant,
    /// How often.
    pub count: u32,
    /// How long after each other.
    pub every: Nanos,
}

impl Times {
    /// When it is done for the `n`-th time, from 0. Nothing: it is not.
    pub fn nth(&self, n: u32) -> Option<Instant> {
        let after = self.every.saturating_mul(u64::from(n));
        (n < self.count).then(|| self.at.saturating_add(after))
    }
}

/// Echo requests, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingPlan {
    /// Whom to ask.
    pub to: Ipv4Addr,
    /// When: at most 65,535 times.
    pub times: Times,
    /// Bytes of data in each: 0 to 65,507.
    pub size: u16,
}

/// Datagrams, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpSendPlan {
    /// To whom.
    pub to: Ipv4Addr,
    /// To which port.
    pub port: u16,
    /// When.
    pub times: Times,
    /// Bytes of data in each: 0 to 65,507.
    pub size: u16,
}

/// A transfer by TCP: a connection, so many bytes, and the end of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpSendPlan {
    /// To whom.
    pub to: Ipv4Addr,
    /// To which port.
    pub port: u16,
    /// When it begins.
    pub at: Instant,
    /// Bytes, at least 1.
    pub bytes: u64,
}

/// Frames that nobody should send, one group after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttackPlan {
    /// Of which kind.
    pub what: AttackKind,
    /// Whom it is aimed at. What that means depends on the kind.
    pub target: Ipv4Addr,
    /// When each group is sent. Of answers: from when on, and at most how many.
    pub times: Times,
}

/// A way of being hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttackKind {
    /// Answers ARP requests for others.
    ArpLiar,
    /// Announces random neighbours that nobody asked for.
    GratuitousStorm,
    /// Sends fragments of one datagram, the second inside the first.
    Teardrop,
    /// Sends fragments of one datagram that overlap in part, with other bytes there.
    Overlap,
    /// Sends first fragments of datagrams that never become whole.
    ReassemblyExhauster,
    /// Sends packets to neighbours that do not exist.
    NeighbourExhauster,
    /// Sends packets whose time to live runs out at the box.
    TtlProber,
    /// Sends packets whose source is on another subnet, in no subnet, or the box itself (land).
    Spoofer,
    /// Sends frames that are too short and too long, and lengths that lie.
    GiantsAndRunts,
}

impl AttackKind {
    /// Every kind.
    pub const ALL: [AttackKind; 9] = [
        AttackKind::ArpLiar,
        AttackKind::GratuitousStorm,
        AttackKind::Teardrop,
        AttackKind::Overlap,
        AttackKind::ReassemblyExhauster,
        AttackKind::NeighbourExhauster,
        AttackKind::TtlProber,
        AttackKind::Spoofer,
        AttackKind::GiantsAndRunts,
    ];

    /// Its name in scenarios and reports.
    pub const fn name(self) -> &'static str {
        match self {
            AttackKind::ArpLiar => "arp_liar",
            AttackKind::GratuitousStorm => "gratuitous_storm",
            AttackKind::Teardrop => "teardrop",
            AttackKind::Overlap => "overlap",
            AttackKind::ReassemblyExhauster => "reassembly_exhauster",
            AttackKind::NeighbourExhauster => "neighbour_exhauster",
            AttackKind::TtlProber => "ttl_prober",
            AttackKind::Spoofer => "spoofer",
            AttackKind::GiantsAndRunts => "giants_and_runts",
        }
    }
}
