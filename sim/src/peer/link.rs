//! The far end of a wire as smoltcp sees it: an Ethernet device, perhaps in a VLAN.
//!
//! The tag is put on and taken off here, since smoltcp knows none. What passes is looked at for what
//! smoltcp does not tell: segments that are sent again, and resets. And one thing is mended: smoltcp
//! 0.14 takes the checksum of an ICMP message that it cuts into fragments over all of its buffer, also
//! over what an earlier datagram left behind this one.
//!
//! Invariant: a frame goes in and out whole and once. Not here: when (`host.rs`), the wire (`peer.rs`).

use dataplane::VlanId;
use etherparse::checksum::Sum16BitWords;
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, TcpPacket};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// The TPID of IEEE 802.1Q.
const TPID: [u8; 2] = [0x81, 0x00];

/// A connection, as its near end names it: its own port, the other's address and port.
pub(super) type Flow = (u16, Ipv4Addr, u16);

/// What was seen of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Segments with data that were sent.
    pub segments: u64,
    /// Of these, those whose first byte had been sent before.
    pub again: u64,
    /// Whether the other end reset the connection.
    pub reset: bool,
    /// The sequence number behind all that was sent.
    end: Option<i32>,
}

/// A device of smoltcp's.
#[derive(Debug)]
pub(super) struct Link {
    vlan: Option<VlanId>,
    mtu: usize,
    /// Frames that have come and were not looked at yet, oldest first.
    pub inbox: VecDeque<Vec<u8>>,
    /// Frames that were sent and are not on the wire yet, oldest first.
    pub outbox: VecDeque<Vec<u8>>,
    /// Connections by their names.
    seen: BTreeMap<Flow, Seen>,
    /// The fragments of an ICMP message, until the last of them is there.
    cut: Vec<Vec<u8>>,
}

impl Link {
    /// A link that carries IPv4 packets of up to `mtu` bytes.
    pub fn new(vlan: Option<VlanId>, mtu: u16) -> Link {
        Link {
            vlan,
            mtu: usize::from(mtu),
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            seen: BTreeMap::new(),
            cut: Vec::new(),
        }
    }

    /// Frames that smoltcp has sent and that are not on the wire yet, fragments that wait for the last among
    /// them.
    pub fn frames(&self) -> usize {
        self.outbox.len() + self.cut.len()
    }

    /// What was seen of a connection.
    pub fn flow(&self, flow: Flow) -> Seen {
        self.seen.get(&flow).copied().unwrap_or_default()
    }

    /// A frame as it is without this link's tag. Nothing: it is for another VLAN, or none.
    fn untag(&self, mut frame: Vec<u8>) -> Option<Vec<u8>> {
        let tagged = frame.get(12..14) == Some(&TPID[..]);
        let Some(vlan) = self.vlan else { return (!tagged).then_some(frame) };
        let tci = u16::from_be_bytes([*frame.get(14)?, *frame.get(15)?]);
        if !tagged || tci & 0x0fff != vlan.get() {
            return None;
        }
        frame.drain(12..16);
        Some(frame)
    }

    fn sent(&mut self, frame: Vec<u8>) {
        let Some(more) = is_icmp_fragment(&frame) else { return self.put(frame) };
        self.cut.push(frame);
        if !more {
            let mut cut = std::mem::take(&mut self.cut);
            mend(&mut cut);
            cut.into_iter().for_each(|frame| self.put(frame));
        }
    }

    /// A frame is sent, with the tag if there is one.
    fn put(&mut self, mut frame: Vec<u8>) {
        if let Some((flow, sequence, len, _)) = segment(&frame, true) {
            let seen = self.seen.entry(flow).or_default();
            let end = sequence.wrapping_add(len);
            let ahead = seen.end.is_none_or(|before| end.wrapping_sub(before) > 0);
            if len > 0 {
                seen.segments += 1;
                let begun = seen.end.is_some_and(|before| sequence.wrapping_sub(before) < 0);
                seen.again += u64::from(begun);
            }
            if ahead {
                seen.end = Some(end);
            }
        }
        if let Some(vlan) = self.vlan {
            let [high, low] = vlan.get().to_be_bytes();
            frame.splice(12..12, [TPID[0], TPID[1], high, low]);
        }
        self.outbox.push_back(frame);
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(frame) = self.inbox.pop_front() {
            let Some(frame) = self.untag(frame) else { continue };
            if let Some((flow, _, _, true)) = segment(&frame, false) {
                self.seen.entry(flow).or_default().reset = true;
            }
            return Some(frame);
        }
        None
    }
}

