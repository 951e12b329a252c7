//! Digests of what happened, over one canonical encoding of it.
//!
//! Little-endian. A record is its time, its tick and job (on an lcore), its name, and the values of
//! its fields, each after a byte that says its kind. Texts end in 0xff, which UTF-8 never contains.
//!
//! This is the hottest code beside the dataplane itself: records are gathered in a buffer of fixed
//! size, which is hashed when it is full. Where it is cut makes no difference to a digest.

use super::{Outside, Record, What};
use dataplane::counters::Counters;
use dataplane::event::Value;
use dataplane::{Event, Instant, LcoreId, PacketId, PortId, QueueId};
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
    lcores: Vec<Stream>,
    outside: Stream,
}

impl Streams {
    pub fn new(lcores: usize) -> Streams {
        Streams { lcores: (0..lcores).map(|_| Stream::new()).collect(), outside: Stream::new() }
    }

    /// Something happened: on the lcore with this index, or outside.
    pub fn record(&mut self, index: Option<usize>, record: &Record) {
        let stream = match index {
            Some(index) => &mut self.lcores[index],
            None => &mut self.outside,
        };
        let at = record.at.as_nanos().to_le_bytes();
        match record.run {
            None => stream.bytes(at),
            Some(run) => {
                let mut place = [0; 17];
                place[..8].copy_from_slice(&at);
                place[8..16].copy_from_slice(&run.tick.to_le_bytes());
                place[16] = u8::try_from(run.job.index()).unwrap_or(u8::MAX);
                stream.bytes(place);
            }
        }
        stream.what(&record.what);
    }

    /// What an lcore transmitted.
    pub fn bytes(&mut self, index: usize, packet: PacketId, bytes: &[u8]) {
        let stream = &mut self.lcores[index];
        stream.number(packet.0);
        stream.number(xxh3_64(bytes));
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
            numbers(counters, |n| stream.number(n));
            let digest = stream.digest();
            all.update(&[id.0]);
            all.update(&digest.0.to_le_bytes());
            digests.push((id, digest));
        }
        let outside = self.outside.digest();
        all.update(&outside.0.to_le_bytes());
        all.update(&end.as_nanos().to_le_bytes());
        Digests { trace: Digest(all.digest()), lcores: digests, outside }
    }
}

/// A frame that passes a queue: the packet, the port, the queue, and how many bytes it has.
type Passage = (PacketId, PortId, QueueId, u32);

/// The name and the fields of a frame that passes a queue, which nearly all records are about: put
/// together at once, and the same as [`What::name`] and [`What::fields`] tell one after the other.
fn passage<const N: usize>(mut form: [u8; N], (packet, port, queue, len): Passage) -> [u8; N] {
    let fields = &mut form[N - FIELDS..];
    fields[1..9].copy_from_slice(&packet.0.to_le_bytes());
    fields[10..12].copy_from_slice(&port.0.to_le_bytes());
    fields[13..21].copy_from_slice(&u64::from(queue.0).to_le_bytes());
    fields[22..30].copy_from_slice(&u64::from(len).to_le_bytes());
    form
}

/// Bytes that the fields of a [`Passage`] take.
const FIELDS: usize = 30;

/// Bytes that are gathered before they are hashed.
const ROOM: usize = 1024;

/// A rolling digest, and the bytes that have not gone into it yet.
struct Stream {
    bytes: [u8; ROOM],
    len: usize,
    hash: Xxh3Default,
}

impl Stream {
    fn new() -> Stream {
        Stream { bytes: [0; ROOM], len: 0, hash: Xxh3Default::new() }
    }

