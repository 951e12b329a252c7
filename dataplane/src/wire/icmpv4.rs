//! The ICMP header (RFC 792): type, code, checksum and four bytes whose meaning the type says.
//!
//! Invariant: `parse` takes any eight bytes. The checksum is a value as it came: it covers all of
//! the message, which may lie in several segments, so the caller sums it with [`Sum`].
//! Not here: when an error may be sent and what it quotes (`icmp`).
//!
//! [`Sum`]: super::checksum::Sum

use super::{Layer, Malformed, octets, word};

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;

/// What an ICMP message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// 0
    EchoReply,
    /// 3: destination unreachable.
    Unreachable,
    /// 4: deprecated by RFC 6633, still an error message.
    SourceQuench,
    /// 5
    Redirect,
    /// 8: echo request.
    Echo,
    /// 9: router advertisement (RFC 1256).
    RouterAdvertisement,
    /// 10: router solicitation (RFC 1256).
    RouterSolicitation,
    /// 11
    TimeExceeded,
    /// 12
    ParameterProblem,
    /// 13
    Timestamp,
    /// 14
    TimestampReply,
    /// 15: information request (deprecated by RFC 6918).
    Information,
    /// 16: information reply (deprecated by RFC 6918).
    InformationReply,
    /// 17: address mask request (RFC 950).
    AddressMask,
    /// 18: address mask reply (RFC 950).
    AddressMaskReply,
    /// Anything else. Made only by `From<u8>`, so it never holds a number named above.
    Other(u8),
}

/// The header as plain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type's number; see [`Header::message_type`].
    pub kind: u8,
    /// Says more about the type.
    pub code: u8,
    /// The checksum over the whole message.
    pub checksum: u16,
    /// Identifier and sequence number of an echo, gateway of a redirect, MTU, pointer, or zeros.
    pub rest: [u8; 4],
}

impl Type {
    /// Whether this is an error message, about which no error may be sent (RFC 1122 §3.2.2).
    ///
    /// The five that the RFC counts as errors; a type that nobody has named is none of them.
    // DPVS: icmp.c icmp_send takes all types except echo for errors, and Linux those above 18; we
    // keep to the RFC, because a query or its reply that expires is worth an answer.
    #[inline]
    pub const fn is_error(self) -> bool {
        match self {
            Type::Unreachable
            | Type::SourceQuench
            | Type::Redirect
            | Type::TimeExceeded
            | Type::ParameterProblem => true,
            Type::EchoReply
            | Type::Echo
            | Type::RouterAdvertisement
            | Type::RouterSolicitation
            | Type::Timestamp
            | Type::TimestampReply
            | Type::Information
            | Type::InformationReply
            | Type::AddressMask
            | Type::AddressMaskReply
            | Type::Other(_) => false,
        }
    }
}

impl Header {
    /// Reads the first eight bytes of an ICMP message.
    ///
    /// # Errors
    /// There are fewer.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Header, Malformed> {
        let Some(bytes) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(Malformed::truncated(Layer::Icmp, HEADER_LEN, bytes.len()));
        };
        Ok(Header {
            kind: bytes[0],
            code: bytes[1],
            checksum: word(bytes, 2),
            rest: octets(bytes, 4),
        })
    }

    /// Writes the first eight bytes of `out`, the checksum as it is, and leaves the rest alone.
    ///
    /// # Panics
    /// `out` is shorter than that.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        assert!(out.len() >= HEADER_LEN, "the caller made room for an ICMP header");
        out[0] = self.kind;
        out[1] = self.code;
        out[2..4].copy_from_slice(&self.checksum.to_be_bytes());
        out[4..8].copy_from_slice(&self.rest);
    }

    /// What the message is.
    #[inline]
    pub fn message_type(&self) -> Type {
        Type::from(self.kind)
    }
}

impl From<u8> for Type {
    fn from(number: u8) -> Type {
        match number {
            0 => Type::EchoReply,
            3 => Type::Unreachable,
            4 => Type::SourceQuench,
            5 => Type::Redirect,
            8 => Type::Echo,
            9 => Type::RouterAdvertisement,
            10 => Type::RouterSolicitation,
            11 => Type::TimeExceeded,
            12 => Type::ParameterProblem,
            13 => Type::Timestamp,
            14 => Type::TimestampReply,
            15 => Type::Information,
            16 => Type::InformationReply,
            17 => Type::AddressMask,
            18 => Type::AddressMaskReply,
            other => Type::Other(other),
        }
    }
}

impl From<Type> for u8 {
    fn from(message_type: Type) -> u8 {
        match message_type {
            Type::EchoReply => 0,
            Type::Unreachable => 3,
            Type::SourceQuench => 4,
            Type::Redirect => 5,
            Type::Echo => 8,
            Type::RouterAdvertisement => 9,
            Type::RouterSolicitation => 10,
            Type::TimeExceeded => 11,
            Type::ParameterProblem => 12,
            Type::Timestamp => 13,
            Type::TimestampReply => 14,
            Type::Information => 15,
            Type::InformationReply => 16,
            Type::AddressMask => 17,
            Type::AddressMaskReply => 18,
            Type::Other(other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checksum::checksum;
    use super::super::tests::{emitted, hex};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_echo_off_a_real_wire_is_read() {
        let header = Header::parse(&hex("0800 02db 6002 0001 0209")).unwrap();
        assert_eq!(header.message_type(), Type::Echo);
        assert_eq!((header.kind, header.code, header.checksum), (8, 0, 0x02db));
        assert_eq!(header.rest, [0x60, 0x02, 0, 1]);
    }

    #[test]
    fn every_message_below_8_bytes_is_refused_by_its_length() {
        let bytes = hex("0800 02db 6002 0001");
        for len in 0..HEADER_LEN {
            let refused = Header::parse(&bytes[..len]);
            assert_eq!(refused, Err(Malformed::truncated(Layer::Icmp, 8, len)));
        }
        assert!(Header::parse(&bytes).is_ok());
    }

    #[test]
    fn five_types_are_errors_and_every_number_is_one_type() {
        for number in 0..=u8::MAX {
            let message_type = Type::from(number);
            assert_eq!(u8::from(message_type), number);
            assert_eq!(message_type.is_error(), matches!(number, 3 | 4 | 5 | 11 | 12), "{number}");
            let named = matches!(number, 0 | 3..=5 | 8..=18);
            assert_eq!(!matches!(message_type, Type::Other(_)), named, "{number}");
        }
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(kind: u8, code: u8, checksum: u16, rest: [u8; 4]) {
            let header = Header { kind, code, checksum, rest };
            let out = emitted(10, |out| header.emit(out));
            prop_assert_eq!(Header::parse(&out), Ok(header));
            prop_assert_eq!(&out[8..], &[0xa5, 0xa5], "what follows is left alone");
        }

        #[test]
        fn etherparse_writes_the_same_echo(id: u16, seq: u16, payload: [u8; 13]) {
            let echo = etherparse::Icmpv4Type::EchoRequest(etherparse::IcmpEchoHeader { id, seq });
            let theirs = etherparse::Icmpv4Header::with_checksum(echo, &payload);
            let [a, b] = id.to_be_bytes();
            let [c, d] = seq.to_be_bytes();
            let mut header = Header { kind: 8, code: 0, checksum: 0, rest: [a, b, c, d] };
            let mut message = emitted(HEADER_LEN, |out| header.emit(out));
            message.extend(payload);
            header.checksum = checksum(&message);
            header.emit(&mut message);
            prop_assert_eq!(&message[..8], &theirs.to_bytes()[..]);
        }
    }
}
