//! A frame through all of `dataplane::wire`: what parses is emitted as it came, changes in place
//! keep checksums right, and etherparse reads the same IPv4 header.

use crate::{HEADER_MAX, arp, emits, ipv4_options};
use dataplane::wire::checksum::{Sum, checksum};
use dataplane::wire::ethernet::{self, EtherType};
use dataplane::wire::ipv4::{self, Protocol, View};
use dataplane::wire::{icmpv4, l4, vlan};
use etherparse::Ipv4HeaderSlice;

/// `frame` begins with the destination MAC.
///
/// # Panics
/// A header does not survive the way there and back, or the two parsers disagree.
pub fn check(frame: &[u8]) {
    let Ok(header) = ethernet::Header::parse(frame) else {
        assert!(frame.len() < ethernet::HEADER_LEN, "14 bytes are an Ethernet header");
        return;
    };
    match header.ether_type {
        EtherType::VLAN => tagged(frame),
        other => {
            emits(&frame[..ethernet::HEADER_LEN], |out| header.emit(out));
            body(other, &frame[ethernet::HEADER_LEN..]);
        }
    }
}

/// What follows an Ethernet header without a tag.
fn body(ether_type: EtherType, bytes: &[u8]) {
    match ether_type {
        EtherType::ARP => arp::check(bytes),
        EtherType::IPV4 => datagram(bytes),
        _ => {}
    }
}

/// Takes each tag out, puts it in again and takes it out, however many there are, in one copy of the
/// frame; then what is below them.
fn tagged(frame: &[u8]) {
    let mut bytes = frame.to_vec();
    let mut at = 0;
    loop {
        let Ok(header) = ethernet::Header::parse(&bytes[at..]) else {
            assert!(bytes.len() - at < ethernet::HEADER_LEN, "14 bytes are an Ethernet header");
            return;
        };
        emits(&bytes[at..at + ethernet::HEADER_LEN], |out| header.emit(out));
        if header.ether_type != EtherType::VLAN {
            return body(header.ether_type, &bytes[at + ethernet::HEADER_LEN..]);
        }
        let Ok(tag) = vlan::Tag::parse(&bytes[at..]) else {
            assert!(bytes.len() - at < vlan::TAGGED_HEADER_LEN, "18 bytes have a tag");
            return;
        };
        vlan::untag(&mut bytes[at..]);
        let below = ethernet::Header::parse(&bytes[at + vlan::TAG_LEN..]);
        assert_eq!(below.map(|below| below.ether_type), Ok(tag.ether_type));
        bytes[at..at + vlan::TAG_LEN].fill(0xa5);
        vlan::tag(&mut bytes[at..], tag.tci());
        // Only the addresses have moved: all behind them is where it was in the frame.
        assert_eq!(bytes[at..at + 12], frame[..12], "the tag went out and in");
        assert_eq!(bytes[at + 12..], frame[at + 12..], "the tag went out and in");
        vlan::untag(&mut bytes[at..]);
        at += vlan::TAG_LEN;
    }
}

/// An IPv4 datagram, perhaps with padding behind it.
fn datagram(bytes: &[u8]) {
    let ours = View::new(bytes);
    let theirs = Ipv4HeaderSlice::from_slice(bytes);
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} {theirs:?}");
    let (Ok(view), Ok(theirs)) = (ours, theirs) else { return };
    same_fields(&view, &theirs);
    ipv4_options::check(view.options());
    let len = view.header_len();
    let lengths = view.check_lengths(bytes.len()).is_ok();
    let total = usize::from(view.total_len());
    assert_eq!(lengths, (len..=bytes.len()).contains(&total));
    if view.checksum_ok() {
        let parsed = ipv4::Header::parse(&view, bytes.len());
        assert_eq!(parsed.is_ok(), lengths, "a right checksum and right lengths are all it takes");
        changed(&view, &bytes[..len]);
    }
    if lengths {
        payload(view.protocol(), view.is_fragment(), &bytes[len..total]);
    }
}

