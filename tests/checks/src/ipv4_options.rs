//! IPv4 options: our walk and one that is written down naively from RFC 791, RFC 1812 and RFC 2113
//! agree on what there is, or on the byte that is wrong; what later fragments keep is what the
//! copied flag says.

use dataplane::wire::ipv4::{OptionsSeen, blank_uncopied, check_options};

/// Bytes of options that a header has at most.
const MOST: usize = 40;

/// `bytes` are the options of a header; of more than 40, and of more than whole words, the first.
///
/// # Panics
/// The two walks disagree, or blanking changes something that it should not.
pub fn check(bytes: &[u8]) {
    let options = &bytes[..(bytes.len() & !3).min(MOST)];
    let ours = check_options(options);
    assert_eq!(ours, naive(options), "{options:02x?}");
    if let Err(pointer) = ours {
        assert!((20..20 + options.len()).contains(&pointer), "the pointer is into the options");
    }
    let mut room = [0; MOST];
    let later = &mut room[..options.len()];
    later.copy_from_slice(options);
    blank_uncopied(later);
    let (once, len) = (room, options.len());
    blank_uncopied(&mut room[..len]);
    assert_eq!(room, once, "blanking twice is blanking once");
    if ours.is_ok() {
        assert_eq!(once, naively_blanked(options), "{options:02x?}");
        let seen = check_options(&once[..len]);
        assert!(seen.is_ok(), "the options of later fragments are no worse: {options:02x?}");
    }
}

/// The options one after the other.
struct Spans<'a> {
    options: &'a [u8],
    at: usize,
    /// The byte that is wrong, if the walk ended there.
    wrong: Option<usize>,
}

impl<'a> Spans<'a> {
    const fn of(options: &'a [u8]) -> Spans<'a> {
        Spans { options, at: 0, wrong: None }
    }
}

impl Iterator for Spans<'_> {
    /// Where an option begins, and its length.
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        while self.options.get(self.at) == Some(&1) {
            self.at += 1;
        }
        let at = self.at;
        if at >= self.options.len() || self.options[at] == 0 {
            return None;
        }
        let len = self.options.get(at + 1).map_or(0, |len| usize::from(*len));
        if len < 2 || at + len > self.options.len() {
            self.wrong = Some(at);
            return None;
        }
        self.at += len;
        Some((at, len))
    }
}

fn naive(options: &[u8]) -> Result<OptionsSeen, usize> {
    let mut spans = Spans::of(options);
    let mut seen = OptionsSeen::default();
    for (at, len) in spans.by_ref() {
        let byte = |n: usize| usize::from(options[at + n]);
        let fault = |n: usize| Err(20 + at + n);
        match options[at] {
            131 | 137 => {
                if len < 3 {
                    return fault(1);
                }
                if byte(2) < 4 {
                    return fault(2);
                }
                if seen.source_route {
                    return fault(0);
                }
                seen.source_route = true;
            }
            7 => {
                if seen.record_route {
                    return fault(0);
                }
                if len < 3 {
                    return fault(1);
                }
                // Room for a part of an address is a fault; no room at all is a full list.
                if byte(2) < 4 || byte(2) <= len && len < byte(2) + 3 {
                    return fault(2);
                }
                seen.record_route = true;
            }
            68 => {
                if seen.timestamp {
                    return fault(0);
                }
                if len < 4 {
                    return fault(1);
                }
                let entry = if matches!(byte(3) % 16, 1 | 3) { 8 } else { 4 };
                if byte(2) < 5 || byte(2) <= len && len < byte(2) - 1 + entry {
                    return fault(2);
                }
                if byte(2) > len && byte(3) % 16 != 3 && byte(3) / 16 == 15 {
                    return fault(3);
                }
                seen.timestamp = true;
            }
            148 => {
                if len < 4 {
                    return fault(1);
                }
                seen.router_alert |= byte(2) + byte(3) == 0;
            }
            _ => {}
        }
    }
    spans.wrong.map_or(Ok(seen), |at| Err(20 + at))
}

/// RFC 791 §3.1: of the options without the copied flag nothing is left but their length.
fn naively_blanked(options: &[u8]) -> [u8; MOST] {
    let mut later = [0; MOST];
    later[..options.len()].copy_from_slice(options);
    for (at, len) in Spans::of(options) {
        if options[at] < 128 {
            later[at..at + len].fill(1);
        }
    }
    later
}
