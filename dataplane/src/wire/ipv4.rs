//! The IPv4 header (RFC 791): read, written, changed in place. Its options are in `options.rs`.
//!
//! Invariant: a [`View`] has version 4 and a whole header. Lengths and checksum are two further
//! questions ([`View::check_lengths`], [`View::checksum_ok`]): each refusal has a counter, and the
//! checksum is asked for only if the port has not checked it.
//! Not here: what to do with the answers (`ipv4.rs`), and cutting and joining fragments.

mod options;

use super::checksum::{Sum, incremental};
use super::{Layer, Malformed, Problem, octets, word};
use std::net::Ipv4Addr;

pub use super::l4::Protocol;
pub use options::{OptionsSeen, blank_uncopied, check_options};

/// Bytes of a header without options.
pub const HEADER_LEN_MIN: usize = 20;

/// Bytes of the longest header: 15 words.
pub const HEADER_LEN_MAX: usize = 60;

/// Where a fragment belongs in its datagram: 13 bits that count blocks of 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FragOffset(u16);

/// A checked IPv4 header at the start of borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    fixed: &'a [u8; HEADER_LEN_MIN],
    options: &'a [u8],
}

/// The header as plain values, without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type of service: DSCP and ECN.
    pub tos: u8,
    /// Bytes of the datagram or fragment, header included.
    pub total_len: u16,
    /// Identification, the same in all fragments of a datagram.
    pub id: u16,
    /// Whether nobody may fragment it.
    pub dont_fragment: bool,
    /// Whether this is a fragment and not the last.
    pub more_fragments: bool,
    /// Where in the datagram this fragment belongs.
    pub fragment_offset: FragOffset,
    /// How many routers more it may pass.
    pub ttl: u8,
    /// What follows the header.
    pub protocol: Protocol,
    /// From whom.
    pub src: Ipv4Addr,
    /// To whom.
    pub dst: Ipv4Addr,
}

impl FragOffset {
    /// The offset of an unfragmented datagram and of a first fragment.
    pub const ZERO: FragOffset = FragOffset(0);
    /// The largest: 65528 bytes.
    pub const MAX: FragOffset = FragOffset(0x1fff);

    /// `blocks` of 8 bytes, or nothing if 13 bits cannot hold the number.
    #[inline]
    pub const fn try_new(blocks: u16) -> Option<FragOffset> {
        if blocks <= FragOffset::MAX.0 { Some(FragOffset(blocks)) } else { None }
    }

    /// The offset of `bytes`, or nothing if that is no multiple of 8.
    #[inline]
    pub const fn from_bytes(bytes: u16) -> Option<FragOffset> {
        if bytes.is_multiple_of(8) { Some(FragOffset(bytes / 8)) } else { None }
    }

    /// Blocks of 8 bytes, 0..=8191.
    #[inline]
    pub const fn blocks(self) -> u16 {
        self.0
    }

    /// Bytes, 0..=65528.
    #[inline]
    pub const fn bytes(self) -> u16 {
        self.0 * 8
    }
}

