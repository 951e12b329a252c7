//! Fragments in, whole datagrams out.
//!
//! Rank 6 of the path, for what is for us, and job ipv4_frag. RFC 791 §3.2, RFC 815, RFC 1122
//! §3.3.2; spec 4.6.
//!
//! What lies wholly within what is held is a duplicate: it is dropped, whatever its bytes. Whatever
//! else overlaps, or contradicts where the datagram ends, has the whole datagram refused, and a
//! fragment that comes later begins a new one. That is what Linux does, and here it does not depend
//! on the order of what came before. The 1 to 7 bytes that a fragment before the last has beyond a
//! multiple of 8 are cut off, as in Linux; RFC 791 leaves no meaning to them.
//!
//! Invariant: what is held is within [`Limits`](crate::config::Limits); the fragments of a datagram
//! do not overlap; nobody moves a byte of payload: the datagram is the chain of its fragments'
//! buffers, the first one's in front, with all that lies before its IPv4 header.
//! Not here: cutting (`fragment.rs`), the ICMP error (`icmp.rs`), which fragments are for us.
//!
//! DPVS: ipv4_frag.c leans on librte_ip_frag, which leaves the protocol out of the key, holds 8
//! fragments at most, takes a datagram of 66,176 bytes for one of 660, and has no clock of its own:
//! what never becomes whole is held until a later fragment happens to meet it (defect B47). The
//! buffer of the fragment that came last became the front, with the wrong bytes before its IPv4
//! header (B46), and was freed twice when it was the first one (B45).

use super::{Datagram, Ip};
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::{Event, Reassembly, ReassemblyNote};
use crate::icmp::{self, ErrorKind, ErrorLimit};
use crate::packet::{Buf, PacketId};
use crate::path::{Next, Step};
use crate::planted::Defect;
use crate::time::Instant;
use crate::types::PortId;
use crate::wire::ipv4::{self, Protocol};
use crate::world::World;
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::ops::Range;

/// What all fragments of a datagram have in common (RFC 791 §3.2).
///
/// DPVS: librte_ip_frag joins fragments of different protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    id: u16,
    protocol: Protocol,
}

impl Key {
    fn of(ip: &Ip) -> Key {
        Key { src: ip.src, dst: ip.dst, id: ip.id, protocol: ip.protocol }
    }
}

/// The part of a datagram's payload that a fragment brings, in bytes, and whether it is the last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    bytes: Range<u16>,
    last: bool,
}

impl Part {
    /// Nothing when it ends where no datagram can (the ping of death).
    fn of(ip: &Ip) -> Option<Part> {
        let header = u16::from(ip.header_len);
        let len = ip.total_len - header;
        let len = if ip.more_fragments { len & !7 } else { len };
        let start = ip.offset.bytes();
        let end = start.checked_add(len)?;
        end.checked_add(header)?;
        Some(Part { bytes: start..end, last: !ip.more_fragments })
    }
}

/// What a fragment is to those that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// It brings something new, and fits.
    New,
    /// All that it brings is held.
    Duplicate,
    /// The datagram cannot be.
    Never(DropReason),
}

/// A fragment that is held, headers and all, and where its part begins and ends.
#[derive(Debug)]
struct Held<B> {
    start: u16,
    end: u16,
    packet: Datagram<B>,
}

/// A datagram of which some fragments are here.
#[derive(Debug)]
struct Queue<B> {
    /// Number of the queue, in the order in which they were begun.
    number: u64,
    /// The fragment that began it.
    began: PacketId,
    /// The fragments in the order of their parts.
    held: VecDeque<Held<B>>,
    /// Bytes of payload in them.
    bytes: u32,
    /// Where the furthest of them ends.
    end: u16,
    /// Whether the last fragment is among them.
    has_last: bool,
    /// Which ECN codepoints they have: bit `n` for codepoint `n`.
    ecn: u8,
}

