//! What the bytes of a frame mean: Ethernet, 802.1Q, ARP, IPv4, ICMP.
//!
//! Bytes have two levels. A *view* borrows bytes whose length was checked once, so its getters
//! cannot fail; a *header* is plain values with `parse` and `emit`. Nothing here allocates, and
//! nothing outside this module indexes the bytes of a packet.
//!
//! Invariant: no input makes `parse` panic. `emit` writes every byte it is responsible for, and
//! asserts that there is room: a short output buffer is a bug of ours, not of the sender.
//! Not here: what to do with a packet that is [`Malformed`] (the stage that asked decides).

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod icmpv4;
pub mod ipv4;
pub mod l4;
pub mod vlan;

use std::fmt;

/// These bytes are not what they should be: which layer refused them, why, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{layer}: {problem} (at byte {at})")]
pub struct Malformed {
    /// The layer that was being read.
    pub layer: Layer,
    /// What is wrong.
    pub problem: Problem,
    /// Where: bytes from the start of the layer's header to the field, or to the first byte that
    /// is missing.
    pub at: usize,
}

/// The layer that refused the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Ethernet II.
    Ethernet,
    /// The 802.1Q tag.
    Vlan,
    /// ARP for IPv4 over Ethernet.
    Arp,
    /// The IPv4 header.
    Ipv4,
    /// The ICMP header.
    Icmp,
}

/// Why the bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes end before the header does.
    #[error("need {need} bytes, got {got}")]
    Truncated {
        /// How many bytes the header has.
        need: usize,
        /// How many there are.
        got: usize,
    },
    /// IPv4: the version field is not 4.
    #[error("version {0}")]
    Version(u8),
    /// IPv4: the header length field is below 5 words.
    #[error("header length of {0} words")]
    HeaderLength(u8),
    /// IPv4: the datagram claims to be shorter than its own header.
    #[error("total length {total} is below the header's {header}")]
    TotalLength {
        /// The total length field.
        total: u16,
        /// Bytes of the header.
        header: usize,
    },
    /// IPv4: the datagram claims to be longer than what came.
    #[error("total length {total} of which {got} bytes came")]
    BeyondFrame {
        /// The total length field.
        total: u16,
        /// Bytes that came, header included.
        got: usize,
    },
    /// IPv4: the header checksum does not verify.
    #[error("wrong checksum")]
    Checksum,
    /// ARP: the hardware type is not 1, Ethernet.
    #[error("hardware type {0}")]
    Hardware(u16),
    /// ARP: the protocol type is not 0x0800, IPv4.
    #[error("protocol type {0:#06x}")]
    Protocol(u16),
    /// ARP: the hardware address length is not 6.
    #[error("hardware address length {0}")]
    HardwareLength(u8),
    /// ARP: the protocol address length is not 4.
    #[error("protocol address length {0}")]
    ProtocolLength(u8),
}

impl Malformed {
    /// `layer` needs `need` bytes and has `got`.
    pub(crate) const fn truncated(layer: Layer, need: usize, got: usize) -> Malformed {
        Malformed { layer, problem: Problem::Truncated { need, got }, at: got }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layer::Ethernet => "ethernet",
            Layer::Vlan => "802.1q",
            Layer::Arp => "arp",
            Layer::Ipv4 => "ipv4",
            Layer::Icmp => "icmp",
        })
    }
}

/// The big-endian word at `at`.
#[inline]
const fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The `N` bytes at `at`.
#[inline]
fn octets<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes from hexadecimal digits; spaces are for the reader.
    pub(super) fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// What `emit` leaves in a buffer of `len` bytes that held 0xa5.
    pub(super) fn emitted(len: usize, emit: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut out = vec![0xa5; len];
        emit(&mut out);
        out
    }

    #[test]
    fn a_refusal_names_layer_problem_and_place() {
        let shown: Vec<String> = [
            Malformed::truncated(Layer::Ethernet, 14, 13),
            Malformed::truncated(Layer::Vlan, 18, 17),
            Malformed { layer: Layer::Arp, problem: Problem::Hardware(6), at: 0 },
            Malformed { layer: Layer::Arp, problem: Problem::Protocol(0x86dd), at: 2 },
            Malformed { layer: Layer::Arp, problem: Problem::HardwareLength(8), at: 4 },
            Malformed { layer: Layer::Arp, problem: Problem::ProtocolLength(16), at: 5 },
            Malformed { layer: Layer::Ipv4, problem: Problem::Version(6), at: 0 },
            Malformed { layer: Layer::Ipv4, problem: Problem::HeaderLength(4), at: 0 },
            Malformed {
                layer: Layer::Ipv4,
                problem: Problem::TotalLength { total: 19, header: 20 },
                at: 2,
            },
            Malformed {
                layer: Layer::Ipv4,
                problem: Problem::BeyondFrame { total: 60, got: 46 },
                at: 2,
            },
            Malformed { layer: Layer::Ipv4, problem: Problem::Checksum, at: 10 },
            Malformed::truncated(Layer::Icmp, 8, 0),
        ]
        .map(|malformed| malformed.to_string())
        .to_vec();
        insta::assert_snapshot!(shown.join("\n"), @r"
        ethernet: need 14 bytes, got 13 (at byte 13)
        802.1q: need 18 bytes, got 17 (at byte 17)
        arp: hardware type 6 (at byte 0)
        arp: protocol type 0x86dd (at byte 2)
        arp: hardware address length 8 (at byte 4)
        arp: protocol address length 16 (at byte 5)
        ipv4: version 6 (at byte 0)
        ipv4: header length of 4 words (at byte 0)
        ipv4: total length 19 is below the header's 20 (at byte 2)
        ipv4: total length 60 of which 46 bytes came (at byte 2)
        ipv4: wrong checksum (at byte 10)
        icmp: need 8 bytes, got 0 (at byte 0)
        ");
    }
}
