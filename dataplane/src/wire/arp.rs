//! ARP packets for IPv4 over Ethernet (RFC 826), without the Ethernet header.
//!
//! Invariant: a [`Packet`] that parses has hardware type 1, protocol type 0x0800 and addresses of
//! 6 and 4 bytes. Bytes behind the 28 are padding and ignored.
//! Not here: whether the addresses make sense (`neigh`).
//!
//! DPVS: neigh.c neigh_resolve_input reads all fields without looking at the length or the types,
//! so a runt packet is answered from what the buffer held before; ours is refused by name.

use super::{Layer, Malformed, Problem, octets, word};
use crate::types::Mac;
use std::net::Ipv4Addr;

/// Bytes of an ARP packet for IPv4 over Ethernet.
pub const LEN: usize = 28;

const HARDWARE_ETHERNET: u16 = 1;
const PROTOCOL_IPV4: u16 = 0x0800;

/// What an ARP packet wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// 1: who has the target address?
    Request,
    /// 2: the sender has it.
    Reply,
    /// Anything else. Made only by `From<u16>`, so it is never 1 or 2.
    Other(u16),
}

/// The packet as plain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it wants.
    pub operation: Operation,
    /// The sender's Ethernet address.
    pub sender_mac: Mac,
    /// The sender's IPv4 address; 0.0.0.0 in a probe (RFC 5227).
    pub sender_ip: Ipv4Addr,
    /// The target's Ethernet address; means nothing in a request.
    pub target_mac: Mac,
    /// The target's IPv4 address.
    pub target_ip: Ipv4Addr,
}

impl Packet {
    /// Reads what follows the Ethernet header.
    ///
    /// # Errors
    /// It is shorter than 28 bytes, or not ARP for IPv4 over Ethernet.
    pub fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
        let Some(bytes) = bytes.first_chunk::<LEN>() else {
            return Err(Malformed::truncated(Layer::Arp, LEN, bytes.len()));
        };
        let bad = |problem, at| Err(Malformed { layer: Layer::Arp, problem, at });
        match word(bytes, 0) {
            HARDWARE_ETHERNET => {}
            other => return bad(Problem::Hardware(other), 0),
        }
        match word(bytes, 2) {
            PROTOCOL_IPV4 => {}
            other => return bad(Problem::Protocol(other), 2),
        }
        match bytes[4] {
            6 => {}
            other => return bad(Problem::HardwareLength(other), 4),
        }
        match bytes[5] {
            4 => {}
            other => return bad(Problem::ProtocolLength(other), 5),
        }
        Ok(Packet {
            operation: Operation::from(word(bytes, 6)),
            sender_mac: Mac(octets(bytes, 8)),
            sender_ip: Ipv4Addr::from(octets::<4>(bytes, 14)),
            target_mac: Mac(octets(bytes, 18)),
            target_ip: Ipv4Addr::from(octets::<4>(bytes, 24)),
        })
    }

    /// Writes the first 28 bytes of `out` and leaves the rest, the padding, alone.
    ///
    /// # Panics
    /// `out` is shorter than that.
    pub fn emit(&self, out: &mut [u8]) {
        assert!(out.len() >= LEN, "the caller made room for an ARP packet");
        out[0..2].copy_from_slice(&HARDWARE_ETHERNET.to_be_bytes());
        out[2..4].copy_from_slice(&PROTOCOL_IPV4.to_be_bytes());
        out[4] = 6;
        out[5] = 4;
        out[6..8].copy_from_slice(&u16::from(self.operation).to_be_bytes());
        out[8..14].copy_from_slice(&self.sender_mac.0);
        out[14..18].copy_from_slice(&self.sender_ip.octets());
        out[18..24].copy_from_slice(&self.target_mac.0);
        out[24..28].copy_from_slice(&self.target_ip.octets());
    }
}

impl From<u16> for Operation {
    fn from(number: u16) -> Operation {
        match number {
            1 => Operation::Request,
            2 => Operation::Reply,
            other => Operation::Other(other),
        }
    }
}

