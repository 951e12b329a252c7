//! The options of an IPv4 header (RFC 791 §3.1): which there are, and which go along with fragments.
//!
//! Invariant: no bytes make the walk leave the list; each fault has the pointer that Linux gives it.
//! Not here: the header (`ipv4.rs`), and which options are refused (the stage of rank 4).
//!
//! DPVS: ipv4.c ipv4_rcv never looks at options; ours are walked the way Linux's
//! ip_options_compile does.

use super::HEADER_LEN_MIN;

/// Which options a well-formed list holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionsSeen {
    /// Loose or strict source route (131, 137); RFC 7126 §4.3 and §4.4 have it refused.
    pub source_route: bool,
    /// Record route (7).
    pub record_route: bool,
    /// Internet timestamp (68).
    pub timestamp: bool,
    /// Router alert (148) with the value 0 that RFC 2113 defines.
    pub router_alert: bool,
}

mod kind {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const RECORD_ROUTE: u8 = 7;
    pub(super) const TIMESTAMP: u8 = 68;
    pub(super) const LOOSE_SOURCE_ROUTE: u8 = 131;
    pub(super) const STRICT_SOURCE_ROUTE: u8 = 137;
    pub(super) const ROUTER_ALERT: u8 = 148;
    /// The flag that has an option copied into all fragments.
    pub(super) const COPIED: u8 = 0x80;
}

/// Walks the options and says which there are. What follows the end of the list is not looked at,
/// and an option nobody knows is no fault (RFC 1122 §3.2.1.8).
///
/// # Errors
/// The list is malformed. The value is the pointer that ICMP 12/0 wants: the offset of the
/// offending byte from the start of the IPv4 header, 20..=59.
pub fn check_options(options: &[u8]) -> Result<OptionsSeen, usize> {
    let mut seen = OptionsSeen::default();
    let mut at = 0;
    while let Some(start) = next_option(options, at) {
        let option = option_at(options, start).ok_or(HEADER_LEN_MIN + start)?;
        seen.note(option).map_err(|offset| HEADER_LEN_MIN + start + offset)?;
        at = start + option.len();
    }
    Ok(seen)
}

/// Makes the options of a datagram into those of its fragments after the first: options without
/// the copied flag become no-operations, so that the header keeps its length (RFC 791 §3.1).
///
/// Linux does the same (ip_options_fragment). A malformed list is left alone from the fault on.
pub fn blank_uncopied(options: &mut [u8]) {
    let mut at = 0;
    while let Some(start) = next_option(options, at)
        && let Some(option) = option_at(options, start)
    {
        at = start + option.len();
        if options[start] & kind::COPIED == 0 {
            options[start..at].fill(kind::NO_OPERATION);
        }
    }
}

/// Where the first option from `at` on starts, if one does before the end of the list.
#[inline]
fn next_option(options: &[u8], at: usize) -> Option<usize> {
    let skipped = options.get(at..)?.iter().position(|byte| *byte != kind::NO_OPERATION)?;
    let start = at + skipped;
    if options[start] == kind::END { None } else { Some(start) }
}

/// The whole option at `at`: type, length, and what the length says follows. Nothing if the length
/// is missing, below 2 or beyond the end.
#[inline]
fn option_at(options: &[u8], at: usize) -> Option<&[u8]> {
    let len = usize::from(*options.get(at + 1)?);
    if len < 2 { None } else { options.get(at..at + len) }
}

impl OptionsSeen {
    /// Notes one option, or says which of its bytes is wrong.
    fn note(&mut self, option: &[u8]) -> Result<(), usize> {
        match option[0] {
            kind::LOOSE_SOURCE_ROUTE | kind::STRICT_SOURCE_ROUTE => {
                route_pointer(option)?;
                // RFC 1812 §5.2.4.1: only one source route option in a datagram.
                once(&mut self.source_route)?;
            }
            kind::RECORD_ROUTE => {
                once(&mut self.record_route)?;
                let pointer = route_pointer(option)?;
                if pointer <= option.len() && pointer + 3 > option.len() {
                    return Err(2);
                }
            }
            kind::TIMESTAMP => {
                once(&mut self.timestamp)?;
                check_timestamp(option)?;
            }
            kind::ROUTER_ALERT => {
                if option.len() < 4 {
                    return Err(1);
                }
                self.router_alert |= option[2..4] == [0, 0];
            }
            _ => {}
        }
        Ok(())
    }
}

/// Notes that an option is there; the second of its kind is a fault.
fn once(seen: &mut bool) -> Result<(), usize> {
    if std::mem::replace(seen, true) { Err(0) } else { Ok(()) }
}

/// The pointer of a source or record route, which is 4 or more.
fn route_pointer(option: &[u8]) -> Result<usize, usize> {
    match option.get(2) {
        None => Err(1),
        Some(0..=3) => Err(2),
        Some(&pointer) => Ok(usize::from(pointer)),
    }
}

