//! What stands above IPv4: the protocol, and the ports for those who only sort packets.
//!
//! Invariant: ports exist only for TCP, UDP and SCTP, and only if all four bytes came.
//! Not here: whether these bytes start a layer-4 header at all. Those of a later fragment do not.

use super::word;

/// What an IPv4 datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// 1
    Icmp,
    /// 4: IPv4 in IPv4.
    IpIp,
    /// 6
    Tcp,
    /// 17
    Udp,
    /// 47
    Gre,
    /// 89
    Ospf,
    /// 132
    Sctp,
    /// Anything else. Made only by `From<u8>`, so it never holds a number named above.
    Other(u8),
}

/// Source and destination port, where the protocol has ports and the bytes reach that far.
#[inline]
pub fn ports(protocol: Protocol, l4_bytes: &[u8]) -> Option<(u16, u16)> {
    match protocol {
        Protocol::Tcp | Protocol::Udp | Protocol::Sctp => {
            let bytes = l4_bytes.first_chunk::<4>()?;
            Some((word(bytes, 0), word(bytes, 2)))
        }
        Protocol::Icmp | Protocol::IpIp | Protocol::Gre | Protocol::Ospf | Protocol::Other(_) => {
            None
        }
    }
}

impl From<u8> for Protocol {
    #[inline]
    fn from(number: u8) -> Protocol {
        match number {
            1 => Protocol::Icmp,
            4 => Protocol::IpIp,
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            47 => Protocol::Gre,
            89 => Protocol::Ospf,
            132 => Protocol::Sctp,
            other => Protocol::Other(other),
        }
    }
}

impl From<Protocol> for u8 {
    #[inline]
    fn from(protocol: Protocol) -> u8 {
        match protocol {
            Protocol::Icmp => 1,
            Protocol::IpIp => 4,
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Gre => 47,
            Protocol::Ospf => 89,
            Protocol::Sctp => 132,
            Protocol::Other(other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_number_is_one_protocol_and_back() {
        let mut named = 0;
        for number in 0..=u8::MAX {
            assert_eq!(u8::from(Protocol::from(number)), number);
            named += usize::from(!matches!(Protocol::from(number), Protocol::Other(_)));
        }
        assert_eq!(named, 7);
    }

    #[test]
    fn three_protocols_have_ports_and_no_other() {
        let bytes = [0x0f, 0xa0, 0x00, 0x35, 0xff];
        for number in 0..=u8::MAX {
            let expected = matches!(number, 6 | 17 | 132).then_some((4000, 53));
            assert_eq!(ports(Protocol::from(number), &bytes), expected, "protocol {number}");
        }
    }

    #[test]
    fn ports_of_which_a_byte_is_missing_are_none() {
        let bytes = [0x0f, 0xa0, 0x00, 0x35];
        for len in 0..4 {
            assert_eq!(ports(Protocol::Udp, &bytes[..len]), None);
        }
        assert_eq!(ports(Protocol::Udp, &bytes), Some((4000, 53)));
    }

    #[test]
    fn etherparse_headers_show_their_ports() {
        let tcp = etherparse::TcpHeader::new(80, 65_535, 1, 1_024);
        assert_eq!(ports(Protocol::Tcp, &tcp.to_bytes()), Some((80, 65_535)));
    }
}
