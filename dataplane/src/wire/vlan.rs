//! The IEEE 802.1Q tag: read it, take it out, put it in.
//!
//! A tag stands between the source address and the type of what follows:
//! `dst(6) src(6) tpid(2) tci(2) type(2)`. All functions take the frame from its first byte.
//!
//! Invariant: `tag` undoes `untag` byte for byte when it is given the same TCI and TPID was 0x8100.
//! Not here: which device a VLAN belongs to, and that identifier 0 means untagged (`netif`).
//!
//! DPVS: vlan.c vlan_rcv and vlan_insert_tag lose priority and DEI on the way out; ours keeps them,
//! because the whole TCI is an argument.

use super::ethernet::{self, EtherType};
use super::{Layer, Malformed, word};

/// Bytes that a tag adds to a frame.
pub const TAG_LEN: usize = 4;

/// Bytes of an Ethernet header with one tag.
pub const TAGGED_HEADER_LEN: usize = ethernet::HEADER_LEN + TAG_LEN;

const _: () = assert!(TAGGED_HEADER_LEN == 18);

/// The tag as plain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Priority code point, 0..=7.
    pub pcp: u8,
    /// Drop eligible indicator.
    pub dei: bool,
    /// VLAN identifier, 0..=4095; 0 is a priority tag, 4095 is reserved.
    pub vid: u16,
    /// What follows the tag.
    pub ether_type: EtherType,
}

impl Tag {
    /// Reads the tag of a whole frame, whose type the caller has seen to be 0x8100.
    ///
    /// # Errors
    /// The frame is shorter than 18 bytes.
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<Tag, Malformed> {
        let Some(bytes) = frame.first_chunk::<TAGGED_HEADER_LEN>() else {
            return Err(Malformed::truncated(Layer::Vlan, TAGGED_HEADER_LEN, frame.len()));
        };
        Ok(Tag {
            pcp: bytes[14] >> 5,
            dei: bytes[14] & 0x10 != 0,
            vid: word(bytes, 14) & 0x0fff,
            ether_type: EtherType(word(bytes, 16)),
        })
    }

    /// The tag control information: priority, DEI and identifier in 16 bits.
    ///
    /// # Panics
    /// The priority does not fit in 3 bits, or the identifier not in 12.
    #[inline]
    pub fn tci(&self) -> u16 {
        assert!(self.pcp <= 7, "a priority has 3 bits");
        assert!(self.vid <= 0x0fff, "a VLAN identifier has 12 bits");
        u16::from(self.pcp) << 13 | u16::from(self.dei) << 12 | self.vid
    }
}

/// Moves the two addresses up over the tag. The caller then strips [`TAG_LEN`] bytes from the
/// front; what is left starts with an untagged Ethernet header.
///
/// # Panics
/// `head` is shorter than the 18 bytes that [`Tag::parse`] asked for.
#[inline]
pub fn untag(head: &mut [u8]) {
    assert!(head.len() >= TAGGED_HEADER_LEN, "a tag was read from this frame");
    head.copy_within(0..12, TAG_LEN);
}

/// Moves the two addresses down into the [`TAG_LEN`] bytes that the caller has prepended, and
/// writes the tag into the gap.
///
/// # Panics
/// `head` is shorter than 18 bytes.
#[inline]
pub fn tag(head: &mut [u8], tci: u16) {
    assert!(head.len() >= TAGGED_HEADER_LEN, "the frame has an Ethernet header and room for a tag");
    head.copy_within(TAG_LEN..TAG_LEN + 12, 0);
    head[12..14].copy_from_slice(&EtherType::VLAN.0.to_be_bytes());
    head[14..16].copy_from_slice(&tci.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::*;
    use etherparse::{PacketBuilder, SingleVlanHeader, VlanHeader, VlanPcp};
    use proptest::prelude::*;

    /// dst, src, tag with priority 5, DEI and VLAN 100, then IPv4 and two bytes of it.
    const TAGGED: &str = "020000000101 020000000a02 8100 b064 0800 4500";

    /// A UDP frame by etherparse, tagged.
    fn tagged_by_etherparse(pcp: u8, dei: bool, vid: u16, payload: &[u8]) -> Vec<u8> {
        let header = VlanHeader::Single(SingleVlanHeader {
            pcp: VlanPcp::try_new(pcp).unwrap(),
            drop_eligible_indicator: dei,
            vlan_id: etherparse::VlanId::try_new(vid).unwrap(),
            ether_type: etherparse::EtherType(0),
        });
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .vlan(header)
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .udp(4000, 53);
        let mut frame = Vec::new();
        builder.write(&mut frame, payload).unwrap();
        frame
    }

    #[test]
    fn a_tag_is_read_field_by_field() {
        let tag = Tag::parse(&hex(TAGGED)).unwrap();
        assert_eq!(tag, Tag { pcp: 5, dei: true, vid: 100, ether_type: EtherType::IPV4 });
        assert_eq!(tag.tci(), 0xb064);
    }

    #[test]
    fn every_tagged_frame_below_18_bytes_is_refused_by_its_length() {
        let frame = hex(TAGGED);
        for len in 0..TAGGED_HEADER_LEN {
            let refused = Tag::parse(&frame[..len]);
            assert_eq!(refused, Err(Malformed::truncated(Layer::Vlan, 18, len)));
        }
        assert!(Tag::parse(&frame[..18]).is_ok());
    }

    #[test]
    fn untag_leaves_a_plain_frame_behind_four_bytes() {
        let mut frame = hex(TAGGED);
        untag(&mut frame);
        assert_eq!(frame[TAG_LEN..], hex("020000000101 020000000a02 0800 4500"));
    }

    #[test]
    fn tag_fills_the_four_bytes_that_were_prepended() {
        let mut frame = hex("a5a5a5a5 020000000101 020000000a02 0800 4500");
        tag(&mut frame, 0xb064);
        assert_eq!(frame, hex(TAGGED));
    }

    #[test]
    fn untag_of_a_double_tag_brings_the_inner_one_forward() {
        let mut frame = hex("020000000101 020000000a02 8100 0064 8100 00c8 0800");
        untag(&mut frame);
        let inner = Tag::parse(&frame[TAG_LEN..]).unwrap();
        assert_eq!((inner.vid, inner.ether_type), (200, EtherType::IPV4));
    }

    #[test]
    fn every_tci_is_taken_apart_and_put_together() {
        let mut frame = hex(TAGGED);
        for tci in 0..=u16::MAX {
            frame[14..16].copy_from_slice(&tci.to_be_bytes());
            assert_eq!(Tag::parse(&frame).unwrap().tci(), tci);
        }
    }

    proptest! {
        #[test]
        fn etherparse_frames_lose_their_tag_and_get_it_back(
            pcp in 0..8_u8, dei: bool, vid in 0..4096_u16, payload: [u8; 20],
        ) {
            let whole = tagged_by_etherparse(pcp, dei, vid, &payload);
            let seen = Tag::parse(&whole).unwrap();
            prop_assert_eq!(seen, Tag { pcp, dei, vid, ether_type: EtherType::IPV4 });

            let mut frame = whole.clone();
            untag(&mut frame);
            let plain = ethernet::Header::parse(&frame[TAG_LEN..]).unwrap();
            prop_assert_eq!(plain.ether_type, EtherType::IPV4);
            prop_assert_eq!(&frame[18..], &whole[18..]);

            frame[..TAG_LEN].fill(0xa5);
            tag(&mut frame, seen.tci());
            prop_assert_eq!(frame, whole);
        }
    }
}