/// RFC 791 §3.1, Internet timestamp: the pointer is 5 or more; where there is room, there is room
/// for a whole entry; where there is none, the count of hosts that found none must not overflow.
fn check_timestamp(option: &[u8]) -> Result<(), usize> {
    let (Some(&pointer), Some(&overflow_flag)) = (option.get(2), option.get(3)) else {
        return Err(1);
    };
    let pointer = usize::from(pointer);
    if pointer < 5 {
        return Err(2);
    }
    let flag = overflow_flag & 0x0f;
    if pointer <= option.len() {
        // An entry is a timestamp, or (flags 1 and 3) an address and a timestamp.
        let entry = if matches!(flag, 1 | 3) { 8 } else { 4 };
        if pointer + entry - 1 > option.len() {
            return Err(2);
        }
    } else if flag != 3 && overflow_flag >> 4 == 15 {
        return Err(3);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::hex;
    use super::*;
    use proptest::prelude::*;

    /// The options of one header and what is found: the pointer of the fault, or what was seen:
    /// `S`ource route, `R`ecord route, `T`imestamp, router `A`lert.
    fn walk(options: &str) -> String {
        match check_options(&hex(options)) {
            Err(pointer) => format!("pointer {pointer}"),
            Ok(seen) => {
                let flags = [
                    ('S', seen.source_route),
                    ('R', seen.record_route),
                    ('T', seen.timestamp),
                    ('A', seen.router_alert),
                ];
                flags.iter().filter(|(_, is)| *is).map(|(letter, _)| *letter).collect()
            }
        }
    }

    #[test]
    fn options_get_the_verdicts_that_linux_6_18_gave_on_the_wire() {
        assert_eq!(walk("0713040000000000000000000000000000000000"), "R");
        assert_eq!(walk("0707080102030400"), "R", "a full record route is no fault");
        assert_eq!(walk("8307040a02000200"), "S");
        assert_eq!(walk("8907040a02000200"), "S");
        assert_eq!(walk("4414050100000000000000000000000000000000"), "T");
        assert_eq!(walk("94040000"), "A");
        assert_eq!(walk("07010400"), "pointer 20", "an option of length 1");
        assert_eq!(walk("07270400"), "pointer 20", "an option beyond the header");
        assert_eq!(walk("0707030000000000"), "pointer 22", "a record route that points at 3");
        assert_eq!(walk("5e040102"), "", "an option nobody knows");
        assert_eq!(walk("00deadbe"), "", "garbage behind the end of the list");
    }

    #[test]
    fn options_get_the_verdicts_that_linux_has_in_its_source() {
        assert_eq!(walk(""), "");
        assert_eq!(walk("01010100"), "");
        assert_eq!(walk("01010107"), "pointer 23", "no length");
        assert_eq!(walk("01010094 04000000"), "", "an alert behind the end of the list");
        assert_eq!(walk("83020000"), "pointer 21", "a source route without pointer");
        assert_eq!(walk("8307030a 02000200"), "pointer 22");
        assert_eq!(walk("830304 830304 0000"), "pointer 23", "two source routes");
        assert_eq!(walk("830304 890304 0000"), "pointer 23", "loose and strict");
        assert_eq!(walk("01070200"), "pointer 22", "a record route without pointer");
        assert_eq!(walk("070304 070304 0000"), "pointer 23", "two record routes");
        assert_eq!(walk("07070500 00000000"), "pointer 22", "room for three bytes");
        assert_eq!(walk("07070801020304 830304 44040500 0000"), "SRT");
        assert_eq!(walk("44030500"), "pointer 21", "a timestamp without flags");
        assert_eq!(walk("44080400 00000000"), "pointer 22");
        assert_eq!(walk("44080500 00000000"), "T", "room for one");
        assert_eq!(walk("44080600 00000000"), "pointer 22", "room for less than one");
        assert_eq!(walk("44080501 00000000"), "pointer 22", "with address: room for half");
        assert_eq!(walk("440c0503 0000000000000000"), "T");
        assert_eq!(walk("440c0603 0000000000000000"), "pointer 22");
        assert_eq!(walk("44040502 44040502"), "pointer 24", "two timestamps");
        assert_eq!(walk("440805e0 00000000"), "T");
        assert_eq!(walk("440809e0 00000000"), "T", "14 hosts found no room");
        assert_eq!(walk("440809f0 00000000"), "pointer 23", "the 16th");
        assert_eq!(walk("440809f3 00000000"), "T", "prespecified addresses do not count");
        assert_eq!(walk("94030000"), "pointer 21", "an alert without value");
        assert_eq!(walk("94040001"), "", "an alert of another value");
    }

    #[test]
    fn later_fragments_keep_their_header_length_and_lose_what_is_not_copied() {
        let blanked = |options: &str| {
            let mut options = hex(options);
            blank_uncopied(&mut options);
            options
        };
        // As a Linux router fragmented them.
        assert_eq!(blanked("070b080a0200010000000000"), hex("010101010101010101010100"));
        assert_eq!(blanked("820b00000000000000000000"), hex("820b00000000000000000000"));
        assert_eq!(
            blanked("01010101820b000000000000000000070b080a020001000000000101"),
            hex("01010101820b00000000000000000001010101010101010101010101")
        );
        // A fault ends the walk: what is behind it is left as it came.
        assert_eq!(blanked("440405000701440405000000"), hex("010101010701440405000000"));
        assert_eq!(blanked("0727"), hex("0727"));
        assert_eq!(blanked("07"), hex("07"));
        assert_eq!(blanked(""), hex(""));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_walk_of_options_panic_or_point_outside(
            options in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec![0, 1, 2, 3, 4, 5, 7, 8, 68, 131, 137, 148]),
                    any::<u8>(),
                ],
                0..=40,
            ),
        ) {
            match check_options(&options) {
                Ok(_) => {
                    let mut blanked = options.clone();
                    blank_uncopied(&mut blanked);
                    let seen = check_options(&blanked).unwrap();
                    prop_assert!(!seen.record_route && !seen.timestamp);
                }
                Err(pointer) => prop_assert!((20..20 + options.len()).contains(&pointer)),
            }
        }
    }
}
