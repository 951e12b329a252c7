//! The outside, as an lcore sees it: a clock reading, a pool, queues, rings to other lcores, and
//! somebody who watches.
//!
//! There are two implementations of what is behind it: DPDK's (mbufs, rings, PMDs) and the heap's
//! (unit tests, Miri, fuzzing without DPDK). The same scenario through both gives the same trace.

use crate::event::Event;
use crate::iftraf::Sample;
use crate::job::{JobKind, Role};
use crate::msg::Message;
use crate::packet::Buf;
use crate::tc::{BucketId, Tbf};
use crate::time::{Instant, Nanos};
use crate::types::{LcoreId, Mac, PortId, QueueId};
use std::net::Ipv4Addr;
use std::ops::Range;

/// Packets that one burst may have (`NETIF_MAX_PKT_BURST`).
pub const BURST: usize = 32;

/// The rings that others fill and one lcore drains. Which lcore has which is in
/// [`Config::rings`](crate::Config::rings).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ring {
    /// Copies of ARP packets that another worker received. Spec 2.3.
    Arp,
    /// Changes of static neighbours, from the master. Spec 3.2.
    Neigh,
    /// Messages between lcores. Spec 8.1.
    Msg,
    /// Echoes that all workers hand to one. Spec 5.2.
    IcmpRedirect,
    /// Frames of a receive queue that an isolated-rx lcore polls for its worker. Spec 2.4.
    Isol(PortId, QueueId),
    /// Frames of a device for the kernel. Spec 10.
    Kni(PortId),
    /// Traffic samples of one worker. Spec 9.
    Iftraf(LcoreId),
}

impl Ring {
    /// The name in traces and counters.
    pub const fn name(self) -> &'static str {
        match self {
            Ring::Arp => "arp_ring",
            Ring::Neigh => "neigh_ring",
            Ring::Msg => "msg_ring",
            Ring::IcmpRedirect => "icmp_redirect_ring",
            Ring::Isol(..) => "isol_ring",
            Ring::Kni(_) => "kni_ring",
            Ring::Iftraf(_) => "iftraf_ring",
        }
    }

    /// The job that drains it on an lcore with this role.
    pub const fn drained_by(self, role: Role) -> JobKind {
        match (self, role) {
            (Ring::Arp | Ring::Isol(..), _) => JobKind::RecvFwd,
            (Ring::Neigh, _) => JobKind::NeighSync,
            (Ring::Msg, Role::Master) => JobKind::MsgMaster,
            (Ring::Msg, _) => JobKind::MsgSlave,
            (Ring::IcmpRedirect, _) => JobKind::IcmpRedirect,
            (Ring::Kni(_), Role::Master) => JobKind::KniMaster,
            (Ring::Kni(_), _) => JobKind::KniLoop,
            (Ring::Iftraf(_), _) => JobKind::IftrafRing,
        }
    }

    /// Whether it carries frames and nothing else.
    pub const fn carries_frames(self) -> bool {
        match self {
            Ring::Arp | Ring::IcmpRedirect | Ring::Isol(..) | Ring::Kni(_) => true,
            Ring::Neigh | Ring::Msg | Ring::Iftraf(_) => false,
        }
    }
}

/// A ring of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingPlan {
    /// The lcore that drains it.
    pub owner: LcoreId,
    /// Which of its rings.
    pub ring: Ring,
    /// What it holds at most.
    pub room: u32,
}

/// A static neighbour to add or to delete, on every lcore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighChange {
    /// The device on whose link the neighbour is.
    pub port: PortId,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its MAC to add it, nothing to delete it.
    pub mac: Option<Mac>,
}

/// What a ring between lcores carries.
#[derive(Debug)]
pub enum Parcel<B> {
    /// A frame, from its Ethernet header on; [`Meta`](crate::Meta) says which port it came in on.
    Frame(B),
    /// A change of a static neighbour.
    Neigh(NeighChange),
    /// A message.
    Msg(Box<Message<B>>),
    /// A traffic sample.
    Sample(Sample),
}

impl<B> Parcel<B> {
    /// Whether there is a frame in it.
    pub fn has_frame(&self) -> bool {
        match self {
            Parcel::Frame(_) => true,
            Parcel::Neigh(_) | Parcel::Sample(_) => false,
            Parcel::Msg(message) => message.carries_frame(),
        }
    }

    /// Takes out the frame that is in it, if there is one.
    pub fn into_frame(self) -> Option<B> {
        match self {
            Parcel::Frame(frame) => Some(frame),
            Parcel::Neigh(_) | Parcel::Sample(_) => None,
            Parcel::Msg(message) => message.into_frame(),
        }
    }
}

/// All that is outside an lcore.
pub trait World {
    /// The buffers of this world.
    type Buf: Buf;

    /// The virtual time at which the running job started.
    fn now(&self) -> Instant;

    /// An empty buffer with full headroom and a new identity; nothing when the pool is empty.
    fn alloc(&mut self) -> Option<Self::Buf>;
    /// A copy of these of `of`'s bytes, all of which there are, with full headroom, a new identity
    /// and `of`'s port; nothing when the pool has not enough buffers.
    fn duplicate(&mut self, of: &Self::Buf, bytes: Range<usize>) -> Option<Self::Buf>;
    /// Appends the segments of `tail` to `head`, which is one packet from then on: `tail`'s
    /// identity is gone, and what the pool was charged for it is `head`'s. No byte is moved.
    ///
    /// # Errors
    /// The chain would be longer than [`SEGMENTS_MAX`](crate::packet::SEGMENTS_MAX): `tail` comes
    /// back.
    fn chain(&mut self, head: &mut Self::Buf, tail: Self::Buf) -> Result<(), Self::Buf>;
    /// Gives a buffer back to its pool.
    fn free(&mut self, buf: Self::Buf);

    /// Takes up to `most` frames, at most [`BURST`], from a receive queue and appends them to `into`.
    fn rx_burst(&mut self, port: PortId, queue: QueueId, into: &mut Vec<Self::Buf>, most: usize);
    /// Offers all of `from` to a transmit queue, front first. What was accepted is taken out; what
    /// was refused stays, in order, and stays the caller's.
    fn tx_burst(&mut self, port: PortId, queue: QueueId, from: &mut Vec<Self::Buf>);

    /// Puts a parcel into another lcore's ring.
    ///
    /// # Errors
    /// The ring is full, or that lcore has none: the parcel comes back.
    fn send(
        &mut self,
        to: LcoreId,
        ring: Ring,
        parcel: Parcel<Self::Buf>,
    ) -> Result<(), Parcel<Self::Buf>>;
    /// Whether another lcore's ring would take a parcel now. False if that lcore has none.
    fn has_room(&self, to: LcoreId, ring: Ring) -> bool;
    /// Takes the oldest parcel from one of this lcore's own rings.
    fn recv(&mut self, ring: Ring) -> Option<Parcel<Self::Buf>>;

    /// Takes tokens for a frame of `len` bytes from the bucket of a tbf, which all lcores share, if
    /// they are there. They come by one clock for all, whatever that of the lcore says, in steps of
    /// `step`; 0: as time goes. Between threads, this is where the lock is.
    ///
    /// # Errors
    /// They are not: when they will be by the clock of the lcore, if nobody else takes any.
    fn draw(&mut self, bucket: BucketId, tbf: &Tbf, len: usize, step: Nanos)
    -> Result<(), Instant>;

    /// Tells whoever watches what happened.
    fn observe(&mut self, event: Event);
}