    #[inline]
    fn bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        const { assert!(N <= ROOM) };
        if ROOM - self.len < N {
            self.send();
        }
        self.bytes[self.len..self.len + N].copy_from_slice(&bytes);
        self.len += N;
    }

    #[inline]
    fn number(&mut self, n: u64) {
        self.bytes(n.to_le_bytes());
    }

    /// What happened: its name and its fields.
    #[inline]
    fn what(&mut self, what: &What) {
        match *what {
            What::Lcore(Event::Rx { packet, port, queue, len }) => {
                let form = *b"rx\xffn--------p--n--------n--------";
                self.bytes(passage(form, (packet, port, queue, len)));
            }
            What::Lcore(Event::Tx { packet, port, queue, len }) => {
                let form = *b"tx\xffn--------p--n--------n--------";
                self.bytes(passage(form, (packet, port, queue, len)));
            }
            What::Outside(Outside::Arrive { packet, port, queue, len }) => {
                let form = *b"arrive\xffn--------p--n--------n--------";
                self.bytes(passage(form, (packet, port, queue, len)));
            }
            What::Outside(Outside::Depart { packet, port, queue, len }) => {
                let form = *b"depart\xffn--------p--n--------n--------";
                self.bytes(passage(form, (packet, port, queue, len)));
            }
            ref other => self.in_turn(other),
        }
    }

    /// The same, one after the other.
    fn in_turn(&mut self, what: &What) {
        self.text(what.name());
        what.fields(&mut |_, value| self.value(value));
    }

    fn text(&mut self, text: &str) {
        let text = text.as_bytes();
        if let Some(room) = self.bytes.get_mut(self.len..self.len + text.len()) {
            room.copy_from_slice(text);
            self.len += text.len();
        } else {
            self.send();
            self.hash.update(text);
        }
        self.bytes([0xff]);
    }

    #[inline]
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

    #[cold]
    fn send(&mut self) {
        self.hash.update(&self.bytes[..self.len]);
        self.len = 0;
    }

    /// The digest of all so far.
    fn digest(&mut self) -> Digest {
        self.send();
        Digest(self.hash.digest())
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
        let what = What::Lcore(Event::Neigh(moved));
        streams.record(None, &Record { n: 1, at, run: None, what });
        streams.outside.digest().0
    }

    fn by_hand(why: &str) -> u64 {
        let mut bytes = 7_u64.to_le_bytes().to_vec();
        bytes.extend(b"neigh\xffp\x01\x00i\xc0\x00\x02\x09t-\xfftreachable\xfft");
        bytes.extend(why.bytes());
        bytes.extend(b"\xffn\x03\0\0\0\0\0\0\0");
        xxh3_64(&bytes)
    }

    #[test]
    fn what_is_put_together_at_once_is_what_is_told_field_by_field() {
        let (packet, port) = (PacketId(0x0102_0304_0506_0708), PortId(0x1112));
        let (queue, len) = (QueueId(0x2122), 0x3132_3334);
        for what in [
            What::Lcore(Event::Rx { packet, port, queue, len }),
            What::Lcore(Event::Tx { packet, port, queue, len }),
            What::Outside(Outside::Arrive { packet, port, queue, len }),
            What::Outside(Outside::Depart { packet, port, queue, len }),
        ] {
            let (mut stream, mut in_turn) = (Stream::new(), Stream::new());
            stream.what(&what);
            in_turn.in_turn(&what);
            assert_eq!(stream.bytes[..stream.len], in_turn.bytes[..in_turn.len]);
            assert_eq!(stream.len, what.name().len() + 1 + FIELDS);
        }
    }

    #[test]
    fn the_encoding_is_as_it_is_told() {
        assert_eq!(digest("reply"), by_hand("reply"));
    }

    #[test]
    fn wherever_the_buffer_ends_the_digest_is_the_same() {
        const LONG: &str = match std::str::from_utf8(&[b'y'; 2 * ROOM]) {
            Ok(text) => text,
            Err(_) => "",
        };
        for len in (0..100).chain(ROOM - 100..ROOM + 100).chain([LONG.len()]) {
            assert_eq!(digest(&LONG[..len]), by_hand(&LONG[..len]), "{len}");
        }
    }
}
