//! The rules in which the two differ, and a model that keeps each of them as the one or as the other.
//!
//! With all rules as ours the model does what our table does; with all as librte_ip_frag's, what that
//! does. So each difference between the two is one of these rules, or some together; whatever else
//! made a difference would be seen, because then one of the two is not as its model.

use std::fmt;

/// A rule in which the two differ. docs/conformance.md says how, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Protocol,
    EightFragments,
    Duplicate,
    Overlap,
    End,
    Empty,
    Blocks,
    Oversize,
    Ecn,
    Instant,
    Full,
}

impl Class {
    pub const ALL: [Class; 11] = [
        Class::Protocol,
        Class::EightFragments,
        Class::Duplicate,
        Class::Overlap,
        Class::End,
        Class::Empty,
        Class::Blocks,
        Class::Oversize,
        Class::Ecn,
        Class::Instant,
        Class::Full,
    ];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Protocol => "protocol",
            Class::EightFragments => "eight fragments",
            Class::Duplicate => "duplicate",
            Class::Overlap => "overlap",
            Class::End => "end",
            Class::Empty => "empty",
            Class::Blocks => "blocks",
            Class::Oversize => "oversize",
            Class::Ecn => "ecn",
            Class::Instant => "instant",
            Class::Full => "full",
        })
    }
}

/// A fragment as it is held: where it is in its datagram, in bytes.
struct Part {
    start: usize,
    end: usize,
    last: bool,
    header: Vec<u8>,
    data: Vec<u8>,
}

impl Part {
    fn of(packet: &[u8]) -> Part {
        let word = |at: usize| usize::from(packet[at]) << 8 | usize::from(packet[at + 1]);
        let header = usize::from(packet[0] & 15) * 4;
        let start = (word(6) & 0x1fff) * 8;
        let data = packet[header..word(2)].to_vec();
        let (end, last) = (start + data.len(), word(6) & 0x2000 == 0);
        Part { start, end, last, header: packet[..header].to_vec(), data }
    }
}

/// Source, destination, identification, protocol.
type Key = (Vec<u8>, Vec<u8>, Vec<u8>, u8);

struct Held {
    key: Key,
    began: u64,
    parts: Vec<Part>,
}

impl Held {
    /// Whether `part` disagrees with what is known of where the datagram ends.
    fn contradicts(&self, part: &Part) -> bool {
        let furthest = self.parts.iter().map(|held| held.end).max().unwrap_or(0);
        let has_last = self.parts.iter().any(|held| held.last);
        match part.last {
            true => part.end < furthest || has_last && part.end != furthest,
            false => part.end > furthest && has_last,
        }
    }

    /// Bytes of `part` that are held, each counted once.
    fn known(&self, part: &Part) -> usize {
        let mut held: Vec<_> = self.parts.iter().map(|held| (held.start, held.end)).collect();
        held.sort_unstable();
        let (mut bytes, mut from) = (0, part.start);
        for (start, end) in held {
            let (start, end) = (start.max(from), end.min(part.end));
            bytes += end.saturating_sub(start);
            from = from.max(end);
        }
        bytes
    }

    /// librte_ip_frag has a place for the first fragment, one for the last, and six for others.
    fn no_place(&self, part: &Part, eight: bool) -> bool {
        let first = |part: &Part| part.start == 0;
        let last = |part: &Part| !first(part) && part.last;
        let place = |part: &Part| (first(part), last(part));
        let same = self.parts.iter().filter(|held| place(held) == place(part)).count();
        match place(part) {
            (false, false) => eight && same >= 6,
            _ => same >= 1,
        }
    }
}

/// What becomes of the fragments of a datagram when one more is held.
enum Sum {
    Less,
    Whole,
    /// As many bytes as the datagram has, or more, but not its own.
    Wrong,
}

pub struct Model {
    like_dpdk: Vec<Class>,
    age: u64,
    datagrams: usize,
    /// In the order in which they were begun.
    held: Vec<Held>,
}

impl Model {
    /// A table in which these rules are as librte_ip_frag's, and the others as ours.
    pub fn new(like_dpdk: &[Class], age: u64, datagrams: u32) -> Model {
        let datagrams = usize::try_from(datagrams).unwrap();
        Model { like_dpdk: like_dpdk.to_vec(), age, datagrams, held: Vec::new() }
    }

