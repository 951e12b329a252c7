//! What peers experienced in a run.
//!
//! Invariant: it depends on the plan alone. Not here: whether it is right (`check.rs`), and how a
//! report tells it (`report/peers.rs`).

use crate::plan::AttackKind;
use crate::trace::Digest;
use dataplane::{Instant, Nanos, PortId};
use std::net::Ipv4Addr;

/// What a peer experienced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerOutcome {
    /// Its name.
    pub name: String,
    /// The port that its wire leads to.
    pub port: PortId,
    /// Frames that it sent, the lost ones too.
    pub sent: u64,
    /// Frames that came to it, whomever they were for.
    pub heard: u64,
    /// Frames that it sent and that were lost on its wire.
    pub lost_from: u64,
    /// Frames that left the port and were lost on its wire.
    pub lost_to: u64,
    /// What it did.
    pub did: Did,
}

impl PeerOutcome {
    /// Frames that left its port for it, the lost ones too.
    pub fn to(&self) -> u64 {
        self.heard + self.lost_to
    }
}

/// What a peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// A host.
    Host(HostOutcome),
    /// A hostile one: of each attack, how many frames were sent.
    Hostile(Vec<(AttackKind, u64)>),
}

/// What a host experienced. Each list is in the order of the plan, or of first contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOutcome {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its pings.
    pub pings: Vec<PingOutcome>,
    /// The datagrams that it sent.
    pub udp_sent: Vec<UdpSent>,
    /// The datagrams that came to ports on which it listens.
    pub udp_received: Vec<UdpReceived>,
    /// The transfers that it began.
    pub tcp_sent: Vec<TcpSent>,
    /// The transfers that came to it.
    pub tcp_received: Vec<TcpReceived>,
}

/// What came of pings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingOutcome {
    /// Who was asked.
    pub to: Ipv4Addr,
    /// Bytes of data in each.
    pub size: u16,
    /// Echo requests that were sent.
    pub sent: u32,
    /// The number of each that was answered, from 0, and how long it took.
    pub answered: Vec<(u32, Nanos)>,
    /// Answers whose data are not those of the request.
    pub wrong: u64,
    /// Answers to what was answered before, or had been given up.
    pub extra: u64,
}

/// What came of datagrams that were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpSent {
    /// To whom.
    pub to: Ipv4Addr,
    /// To which port.
    pub port: u16,
    /// From which port.
    pub from_port: u16,
    /// The digest of each that was sent.
    pub sent: Vec<Digest>,
    /// The digest of each that came back.
    pub echoed: Vec<Digest>,
}

/// Datagrams that came to a port from one sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpReceived {
    /// The port.
    pub port: u16,
    /// From whom.
    pub from: Ipv4Addr,
    /// From which port.
    pub from_port: u16,
    /// Bytes of data in all.
    pub bytes: u64,
    /// The digest of each.
    pub received: Vec<Digest>,
}

/// What came of a transfer that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpSent {
    /// To whom.
    pub to: Ipv4Addr,
    /// To which port.
    pub port: u16,
    /// From which port. Nothing: it has not begun.
    pub from_port: Option<u16>,
    /// Bytes that were to be sent.
    pub bytes: u64,
    /// Of these, bytes that the other side acknowledged.
    pub acknowledged: u64,
    /// When it began.
    pub began: Instant,
    /// When all bytes and the end were acknowledged.
    pub finished: Option<Instant>,
    /// When and why it failed.
    pub failed: Option<(Instant, &'static str)>,
    /// Segments with data that were sent.
    pub segments: u64,
    /// Of these, those that were sent again.
    pub again: u64,
    /// Bytes that came back.
    pub echoed: u64,
    /// The digest of these.
    pub echo: Digest,
}

/// What came of a transfer that somebody else began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpReceived {
    /// The port that it came to.
    pub port: u16,
    /// From whom.
    pub from: Ipv4Addr,
    /// From which port.
    pub from_port: u16,
    /// Bytes that came, in order.
    pub bytes: u64,
    /// The digest of these.
    pub digest: Digest,
    /// Bytes that came behind them, and that nobody has taken: who sends them back waits until there is room.
    pub unread: u64,
    /// When the first of them came.
    pub first: Option<Instant>,
    /// When all of them, and the end, had come.
    pub finished: Option<Instant>,
    /// When and why it failed.
    pub failed: Option<(Instant, &'static str)>,
}
