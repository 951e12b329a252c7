//! Frames by hand: what no stack would send.
//!
//! Invariant: what is not said to be wrong is right: lengths and header checksums. Not here: which
//! frames are sent.

use crate::oracle::frame::checksum;
use dataplane::Mac;
use std::net::Ipv4Addr;

/// The broadcast address of Ethernet.
pub(super) const BROADCAST: Mac = Mac([0xff; 6]);
/// EtherTypes.
pub(super) const IPV4: u16 = 0x0800;
pub(super) const ARP: u16 = 0x0806;
/// Protocols of IPv4.
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
/// Flags of IPv4, at their place in the word with the offset.
pub(super) const DONT_FRAGMENT: u16 = 0x4000;
pub(super) const MORE_FRAGMENTS: u16 = 0x2000;

/// A frame.
pub(super) fn ethernet(to: Mac, from: Mac, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&to.0[..], &from.0, &ethertype.to_be_bytes(), payload].concat()
}

/// An ARP packet for Ethernet and IPv4 (RFC 826).
pub(super) fn arp(
    operation: u16,
    (mac, address): (Mac, Ipv4Addr),
    (to_mac, to): (Mac, Ipv4Addr),
) -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4];
    let operation = operation.to_be_bytes();
    [&fixed, &operation[..], &mac.0, &address.octets(), &to_mac.0, &to.octets()].concat()
}

/// What is in an IPv4 header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub from: Ipv4Addr,
    pub to: Ipv4Addr,
    pub ttl: u8,
    pub id: u16,
    /// Flags, and the offset in units of 8 bytes.
    pub fragment: u16,
    pub protocol: u8,
}

impl Header {
    /// A whole datagram, with the time to live of most.
    pub fn new(from: Ipv4Addr, to: Ipv4Addr, protocol: u8) -> Header {
        Header { from, to, ttl: 64, id: 0, fragment: 0, protocol }
    }

    /// The packet (RFC 791).
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(20 + payload.len()).unwrap_or(u16::MAX);
        let mut packet = vec![0x45, 0];
        packet.extend(len.to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([self.ttl, self.protocol, 0, 0]);
        packet.extend(self.from.octets());
        packet.extend(self.to.octets());
        mend(&mut packet);
        packet.extend(payload);
        packet
    }
}

/// Makes the checksum of an IPv4 header without options right (RFC 1071).
pub(super) fn mend(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = checksum(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// A UDP datagram without a checksum, as RFC 768 allows.
pub(super) fn udp(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + data.len()).unwrap_or(u16::MAX);
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &len.to_be_bytes(), &[0, 0], data].concat()
}

/// A TCP segment that asks for a connection. Its checksum is not there: the box does not look at it.
pub(super) fn syn(from: u16, to: u16, sequence: u32) -> Vec<u8> {
    let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
    let rest = [0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0];
    [&ports[..], &sequence.to_be_bytes(), &rest].concat()
}
