//! What stands above IPv4: the protocol, and the ports for those who only sort packets.
//!
//! Invariant: ports exist only for TCP, UDP and SCTP, and only if all four bytes came.
//! Not here: whether these bytes start a layer-4 header at all. Those of a later fragment do not.

use super::word;

/// What an IPv4 datagram carries, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP.
    pub const ICMP: Protocol = Protocol(1);
    /// TCP.
    pub const TCP: Protocol = Protocol(6);
    /// UDP.
    pub const UDP: Protocol = Protocol(17);
    /// SCTP.
    pub const SCTP: Protocol = Protocol(132);
}

/// Source and destination port, where the protocol has ports and the bytes reach that far.
#[inline]
pub fn ports(protocol: Protocol, l4_bytes: &[u8]) -> Option<(u16, u16)> {
    match protocol {
        Protocol::TCP | Protocol::UDP | Protocol::SCTP => {
            let bytes = l4_bytes.first_chunk::<4>()?;
            Some((word(bytes, 0), word(bytes, 2)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocols_that_have_names_are_those_of_etherparse() {
        use etherparse::ip_number as theirs;
        let named = [
            (Protocol::ICMP, theirs::ICMP),
            (Protocol::TCP, theirs::TCP),
            (Protocol::UDP, theirs::UDP),
            (Protocol::SCTP, theirs::SCTP),
        ];
        for (ours, theirs) in named {
            assert_eq!(ours.0, theirs.0);
        }
    }

    #[test]
    fn three_protocols_have_ports_and_no_other() {
        let bytes = [0x0f, 0xa0, 0x00, 0x35, 0xff];
        for number in 0..=u8::MAX {
            let expected = matches!(number, 6 | 17 | 132).then_some((4000, 53));
            assert_eq!(ports(Protocol(number), &bytes), expected, "protocol {number}");
        }
    }

    #[test]
    fn ports_of_which_a_byte_is_missing_are_none() {
        let bytes = [0x0f, 0xa0, 0x00, 0x35];
        for len in 0..4 {
            assert_eq!(ports(Protocol::UDP, &bytes[..len]), None);
        }
        assert_eq!(ports(Protocol::UDP, &bytes), Some((4000, 53)));
    }

    #[test]
    fn etherparse_headers_show_their_ports() {
        let tcp = etherparse::TcpHeader::new(80, 65_535, 1, 1_024);
        assert_eq!(ports(Protocol::TCP, &tcp.to_bytes()), Some((80, 65_535)));
    }
}
