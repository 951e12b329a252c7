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
//! Not here: cutting (`fragment.rs`), the ICMP error (`icmp.rs`), which fragments are for us. What is held
//! of a datagram, and what fits to it, is in `queue.rs`; which datagrams there are, in `table.rs`.
//!
//! DPVS: ipv4_frag.c leans on librte_ip_frag, which leaves the protocol out of the key, holds 8
//! fragments at most, takes a datagram of 66,176 bytes for one of 660, and has no clock of its own:
//! what never becomes whole is held until a later fragment happens to meet it (defect B47). The
//! buffer of the fragment that came last became the front, with the wrong bytes before its IPv4
//! header (B46), and was freed twice when it was the first one (B45).

mod queue;
mod table;

pub use table::Reassembler;

use super::{Datagram, Ip};
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::{Event, Reassembly, ReassemblyNote};
use crate::icmp::{self, ErrorKind, ErrorLimit};
use crate::index;
use crate::packet::{Buf, PacketId};
use crate::path::{Next, Step};
use crate::planted::Defect;
use crate::types::PortId;
use crate::wire::ipv4::{self, Protocol};
use crate::world::World;
use queue::{Fit, Held, Part, Queue};
use std::net::Ipv4Addr;

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

    fn hash(&self) -> u32 {
        let ends = u64::from(self.src.to_bits()) << 32 | u64::from(self.dst.to_bits());
        index::hash(ends, u64::from(self.id) << 8 | u64::from(self.protocol.0))
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
    let ip = packet.ip();
    let Some(part) = Part::of(&ip) else {
        return env.drop(packet.buf, DropReason::ReassemblyOversize);
    };
    let mut key = Key::of(&ip);
    if env.planted.is(Defect::KeyWithoutProtocol) {
        key.protocol = Protocol::ICMP;
    }
    let place = table.find(&key);
    let fit = match place {
        Some(at) => table.queue(at).fit(&part, env.policy.reassembly_fragments),
        None if part.bytes.is_empty() => Fit::Never(DropReason::ReassemblyEmpty),
        None => Fit::New(0),
    };
    let nth = match fit {
        Fit::New(nth) => nth,
        Fit::Never(DropReason::ReassemblyOverlap) if env.planted.is(Defect::OverlapTaken) => {
            place.map_or(0, |at| table.queue(at).behind(part.bytes.start))
        }
        Fit::Duplicate => return env.drop(packet.buf, DropReason::ReassemblyDuplicate),
        Fit::Never(reason) => {
            let queue = place.map(|at| table.end(at).1);
            return refuse(key, queue, Some(packet.buf), reason, env);
        }
    };
    // Only of what is cut off at a multiple of 8 is there more.
    let whole = usize::from(part.header) + usize::from(part.len());
    if packet.buf.len() != whole && packet.buf.truncate(whole).is_err() {
        unreachable!("a packet has the length that its header says");
    }
    let place = make_room(table, place, u32::from(part.len()), env);
    let id = packet.buf.meta().id;
    let (at, nth) = match place {
        Some(at) => (at, nth),
        None => {
            let expires = env.now.saturating_add(env.policy.reassembly_timeout);
            (table.begin(key, expires, id), 0)
        }
    };
    let queue = table.hold(at, nth, &part, packet);
    match queue.is_whole() {
        true => complete(key, table.end(at).1, env, next),
        false => tell(env, Reassembly::Held, id, &key, queue),
    }
}

/// Has the oldest datagrams give way until a fragment of `len` bytes is within the limits. Returns the
/// place of its own datagram, if that is still held.
fn make_room<W: World>(
    table: &mut Reassembler<W::Buf>,
    mut place: Option<u32>,
    len: u32,
    env: &mut Env<'_, W>,
) -> Option<u32> {
    let limits = env.limits;
    loop {
        let (datagrams, fragments, bytes) = table.totals();
        let room = fragments < limits.reasm_fragments
            && bytes + len <= limits.reasm_bytes
            && (place.is_some() || datagrams < limits.reasm_datagrams as usize);
        if room {
            return place;
        }
        // Each limit has room for the longest fragment when nothing is held.
        let Some(at) = table.oldest() else { unreachable!("an empty table has room") };
        place = place.filter(|own| *own != at);
        let (oldest, queue) = table.end(at);
        env.counters.reasm_fails += 1;
        tell(env, Reassembly::Evicted, queue.began, &oldest, queue);
        drop_all(queue, DropReason::ReassemblyEvicted, env);
    }
}