impl<B> Queue<B> {
    /// What Linux's `ip_frag_queue` asks, in its order.
    fn fit(&self, part: &Part, at_most: u32) -> Fit {
        let Range { start, end } = part.bytes;
        let contradicts = match part.last {
            true => end < self.end || self.has_last && end != self.end,
            false => end > self.end && self.has_last,
        };
        if contradicts {
            return Fit::Never(DropReason::ReassemblyEnd);
        }
        if start == end {
            return Fit::Never(DropReason::ReassemblyEmpty);
        }
        let behind = self.behind(start);
        let before = behind.checked_sub(1).map(|at| self.held[at].end);
        let after = self.held.range(behind..).take_while(|held| held.start < end);
        if let Some(before) = before.filter(|before| *before > start) {
            let covered = after.fold(before, |covered, held| match held.start == covered {
                true => held.end,
                false => covered,
            });
            let all = covered >= end;
            return if all { Fit::Duplicate } else { Fit::Never(DropReason::ReassemblyOverlap) };
        }
        if self.held.get(behind).is_some_and(|held| held.start < end) {
            return Fit::Never(DropReason::ReassemblyOverlap);
        }
        if self.len() >= at_most {
            return Fit::Never(DropReason::ReassemblyTooMany);
        }
        Fit::New
    }

    /// The place of the first fragment that begins behind `start`.
    fn behind(&self, start: u16) -> usize {
        // Nearly always they come in order.
        match self.held.back() {
            Some(last) if last.start > start => self.held.partition_point(|h| h.start <= start),
            _ => self.held.len(),
        }
    }

    fn add(&mut self, part: &Part, packet: Datagram<B>) {
        self.bytes += u32::from(part.bytes.end - part.bytes.start);
        self.end = self.end.max(part.bytes.end);
        self.has_last |= part.last;
        self.ecn |= 1 << (packet.ip.tos & ECN);
        let Range { start, end } = part.bytes;
        self.held.insert(self.behind(start), Held { start, end, packet });
    }

    fn is_whole(&self) -> bool {
        self.has_last && self.bytes == u32::from(self.end)
    }

    /// Fragments held.
    fn len(&self) -> u32 {
        u32::try_from(self.held.len()).unwrap_or(u32::MAX)
    }

    /// The fragment at offset 0.
    fn first(&self) -> Option<&Datagram<B>> {
        self.held.front().filter(|held| held.start == 0).map(|held| &held.packet)
    }

    /// The type of service of the whole datagram, if its fragments agree about ECN: RFC 3168 §5.3,
    /// as Linux's `ip_frag_ecn_table`.
    fn tos(&self, first: u8) -> Option<u8> {
        let mixed = self.ecn & !NOT_ECT != 0;
        match (self.ecn & NOT_ECT != 0, self.ecn & CE != 0) {
            (true, _) if mixed => None,
            (false, true) => Some(first | ECN),
            (true, _) | (false, false) => Some(first),
        }
    }
}

/// The bits of the type of service that are ECN's.
const ECN: u8 = 3;
/// Codepoint 0, not ECN-capable, among those seen.
const NOT_ECT: u8 = 1;
/// Codepoint 3, congestion experienced, among those seen.
const CE: u8 = 1 << 3;

/// The datagrams of which an lcore holds fragments.
#[derive(Debug)]
pub struct Reassembler<B> {
    queues: BTreeMap<Key, Queue<B>>,
    /// The same in the order in which they were begun, which is that in which they expire.
    order: BTreeMap<u64, (Instant, Key)>,
    /// What the fragments of a datagram that became whole lay in: the next one's go there.
    spare: VecDeque<Held<B>>,
    begun: u64,
    /// Fragments in all of them.
    fragments: u32,
    /// Bytes of payload in all of them.
    bytes: u32,
}

impl<B> Default for Reassembler<B> {
    fn default() -> Reassembler<B> {
        let (queues, order, spare) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Reassembler { queues, order, spare, begun: 0, fragments: 0, bytes: 0 }
    }
}

impl<B: Buf> Reassembler<B> {
    /// Fragments that wait for others.
    pub fn held(&self) -> u64 {
        self.fragments.into()
    }

    /// When the oldest datagram is to be given up; nothing when none is held.
    pub fn next_due(&self) -> Option<Instant> {
        self.order.first_key_value().map(|(_, (expires, _))| *expires)
    }

    /// Gives every held fragment back: the end of the run.
    pub fn release<W: World<Buf = B>>(&mut self, world: &mut W) {
        let held = std::mem::take(self).queues.into_values().flat_map(|queue| queue.held);
        held.for_each(|held| world.free(held.packet.buf));
    }

    fn take(&mut self, key: &Key) -> Option<Queue<B>> {
        let queue = self.queues.remove(key)?;
        self.order.remove(&queue.number);
        self.fragments -= queue.len();
        self.bytes -= queue.bytes;
        Some(queue)
    }

