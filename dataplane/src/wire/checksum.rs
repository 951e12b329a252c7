//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! Invariant: a sum does not depend on how its bytes were cut into slices, even at odd places.
//! Not here: which bytes a checksum covers (each protocol says).

/// The ones' complement sum of bytes that come in one or more slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Partial sum of words in the machine's own order, with carries not yet folded in. RFC 1071 §2 (B):
    /// that turns the bytes of the sum round, and no more.
    sum: u64,
    /// Whether the next byte is the low half of a word whose high half is already summed.
    odd: bool,
}

impl Sum {
    /// The sum of nothing.
    #[inline]
    pub const fn new() -> Sum {
        Sum { sum: 0, odd: false }
    }

    /// Adds bytes that follow those added before.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if self.odd
            && let Some((&low, after)) = rest.split_first()
        {
            self.sum += u64::from(u16::from_ne_bytes([0, low]));
            self.odd = false;
            rest = after;
        }
        // RFC 1071 §2 (C): 32 bits at a time; 2^16 is 1 in this arithmetic, so folding comes last.
        let mut sum = 0;
        let (quads, rest) = rest.as_chunks::<4>();
        for quad in quads {
            sum += u64::from(u32::from_ne_bytes(*quad));
        }
        let (pairs, rest) = rest.as_chunks::<2>();
        for pair in pairs {
            sum += u64::from(u16::from_ne_bytes(*pair));
        }
        if let [high] = *rest {
            sum += u64::from(u16::from_ne_bytes([high, 0]));
            self.odd = true;
        }
        // Folded once a slice, so that no number of slices overflows 64 bits.
        self.sum = (self.sum & 0xffff_ffff) + (self.sum >> 32) + sum;
    }

    /// Adds a word of 32 bits. An even number of bytes is before it.
    #[inline]
    pub const fn add_word(&mut self, word: u32) {
        debug_assert!(!self.odd, "words begin at even places");
        self.sum += word.to_be() as u64;
    }

    /// The checksum: the ones' complement of the sum. It is 0 if the bytes carry a right one.
    #[inline]
    pub const fn finish(self) -> u16 {
        !u16::from_be(fold(self.sum))
    }
}

/// The checksum of one slice; see [`Sum::finish`].
#[inline]
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = Sum::new();
    sum.add(bytes);
    sum.finish()
}

/// The checksum after one 16-bit word under it has changed (RFC 1624 §3, equation 3).
///
/// What it gives is what a full computation gives, except where all words under it are now zero:
/// there the full one says 0xffff and this 0x0000. An IPv4 header is never all zeros.
#[inline]
pub const fn incremental(old_check: u16, old_word: u16, new_word: u16) -> u16 {
    !fold(widen(!old_check) + widen(!old_word) + widen(new_word))
}

/// Adds the carries back in until 16 bits are left.
#[inline]
const fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) as u16
}

/// `u64::from`, which is not yet const.
#[inline]
const fn widen(word: u16) -> u64 {
    word as u64
}

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::*;
    use proptest::prelude::*;

    /// The sum as RFC 1071 §1 defines it: word by word, carry by carry.
    fn by_definition(bytes: &[u8]) -> u16 {
        let mut sum: u16 = 0;
        for pair in bytes.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            let (added, carry) = sum.overflowing_add(u16::from_be_bytes([pair[0], low]));
            sum = added + u16::from(carry);
        }
        !sum
    }

    #[test]
    fn the_example_of_rfc_1071_sums_to_ddf2() {
        assert_eq!(checksum(&hex("0001 f203 f4f5 f6f7")), !0xddf2);
    }

    #[test]
    fn the_example_of_rfc_1624_gives_zero_where_equation_2_gave_ffff() {
        // §4: the checksum was DD2F, a field of 5555 becomes 3285.
        assert_eq!(incremental(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn nothing_and_zeros_have_the_checksum_ffff() {
        for zeros in 0..40 {
            assert_eq!(checksum(&vec![0; zeros]), 0xffff);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "minutes there")]
    fn the_longest_datagram_of_ones_does_not_overflow() {
        // 2^15 words of FFFF: each carry comes back, so the sum stays FFFF.
        let mut sum = Sum::new();
        for _ in 0..1_000 {
            sum.add(&[0xff; 65_536]);
        }
        assert_eq!(sum.finish(), 0);
    }

    #[test]
    fn every_cut_in_three_gives_the_same_sum() {
        let bytes: Vec<u8> = (0..23_u8).map(|n| n.wrapping_mul(37) ^ 0x5a).collect();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut sum = Sum::new();
                sum.add(&bytes[..first]);
                sum.add(&bytes[first..second]);
                sum.add(&bytes[second..]);
                assert_eq!(sum.finish(), by_definition(&bytes), "cut at {first} and {second}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_slices_sum_as_the_whole(
            slices in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..8),
        ) {
            let mut sum = Sum::new();
            for slice in &slices {
                sum.add(slice);
            }
            prop_assert_eq!(sum.finish(), by_definition(&slices.concat()));
        }

        #[test]
        fn a_word_is_summed_as_its_bytes(words: [u32; 5], rest: [u8; 7]) {
            let mut sum = Sum::new();
            words.iter().for_each(|word| sum.add_word(*word));
            sum.add(&rest);
            let bytes = words.map(u32::to_be_bytes).concat();
            prop_assert_eq!(sum.finish(), by_definition(&[&bytes[..], &rest].concat()));
        }

        #[test]
        fn etherparse_sums_the_same(bytes in prop::collection::vec(any::<u8>(), 0..1600)) {
            let theirs = etherparse::checksum::Sum16BitWords::new().add_slice(&bytes);
            prop_assert_eq!(checksum(&bytes), theirs.ones_complement().to_be());
        }

        #[test]
        fn a_right_checksum_makes_the_sum_zero(bytes in prop::collection::vec(any::<u8>(), 1..99)) {
            let mut whole = bytes;
            if !whole.len().is_multiple_of(2) {
                whole.push(0);
            }
            let check = checksum(&whole);
            whole.extend(check.to_be_bytes());
            prop_assert_eq!(checksum(&whole), 0);
        }

        /// Small numbers and those near FFFF are where one zero could become the other.
        #[test]
        fn incremental_is_the_full_sum(
            rest in prop::collection::vec(prop_oneof![Just(0), Just(0xffff), any::<u16>()], 0..4),
            old in prop_oneof![Just(0), Just(0xffff), any::<u16>()],
            new in prop_oneof![Just(0), Just(0xffff), any::<u16>()],
        ) {
            let full = |word: u16| {
                let words = rest.iter().copied().chain([word]);
                by_definition(&words.flat_map(u16::to_be_bytes).collect::<Vec<u8>>())
            };
            let expected = match full(new) {
                0xffff => 0, // all words are zero, see the function
                other => other,
            };
            prop_assert_eq!(incremental(full(old), old, new), expected);
        }
    }
}