/// The TCP segment in a frame: its connection, its sequence number, bytes of data, and whether it is a
/// reset. Nothing: there is none, or it is in fragments, as none of ours is.
fn segment(frame: &[u8], ours: bool) -> Option<(Flow, i32, i32, bool)> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    if frame.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
    if packet.next_header() != IpProtocol::Tcp || packet.more_frags() || packet.frag_offset() > 0 {
        return None;
    }
    let tcp = TcpPacket::new_checked(packet.payload()).ok()?;
    let flow = match ours {
        true => (tcp.src_port(), packet.dst_addr(), tcp.dst_port()),
        false => (tcp.dst_port(), packet.src_addr(), tcp.src_port()),
    };
    let len = i32::try_from(tcp.payload().len()).unwrap_or(i32::MAX);
    Some((flow, tcp.seq_number().0, len, tcp.rst()))
}

/// Whether a frame has a fragment of an ICMP message; and if so, whether more follow.
fn is_icmp_fragment(frame: &[u8]) -> Option<bool> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let packet = match frame.ethertype() {
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(frame.payload()).ok()?,
        _ => return None,
    };
    let cut = packet.more_frags() || packet.frag_offset() > 0;
    (cut && packet.next_header() == IpProtocol::Icmp).then(|| packet.more_frags())
}

/// Makes the checksum of the ICMP message right that is in these frames (RFC 792). smoltcp's IPv4
/// headers have no options, and all its fragments but the last an even length.
fn mend(frames: &mut [Vec<u8>]) {
    const HEADERS: usize = ETHERNET + 20;
    const CHECKSUM: std::ops::Range<usize> = HEADERS + 2..HEADERS + 4;
    let Some(field) = frames.first_mut().and_then(|first| first.get_mut(CHECKSUM)) else { return };
    field.fill(0);
    let sum = Sum16BitWords::new();
    let sum = frames.iter().fold(sum, |sum, frame| sum.add_slice(&frame[HEADERS..]));
    let sum = sum.ones_complement().to_be().to_be_bytes();
    frames[0][CHECKSUM].copy_from_slice(&sum);
}

/// A frame that has come.
pub(super) struct Came(Vec<u8>);

/// A place for a frame to send.
pub(super) struct Goes<'a>(&'a mut Link);

impl RxToken for Came {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Goes<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.sent(frame);
        result
    }
}

impl Device for Link {
    type RxToken<'a> = Came;
    type TxToken<'a> = Goes<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Came, Goes<'_>)> {
        let frame = self.next()?;
        Some((Came(frame), Goes(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Goes<'_>> {
        Some(Goes(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu + ETHERNET;
        capabilities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(vlan: Option<u16>) -> Link {
        Link::new(vlan.and_then(VlanId::try_new), 1500)
    }

    #[test]
    fn a_tag_goes_on_and_comes_off() {
        let frame: Vec<u8> = (0..60).collect();
        let mut tagged = link(Some(0x123));
        tagged.sent(frame.clone());
        let sent = tagged.outbox.pop_front().unwrap();
        assert_eq!(sent[..12], frame[..12]);
        assert_eq!(sent[12..16], [0x81, 0, 1, 0x23]);
        assert_eq!(sent[16..], frame[12..]);
        assert_eq!(tagged.untag(sent.clone()), Some(frame.clone()));
        assert_eq!(link(Some(0x124)).untag(sent.clone()), None);
        assert_eq!(link(None).untag(sent.clone()), None);
        assert_eq!(tagged.untag(frame.clone()), None);
        assert_eq!(link(None).untag(frame.clone()), Some(frame));
        assert_eq!(tagged.untag(sent[..15].to_vec()), None);
    }

    #[test]
    fn what_is_sent_again_is_counted_past_the_wrap_of_sequence_numbers() {
        let mut link = link(None);
        let frame = |sequence: u32, bytes: usize| {
            let builder = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6])
                .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
                .tcp(4000, 9, sequence, 1000);
            let mut frame = Vec::new();
            builder.write(&mut frame, &vec![0; bytes]).unwrap();
            frame
        };
        let start = u32::MAX - 5;
        for (sequence, bytes) in [
            (start, 0),
            (start, 10),
            (start.wrapping_add(10), 10),
            (start, 10),
            (start.wrapping_add(20), 0),
            (start.wrapping_add(20), 10),
        ] {
            link.sent(frame(sequence, bytes));
        }
        let seen = link.flow((4000, Ipv4Addr::new(192, 0, 2, 2), 9));
        assert_eq!((seen.segments, seen.again, seen.reset), (4, 1, false));
    }
}