    fn take_oldest(&mut self) -> Option<(Key, Queue<B>)> {
        let (_, (_, key)) = self.order.first_key_value()?;
        let key = *key;
        self.take(&key).map(|queue| (key, queue))
    }

    /// Holds a fragment that fits. Returns its queue.
    fn hold(&mut self, key: Key, expires: Instant, part: &Part, packet: Datagram<B>) -> &Queue<B> {
        let Reassembler { queues, order, spare, begun, fragments, bytes } = self;
        let began = packet.buf.meta().id;
        let queue = queues.entry(key).or_insert_with(|| {
            *begun += 1;
            order.insert(*begun, (expires, key));
            let (number, held) = (*begun, std::mem::take(spare));
            Queue { number, began, held, bytes: 0, end: 0, has_last: false, ecn: 0 }
        });
        *fragments += 1;
        *bytes += u32::from(part.bytes.end - part.bytes.start);
        queue.add(part, packet);
        queue
    }
}

/// Rank 6: holds a fragment for us until its datagram is whole.
pub fn reassemble<W: World>(
    table: &mut Reassembler<W::Buf>,
    limit: &mut ErrorLimit,
    mut packet: Datagram<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    env.counters.reasm_requests += 1;
    // A fragment that comes too late finds nothing, even if it comes before the job.
    while expire(table, limit, env, next) {}
    // Linux holds it, finds out when all is there, and lets the timer tell the sender. So do we,
    // but that we need not hold it.
    let Some(part) = Part::of(&packet.ip) else {
        return env.drop(packet.buf, DropReason::ReassemblyOversize);
    };
    let mut key = Key::of(&packet.ip);
    if env.planted.is(Defect::KeyWithoutProtocol) {
        key.protocol = Protocol::Icmp;
    }
    let fit = match table.queues.get(&key) {
        Some(queue) => queue.fit(&part, env.policy.reassembly_fragments),
        None if part.bytes.is_empty() => Fit::Never(DropReason::ReassemblyEmpty),
        None => Fit::New,
    };
    match fit {
        Fit::New => {}
        Fit::Never(DropReason::ReassemblyOverlap) if env.planted.is(Defect::OverlapTaken) => {}
        Fit::Duplicate => return env.drop(packet.buf, DropReason::ReassemblyDuplicate),
        Fit::Never(reason) => {
            let queue = table.take(&key);
            return refuse(key, queue, Some(packet.buf), reason, env);
        }
    }
    let len = part.bytes.end - part.bytes.start;
    let whole = usize::from(packet.ip.header_len) + usize::from(len);
    if packet.buf.truncate(whole).is_err() {
        unreachable!("a packet has the length that its header says");
    }
    make_room(table, &key, u32::from(len), env);
    let id = packet.buf.meta().id;
    let expires = env.now.saturating_add(env.policy.reassembly_timeout);
    let queue = table.hold(key, expires, &part, packet);
    if !queue.is_whole() {
        return tell(env, Reassembly::Held, id, &key, queue);
    }
    if let Some(queue) = table.take(&key) {
        table.spare = complete(key, queue, env, next);
    }
}

/// Has the oldest datagrams give way until a fragment of `len` bytes is within the limits.
fn make_room<W: World>(table: &mut Reassembler<W::Buf>, key: &Key, len: u32, env: &mut Env<'_, W>) {
    let limits = env.limits;
    while table.fragments >= limits.reasm_fragments
        || table.bytes + len > limits.reasm_bytes
        || table.queues.len() >= limits.reasm_datagrams as usize && !table.queues.contains_key(key)
    {
        // Each limit has room for the longest fragment when nothing is held.
        let Some((oldest, queue)) = table.take_oldest() else {
            unreachable!("an empty table has room")
        };
        env.counters.reasm_fails += 1;
        tell(env, Reassembly::Evicted, queue.began, &oldest, &queue);
        drop_all(queue, DropReason::ReassemblyEvicted, env);
    }
}

