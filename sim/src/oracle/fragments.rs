//! What is cut is what was there, and what is put together is what was cut.
//!
//! The payloads of fragments that come, and of packets that may have to be cut, are kept aside. Each
//! piece of a packet that leaves is compared with the bytes that it is a piece of; a datagram that is
//! told to be whole is put together here too, and its answer, cut again or not, is compared with that.
//!
//! Invariant: at most [`ROOM`] bytes are kept; of what had to give way nothing is said. Not here: which
//! fragments may be put together (`dataplane`, `ipv4/reassembly.rs`).

use super::frame::Packet;
use dataplane::config::Config;
use dataplane::control::{LinkSetting, Order};
use dataplane::event::{Consumer, Reassembly, ReassemblyNote};
use dataplane::{Event, PacketId};
use std::collections::BTreeMap;

/// The name of the oracle.
pub(super) const NAME: &str = "fragments";
/// Bytes of payload that are kept: twice what a reassembly table holds.
const ROOM: usize = 8 << 20;

/// The payload of a packet, or of a datagram.
#[derive(Debug)]
struct Kept {
    /// What is one in all fragments of a datagram (RFC 791 §3.2): identification, protocol, addresses.
    datagram: ([u8; 2], u8, [u8; 8]),
    /// Where in its datagram it begins.
    offset: usize,
    /// Whether its datagram goes on behind it.
    more: bool,
    payload: Vec<u8>,
    /// Whether it was turned round into an answer: type, code and checksum are other ones then.
    answered: bool,
}

/// Payloads that are kept aside.
#[derive(Debug)]
pub(super) struct Fragments {
    /// Packets that are longer may have to be cut.
    least_mtu: usize,
    kept: BTreeMap<PacketId, Kept>,
    bytes: usize,
}

impl Fragments {
    /// Nothing came yet.
    pub fn new(config: &Config) -> Fragments {
        let vlans = config.ports.iter().flat_map(|port| &port.vlans).filter_map(|vlan| vlan.mtu);
        let mtus = config.ports.iter().map(|port| port.mtu).chain(vlans);
        let least = mtus.chain(config.routes.iter().filter_map(|route| route.mtu)).min();
        let least_mtu = least.map_or(0, usize::from);
        Fragments { least_mtu, kept: BTreeMap::new(), bytes: 0 }
    }

    /// The control plane was told something.
    pub fn told(&mut self, order: &Order) {
        let mtu =
            match order {
                Order::Link { set: LinkSetting::Mtu(mtu), .. } => Some(*mtu),
                Order::RouteAdd { mtu, .. } => *mtu,
                Order::Reload(reload) => reload.config.as_ref().ok().map(|config| {
                    u16::try_from(Fragments::new(config).least_mtu).unwrap_or(u16::MAX)
                }),
                _ => None,
            };
        self.least_mtu = mtu.map_or(self.least_mtu, |mtu| self.least_mtu.min(mtu.into()));
    }

    /// A packet came.
    pub fn came(&mut self, id: PacketId, packet: &Packet<'_>) {
        if packet.is_fragment() || packet.total_len() > self.least_mtu {
            let (offset, more) = (packet.offset(), packet.more());
            let payload = packet.payload.to_vec();
            let datagram = packet.datagram();
            self.keep(id, Kept { datagram, offset, more, payload, answered: false });
        }
    }

