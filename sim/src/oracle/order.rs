//! Packets of a flow leave in the order in which they came.
//!
//! What is promised. A flow here is what is alike in: the port and the queue that it came to (so that one
//! worker has it), the VLAN that it came in and leaves by, the port that it leaves by, the MAC that it
//! goes to, source and destination address, protocol and type of service; the ports, if it is whole and
//! has some; of ICMP, whether it is an echo or its reply; of fragments, the identification, and whether it
//! is the first. Everything that may hold packets back then holds those of a flow in one queue, first in,
//! first out:
//! - rings and wires: all echoes and their replies may go by the ring of one lcore, other ICMP does not;
//! - a neighbour's queue: who is asked by one MAC is one neighbour, as long as routes stay;
//! - Qschs: a classifier looks at nothing but what is in this list, and pfifo_fast at the type of
//!   service;
//! - transmit queues: chosen by a hash of some of these.
//!
//! What is not promised. Between flows, nothing. Of pieces that we cut of ICMP nothing is said: the later
//! ones do not tell whether they are of an echo. A datagram that was put together leaves when its last
//! fragment is there. When the control plane changes something, what waits by the old rule may be
//! overtaken by what goes by the new one: so nothing is said of packets that came before the end of an
//! order, a message or a change of traffic control. What is the kernel's is not ours.
//!
//! Invariant: the room is fixed. Flows whose hashes share a slot push each other out: then less is seen,
//! and nothing wrong is said. Not here: what was lost (`ledger.rs`).

use super::frame::{Frame, Packet};
use super::identity::Life;
use dataplane::control::Order;
use dataplane::{Event, PacketId, PortId};
use xxhash_rust::xxh3::xxh3_64;

/// The name of the oracle.
pub(super) const NAME: &str = "order";
/// Flows that are watched at once.
const FLOWS: usize = 1024;

/// Which packet of each flow left last.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    /// By its hash: the hash of a flow, and the number of the packet. Mere numbers, which the allocator
    /// gives as zeros, without a loop over all of them in each run.
    flows: Vec<[u64; 2]>,
    /// Nothing is said of packets that came before this one, or with it.
    settled: PacketId,
    /// Orders that are under way.
    open: u32,
}

impl InOrder {
    /// The control plane was told something, when `newest` was the newest packet.
    pub fn told(&mut self, order: &Order, newest: PacketId) {
        if !matches!(order, Order::Show(_)) {
            self.settled = newest;
        }
        self.open += 1;
    }

    /// Something happened on an lcore that is about no packet.
    pub fn event(&mut self, event: &Event, newest: PacketId) {
        match event {
            Event::AddressExpired { .. } => self.open += 1,
            Event::Outcome(_) => self.open = self.open.saturating_sub(1),
            Event::TcChanged { .. }
            | Event::Msg(_)
            | Event::NeighSync { .. }
            | Event::Device { .. } => {}
            _ => return,
        }
        self.settled = newest;
    }

