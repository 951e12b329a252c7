//! Frames as the oracles read them: by themselves, without the dataplane's `wire/`, so that one mistake
//! does not hide in both.
//!
//! Invariant: what is not whole is not read. Not here: what should be in a frame (`egress.rs`).

use dataplane::Mac;
use std::net::Ipv4Addr;
use std::ops::Range;

/// No tag.
pub(crate) const UNTAGGED: u16 = u16::MAX;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV4: u16 = 0x0800;
pub(super) const VLAN: u16 = 0x8100;
/// Bytes of an ARP packet for Ethernet and IPv4.
const ARP_LEN: usize = 28;

/// An Ethernet frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub dst: Mac,
    pub src: Mac,
    /// The VLAN of its first tag, or [`UNTAGGED`].
    pub vid: u16,
    /// The type behind that tag.
    pub ether_type: u16,
    /// What follows.
    pub rest: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a frame, if it has its header.
    pub fn read(bytes: &'a [u8]) -> Option<Frame<'a>> {
        let (dst, rest) = bytes.split_first_chunk::<6>()?;
        let (src, rest) = rest.split_first_chunk::<6>()?;
        let (mut ether_type, mut rest) = word(rest)?;
        let mut vid = UNTAGGED;
        if ether_type == VLAN {
            let tag;
            (tag, rest) = word(rest)?;
            (ether_type, rest) = word(rest)?;
            vid = tag & 0x0fff;
        }
        Some(Frame { dst: Mac(*dst), src: Mac(*src), vid, ether_type, rest })
    }

    /// The IPv4 packet in it, if it is one, and whole.
    pub fn ipv4(&self) -> Option<Packet<'a>> {
        if self.ether_type != IPV4 {
            return None;
        }
        let first = self.rest.first()?;
        let header_len = usize::from(first & 0x0f) * 4;
        let total_len = usize::from(u16::from_be_bytes(*self.rest.get(2..)?.first_chunk()?));
        if first >> 4 != 4 || header_len < 20 || total_len < header_len {
            return None;
        }
        let (packet, trailer) = self.rest.split_at_checked(total_len)?;
        let (header, payload) = packet.split_at_checked(header_len)?;
        Some(Packet { header, payload, trailer })
    }

    /// The ARP packet in it, and what is behind that.
    pub fn arp(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.ether_type == ARP { self.rest.split_at_checked(ARP_LEN) } else { None }
    }
}

/// An IPv4 packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// 20..=60 bytes.
    pub header: &'a [u8],
    /// As much as the header says.
    pub payload: &'a [u8],
    /// What is behind that in the frame.
    pub trailer: &'a [u8],
}

/// Four bytes of what is long enough.
pub(super) fn address(bytes: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3])
}

impl<'a> Packet<'a> {
    pub fn total_len(&self) -> usize {
        self.header.len() + self.payload.len()
    }

    pub fn dst(&self) -> Ipv4Addr {
        address(self.header, 16)
    }

    pub fn ttl(&self) -> u8 {
        self.header[8]
    }

    pub fn protocol(&self) -> u8 {
        self.header[9]
    }

    /// What is one in all fragments of a datagram: identification, protocol, addresses.
    pub fn datagram(&self) -> ([u8; 2], u8, [u8; 8]) {
        let (mut id, mut ends) = ([0; 2], [0; 8]);
        id.copy_from_slice(&self.header[4..6]);
        ends.copy_from_slice(&self.header[12..20]);
        (id, self.protocol(), ends)
    }

    /// Flags and offset.
    fn place(&self) -> u16 {
        u16::from_be_bytes([self.header[6], self.header[7]])
    }

    /// Whether there is more of its datagram behind it.
    pub fn more(&self) -> bool {
        self.place() & 0x2000 != 0
    }

    /// Whether it may not be cut: DF.
    pub fn is_fixed(&self) -> bool {
        self.place() & 0x4000 != 0
    }

    /// Where in its datagram it begins, in bytes.
    pub fn offset(&self) -> usize {
        usize::from(self.place() & 0x1fff) * 8
    }