impl<'a> View<'a> {
    /// Looks at the header at the start of `bytes`, which may go on behind it.
    ///
    /// # Errors
    /// There are less than 20 bytes, the version is not 4, the header length is below 5 words, or
    /// the header does not end within `bytes`; the first of these that holds.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        let bad = |problem| Err(malformed(problem, 0));
        let Some((fixed, _)) = bytes.split_first_chunk::<HEADER_LEN_MIN>() else {
            return Err(Malformed::truncated(Layer::Ipv4, HEADER_LEN_MIN, bytes.len()));
        };
        match fixed[0] >> 4 {
            4 => {}
            other => return bad(Problem::Version(other)),
        }
        let words = fixed[0] & 0x0f;
        if words < 5 {
            return bad(Problem::HeaderLength(words));
        }
        let need = header_len(fixed);
        let Some(options) = bytes.get(HEADER_LEN_MIN..need) else {
            return Err(Malformed::truncated(Layer::Ipv4, need, bytes.len()));
        };
        Ok(View { fixed, options })
    }

    /// Looks again at a header that [`View::new`] found whole, which costs next to nothing.
    #[inline]
    pub fn again(bytes: &'a [u8]) -> View<'a> {
        debug_assert!(View::new(bytes).is_ok(), "a header was read from these bytes");
        let Some((fixed, rest)) = bytes.split_first_chunk::<HEADER_LEN_MIN>() else {
            unreachable!("a header was read from these bytes")
        };
        let options = header_len(fixed).checked_sub(HEADER_LEN_MIN).and_then(|len| rest.get(..len));
        View { fixed, options: options.unwrap_or_default() }
    }

    /// Bytes of the header with its options, 20..=60.
    #[inline]
    pub const fn header_len(&self) -> usize {
        header_len(self.fixed)
    }

    /// Type of service: DSCP and ECN.
    #[inline]
    pub const fn tos(&self) -> u8 {
        self.fixed[1]
    }

    /// What the header says the datagram or fragment has in bytes, itself included.
    #[inline]
    pub const fn total_len(&self) -> u16 {
        word(self.fixed, 2)
    }

    /// Identification, the same in all fragments of a datagram.
    #[inline]
    pub const fn id(&self) -> u16 {
        word(self.fixed, 4)
    }

    /// Whether nobody may fragment it.
    #[inline]
    pub const fn dont_fragment(&self) -> bool {
        self.fixed[6] & 0x40 != 0
    }

    /// Whether this is a fragment and not the last.
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.fixed[6] & 0x20 != 0
    }

    /// Where in the datagram this fragment belongs.
    #[inline]
    pub const fn fragment_offset(&self) -> FragOffset {
        FragOffset(word(self.fixed, 6) & FragOffset::MAX.0)
    }

    /// Whether this is a part of a datagram.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        // More fragments, or an offset: one mask for both.
        word(self.fixed, 6) & 0x3fff != 0
    }

    /// How many routers more it may pass.
    #[inline]
    pub const fn ttl(&self) -> u8 {
        self.fixed[8]
    }

    /// What follows the header.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        Protocol(self.fixed[9])
    }

    /// From whom.
    #[inline]
    pub fn src(&self) -> Ipv4Addr {
        Ipv4Addr::from(octets::<4>(self.fixed, 12))
    }

    /// To whom.
    #[inline]
    pub fn dst(&self) -> Ipv4Addr {
        Ipv4Addr::from(octets::<4>(self.fixed, 16))
    }

    /// The options, padding included: 0..=40 bytes, a multiple of 4.
    #[inline]
    pub const fn options(&self) -> &'a [u8] {
        self.options
    }

    /// Whether the header checksum verifies.
    #[inline]
    pub fn checksum_ok(&self) -> bool {
        let mut sum = Sum::new();
        sum.add(self.fixed);
        if !self.options.is_empty() {
            sum.add(self.options);
        }
        sum.finish() == 0
    }

    /// Compares the total length with the `got` bytes that came, header included, and with the
    /// header. More bytes than the total length are padding, and no fault.
    ///
    /// # Errors
    /// The datagram claims more bytes than came, or less than its header has.
    #[inline]
    pub fn check_lengths(&self, got: usize) -> Result<(), Malformed> {
        let total = self.total_len();
        let header = self.header_len();
        let bad = |problem| Err(malformed(problem, 2));
        if usize::from(total) > got {
            return bad(Problem::BeyondFrame { total, got });
        }
        if usize::from(total) < header {
            return bad(Problem::TotalLength { total, header });
        }
        Ok(())
    }
}

