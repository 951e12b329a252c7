//! What a stage may touch beside its own table.
//!
//! Invariant: a packet that a stage takes leaves by one of [`Env`]'s doors or by the next step.

use crate::config::{Limits, Policy};
use crate::counters::Counters;
use crate::device::Devices;
use crate::drop::DropReason;
use crate::event::{Consumer, Event, Made};
use crate::packet::{Buf, PacketId};
use crate::rng::Rng;
use crate::time::Instant;
use crate::timer::TimerWheel;
use crate::types::{LcoreId, PortId};
use crate::world::World;
use std::net::Ipv4Addr;

/// What a timer of an lcore is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKey {
    /// The neighbour with this address on this device.
    Neigh(PortId, Ipv4Addr),
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
    /// When the running job started.
    pub now: Instant,
}

impl<W: World> Env<'_, W> {
    /// Refuses a packet, by name.
    pub fn drop(&mut self, buf: W::Buf, reason: DropReason) {
        self.counters.drops[reason] += 1;
        self.world.observe(Event::Dropped { packet: buf.meta().id, reason });
        self.world.free(buf);
    }

    /// Ends a packet that did what it came for.
    pub fn consume(&mut self, buf: W::Buf, by: Consumer) {
        self.counters.consumed += 1;
        self.world.observe(Event::Consumed { packet: buf.meta().id, by });
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
