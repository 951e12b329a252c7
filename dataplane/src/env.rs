//! What a stage may touch beside its own table.
//!
//! Invariant: a packet that a stage takes leaves by one of [`Env`]'s doors or by the next step.

use crate::config::{Limits, Policy};
use crate::counters::Counters;
use crate::device::Devices;
use crate::drop::DropReason;
use crate::event::{Consumer, Event, Made};
use crate::packet::{Buf, PacketId};
use crate::planted::{Defect, Planted};
use crate::rng::Rng;
use crate::time::Instant;
use crate::timer::TimerWheel;
use crate::types::{LcoreId, PortId};
use crate::world::World;
use std::net::Ipv4Addr;
use std::ops::Range;

/// What a timer of an lcore is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKey {
    /// The neighbour with this address on this device.
    Neigh(PortId, Ipv4Addr),
    /// The end of this address of ours, on this device: the master's.
    Address(PortId, Ipv4Addr),
}

/// What a stage may touch beside its own table.
pub struct Env<'a, W: World> {
    /// The outside.
    pub world: &'a mut W,
    /// What this lcore counts.
    pub counters: &'a mut Counters,
    /// This lcore's timers.
    pub timers: &'a mut TimerWheel<TimerKey>,
    /// The randomness of this lcore's neighbour timers.
    pub rng: &'a mut Rng,
    /// Ports and VLAN devices.
    pub devices: &'a Devices,
    /// The switches.
    pub policy: &'a Policy,
    /// The limits.
    pub limits: &'a Limits,
    /// The other forwarding workers, by ascending id.
    pub peers: &'a [LcoreId],
    /// The worker that takes the echoes of all, if there is one.
    pub icmp_redirect_core: Option<LcoreId>,
    /// The defect that is planted, if one is.
    pub planted: Planted,
    /// When the running job started.
    pub now: Instant,
}

impl<W: World> Env<'_, W> {
    /// Refuses a packet, by name.
    pub fn drop(&mut self, buf: W::Buf, reason: DropReason) {
        let twice = self.planted.is(Defect::DropCountedTwice);
        self.counters.drops[reason] += 1 + u64::from(twice);
        self.world.observe(Event::Dropped { packet: buf.meta().id, reason });
        if self.planted.is(Defect::FreeForgotten) && reason == DropReason::TtlExceeded {
            return;
        }
        self.world.free(buf);
    }

    /// Ends a packet that did what it came for.
    pub fn consume(&mut self, buf: W::Buf, by: Consumer) {
        for _ in 0..=self.planted.one_if(Defect::ConsumedTwice) {
            self.counters.consumed += 1;
            self.world.observe(Event::Consumed { packet: buf.meta().id, by });
        }
        self.world.free(buf);
    }

    /// An empty buffer for a packet of our own; nothing, counted and told, when the pool is empty.
    pub fn make(&mut self, what: Made, cause: Option<PacketId>) -> Option<W::Buf> {
        let buf = self.world.alloc();
        self.made(buf, what, cause)
    }

    /// A copy of a packet; nothing, counted and told, when the pool is empty.
    pub fn duplicate(&mut self, of: &W::Buf, what: Made) -> Option<W::Buf> {
        let copy = self.world.duplicate(of, 0..of.len());
        self.made(copy, what, Some(of.meta().id))
    }

    /// A fragment of a packet: these of its bytes; nothing, counted and told, when the pool has not
    /// enough buffers.
    pub fn piece(&mut self, of: &W::Buf, bytes: Range<usize>) -> Option<W::Buf> {
        let piece = self.world.duplicate(of, bytes);
        self.made(piece, Made::Fragment, Some(of.meta().id))
    }

    /// Ends a packet whose bytes go on in another one, `into`, to which [`Env::chain`] gives them.
    pub fn joined(&mut self, buf: &W::Buf, into: PacketId) {
        self.counters.consumed += 1;
        let by = Consumer::Reassembly(into);
        self.world.observe(Event::Consumed { packet: buf.meta().id, by });
    }

    /// Puts the bytes of all `tails` behind those of `head`.
    ///
    /// # Panics
    /// There are more segments than one packet may have.
    pub fn chain(&mut self, head: &mut W::Buf, tails: impl DoubleEndedIterator<Item = W::Buf>) {
        let mut link = |front: &mut W::Buf, rest| {
            if self.world.chain(front, rest).is_err() {
                unreachable!("8,190 fragments of 65,515 bytes have far less than 65,535 segments");
            }
        };
        // From the back, so that no link walks through more than one packet's segments.
        let rest = tails.rev().reduce(|rest, mut front| {
            link(&mut front, rest);
            front
        });
        if let Some(rest) = rest {
            link(head, rest);
        }
    }

    fn made(&mut self, buf: Option<W::Buf>, what: Made, cause: Option<PacketId>) -> Option<W::Buf> {
        match &buf {
            Some(buf) => {
                self.counters.made += 1;
                self.world.observe(Event::Made { packet: buf.meta().id, cause, what });
            }
            None => {
                self.counters.no_buffer += 1;
                self.world.observe(Event::NoBuffer { what, cause });
            }
        }
        buf
    }
}