impl Header {
    /// The values of a header whose checksum and lengths are right; `got` is how many bytes came,
    /// header included.
    ///
    /// # Errors
    /// The checksum is wrong, or else [`View::check_lengths`] refuses.
    pub fn parse(view: &View<'_>, got: usize) -> Result<Header, Malformed> {
        if !view.checksum_ok() {
            return Err(malformed(Problem::Checksum, 10));
        }
        view.check_lengths(got)?;
        Ok(Header::from(view))
    }

    /// Writes a header without options, checksum included, into the first 20 bytes of `out` and
    /// leaves the rest alone.
    ///
    /// # Panics
    /// `out` is shorter than that.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        self.emit_with_options(&[], out);
    }

    /// Writes the header, its options and the checksum over both into the first
    /// `20 + options.len()` bytes of `out`, and leaves the rest alone.
    ///
    /// # Panics
    /// `out` is shorter than that, or `options` is longer than 40 bytes or no multiple of 4.
    pub fn emit_with_options(&self, options: &[u8], out: &mut [u8]) {
        let end = HEADER_LEN_MIN + options.len();
        assert!(end <= HEADER_LEN_MAX, "options have 40 bytes at most");
        assert!(end.is_multiple_of(4), "options are padded to whole words");
        assert!(out.len() >= end, "the caller made room for an IPv4 header");
        let [.., ihl] = (end / 4).to_be_bytes();
        let flags = u16::from(self.dont_fragment) << 14 | u16::from(self.more_fragments) << 13;
        let words = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
        let fixed = [
            words(u16::from_be_bytes([0x40 | ihl, self.tos]), self.total_len),
            words(self.id, flags | self.fragment_offset.0),
            words(u16::from_be_bytes([self.ttl, self.protocol.0]), 0),
            self.src.to_bits(),
            self.dst.to_bits(),
        ];
        write_fixed(fixed, options, out);
        out[HEADER_LEN_MIN..end].copy_from_slice(options);
    }
}

impl From<&View<'_>> for Header {
    /// The values as they are, right or not.
    fn from(view: &View<'_>) -> Header {
        Header {
            tos: view.tos(),
            total_len: view.total_len(),
            id: view.id(),
            dont_fragment: view.dont_fragment(),
            more_fragments: view.more_fragments(),
            fragment_offset: view.fragment_offset(),
            ttl: view.ttl(),
            protocol: view.protocol(),
            src: view.src(),
            dst: view.dst(),
        }
    }
}

/// The bytes that a header says it has: a multiple of 4.
#[inline]
const fn header_len(fixed: &[u8; HEADER_LEN_MIN]) -> usize {
    (fixed[0] & 0x0f) as usize * 4
}

/// What is wrong at byte `at` of the header.
const fn malformed(problem: Problem, at: usize) -> Malformed {
    Malformed { layer: Layer::Ipv4, problem, at }
}

/// Takes one from the TTL, and the difference from the checksum (RFC 1624, RFC 1812 §5.3.1).
///
/// # Panics
/// `header` has less than 20 bytes, or a TTL of 0: a packet with no hop left is not forwarded.
#[inline]
pub fn decrement_ttl(header: &mut [u8]) {
    assert!(header.len() >= HEADER_LEN_MIN, "a header was read from these bytes");
    assert!(header[8] > 0, "a packet without a hop left is not forwarded");
    let old = word(header, 8);
    let new = old - 0x0100;
    let check = incremental(word(header, 10), old, new);
    header[8..10].copy_from_slice(&new.to_be_bytes());
    header[10..12].copy_from_slice(&check.to_be_bytes());
}

/// Computes the checksum of `header`, which is exactly the header with its options.
///
/// # Panics
/// `header` has less than 20 bytes.
pub fn set_checksum(header: &mut [u8]) {
    rewrite(header, |_| {});
}

/// Makes the header of a first fragment, options and all, into that of its whole datagram. Of the
/// flags, DF stays.
///
/// # Panics
/// `header` has less than 20 bytes.
pub fn reassembled(header: &mut [u8], total_len: u16, tos: u8) {
    rewrite(header, |words| {
        words[0] = words[0] & 0xff00_0000 | u32::from(tos) << 16 | u32::from(total_len);
        words[1] &= 0xffff_4000;
    });
}

