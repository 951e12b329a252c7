//! The Ethernet II header.
//!
//! Invariant: `parse` takes any frame of at least [`HEADER_LEN`] bytes; what follows the header is
//! for the caller. An IEEE 802.3 length is an [`EtherType`] below 0x0600.
//! Not here: the 802.1Q tag (`vlan.rs`), and whose address the destination is (`netif`).

use super::{Layer, Malformed, octets, word};
use crate::types::Mac;

/// Bytes of the header: two addresses and the type.
pub const HEADER_LEN: usize = 14;

/// What an Ethernet frame carries, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: EtherType = EtherType(0x0800);
    /// ARP.
    pub const ARP: EtherType = EtherType(0x0806);
    /// An 802.1Q tag follows.
    pub const VLAN: EtherType = EtherType(0x8100);
    /// IPv6.
    pub const IPV6: EtherType = EtherType(0x86dd);
    /// An 802.1ad service tag follows.
    pub const QINQ: EtherType = EtherType(0x88a8);
}

/// The header as plain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// To whom.
    pub dst: Mac,
    /// From whom.
    pub src: Mac,
    /// What follows.
    pub ether_type: EtherType,
}

impl Header {
    /// Reads the first 14 bytes of a frame.
    ///
    /// # Errors
    /// The frame is shorter than that.
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<Header, Malformed> {
        let Some(bytes) = frame.first_chunk::<HEADER_LEN>() else {
            return Err(Malformed::truncated(Layer::Ethernet, HEADER_LEN, frame.len()));
        };
        Ok(Header {
            dst: Mac(octets(bytes, 0)),
            src: Mac(octets(bytes, 6)),
            ether_type: EtherType(word(bytes, 12)),
        })
    }

    /// Writes the first 14 bytes of `out` and leaves the rest alone.
    ///
    /// # Panics
    /// `out` is shorter than that.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        assert!(out.len() >= HEADER_LEN, "the caller made room for an Ethernet header");
        out[0..6].copy_from_slice(&self.dst.0);
        out[6..12].copy_from_slice(&self.src.0);
        out[12..14].copy_from_slice(&self.ether_type.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{emitted, hex};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_arp_request_off_a_real_wire_is_read() {
        let frame = hex("ffffffffffff 02aa00000164 0806 0001080006040001");
        let header = Header::parse(&frame).unwrap();
        assert_eq!(header.dst, Mac::BROADCAST);
        assert_eq!(header.src.to_string(), "02:aa:00:00:01:64");
        assert_eq!(header.ether_type, EtherType::ARP);
    }

    #[test]
    fn every_frame_below_14_bytes_is_refused_by_its_length() {
        let frame = hex("020000000a01 020000000a02 0800");
        for len in 0..HEADER_LEN {
            let refused = Header::parse(&frame[..len]);
            assert_eq!(refused, Err(Malformed::truncated(Layer::Ethernet, 14, len)));
        }
        assert!(Header::parse(&frame).is_ok());
    }

    #[test]
    fn the_types_that_have_names_are_those_of_etherparse() {
        use etherparse::ether_type as theirs;
        let named = [
            (EtherType::IPV4, theirs::IPV4),
            (EtherType::ARP, theirs::ARP),
            (EtherType::VLAN, theirs::VLAN_TAGGED_FRAME),
            (EtherType::IPV6, theirs::IPV6),
            (EtherType::QINQ, theirs::PROVIDER_BRIDGING),
        ];
        for (ours, theirs) in named {
            assert_eq!(ours.0, theirs.0);
        }
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(dst: [u8; 6], src: [u8; 6], number: u16) {
            let header = Header { dst: Mac(dst), src: Mac(src), ether_type: EtherType(number) };
            let out = emitted(16, |out| header.emit(out));
            prop_assert_eq!(Header::parse(&out), Ok(header));
            prop_assert_eq!(&out[14..], &[0xa5, 0xa5], "what follows is left alone");
        }

        #[test]
        fn etherparse_writes_the_same_bytes(dst: [u8; 6], src: [u8; 6], number: u16) {
            let header = Header { dst: Mac(dst), src: Mac(src), ether_type: EtherType(number) };
            let theirs = etherparse::Ethernet2Header {
                destination: dst,
                source: src,
                ether_type: etherparse::EtherType(number),
            };
            prop_assert_eq!(emitted(14, |out| header.emit(out)), theirs.to_bytes().to_vec());
        }
    }
}
