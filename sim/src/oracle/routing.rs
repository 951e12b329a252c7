//! Packets leave by the route that they should: a reference of a few lines, built from the configuration
//! and from the orders that were carried out, is asked for each packet that is forwarded.
//!
//! The reference is a list that is searched from end to end: of all routes that hold the destination the
//! longest prefix, of equal ones the first. It gives the device, the next address on its link, and the
//! MTU: of the route, as far as the device has it. So a packet leaves by that device; one that leaves is
//! no longer than that MTU, and one that is cut, or refused for its length, was longer.
//!
//! Invariant: nothing is said of a packet that came before the end of the last order, or while one was
//! under way; nor after an order that a worker could not follow, until the next one that all did; nor
//! after a reload. Not here: how a route is found (`dataplane`, `route.rs`), and who is at the next
//! address (`neighbours.rs`).

mod table;
#[cfg(test)]
mod tests;

use super::frame::{Frame, Packet};
use super::identity::Life;
use dataplane::control::{Order, Outcome, Refused};
use dataplane::{Config, Event, PacketId, PortId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use table::{Hop, Table};

/// The name of the oracle.
pub(super) const NAME: &str = "routing";

/// The reference, and what may still change it.
#[derive(Debug)]
pub(super) struct Routing {
    table: Table,
    /// Orders that are under way.
    pending: BTreeMap<u64, Order>,
    /// Nothing is said of packets that came before this one, or with it.
    settled: PacketId,
    /// Whether some worker may not have followed the last order.
    doubt: bool,
    /// Whether orders are followed by all or by none.
    all_or_none: bool,
}

impl Routing {
    /// The routes of a configuration.
    pub fn new(config: &Config) -> Routing {
        Routing {
            table: Table::new(config),
            pending: BTreeMap::new(),
            settled: PacketId::default(),
            doubt: false,
            all_or_none: !config.policy.msg_partial_multicast,
        }
    }

    /// The control plane was told something, when `newest` was the newest packet.
    pub fn told(&mut self, number: u64, order: &Order, newest: PacketId) {
        let other = matches!(
            order,
            Order::Neigh(_)
                | Order::Hello(_)
                | Order::Show(_)
                | Order::Tc(_)
                | Order::ShowTc
                | Order::Iftraf(_)
        );
        if !other {
            self.settled = newest;
            self.pending.insert(number, order.clone());
        }
    }

    /// Something happened on an lcore that is about no packet.
    pub fn event(&mut self, event: &Event, newest: PacketId) {
        match event {
            Event::AddressExpired { port, address, order } => {
                if let Some(dev) = self.table.name(*port) {
                    self.told(*order, &Order::AddressDel { dev, address: *address }, newest);
                }
            }
            Event::Device { port, name, added: true } => self.table.came(*port, *name),
            Event::Outcome(outcome) => self.over(outcome, newest),
            _ => {}
        }
    }

    fn over(&mut self, outcome: &Outcome, newest: PacketId) {
        let Some(order) = self.pending.remove(&outcome.order) else { return };
        self.settled = newest;
        match outcome.refused {
            None => {
                self.doubt = !self.all_or_none || matches!(order, Order::Reload(_));
                // After that nothing is known any more.
                self.all_or_none &= !self.doubt;
                self.table.make(&order);
            }
            Some(Refused::Message(_)) => self.doubt = true,
            Some(_) => self.doubt |= outcome.at.is_some(),
        }
    }

    /// The device of a port and a VLAN.
    pub fn device(&self, port: PortId, vid: u16) -> Option<PortId> {
        self.table.device(port, vid)
    }

    /// The way out to `dst` of a packet that came as `root`; nothing: it cannot be said.
    fn way(&self, root: PacketId, dst: Ipv4Addr) -> Option<Option<Hop>> {
        let known = self.pending.is_empty() && !self.doubt && root > self.settled;
        known.then(|| self.table.way(dst))
    }

    /// A packet that was forwarded leaves by a port. Gives its device and the next address back, if they
    /// are known.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn leaves(
        &self,
        life: &Life,
        port: PortId,
        (frame, packet): (&Frame<'_>, &Packet<'_>),
    ) -> Result<Option<(PortId, Ipv4Addr)>, String> {
        if life.entry.is_none() || life.answered {
            return Ok(None);
        }
        let dst = packet.dst();
        let Some(way) = self.way(life.root, dst) else { return Ok(None) };
        let Some(Hop { dev, next, mtu }) = way else {
            return Err(format!("leaves for {dst}, to which there is no route"));
        };
        if self.table.device(port, frame.vid) != Some(dev) {
            let name = self.table.told(dev);
            return Err(format!("leaves for {dst}, and not by {name}, as its route says"));
        }
        let len = packet.total_len();
        if len > usize::from(mtu) {
            return Err(format!("leaves for {dst} with {len} bytes, and its route takes {mtu}"));
        }
        Ok(Some((dev, next)))
    }

    /// A packet waits for the MAC of `next`.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn waits(&self, life: &Life, next: Ipv4Addr) -> Result<(), String> {
        match self.of(life) {
            Some((dst, _, hop)) if hop.next != next => Err(format!(
                "waits for {next}, and {} is the next address on the way to {dst}",
                hop.next
            )),
            _ => Ok(()),
        }
    }

    /// A packet is cut, or refused since it may not be.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn too_long(&self, life: &Life) -> Result<(), String> {
        match self.of(life) {
            Some((dst, len, hop)) if len <= hop.mtu => Err(format!(
                "is too long for its way to {dst} with {len} bytes, and its route takes {}",
                hop.mtu
            )),
            _ => Ok(()),
        }
    }

    /// Where a packet goes that came and goes on as it came (no answer to one, and not put together of
    /// several), its bytes, and its way; nothing: it is none, or has no way, or it cannot be said.
    fn of(&self, life: &Life) -> Option<(Ipv4Addr, u16, Hop)> {
        let forwarded =
            life.entry.is_some() && !life.answered && !life.whole && life.cut_of.is_none();
        let (dst, len) = life.came.to().filter(|_| forwarded)?;
        Some((dst, len, self.way(life.root, dst)??))
    }
}