    /// Something happened to a packet.
    pub fn event(&mut self, packet: PacketId, event: &Event) -> Result<(), String> {
        if self.kept.is_empty() {
            return Ok(());
        }
        match *event {
            Event::Consumed { by: Consumer::Reassembly(into), .. } => self.join(into, packet),
            Event::Reassembly(ReassemblyNote { what: Reassembly::Complete, .. }) => {
                match self.kept.get(&packet) {
                    Some(kept) if kept.offset > 0 => {
                        Err("is said to begin its datagram, and does not".to_owned())
                    }
                    _ => Ok(()),
                }
            }
            Event::Answered { .. } => {
                self.kept.entry(packet).and_modify(|kept| kept.answered = true);
                Ok(())
            }
            // Its pieces are to come yet.
            Event::Consumed { by: Consumer::Fragmentation, .. } => Ok(()),
            Event::Consumed { .. } | Event::Dropped { .. } | Event::Tx { .. } => {
                self.forget(packet);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A packet leaves that is a piece of `of`, or `of` itself as the answer to a datagram that was put
    /// together.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn leaves(&self, of: PacketId, packet: &Packet<'_>) -> Result<(), String> {
        let Some(kept) = self.kept.get(&of) else { return Ok(()) };
        let range = packet.range();
        let end = kept.offset + kept.payload.len();
        if range.start < kept.offset || range.end > end {
            return Err(format!("is a piece of packet {}, and not within it", of.0));
        }
        let goes_on = range.end < end || kept.more;
        if packet.more() != goes_on {
            let says =
                if packet.more() { "says that more follows" } else { "says that it is the last" };
            return Err(format!("is a piece of packet {}, and {says}", of.0));
        }
        let skip = if kept.answered { 4_usize.saturating_sub(range.start) } else { 0 };
        let from = range.start - kept.offset;
        let was = &kept.payload[from..from + packet.payload.len()];
        let skip = skip.min(was.len());
        if was[skip..] != packet.payload[skip..] {
            let differs = was.iter().zip(packet.payload).skip(skip).position(|(a, b)| a != b);
            let at = range.start + skip + differs.unwrap_or(0);
            return Err(format!("is a piece of packet {}, and byte {at} of it differs", of.0));
        }
        Ok(())
    }

    /// A fragment becomes part of the datagram that `into` begins. They come in order.
    fn join(&mut self, into: PacketId, tail: PacketId) -> Result<(), String> {
        let tail = self.take(tail);
        let (Some(head), Some(tail)) = (self.kept.get_mut(&into), tail) else {
            self.forget(into);
            return Ok(());
        };
        if tail.datagram != head.datagram {
            return Err(format!("is joined to packet {}, of another datagram", into.0));
        }
        // RFC 791 §3.2: a fragment that is not the last counts in blocks of 8 bytes.
        head.payload.truncate(head.payload.len() & !7);
        let end = head.offset + head.payload.len();
        if tail.offset != end {
            let Kept { offset, .. } = tail;
            return Err(format!("is joined at byte {offset} to {end} bytes of packet {}", into.0));
        }
        head.more = tail.more;
        head.payload.extend_from_slice(&tail.payload);
        self.bytes += tail.payload.len();
        self.make_room();
        Ok(())
    }

    fn keep(&mut self, id: PacketId, kept: Kept) {
        self.bytes += kept.payload.len();
        self.kept.insert(id, kept);
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.bytes > ROOM {
            let Some((oldest, _)) = self.kept.first_key_value() else { break };
            self.forget(*oldest);
        }
    }

    fn take(&mut self, id: PacketId) -> Option<Kept> {
        let kept = self.kept.remove(&id)?;
        self.bytes -= kept.payload.len();
        Some(kept)
    }

    fn forget(&mut self, id: PacketId) {
        let _ = self.take(id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::*;
    use crate::engine::tests::plans::dut;
    use fixtures::{ALICE, BOB, udp};

    /// A UDP packet with these bytes of a datagram, in which each byte says where it is.
    fn piece(offset: usize, len: usize, more: bool) -> Vec<u8> {
        let mut frame = udp(ALICE, BOB).build()[..34].to_vec();
        frame.extend((offset..offset + len).map(|at| u8::try_from(at % 251).unwrap()));
        let total = u16::try_from(20 + len).unwrap();
        frame[16..18].copy_from_slice(&total.to_be_bytes());
        let place = u16::try_from(offset / 8).unwrap() | if more { 0x2000 } else { 0 };
        frame[20..22].copy_from_slice(&place.to_be_bytes());
        frame
    }

    fn packet(frame: &[u8]) -> Packet<'_> {
        Frame::read(frame).unwrap().ipv4().unwrap()
    }

    #[test]
    fn pieces_of_what_came_are_right_and_doctored_ones_are_told() {
        let mut fragments = Fragments::new(&dut(2).config);
        fragments.came(PacketId(1), &packet(&piece(0, 1400, false)));
        assert!(fragments.kept.is_empty(), "nobody has to cut it");
        fragments.came(PacketId(1), &packet(&piece(800, 1600, true)));
        let leaves = |frame: &[u8]| fragments.leaves(PacketId(1), &packet(frame));
        assert_eq!(leaves(&piece(800, 1000, true)), Ok(()));
        assert_eq!(leaves(&piece(1800, 600, true)), Ok(()));
        let mut changed = piece(1800, 600, true);
        changed[34 + 17] ^= 1;
        let told = [
            leaves(&changed).unwrap_err(),
            leaves(&piece(1800, 600, false)).unwrap_err(),
            leaves(&piece(792, 16, true)).unwrap_err(),
            leaves(&piece(1800, 601, true)).unwrap_err(),
        ];
        insta::assert_snapshot!(told.join("\n"), @r"
        is a piece of packet 1, and byte 1817 of it differs
        is a piece of packet 1, and says that it is the last
        is a piece of packet 1, and not within it
        is a piece of packet 1, and not within it
        ");
    }

    #[test]
    fn the_answer_to_a_datagram_that_was_put_together_has_its_bytes() {
        let mut fragments = Fragments::new(&dut(2).config);
        for (id, offset, len, more) in [(1, 16, 10, false), (2, 0, 8, true), (3, 8, 8, true)] {
            fragments.came(PacketId(id), &packet(&piece(offset, len, more)));
        }
        let by = Consumer::Reassembly(PacketId(2));
        for id in [3, 1] {
            let packet = PacketId(id);
            assert_eq!(fragments.event(packet, &Event::Consumed { packet, by }), Ok(()));
        }
        let answered = Event::Answered { packet: PacketId(2), what: "echo_reply" };
        assert_eq!(fragments.event(PacketId(2), &answered), Ok(()));
        let mut reply = piece(0, 26, false);
        reply[34..38].fill(0);
        assert_eq!(fragments.leaves(PacketId(2), &packet(&reply)), Ok(()));
        reply[34 + 12] ^= 1;
        let told = fragments.leaves(PacketId(2), &packet(&reply)).unwrap_err();
        assert_eq!(told, "is a piece of packet 2, and byte 12 of it differs");
        let told = fragments.leaves(PacketId(2), &packet(&piece(0, 25, false))).unwrap_err();
        assert_eq!(told, "is a piece of packet 2, and says that it is the last");
    }

    #[test]
    fn a_fragment_of_another_protocol_is_of_another_datagram() {
        let mut fragments = Fragments::new(&dut(2).config);
        let mut other = piece(8, 8, false);
        other[23] = 6;
        fragments.came(PacketId(1), &packet(&piece(0, 8, true)));
        fragments.came(PacketId(2), &packet(&other));
        let (packet, by) = (PacketId(2), Consumer::Reassembly(PacketId(1)));
        let told = fragments.event(packet, &Event::Consumed { packet, by }).unwrap_err();
        assert_eq!(told, "is joined to packet 1, of another datagram");
    }

    #[test]
    fn a_hole_in_a_datagram_that_is_called_whole_is_told() {
        let mut fragments = Fragments::new(&dut(2).config);
        fragments.came(PacketId(1), &packet(&piece(0, 8, true)));
        fragments.came(PacketId(2), &packet(&piece(16, 8, false)));
        let (packet, by) = (PacketId(2), Consumer::Reassembly(PacketId(1)));
        let told = fragments.event(packet, &Event::Consumed { packet, by }).unwrap_err();
        assert_eq!(told, "is joined at byte 16 to 8 bytes of packet 1");
    }

    #[test]
    fn what_has_no_room_gives_way_and_nothing_is_said_of_it() {
        let mut fragments = Fragments::new(&dut(2).config);
        let each = piece(0, 60_000, true);
        for id in 1..=200 {
            fragments.came(PacketId(id), &packet(&each));
        }
        assert!(fragments.bytes <= ROOM);
        assert_eq!(fragments.kept.len(), ROOM / 60_000);
        assert_eq!(fragments.leaves(PacketId(1), &packet(&piece(8, 8, true))), Ok(()));
    }
}
