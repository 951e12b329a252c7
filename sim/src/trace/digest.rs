//! Digests of what happened, over one canonical encoding of it.
//!
//! Little-endian. A record is its time, its tick and job (on an lcore), its name, and the values of
//! its fields, each after a byte that says its kind. Texts end in 0xff, which UTF-8 never contains.
//!
//! This is the hottest code beside the dataplane itself: a record is put together in a buffer of
//! fixed size and hashed at once.

use super::{Run, What};
use dataplane::counters::Counters;
use dataplane::event::Value;
use dataplane::{Instant, LcoreId, PacketId};
use std::fmt;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// A digest: 64 bits of xxh3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(pub u64);

impl fmt::Display for Digest {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// All digests of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of everything.
    pub trace: Digest,
    /// Of each lcore, in the order of their numbers.
    pub lcores: Vec<(LcoreId, Digest)>,
    /// Of the wires and the control plane.
    pub outside: Digest,
}

/// One rolling digest for each lcore, and one for the outside.
pub(crate) struct Streams {
    lcores: Vec<Xxh3Default>,
    outside: Xxh3Default,
}

impl Streams {
    pub fn new(lcores: usize) -> Streams {
        let stream = Xxh3Default::new;
        Streams { lcores: (0..lcores).map(|_| stream()).collect(), outside: stream() }
    }

    pub fn record(&mut self, at: Instant, run: Option<(usize, Run)>, what: &What) {
        let stream = match run {
            Some((index, _)) => &mut self.lcores[index],
            None => &mut self.outside,
        };
        let mut record = Record { bytes: [0; ROOM], len: 0, stream };
        record.number(at.as_nanos());
        if let Some((_, run)) = run {
            record.number(run.tick);
            record.bytes([u8::try_from(run.job.index()).unwrap_or(u8::MAX)]);
        }
        record.text(what.name());
        what.fields(&mut |_, value| record.value(value));
        record.send();
    }

    /// What an lcore transmitted.
    pub fn bytes(&mut self, index: usize, packet: PacketId, bytes: &[u8]) {
        let mut record = [0; 16];
        record[..8].copy_from_slice(&packet.0.to_le_bytes());
        record[8..].copy_from_slice(&xxh3_64(bytes).to_le_bytes());
        self.lcores[index].update(&record);
    }

    /// The digests, with what each lcore counted in the end.
    pub fn finish<'a>(
        mut self,
        lcores: impl Iterator<Item = (LcoreId, &'a Counters)>,
        end: Instant,
    ) -> Digests {
        let mut all = Xxh3Default::new();
        let mut digests = Vec::with_capacity(self.lcores.len());
        for ((id, counters), stream) in lcores.zip(&mut self.lcores) {
            let mut record = Record { bytes: [0; ROOM], len: 0, stream };
            numbers(counters, |n| record.number(n));
            record.send();
            let digest = Digest(stream.digest());
            all.update(&[id.0]);
            all.update(&digest.0.to_le_bytes());
            digests.push((id, digest));
        }
        let outside = Digest(self.outside.digest());
        all.update(&outside.0.to_le_bytes());
        all.update(&end.as_nanos().to_le_bytes());
        Digests { trace: Digest(all.digest()), lcores: digests, outside }
    }
}

/// Bytes of a record that are gathered before they are hashed. Nearly all records have fewer.
const ROOM: usize = 128;

/// A record on its way into a stream.
struct Record<'a> {
    bytes: [u8; ROOM],
    len: usize,
    stream: &'a mut Xxh3Default,
}

impl Record<'_> {
    fn bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        const { assert!(N <= ROOM) };
        if ROOM - self.len < N {
            self.send();
        }
        self.bytes[self.len..self.len + N].copy_from_slice(&bytes);
        self.len += N;
    }

    fn number(&mut self, n: u64) {
        self.bytes(n.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let text = text.as_bytes();
        if let Some(room) = self.bytes.get_mut(self.len..self.len + text.len()) {
            room.copy_from_slice(text);
            self.len += text.len();
        } else {
            self.send();
            self.stream.update(text);
        }
        self.bytes([0xff]);
    }

    fn value(&mut self, value: Value<'_>) {
        match value {
            Value::U64(n) => {
                self.bytes(*b"n");
                self.number(n);
            }
            Value::Text(word) | Value::Str(word) => {
                self.bytes(*b"t");
                self.text(word);
            }
            Value::Ip(address) => {
                self.bytes(*b"i");
                self.bytes(address.octets());
            }
            Value::Mac(mac) => {
                self.bytes(*b"m");
                self.bytes(mac.0);
            }
            Value::Port(port) => {
                let [low, high] = port.0.to_le_bytes();
                self.bytes([b'p', low, high]);
            }
            Value::Bool(yes) => self.bytes([b'b', u8::from(yes)]),
            Value::Handle(handle) => {
                self.bytes(*b"h");
                self.bytes(handle.0.to_le_bytes());
            }
        }
    }

    fn send(&mut self) {
        self.stream.update(&self.bytes[..self.len]);
        self.len = 0;
    }
}

/// Every number of an lcore's counters, always in the same order.
fn numbers(counters: &Counters, mut number: impl FnMut(u64)) {
    counters.plain().for_each(|(_, n)| number(n));
    let bursts = &counters.bursts;
    for n in [bursts.polls, bursts.zero, bursts.zero_to_half, bursts.half_to_full, bursts.full] {
        number(n);
    }
    for (reason, n) in counters.drops.iter() {
        number(reason.index() as u64);
        number(n);
    }
    counters.job_runs.iter().for_each(|n| number(*n));
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::event::NeighMove;
    use dataplane::{Event, PortId};

    fn digest(why: &'static str) -> u64 {
        let mut streams = Streams::new(1);
        let moved = NeighMove {
            port: PortId(1),
            address: [192, 0, 2, 9].into(),
            from: None,
            to: Some("reachable"),
            why,
            waiting: 3,
        };
        let at = Instant::from_nanos(7);
        streams.record(at, None, &What::Lcore(Event::Neigh(moved)));
        streams.outside.digest()
    }

    fn by_hand(why: &str) -> u64 {
        let mut bytes = 7_u64.to_le_bytes().to_vec();
        bytes.extend(b"neigh\xffp\x01\x00i\xc0\x00\x02\x09t-\xfftreachable\xfft");
        bytes.extend(why.bytes());
        bytes.extend(b"\xffn\x03\0\0\0\0\0\0\0");
        xxh3_64(&bytes)
    }

    #[test]
    fn the_encoding_is_as_it_is_told() {
        assert_eq!(digest("reply"), by_hand("reply"));
    }

    #[test]
    fn a_record_that_is_too_long_for_its_buffer_is_hashed_all_the_same() {
        const LONG: &str = "a reason for a change that takes more room than anybody would ever \
                            think of giving to a reason, and then some more, and then even more";
        for len in 0..LONG.len() {
            assert_eq!(digest(&LONG[..len]), by_hand(&LONG[..len]), "{len}");
        }
    }
}
