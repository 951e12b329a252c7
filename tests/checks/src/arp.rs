//! An ARP packet: what parses is what etherparse takes for ARP of IPv4 over Ethernet, field for
//! field, and is emitted as it came.

use crate::emits;
use dataplane::wire::arp::{LEN, Packet};
use etherparse::ArpPacketSlice;

/// `bytes` is what follows the Ethernet header.
///
/// # Panics
/// The two parsers disagree, or a packet does not survive the way there and back.
pub fn check(bytes: &[u8]) {
    let ours = Packet::parse(bytes);
    let theirs = ArpPacketSlice::from_slice(bytes).ok().filter(|arp| {
        let sizes = (arp.hw_addr_size(), arp.proto_addr_size()) == (6, 4);
        sizes && arp.hw_addr_type().0 == 1 && arp.proto_addr_type().0 == 0x0800
    });
    assert_eq!(ours.is_ok(), theirs.is_some(), "{ours:?}");
    let (Ok(packet), Some(theirs)) = (ours, theirs) else { return };
    assert_eq!(u16::from(packet.operation), theirs.operation().0);
    assert_eq!(packet.sender_mac.0, theirs.sender_hw_addr());
    assert_eq!(packet.sender_ip.octets(), theirs.sender_protocol_addr());
    assert_eq!(packet.target_mac.0, theirs.target_hw_addr());
    assert_eq!(packet.target_ip.octets(), theirs.target_protocol_addr());
    emits(&bytes[..LEN], |out| packet.emit(out));
}