    /// A packet of a flow leaves by a port.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn leaves(
        &mut self,
        life: &Life,
        port: PortId,
        (frame, packet): (&Frame<'_>, &Packet<'_>),
    ) -> Result<(), String> {
        let Some((from, queue)) = life.entry.filter(|_| !life.whole) else { return Ok(()) };
        if packet.protocol() == 1 && packet.is_fragment() && life.cut_of.is_some() {
            return Ok(());
        }
        if self.flows.is_empty() {
            self.flows = vec![[0; 2]; FLOWS];
        }
        let mut key = [0; 33];
        key[..6].copy_from_slice(&frame.dst.0);
        let numbers = [from.0, queue.0, life.came.vid, port.0, frame.vid];
        for (place, number) in key[6..16].chunks_exact_mut(2).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        key[16..].copy_from_slice(&packet.flow());
        let key = xxh3_64(&key);
        let slot = usize::try_from(key % FLOWS as u64).unwrap_or(0);
        let [watched, last] = self.flows[slot];
        let last = if watched == key { last } else { 0 };
        self.flows[slot] = [key, last.max(life.root.0)];
        let settled = self.open > 0 || life.root <= self.settled;
        if life.root.0 < last && !settled {
            return Err(format!("leaves behind packet {last} of its flow, which came after it"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::egress::Came;
    use super::super::identity::Birth;
    use super::*;
    use dataplane::QueueId;
    use dataplane::control::{Outcome, Show};
    use fixtures::{ALICE, BOB, CAROL, icmp_echo, icmp_echo_reply, time_exceeded, udp};

    fn leaves(order: &mut InOrder, id: u64, queue: u16, bytes: &[u8]) -> Result<(), String> {
        let frame = Frame::read(bytes).unwrap();
        let packet = frame.ipv4().unwrap();
        let entry = (PortId(0), QueueId(queue));
        let mut life = Life::of(PacketId(id), Birth::Wire(entry.0, entry.1));
        life.entry = Some(entry);
        life.came = Came::of(&frame, Some(&packet));
        order.leaves(&life, PortId(1), (&frame, &packet))
    }

    #[test]
    fn a_packet_behind_a_later_one_of_its_flow_is_told_and_one_of_another_is_not() {
        let (bob, carol) = (udp(ALICE, BOB).build(), udp(ALICE, CAROL).build());
        let mut order = InOrder::default();
        assert_eq!(leaves(&mut order, 5, 0, &bob), Ok(()));
        assert_eq!(leaves(&mut order, 6, 0, &bob), Ok(()));
        assert_eq!(leaves(&mut order, 4, 0, &carol), Ok(()));
        assert_eq!(leaves(&mut order, 3, 1, &bob), Ok(()), "another worker's");
        let told = leaves(&mut order, 4, 0, &bob).unwrap_err();
        assert_eq!(told, "leaves behind packet 6 of its flow, which came after it");
        assert_eq!(leaves(&mut order, 6, 0, &bob), Ok(()), "pieces of one packet are one");
    }

    /// All echoes go by one ring where there is an lcore for them, and other ICMP passes it by.
    #[test]
    fn other_icmp_may_overtake_echoes_and_no_echo_or_reply_another() {
        let echo = icmp_echo(ALICE, BOB).build();
        let error = time_exceeded(ALICE, &udp(BOB, CAROL).ttl(1)).build();
        let error_too = time_exceeded(ALICE, &udp(BOB, CAROL)).build();
        let reply = icmp_echo_reply(ALICE, BOB).build();
        let mut order = InOrder::default();
        assert_eq!(leaves(&mut order, 6, 0, &echo), Ok(()));
        assert_eq!(leaves(&mut order, 5, 0, &error), Ok(()));
        assert_eq!(leaves(&mut order, 7, 0, &error), Ok(()));
        assert!(leaves(&mut order, 5, 0, &reply).is_err(), "they take one way");
        assert!(leaves(&mut order, 6, 0, &error_too).is_err(), "two errors take one way");
    }

    #[test]
    fn of_pieces_of_icmp_that_we_cut_nothing_is_said_and_of_others_is() {
        let told = |cut: bool, bytes: &[u8]| {
            let mut order = InOrder::default();
            let frame = Frame::read(bytes).unwrap();
            let packet = frame.ipv4().unwrap();
            [6, 5].map(|id| {
                let mut life = Life::of(PacketId(id), Birth::Wire(PortId(0), QueueId(0)));
                life.entry = Some((PortId(0), QueueId(0)));
                life.cut_of = cut.then_some(PacketId(id));
                order.leaves(&life, PortId(1), (&frame, &packet)).is_err()
            })
        };
        let piece = icmp_echo(ALICE, BOB).fragment(8, 16).build();
        assert_eq!(told(true, &piece), [false, false]);
        assert_eq!(told(false, &piece), [false, true], "it came as a fragment: no ring takes it");
        let udp_piece = udp(ALICE, BOB).fragment(8, 16).build();
        assert_eq!(told(true, &udp_piece), [false, true]);
    }

    #[test]
    fn nothing_is_said_of_what_came_before_an_order_was_over() {
        let bob = udp(ALICE, BOB).build();
        let mut order = InOrder::default();
        assert_eq!(leaves(&mut order, 9, 0, &bob), Ok(()));
        order.told(&Order::RouteFlush(None), PacketId(2));
        assert_eq!(leaves(&mut order, 8, 0, &bob), Ok(()), "it is under way");
        let over = Outcome { order: 1, refused: None, at: None, entries: None };
        order.event(&Event::Outcome(over), PacketId(5));
        assert_eq!(leaves(&mut order, 5, 0, &bob), Ok(()));
        assert!(leaves(&mut order, 6, 0, &bob).is_err());
        order.told(&Order::Show(Show::Routes(None)), PacketId(20));
        order.event(&Event::Outcome(over), PacketId(5));
        assert!(leaves(&mut order, 6, 0, &bob).is_err(), "to show changes nothing");
    }
}
