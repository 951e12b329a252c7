//! The outside, as an lcore sees it: a clock reading, a pool, queues, rings to other lcores, and
//! somebody who watches.
//!
//! There are two implementations of what is behind it: DPDK's (mbufs, rings, PMDs) and the heap's
//! (unit tests, Miri, fuzzing without DPDK). The same scenario through both gives the same trace.

use crate::event::Event;
use crate::packet::Buf;
use crate::time::Instant;
use crate::types::{LcoreId, Mac, PortId, QueueId};
use std::net::Ipv4Addr;

/// Packets that one burst may have (`NETIF_MAX_PKT_BURST`).
pub const BURST: usize = 32;

/// The rings that every forwarding worker has, filled by others and drained by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ring {
    /// Copies of ARP packets that another worker received. Spec 2.3.
    Arp,
    /// Changes of static neighbours, from the master. Spec 3.2.
    Neigh,
}

impl Ring {
    /// Every ring.
    pub const ALL: [Ring; 2] = [Ring::Arp, Ring::Neigh];

    /// The name in traces and counters.
    pub const fn name(self) -> &'static str {
        match self {
            Ring::Arp => "arp_ring",
            Ring::Neigh => "neigh_ring",
        }
    }
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
}

/// All that is outside an lcore.
pub trait World {
    /// The buffers of this world.
    type Buf: Buf;

    /// The virtual time at which the running job started.
    fn now(&self) -> Instant;

    /// An empty buffer with full headroom and a new identity; nothing when the pool is empty.
    fn alloc(&mut self) -> Option<Self::Buf>;
    /// A copy of all of `of`'s bytes, with a new identity and `of`'s port; nothing when the pool
    /// is empty.
    fn duplicate(&mut self, of: &Self::Buf) -> Option<Self::Buf>;
    /// Gives a buffer back to its pool.
    fn free(&mut self, buf: Self::Buf);

    /// Takes up to [`BURST`] frames from a receive queue and appends them to `into`.
    fn rx_burst(&mut self, port: PortId, queue: QueueId, into: &mut Vec<Self::Buf>);
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
    /// Takes the oldest parcel from one of this lcore's own rings.
    fn recv(&mut self, ring: Ring) -> Option<Parcel<Self::Buf>>;

    /// Tells whoever watches what happened.
    fn observe(&mut self, event: Event);
}