fn same_fields(view: &View<'_>, theirs: &Ipv4HeaderSlice<'_>) {
    let header = ipv4::Header::from(view);
    assert_eq!(view.header_len(), theirs.slice().len());
    assert_eq!((header.tos, header.total_len), (view.tos(), theirs.total_len()));
    assert_eq!(header.tos, theirs.dcp().value() << 2 | theirs.ecn().value());
    assert_eq!(header.id, theirs.identification());
    assert_eq!(header.dont_fragment, theirs.dont_fragment());
    assert_eq!(header.more_fragments, theirs.more_fragments());
    assert_eq!(header.fragment_offset.blocks(), theirs.fragments_offset().value());
    assert_eq!((header.ttl, header.protocol.0), (theirs.ttl(), theirs.protocol().0));
    assert_eq!((header.src, header.dst), (theirs.source_addr(), theirs.destination_addr()));
    assert_eq!(view.options(), theirs.options());
    assert_eq!(view.is_fragment(), theirs.is_fragmenting_payload());
    let right = theirs.header_checksum() == theirs.to_header().calc_header_checksum();
    // Their header has no place for the reserved bit, and both forms of zero are right.
    let plain = theirs.slice()[6] & 0x80 == 0 && theirs.header_checksum() != 0xffff;
    assert!(!plain || view.checksum_ok() == right);
}

/// Emits the header anew, and takes a hop from it.
fn changed(view: &View<'_>, header: &[u8]) {
    let len = header.len();
    let copy = || {
        let mut copy = [0; HEADER_MAX];
        copy[..len].copy_from_slice(header);
        copy
    };
    let right = |bytes: &[u8]| View::new(bytes).is_ok_and(|view| view.checksum_ok());
    let mut expected = copy();
    expected[6] &= 0x7f;
    ipv4::set_checksum(&mut expected[..len]);
    let values = ipv4::Header::from(view);
    emits(&expected[..len], |out| values.emit_with_options(view.options(), out));
    assert!(right(&expected[..len]));
    let mut reassembled = copy();
    ipv4::reassembled(&mut reassembled[..len], view.total_len(), view.tos());
    assert!(right(&reassembled[..len]));
    assert!(View::new(&reassembled[..len]).is_ok_and(|view| !view.is_fragment()));
    if view.ttl() > 0 {
        let mut hop = copy();
        ipv4::decrement_ttl(&mut hop[..len]);
        assert!(right(&hop[..len]), "the difference was taken from the checksum");
        assert_eq!(hop[8] + 1, header[8]);
        assert_eq!((&hop[..8], &hop[12..len]), (&header[..8], &header[12..]));
    }
}

fn payload(protocol: Protocol, fragment: bool, bytes: &[u8]) {
    assert_eq!(checksum(bytes), naive_checksum(bytes));
    for cut in [bytes.len() / 2, bytes.len() / 3] {
        let mut sum = Sum::new();
        sum.add(&bytes[..cut]);
        sum.add(&bytes[cut..]);
        assert_eq!(sum.finish(), checksum(bytes), "wherever it is cut");
    }
    if fragment {
        return;
    }
    let ports = l4::ports(protocol, bytes);
    let has_ports = matches!(protocol.0, 6 | 17 | 132) && bytes.len() >= 4;
    assert_eq!(ports.is_some(), has_ports);
    if let (Protocol::ICMP, Ok(header)) = (protocol, icmpv4::Header::parse(bytes)) {
        emits(&bytes[..icmpv4::HEADER_LEN], |out| header.emit(out));
        assert_eq!(u8::from(header.message_type()), header.kind);
    }
}

/// RFC 1071, word by word.
fn naive_checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| match *word {
        [high, low] => u32::from(high) << 8 | u32::from(low),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let sum = words.fold(0u32, |sum, word| {
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    });
    !u16::try_from(sum).unwrap_or_default()
}