/// Makes one packet of the fragments of a datagram that is whole.
fn complete<W: World>(
    key: Key,
    queue: &mut Queue<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let Some(first) = queue.first() else { unreachable!("what is whole begins at 0") };
    let ip = first.ip();
    let total_len = queue.end.checked_add(u16::from(ip.header_len));
    let (total_len, tos) = match (total_len, queue.tos(ip.tos)) {
        (Some(total_len), Some(tos)) => (total_len, tos),
        (total_len, _) => {
            let (oversize, ecn) = (DropReason::ReassemblyOversize, DropReason::ReassemblyEcn);
            let reason = if total_len.is_none() { oversize } else { ecn };
            return refuse(key, Some(queue), None, reason, env);
        }
    };
    env.counters.reasm_ok += 1;
    tell(env, Reassembly::Complete, first.buf.meta().id, &key, queue);
    let Some(first) = queue.held.pop_front() else { unreachable!("what is whole begins at 0") };
    let Datagram { mut buf, from } = first.packet;
    ipv4::reassembled(&mut buf.head_mut()[..usize::from(first.header)], total_len, tos);
    if env.planted.is(Defect::JoinReversed) {
        queue.held.make_contiguous().reverse();
    }
    let into = buf.meta().id;
    queue.held.iter().for_each(|held| env.joined(&held.packet.buf, into));
    env.chain(&mut buf, queue.held.drain(..).map(Held::payload));
    next.push(Step::LocalIn(Datagram { buf, from }));
}

/// Gives the oldest datagram up if it is due, and tells its sender. Returns whether it was.
///
/// RFC 1122 §3.3.2: an error only if the first fragment is here.
#[inline]
pub fn expire<W: World>(
    table: &mut Reassembler<W::Buf>,
    limit: &mut ErrorLimit,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) -> bool {
    let due = table.next_due().is_some_and(|due| due <= env.now);
    if due && !env.planted.is(Defect::NeverExpires) {
        give_up(table, limit, env, next);
        return true;
    }
    false
}

/// Gives the oldest datagram up, of which there is one.
#[cold]
fn give_up<W: World>(
    table: &mut Reassembler<W::Buf>,
    limit: &mut ErrorLimit,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let Some(at) = table.oldest() else { unreachable!("the oldest is due") };
    let (key, queue) = table.end(at);
    env.counters.reasm_fails += 1;
    env.counters.reasm_timeouts += 1;
    tell(env, Reassembly::Expired, queue.began, &key, queue);
    if let Some(first) = queue.first().filter(|_| env.policy.reassembly_icmp) {
        icmp::error(limit, first, ErrorKind::ReassemblyTimeExceeded, env, next);
    }
    match env.planted.is(Defect::ExpiredLeaked) {
        true => queue.held.clear(),
        false => drop_all(queue, DropReason::ReassemblyTimeout, env),
    }
}

/// Gives up every datagram of which a fragment came in on a device that goes.
pub fn forget<W: World>(table: &mut Reassembler<W::Buf>, device: PortId, env: &mut Env<'_, W>) {
    let came =
        |queue: &Queue<W::Buf>| queue.held.iter().any(|held| held.packet.from.device() == device);
    for key in table.keys(came) {
        let Some(at) = table.find(&key) else { unreachable!("what was listed is held") };
        let (key, queue) = table.end(at);
        refuse(key, Some(queue), None, DropReason::DeviceGone, env);
    }
}

/// Refuses a datagram: what is held of it, and the fragment that came.
fn refuse<W: World>(
    key: Key,
    queue: Option<&mut Queue<W::Buf>>,
    came: Option<W::Buf>,
    reason: DropReason,
    env: &mut Env<'_, W>,
) {
    env.counters.reasm_fails += 1;
    if let Some(queue) = queue {
        let by = came.as_ref().map_or(queue.began, |buf| buf.meta().id);
        tell(env, Reassembly::Refused, by, &key, queue);
        drop_all(queue, reason, env);
    }
    if let Some(buf) = came {
        env.drop(buf, reason);
    }
}

fn drop_all<W: World>(queue: &mut Queue<W::Buf>, reason: DropReason, env: &mut Env<'_, W>) {
    queue.held.drain(..).for_each(|held| env.drop(held.packet.buf, reason));
}

fn tell<W: World>(
    env: &mut Env<'_, W>,
    what: Reassembly,
    packet: PacketId,
    key: &Key,
    queue: &Queue<W::Buf>,
) {
    let (fragments, bytes) = (queue.len(), queue.bytes);
    let Key { src, dst, id, protocol: Protocol(protocol) } = *key;
    let note = ReassemblyNote { what, packet, src, dst, id, protocol, fragments, bytes };
    env.world.observe(Event::Reassembly(note));
}

#[cfg(test)]
mod tests;