/// Makes one packet of the fragments of a datagram that is whole. Returns what they lay in, empty.
fn complete<W: World>(
    key: Key,
    mut queue: Queue<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) -> VecDeque<Held<W::Buf>> {
    let Some(first) = queue.first() else { unreachable!("what is whole begins at 0") };
    let total_len = queue.end.checked_add(u16::from(first.ip.header_len));
    let (total_len, tos) = match (total_len, queue.tos(first.ip.tos)) {
        (Some(total_len), Some(tos)) => (total_len, tos),
        (total_len, _) => {
            let (oversize, ecn) = (DropReason::ReassemblyOversize, DropReason::ReassemblyEcn);
            let reason = if total_len.is_none() { oversize } else { ecn };
            refuse(key, Some(queue), None, reason, env);
            return VecDeque::new();
        }
    };
    env.counters.reasm_ok += 1;
    tell(env, Reassembly::Complete, first.buf.meta().id, &key, &queue);
    let Some(Held { packet: Datagram { mut buf, ip, from }, .. }) = queue.held.pop_front() else {
        unreachable!("what is whole begins at 0")
    };
    let header = usize::from(ip.header_len);
    ipv4::reassembled(&mut buf.head_mut()[..header], total_len, tos);
    let mut rest: Vec<_> = queue.held.drain(..).map(|held| payload(held.packet)).collect();
    if env.planted.is(Defect::JoinReversed) {
        rest.reverse();
    }
    env.join(&mut buf, rest);
    let (offset, more_fragments) = (ipv4::FragOffset::ZERO, false);
    let ip = Ip { total_len, tos, offset, more_fragments, ..ip };
    next.push(Step::LocalIn(Datagram { buf, ip, from }));
    queue.held
}

/// A packet without its IPv4 header.
fn payload<B: Buf>(packet: Datagram<B>) -> B {
    let Datagram { mut buf, ip, .. } = packet;
    if buf.strip_front(usize::from(ip.header_len)).is_err() {
        unreachable!("the header was read from the first segment");
    }
    buf
}

/// Gives the oldest datagram up if it is due, and tells its sender. Returns whether it was.
///
/// RFC 1122 §3.3.2: an error only if the first fragment is here.
pub fn expire<W: World>(
    table: &mut Reassembler<W::Buf>,
    limit: &mut ErrorLimit,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) -> bool {
    let due = table.next_due().is_some_and(|due| due <= env.now);
    if !due || env.planted.is(Defect::NeverExpires) {
        return false;
    }
    let Some((key, queue)) = table.take_oldest() else { return false };
    env.counters.reasm_fails += 1;
    env.counters.reasm_timeouts += 1;
    tell(env, Reassembly::Expired, queue.began, &key, &queue);
    if let Some(first) = queue.first().filter(|_| env.policy.reassembly_icmp) {
        icmp::error(limit, first, ErrorKind::ReassemblyTimeExceeded, env, next);
    }
    if !env.planted.is(Defect::ExpiredLeaked) {
        drop_all(queue, DropReason::ReassemblyTimeout, env);
    }
    true
}

/// Gives up every datagram of which a fragment came in on a device that goes.
pub fn forget<W: World>(table: &mut Reassembler<W::Buf>, device: PortId, env: &mut Env<'_, W>) {
    let came =
        |queue: &Queue<W::Buf>| queue.held.iter().any(|held| held.packet.from.device == device);
    let gone = table.queues.iter().filter(|(_, queue)| came(queue)).map(|(key, _)| *key);
    for key in gone.collect::<Vec<_>>() {
        let queue = table.take(&key);
        refuse(key, queue, None, DropReason::DeviceGone, env);
    }
}

/// Refuses a datagram: what is held of it, and the fragment that came.
fn refuse<W: World>(
    key: Key,
    queue: Option<Queue<W::Buf>>,
    came: Option<W::Buf>,
    reason: DropReason,
    env: &mut Env<'_, W>,
) {
    env.counters.reasm_fails += 1;
    if let Some(queue) = queue {
        let by = came.as_ref().map_or(queue.began, |buf| buf.meta().id);
        tell(env, Reassembly::Refused, by, &key, &queue);
        drop_all(queue, reason, env);
    }
    if let Some(buf) = came {
        env.drop(buf, reason);
    }
}

fn drop_all<W: World>(queue: Queue<W::Buf>, reason: DropReason, env: &mut Env<'_, W>) {
    queue.held.into_iter().for_each(|held| env.drop(held.packet.buf, reason));
}

fn tell<W: World>(
    env: &mut Env<'_, W>,
    what: Reassembly,
    packet: PacketId,
    key: &Key,
    queue: &Queue<W::Buf>,
) {
    let (fragments, bytes) = (queue.len(), queue.bytes);
    let Key { src, dst, id, protocol } = *key;
    let protocol = u8::from(protocol);
    let note = ReassemblyNote { what, packet, src, dst, id, protocol, fragments, bytes };
    env.world.observe(Event::Reassembly(note));
}

#[cfg(test)]
mod tests;