    pub fn is_fragment(&self) -> bool {
        self.more() || self.offset() > 0
    }

    /// The bytes of its datagram that it has.
    pub fn range(&self) -> Range<usize> {
        self.offset()..self.offset() + self.payload.len()
    }

    /// What tells its flow from others: addresses, protocol, type of service; the ports, if it is whole
    /// and has some, or whether it is a ping or its answer; else, of a fragment, its datagram and whether
    /// it is the first.
    pub fn flow(&self) -> [u8; 17] {
        let mut flow = [0; 17];
        flow[..8].copy_from_slice(&self.header[12..20]);
        (flow[8], flow[9]) = (self.protocol(), self.header[1]);
        if self.is_fragment() {
            flow[10..12].copy_from_slice(&self.header[4..6]);
            flow[16] = 1 + u8::from(self.offset() == 0);
        } else if matches!(self.protocol(), 6 | 17 | 132)
            && let Some(ports) = self.payload.first_chunk::<4>()
        {
            flow[12..16].copy_from_slice(ports);
        } else if self.protocol() == 1 && self.payload.len() >= 8 {
            flow[12] = u8::from(matches!(self.payload[0], 0 | 8));
        }
        flow
    }

    /// All of the header that a router has to leave as it is, in a number.
    pub fn kept(&self) -> u64 {
        let mut kept = u64::from(self.protocol());
        for bytes in [&self.header[..8], &self.header[12..20], &self.header[20..]] {
            kept = kept.rotate_left(17) ^ sum(bytes);
        }
        kept
    }
}

/// Two bytes as a number, and what is behind them.
pub(super) fn word(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*word), rest))
}

/// The first eight bytes as a number, with zeros for those that are not there.
pub(crate) fn first_eight(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let n = bytes.len().min(8);
    first[..n].copy_from_slice(&bytes[..n]);
    u64::from_le_bytes(first)
}

/// The sum of all bytes, eight by eight, and of how many there are: it changes with every single change,
/// and costs next to nothing.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)));
    sum.wrapping_add(first_eight(rest)).wrapping_add((bytes.len() as u64).rotate_right(8))
}

/// The Internet checksum over bytes (RFC 1071): 0 if they carry a right one.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<2>();
    let mut sum = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>();
    sum += rest.first().map_or(0, |high| u64::from(*high) << 8);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::{ALICE, BOB, icmp_echo, udp};

    #[test]
    fn a_frame_is_read_to_its_end_and_not_beyond() {
        let bytes = udp(ALICE, BOB).build();
        let packet = Frame::read(&bytes).and_then(|frame| frame.ipv4()).unwrap();
        assert_eq!(packet.total_len() + packet.trailer.len(), bytes.len() - 14);
        assert_eq!((checksum(packet.header), packet.ttl(), packet.offset()), (0, 64, 0));
        for len in 0..14 + packet.total_len() {
            let cut = Frame::read(&bytes[..len]);
            assert!(cut.and_then(|frame| frame.ipv4()).is_none(), "{len}");
        }
    }

    #[test]
    fn a_tag_is_looked_behind_once() {
        let bytes = icmp_echo(ALICE, BOB).build();
        let tag = |bytes: &[u8]| [&bytes[..12], &[0x81, 0, 0x20, 7], &bytes[12..]].concat();
        let tagged = tag(&bytes);
        let frame = Frame::read(&tagged).unwrap();
        assert_eq!((frame.vid, frame.ether_type), (7, IPV4));
        assert!(frame.ipv4().is_some());
        let twice = tag(&tagged);
        assert_eq!(Frame::read(&twice).unwrap().ether_type, VLAN);
    }

    #[test]
    fn a_sum_tells_each_single_change_and_each_length() {
        let bytes: Vec<u8> = (0..61).collect();
        for place in 0..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 0x10;
            assert_ne!(sum(&bytes), sum(&other), "{place}");
            assert_ne!(sum(&bytes[..place]), sum(&bytes), "{place}");
        }
        assert_ne!(sum(&[0; 8]), sum(&[0; 9]));
    }
}