    /// A packet comes; returns the datagram that it completes, its header checksum 0.
    pub fn take(&mut self, now: u64, packet: &[u8]) -> Option<Vec<u8>> {
        let as_dpdk = |class| self.like_dpdk.contains(&class);
        let age = self.age;
        let over = |began| match as_dpdk(Class::Instant) {
            true => began + age < now,
            false => began + age <= now,
        };
        self.held.retain(|held| !over(held.began));
        let mut part = Part::of(packet);
        if !part.last && !as_dpdk(Class::Blocks) {
            part.data.truncate(part.data.len() & !7);
            part.end = part.start + part.data.len();
        }
        if part.end + part.header.len() > 65_535 && !as_dpdk(Class::Oversize) {
            return None;
        }
        let protocol = if as_dpdk(Class::Protocol) { 0 } else { packet[9] };
        let bytes = |range: std::ops::Range<usize>| packet[range].to_vec();
        let key: Key = (bytes(12..16), bytes(16..20), bytes(4..6), protocol);
        let known = self.held.iter().position(|held| held.key == key);
        if part.data.is_empty() && as_dpdk(Class::Empty) {
            return None;
        }
        if let Some(at) = known {
            let (held, ours) = (&self.held[at], |class| !as_dpdk(class));
            let bytes = held.known(&part);
            if ours(Class::End) && held.contradicts(&part) {
                self.held.remove(at);
                return None;
            }
            let all = bytes == part.data.len();
            if bytes > 0 && all && ours(Class::Duplicate) {
                return None;
            }
            let refused = part.data.is_empty()
                || bytes > 0 && !all && ours(Class::Overlap)
                || held.no_place(&part, as_dpdk(Class::EightFragments));
            if refused {
                self.held.remove(at);
                return None;
            }
        } else if part.data.is_empty() {
            return None;
        } else if self.held.len() >= self.datagrams {
            if as_dpdk(Class::Full) {
                return None;
            }
            self.held.remove(0);
        }
        let at = known.unwrap_or_else(|| {
            self.held.push(Held { key, began: now, parts: Vec::new() });
            self.held.len() - 1
        });
        self.held[at].parts.push(part);
        match sum(&mut self.held[at].parts) {
            Sum::Less => None,
            Sum::Wrong => {
                self.held.remove(at);
                None
            }
            Sum::Whole => {
                let parts = self.held.remove(at).parts;
                whole(&parts, as_dpdk(Class::Ecn), as_dpdk(Class::Oversize))
            }
        }
    }
}

/// Both count bytes until there are as many as the last fragment says; what ours holds then has none
/// twice, so that they are all. librte_ip_frag looks.
fn sum(parts: &mut [Part]) -> Sum {
    let Some(total) = parts.iter().find(|part| part.last).map(|last| last.end) else {
        return Sum::Less;
    };
    let bytes: usize = parts.iter().map(|part| part.data.len()).sum();
    if bytes < total {
        return Sum::Less;
    }
    parts.sort_by_key(|part| part.start);
    let chain = parts[0].start == 0 && parts.windows(2).all(|two| two[0].end == two[1].start);
    if bytes == total && chain { Sum::Whole } else { Sum::Wrong }
}

/// The datagram of these parts, in order; nothing if it cannot be.
fn whole(parts: &[Part], first_ecn: bool, wraps: bool) -> Option<Vec<u8>> {
    let mut header = parts[0].header.clone();
    let total = header.len() + parts.iter().map(|part| part.data.len()).sum::<usize>();
    if total > 65_535 && !wraps {
        return None;
    }
    let seen = |ecn: u8| parts.iter().any(|part| part.header[1] & 3 == ecn);
    if !first_ecn {
        // RFC 3168 §5.3: congestion that one fragment met, the datagram met; one that is not
        // ECN-capable goes with none that is.
        if seen(0) && (1..=3).any(seen) {
            return None;
        }
        header[1] |= if seen(3) { 3 } else { 0 };
    }
    let length = u16::try_from(total % 65_536).unwrap();
    header[2..4].copy_from_slice(&length.to_be_bytes());
    header[6] &= 0x40;
    header[7] = 0;
    header[10..12].fill(0);
    parts.iter().for_each(|part| header.extend_from_slice(&part.data));
    Some(header)
}