impl From<Operation> for u16 {
    fn from(operation: Operation) -> u16 {
        match operation {
            Operation::Request => 1,
            Operation::Reply => 2,
            Operation::Other(other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{emitted, hex};
    use super::*;
    use proptest::prelude::*;

    /// Who has 10.1.0.1, tell 10.1.0.101; off a real wire.
    const REQUEST: &str = "0001 0800 06 04 0001 02aa00000164 0a010065 000000000000 0a010001";

    fn refusal(change: impl FnOnce(&mut [u8])) -> (Problem, usize) {
        let mut bytes = hex(REQUEST);
        change(&mut bytes);
        let malformed = Packet::parse(&bytes).unwrap_err();
        assert_eq!(malformed.layer, Layer::Arp);
        (malformed.problem, malformed.at)
    }

    #[test]
    fn a_request_is_read_field_by_field() {
        let packet = Packet::parse(&hex(REQUEST)).unwrap();
        assert_eq!(packet.operation, Operation::Request);
        assert_eq!(packet.sender_mac.to_string(), "02:aa:00:00:01:64");
        assert_eq!(packet.sender_ip.to_string(), "10.1.0.101");
        assert_eq!(packet.target_mac, Mac::ZERO);
        assert_eq!(packet.target_ip.to_string(), "10.1.0.1");
    }

    // B02
    #[test]
    fn every_runt_of_0_to_27_bytes_is_refused_by_its_length() {
        let bytes = hex(REQUEST);
        for len in 0..LEN {
            let refused = Packet::parse(&bytes[..len]);
            assert_eq!(refused, Err(Malformed::truncated(Layer::Arp, 28, len)));
        }
        assert!(Packet::parse(&bytes).is_ok());
    }

    // B02
    #[test]
    fn each_wrong_type_and_length_is_refused_by_name() {
        assert_eq!(refusal(|b| b[1] = 6), (Problem::Hardware(6), 0));
        assert_eq!(refusal(|b| b[0] = 1), (Problem::Hardware(0x0101), 0));
        assert_eq!(refusal(|b| b[3] = 6), (Problem::Protocol(0x0806), 2));
        assert_eq!(refusal(|b| b[4] = 8), (Problem::HardwareLength(8), 4));
        assert_eq!(refusal(|b| b[5] = 16), (Problem::ProtocolLength(16), 5));
        assert_eq!(refusal(|b| b.fill(0)), (Problem::Hardware(0), 0), "the first fault counts");
    }

    #[test]
    #[cfg_attr(miri, ignore = "minutes there")]
    fn an_operation_nobody_knows_is_still_a_packet() {
        for number in 0..=u16::MAX {
            let mut bytes = hex(REQUEST);
            bytes[6..8].copy_from_slice(&number.to_be_bytes());
            let operation = Packet::parse(&bytes).unwrap().operation;
            assert_eq!(u16::from(operation), number);
            assert_eq!(matches!(operation, Operation::Other(_)), !matches!(number, 1 | 2));
        }
    }

    prop_compose! {
        fn packets()(
            operation: u16,
            sender: ([u8; 6], [u8; 4]),
            target: ([u8; 6], [u8; 4]),
        ) -> Packet {
            Packet {
                operation: operation.into(),
                sender_mac: Mac(sender.0),
                sender_ip: sender.1.into(),
                target_mac: Mac(target.0),
                target_ip: target.1.into(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(packet in packets()) {
            let out = emitted(46, |out| packet.emit(out));
            prop_assert_eq!(Packet::parse(&out), Ok(packet), "padding is ignored");
            prop_assert!(out[LEN..].iter().all(|b| *b == 0xa5), "and left alone");
        }

        #[test]
        fn etherparse_writes_the_same_bytes(packet in packets()) {
            let theirs = etherparse::ArpEthIpv4Packet {
                operation: etherparse::ArpOperation(packet.operation.into()),
                sender_mac: packet.sender_mac.0,
                sender_ipv4: packet.sender_ip.octets(),
                target_mac: packet.target_mac.0,
                target_ipv4: packet.target_ip.octets(),
            };
            prop_assert_eq!(emitted(LEN, |out| packet.emit(out)), theirs.to_bytes().to_vec());
        }
    }
}
