//! Frames made simpler: shorter payload, plain bytes, plain header fields.
//!
//! Lengths follow, and each checksum that was right is right again; one that was wrong stays as it is,
//! since that may be the point. Addresses, ports and whatever tells datagrams apart stay.
//!
//! Invariant: what comes out is no longer than what went in. Not here: whether the failure is still
//! the same (`shrink.rs`).

use super::groups::{behind_tags, packet_at};
use dataplane::wire::checksum::Sum;
use dataplane::wire::ethernet::EtherType;
use dataplane::wire::ipv4::{self, Protocol, View};

/// Where the parts of an IPv4 packet begin and end in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    ip: usize,
    l4: usize,
    payload: usize,
    end: usize,
    protocol: Protocol,
    /// Whether all of the datagram is here, so that lengths and checksum of layer 4 say something.
    whole: bool,
}

impl Parts {
    fn of(frame: &[u8]) -> Option<Parts> {
        let (ether_type, packet) = behind_tags(frame);
        let view = View::new(packet).ok().filter(|_| ether_type == EtherType::IPV4)?;
        view.check_lengths(packet.len()).ok()?;
        let ip = packet_at(frame);
        let (l4, end) = (ip + view.header_len(), ip + usize::from(view.total_len()));
        let protocol = view.protocol();
        let begins = view.fragment_offset().bytes() == 0;
        let header = match protocol {
            Protocol::UDP | Protocol::ICMP => 8,
            Protocol::TCP => usize::from(*frame.get(l4 + 12)? >> 4) * 4,
            _ => 0,
        };
        let payload = if begins { l4 + header } else { l4 };
        let whole = !view.is_fragment();
        (payload <= end).then_some(Parts { ip, l4, payload, end, protocol, whole })
    }

    /// Where the checksum of layer 4 is, if there is one to be kept right.
    fn checksum(&self) -> Option<usize> {
        let at = match self.protocol {
            Protocol::UDP => 6,
            Protocol::TCP => 16,
            Protocol::ICMP => 2,
            _ => return None,
        };
        (self.whole && self.payload >= self.l4 + at + 2).then_some(self.l4 + at)
    }

    /// The sum over layer 4, with the pseudo-header of RFC 768 and RFC 9293 §3.1 where there is one.
    fn sum(&self, frame: &[u8]) -> u16 {
        let mut sum = Sum::new();
        if matches!(self.protocol, Protocol::UDP | Protocol::TCP) {
            let len = u16::try_from(self.end - self.l4).unwrap_or(u16::MAX);
            sum.add(&frame[self.ip + 12..self.ip + 20]);
            sum.add(&[0, self.protocol.0]);
            sum.add(&len.to_be_bytes());
        }
        sum.add(&frame[self.l4..self.end]);
        sum.finish()
    }
}

/// Bytes of payload that a frame carries above its last header that is known; nothing if it is no
/// IPv4 packet of right lengths.
pub(super) fn payload_len(frame: &[u8]) -> Option<usize> {
    Parts::of(frame).map(|parts| parts.end - parts.payload)
}

/// The frame with only so many bytes of its payload, and without padding behind it.
pub(super) fn with_payload(frame: &[u8], len: usize) -> Option<Vec<u8>> {
    edited(frame, |frame, parts| {
        frame.truncate((parts.payload + len).min(parts.end));
        let total = u16::try_from(frame.len() - parts.ip).unwrap_or(u16::MAX);
        frame[parts.ip + 2..parts.ip + 4].copy_from_slice(&total.to_be_bytes());
        if parts.protocol == Protocol::UDP && parts.whole {
            let len = u16::try_from(frame.len() - parts.l4).unwrap_or(u16::MAX);
            frame[parts.l4 + 4..parts.l4 + 6].copy_from_slice(&len.to_be_bytes());
        }
    })
}

/// The frame with a payload of zeros.
pub(super) fn with_zeros(frame: &[u8]) -> Option<Vec<u8>> {
    edited(frame, |frame, parts| frame[parts.payload..parts.end].fill(0))
}

/// The frame with type of service 0.
pub(super) fn with_plain_tos(frame: &[u8]) -> Option<Vec<u8>> {
    edited(frame, |frame, parts| frame[parts.ip + 1] = 0)
}