/// The words of a header without options.
type Words = [u32; HEADER_LEN_MIN / 4];

/// Changes the words in front of a header's options, and sets the checksum.
fn rewrite(header: &mut [u8], change: impl FnOnce(&mut Words)) {
    let Some((fixed, options)) = header.split_first_chunk_mut::<HEADER_LEN_MIN>() else {
        panic!("a header has 20 bytes at least");
    };
    let mut words = std::array::from_fn(|at| u32::from_be_bytes(octets(fixed, at * 4)));
    words[2] &= 0xffff_0000;
    change(&mut words);
    write_fixed(words, options, fixed);
}

/// Writes the first 20 bytes of a header whose checksum is zero, with the checksum over them and the
/// options behind.
///
/// Summed as words and written as words: bytes written one by one cannot be read as words at once.
fn write_fixed(mut words: Words, options: &[u8], out: &mut [u8]) {
    let mut sum = Sum::new();
    words.iter().for_each(|word| sum.add_word(*word));
    sum.add(options);
    words[2] |= u32::from(sum.finish());
    for (to, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::super::checksum::checksum;
    use super::super::tests::{emitted, hex};
    use super::*;
    use proptest::prelude::*;

    /// An echo from 10.1.0.2 to 10.2.0.2 with an option nobody knows, before and after a Linux
    /// router took it.
    const BEFORE: &str = "46000048301d00004001d68b0a0100020a0200025e040102";
    const AFTER: &str = "46000048301d00003f01d78b0a0100020a0200025e040102";

    fn problem(bytes: &[u8]) -> Problem {
        let malformed = View::new(bytes).unwrap_err();
        assert_eq!(malformed.layer, Layer::Ipv4);
        malformed.problem
    }

    proptest! {
        #[test]
        fn a_header_that_is_looked_at_again_is_the_same(
            words in 5..=15_u8,
            mut bytes in prop::collection::vec(any::<u8>(), 60..70),
        ) {
            bytes[0] = 0x40 | words;
            let (view, again) = (View::new(&bytes).unwrap(), View::again(&bytes));
            prop_assert_eq!(Header::from(&again), Header::from(&view));
            prop_assert_eq!(again.header_len(), usize::from(words) * 4);
            prop_assert_eq!(again.options(), view.options());
        }
    }

    #[test]
    fn a_header_off_a_real_wire_is_read_field_by_field() {
        let bytes = hex(BEFORE);
        let view = View::new(&bytes).unwrap();
        assert!(view.checksum_ok());
        assert_eq!(
            (view.header_len(), view.total_len(), view.tos(), view.id()),
            (24, 72, 0, 0x301d)
        );
        assert_eq!((view.ttl(), view.protocol()), (64, Protocol::ICMP));
        assert!(!view.dont_fragment());
        assert!(!view.is_fragment());
        assert_eq!(view.src().to_string(), "10.1.0.2");
        assert_eq!(view.dst().to_string(), "10.2.0.2");
        assert_eq!(view.options(), hex("5e040102"));
    }

    #[test]
    fn every_cut_of_a_header_is_refused_by_what_is_missing() {
        let bytes = hex(BEFORE);
        for len in 0..bytes.len() {
            let need = if len < 20 { 20 } else { 24 };
            let refused = View::new(&bytes[..len]).map(|_| ());
            assert_eq!(refused, Err(Malformed::truncated(Layer::Ipv4, need, len)));
        }
        assert!(View::new(&bytes).is_ok());
    }

    #[test]
    fn every_version_and_header_length_but_the_right_ones_is_refused() {
        let mut bytes = [0; 60];
        for first in 0..=u8::MAX {
            bytes[0] = first;
            match (first >> 4, first & 0x0f) {
                (4, words @ 5..) => {
                    let view = View::new(&bytes).unwrap();
                    assert_eq!(view.header_len(), usize::from(words) * 4);
                    assert_eq!(view.options().len() + 20, view.header_len());
                }
                (4, words) => assert_eq!(problem(&bytes), Problem::HeaderLength(words)),
                (version, _) => assert_eq!(problem(&bytes), Problem::Version(version)),
            }
        }
    }

    #[test]
    fn flags_and_offset_are_told_apart() {
        let mut bytes = hex(BEFORE);
        for bits in 0..=u16::MAX {
            bytes[6..8].copy_from_slice(&bits.to_be_bytes());
            let view = View::new(&bytes).unwrap();
            let offset = view.fragment_offset();
            assert_eq!(view.dont_fragment(), bits & 0x4000 != 0);
            assert_eq!(view.more_fragments(), bits & 0x2000 != 0);
            assert_eq!(offset.blocks(), bits & 0x1fff);
            assert_eq!(view.is_fragment(), view.more_fragments() || offset != FragOffset::ZERO);
        }
    }

    #[test]
    fn an_offset_has_13_bits_and_counts_in_eights() {
        assert_eq!(FragOffset::try_new(8191), Some(FragOffset::MAX));
        assert_eq!(FragOffset::try_new(8192), None);
        assert_eq!(FragOffset::MAX.bytes(), 65_528);
        for bytes in 0..=u16::MAX {
            let offset = FragOffset::from_bytes(bytes);
            assert_eq!(offset.map(FragOffset::bytes), (bytes % 8 == 0).then_some(bytes));
        }
    }

    #[test]
    fn the_lengths_of_header_datagram_and_frame_must_agree() {
        let mut bytes = hex(BEFORE);
        let mut check = |total: u16, got| {
            bytes[2..4].copy_from_slice(&total.to_be_bytes());
            View::new(&bytes).unwrap().check_lengths(got).map_err(|malformed| malformed.problem)
        };
        assert_eq!(check(24, 24), Ok(()));
        assert_eq!(check(24, 46), Ok(()), "padding");
        assert_eq!(check(47, 46), Err(Problem::BeyondFrame { total: 47, got: 46 }));
        assert_eq!(check(46, 46), Ok(()));
        assert_eq!(check(23, 46), Err(Problem::TotalLength { total: 23, header: 24 }));
        assert_eq!(check(0, 46), Err(Problem::TotalLength { total: 0, header: 24 }));
        assert_eq!(check(65_535, 24), Err(Problem::BeyondFrame { total: 65_535, got: 24 }));
    }

    // B39
    #[test]
    fn every_single_bit_error_breaks_the_checksum() {
        let right = hex(BEFORE);
        // From the second byte on: the first says how long the header is.
        for bit in 8..right.len() * 8 {
            let mut bytes = right.clone();
            bytes[bit / 8] ^= 0x80 >> (bit % 8);
            let view = View::new(&bytes).unwrap();
            let refused = Header::parse(&view, bytes.len()).unwrap_err();
            assert_eq!((refused.problem, refused.at), (Problem::Checksum, 10), "bit {bit}");
        }
    }

    #[test]
    fn a_linux_router_makes_the_same_of_ttl_and_checksum() {
        let mut bytes = hex(BEFORE);
        decrement_ttl(&mut bytes);
        assert_eq!(bytes, hex(AFTER));
    }

    #[test]
    fn a_ttl_goes_down_to_zero_and_the_checksum_with_it() {
        // 4500 0014 0000 0000 ff01 xxxx + addresses chosen so that the checksum passes both zeros.
        for low in 0..=u16::MAX {
            let mut bytes = hex("4500 0014 0000 0000 ff01 0000 c0000201 c633 0000");
            bytes[18..20].copy_from_slice(&low.to_be_bytes());
            set_checksum(&mut bytes);
            decrement_ttl(&mut bytes);
            let by_difference = bytes.clone();
            set_checksum(&mut bytes);
            assert_eq!(by_difference, bytes, "low half of the address {low:#06x}");
        }
    }

    #[test]
    #[should_panic(expected = "a packet without a hop left is not forwarded")]
    fn a_ttl_of_zero_is_a_bug_of_the_caller() {
        decrement_ttl(&mut [0; 20]);
    }

    prop_compose! {
        fn headers()(
            lengths: (u8, u16, u16),
            flags: (bool, bool, u16),
            ends: (u8, u8, [u8; 4], [u8; 4]),
        ) -> Header {
            Header {
                tos: lengths.0,
                total_len: lengths.1.max(60),
                id: lengths.2,
                dont_fragment: flags.0,
                more_fragments: flags.1,
                fragment_offset: FragOffset::try_new(flags.2 & 0x1fff).unwrap(),
                ttl: ends.0,
                protocol: Protocol(ends.1),
                src: ends.2.into(),
                dst: ends.3.into(),
            }
        }
    }

    fn options() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<[u8; 4]>(), 0..=10).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(header in headers(), options in options()) {
            let end = 20 + options.len();
            let out = emitted(end + 3, |out| header.emit_with_options(&options, out));
            let view = View::new(&out).unwrap();
            prop_assert_eq!(Header::parse(&view, 65_535), Ok(header));
            prop_assert_eq!(view.options(), &options[..]);
            prop_assert_eq!(&out[end..], &[0xa5; 3], "what follows is left alone");
        }

        #[test]
        fn etherparse_writes_the_same_bytes(header in headers(), options in options()) {
            let mut theirs = etherparse::Ipv4Header {
                dscp: etherparse::IpDscp::try_new(header.tos >> 2).unwrap(),
                ecn: etherparse::IpEcn::try_new(header.tos & 3).unwrap(),
                total_len: header.total_len,
                identification: header.id,
                dont_fragment: header.dont_fragment,
                more_fragments: header.more_fragments,
                fragment_offset: header.fragment_offset.blocks().try_into().unwrap(),
                time_to_live: header.ttl,
                protocol: etherparse::IpNumber(header.protocol.0),
                source: header.src.octets(),
                destination: header.dst.octets(),
                options: options[..].try_into().unwrap(),
                ..Default::default()
            };
            theirs.header_checksum = theirs.calc_header_checksum();
            let ours = emitted(20 + options.len(), |out| header.emit_with_options(&options, out));
            prop_assert_eq!(&ours[..], &theirs.to_bytes()[..]);
            prop_assert!(View::new(&ours).unwrap().checksum_ok());
        }

        #[test]
        fn all_ttls_go_down_by_difference_as_by_full_sum(
            header in headers(),
            options in options(),
        ) {
            let mut bytes = emitted(20 + options.len(), |out| {
                Header { ttl: 255, ..header }.emit_with_options(&options, out);
            });
            for ttl in (0..255).rev() {
                decrement_ttl(&mut bytes);
                let full = emitted(bytes.len(), |out| {
                    Header { ttl, ..header }.emit_with_options(&options, out);
                });
                prop_assert_eq!(&bytes, &full);
            }
        }

        #[test]
        fn a_sender_may_write_its_zero_checksum_as_ffff(header in headers()) {
            // Both verify (RFC 1624 §3); forwarding must leave both right.
            let mut bytes = emitted(20, |out| Header { ttl: 2, ..header }.emit(out));
            bytes[4..6].fill(0);
            bytes[10..12].fill(0);
            let id = checksum(&bytes);
            bytes[4..6].copy_from_slice(&id.to_be_bytes());
            for zero in [[0, 0], [0xff, 0xff]] {
                bytes[10..12].copy_from_slice(&zero);
                prop_assert!(View::new(&bytes).unwrap().checksum_ok());
                let mut forwarded = bytes.clone();
                decrement_ttl(&mut forwarded);
                prop_assert!(View::new(&forwarded).unwrap().checksum_ok());
            }
        }
    }
}