/// The frame with a time to live of 64.
pub(super) fn with_plain_ttl(frame: &[u8]) -> Option<Vec<u8>> {
    edited(frame, |frame, parts| frame[parts.ip + 8] = 64)
}

/// The frame, which is no fragment, with identification 0.
pub(super) fn with_plain_id(frame: &[u8]) -> Option<Vec<u8>> {
    edited(frame, |frame, parts| {
        if parts.whole {
            frame[parts.ip + 4..parts.ip + 6].fill(0);
        }
    })
}

/// The frame after an edit, mended; nothing if it is the same or no IPv4 packet of right lengths.
fn edited(frame: &[u8], edit: impl FnOnce(&mut Vec<u8>, &Parts)) -> Option<Vec<u8>> {
    let parts = Parts::of(frame)?;
    let header_was_right = View::new(&frame[parts.ip..]).is_ok_and(|view| view.checksum_ok());
    let sum = parts.checksum();
    // Of UDP, a checksum of zero is none.
    let none = parts.protocol == Protocol::UDP && sum.is_some_and(|at| frame[at..at + 2] == [0, 0]);
    let sum = sum.filter(|_| !none && parts.sum(frame) == 0);
    let mut new = frame.to_vec();
    edit(&mut new, &parts);
    if header_was_right {
        ipv4::set_checksum(&mut new[parts.ip..parts.l4]);
    }
    if let (Some(at), Some(parts)) = (sum, Parts::of(&new)) {
        new[at..at + 2].fill(0);
        let check = match parts.sum(&new) {
            0 if parts.protocol == Protocol::UDP => 0xffff,
            check => check,
        };
        new[at..at + 2].copy_from_slice(&check.to_be_bytes());
    }
    (new != frame).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::{ALICE, BOB, icmp_echo, udp};

    /// Whether somebody else finds nothing wrong with it.
    fn is_right(frame: &[u8]) {
        let slices = etherparse::SlicedPacket::from_ethernet(frame).unwrap();
        let Some(etherparse::NetSlice::Ipv4(ip)) = &slices.net else { panic!("IPv4") };
        let header = ip.header().to_header();
        assert_eq!(header.header_checksum, header.calc_header_checksum());
        match slices.transport.unwrap() {
            etherparse::TransportSlice::Udp(udp) => {
                let expected = udp.to_header().calc_checksum_ipv4(&header, udp.payload()).unwrap();
                assert_eq!(udp.checksum(), expected);
                assert_eq!(usize::from(udp.length()), 8 + udp.payload().len());
            }
            etherparse::TransportSlice::Icmpv4(icmp) => {
                let expected = icmp.header().icmp_type.calc_checksum(icmp.payload());
                assert_eq!(icmp.checksum(), expected);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_edited_is_right_again() {
        for frame in [udp(ALICE, BOB).build(), icmp_echo(ALICE, BOB).build()] {
            is_right(&frame);
            let len = payload_len(&frame).unwrap();
            assert!(len > 1);
            for cut in 0..len {
                let shorter = with_payload(&frame, cut).unwrap();
                is_right(&shorter);
                assert_eq!(payload_len(&shorter), Some(cut));
            }
            for edit in [with_zeros, with_plain_tos, with_plain_ttl, with_plain_id] {
                let edited = edit(&frame);
                edited.iter().for_each(|frame| is_right(frame));
                assert_eq!(edited.as_deref().and_then(edit), None, "twice is once");
            }
        }
    }

    #[test]
    fn a_wrong_checksum_stays_wrong() {
        let mut frame = udp(ALICE, BOB).build();
        frame[24] ^= 0xff;
        let shorter = with_payload(&frame, 0).unwrap();
        assert_eq!(shorter[24..26], frame[24..26]);
        assert!(!View::new(&shorter[14..]).unwrap().checksum_ok());
    }

    #[test]
    fn padding_goes_and_what_is_no_packet_stays() {
        let frame = udp(ALICE, BOB).build();
        let mut padded = frame.clone();
        padded.extend_from_slice(&[0; 9]);
        let len = payload_len(&padded).unwrap();
        assert_eq!(with_payload(&padded, len), Some(frame.clone()));
        for len in 0..frame.len() {
            assert_eq!(with_payload(&frame[..len], 0), None);
        }
        assert_eq!(with_payload(&fixtures::arp_reply(ALICE, BOB).build(), 0), None);
    }
}
