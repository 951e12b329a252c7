//! Neighbours: who is on the links, how ARP finds out, and the packets that wait for it.
//!
//! Rank 4 (ARP input) and 10 (resolve) of the path, and the timer of each entry. RFC 826, spec 3.2.
//!
//! Invariant: a dynamic entry has exactly one timer, a static one none; packets wait only in
//! states none and send, at most `Limits::neigh_queue` for each neighbour.
//! Not here: which next hop (`route.rs`), the tag and the queue of what leaves (`netif.rs`).
//!
//! DPVS: neigh.c. There a reply overrides a static entry (defect B04), a static entry set over a
//! dynamic one does not become static (B05), and one packet more than the limit waits (B06).

mod arp_input;
mod entries;
mod key;
mod state;
#[cfg(test)]
mod tests;

pub use arp_input::arp_input;
pub use state::{NeighEvent, State};

use crate::control::{NeighEntry, Refused};
use crate::drop::DropReason;
use crate::env::{Env, TimerKey};
use crate::event::{Event, Made, NeighMove};
use crate::icmp::{self, ErrorKind, ErrorLimit};
use crate::ipv4::Outbound;
use crate::packet::{Buf, PacketId};
use crate::path::{Next, Step};
use crate::planted::Defect;
use crate::time::{Instant, Nanos};
use crate::timer::TimerId;
use crate::types::{LcoreId, Mac, PortId};
use crate::wire::arp::{self, Operation};
use crate::wire::ethernet::{self, EtherType};
use crate::world::{NeighChange, World};
use entries::Entries;
use key::Key;
use std::collections::VecDeque;
use std::net::Ipv4Addr;

/// Requests that an absent neighbour gets before we give up (RFC 1812 §3.3.2; Linux's three).
pub const REQUESTS_MAX: u8 = 3;
/// Bytes of the ARP requests we make: Ethernet's minimum without FCS.
pub const REQUEST_LEN: usize = 60;

#[derive(Debug)]
struct Entry<B> {
    state: State,
    mac: Mac,
    is_static: bool,
    /// Requests sent since the last answer.
    asked: u8,
    /// When the timer was last armed by an event that kept the state; nothing after a change.
    since: Option<Instant>,
    timer: Option<TimerId>,
    waiting: VecDeque<Outbound<B>>,
}

/// The neighbours of one lcore.
#[derive(Debug)]
pub struct Neighbours<B> {
    entries: Entries<B>,
    held: u64,
}

impl<B> Default for Neighbours<B> {
    fn default() -> Neighbours<B> {
        Neighbours { entries: Entries::default(), held: 0 }
    }
}

impl<B: Buf> Neighbours<B> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Packets that wait.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Every neighbour: device, address, state, MAC, and whether it is static; in order of device
    /// and address.
    pub fn iter(&self) -> impl Iterator<Item = (PortId, Ipv4Addr, State, Mac, bool)> + '_ {
        let all = self.entries.in_order().into_iter();
        all.map(|(key, e)| (key.port(), key.address(), e.state, e.mac, e.is_static))
    }

    /// Every neighbour, as the lcore `me` knows it.
    pub fn entries(&self, me: LcoreId) -> Vec<NeighEntry> {
        let entries = self.entries.in_order().into_iter().map(|(key, e)| NeighEntry {
            dev: key.port(),
            address: key.address(),
            lcore: me,
            state: e.state,
            mac: e.mac,
            is_static: e.is_static,
            waiting: e.waiting(),
        });
        entries.collect()
    }

    /// Adds a static neighbour before the first tick. Of one that is named twice the last counts.
    pub fn add_static(&mut self, port: PortId, address: Ipv4Addr, mac: Mac) {
        let entry = Entry { is_static: true, mac, ..Entry::new(State::Reachable) };
        let key = Key::new(port, address);
        self.entries.remove(key);
        self.entries.insert(key, entry);
    }

    /// Gives every held packet back: the end of the run.
    pub fn release<W: World<Buf = B>>(&mut self, world: &mut W) {
        for entry in self.entries.all() {
            entry.waiting.drain(..).for_each(|packet| world.free(packet.buf));
        }
        self.held = 0;
    }
}

impl<B> Entry<B> {
    fn new(state: State) -> Entry<B> {
        Entry {
            state,
            mac: Mac::ZERO,
            is_static: false,
            asked: 0,
            since: None,
            timer: None,
            waiting: VecDeque::new(),
        }
    }

    fn waiting(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }

    fn arm<W: World>(&mut self, key: Key, delay: Nanos, env: &mut Env<'_, W>) {
        if let Some(old) = self.timer.take() {
            env.timers.cancel(old);
        }
        // DPVS: lrand48() % 200 ms on every neighbour timer (spec 11 #8).
        let jitter = match env.policy.neigh_jitter.get() {
            0 => Nanos::ZERO,
            below => Nanos::new(env.rng.below(below)),
        };
        // An hour and ten seconds at the most: far within the wheel's range.
        self.timer = env
            .timers
            .arm(env.now, delay + jitter, TimerKey::Neigh(key.port(), key.address()))
            .ok();
    }

    /// Takes one event of the state machine.
    fn apply<W: World>(&mut self, key: Key, event: NeighEvent, env: &mut Env<'_, W>) {
        let Some(to) = self.state.on(event).filter(|_| !self.is_static) else {
            return;
        };
        let from = self.state;
        let timeout = lifetime(to, env);
        if from == to {
            // DPVS: re-armed at most once in half a lifetime.
            let fresh = |then| env.now.saturating_since(then).saturating_mul(2) < timeout;
            if self.since.is_some_and(fresh) {
                return;
            }
            self.since = Some(env.now);
        } else {
            self.state = to;
            self.since = None;
            let moved = moved(key, Some(from), Some(to), event.name(), self.waiting());
            env.world.observe(moved);
        }
        self.arm(key, timeout, env);
    }

    /// Sends every packet that waited on its way, oldest first.
    fn flush<W: World<Buf = B>>(
        &mut self,
        key: Key,
        held: &mut u64,
        env: &mut Env<'_, W>,
        next: &mut Next<B>,
    ) where
        B: Buf,
    {
        if env.planted.is(Defect::HeldReversed) {
            self.waiting.make_contiguous().reverse();
        }
        while let Some(packet) = self.waiting.pop_front() {
            *held -= 1;
            frame(packet.buf, key.port(), self.mac, env, next);
            if env.planted.is(Defect::HeldForgotten) {
                break;
            }
        }
    }
}

fn moved(
    key: Key,
    from: Option<State>,
    to: Option<State>,
    why: &'static str,
    waiting: u32,
) -> Event {
    let (port, address) = (key.port(), key.address());
    let (from, to) = (from.map(State::name), to.map(State::name));
    Event::Neigh(NeighMove { port, address, from, to, why, waiting })
}

/// How long an entry stays in a state unless something happens. Spec 3.2, POLICY.
fn lifetime<W: World>(state: State, env: &Env<'_, W>) -> Nanos {
    let again = |dpvs| if env.policy.neigh_retransmit { 1 } else { dpvs };
    match state {
        State::None => Nanos::from_secs(2),
        State::Send | State::Delay => Nanos::from_secs(again(3)),
        State::Reachable => env.policy.neigh_reachable,
        State::Probe => Nanos::from_secs(30),
    }
}

/// Puts the Ethernet header in front of a packet whose next hop is known.
fn frame<W: World>(
    mut buf: W::Buf,
    device: PortId,
    dst: Mac,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let src = env.devices.get(device).mac;
    match buf.prepend(ethernet::HEADER_LEN) {
        Ok(out) => ethernet::Header { dst, src, ether_type: EtherType::IPV4 }.emit(out),
        Err(_) => return env.drop(buf, DropReason::NoHeadroom),
    }
    next.push(Step::Egress(buf, device));
}

/// Rank 10: on its way with the neighbour's MAC, or it waits for it.
pub fn resolve<W: World>(
    table: &mut Neighbours<W::Buf>,
    packet: Outbound<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let key = Key::new(packet.hop.dev(), packet.hop.next(packet.ip().dst));
    let room = table.entries.len() < env.limits.neigh_entries as usize;
    let (at, is_new) = match table.entries.find(key) {
        Some(at) => (at, false),
        None if !room => return env.drop(packet.buf, DropReason::NeighTableFull),
        None => (table.entries.insert(key, Entry::new(State::None)), true),
    };
    let entry = table.entries.at(at);
    let cause = packet.buf.meta().id;
    let stale = env.planted.is(Defect::StaleNeighbour) && entry.mac != Mac::ZERO;
    if !entry.state.waits() || stale {
        frame(packet.buf, key.port(), entry.mac, env, next);
        if entry.state == State::Probe {
            solicit(entry, key, Some(cause), env, next);
        }
        return;
    }
    let full = entry.waiting.len() >= env.limits.neigh_queue as usize;
    if full && !env.planted.is(Defect::NeighQueueUnlimited) {
        return env.drop(packet.buf, DropReason::NeighQueueFull);
    }
    if is_new {
        env.world.observe(moved(key, None, Some(State::None), "created", 0));
    }
    entry.waiting.push_back(packet);
    table.held += 1;
    let waits = Event::Waits { packet: cause, address: key.address(), waiting: entry.waiting() };
    env.world.observe(waits);
    if entry.state == State::None {
        entry.asked = 0;
        solicit(entry, key, Some(cause), env, next);
    }
}

/// Asks who has the address, and takes the event.
fn solicit<W: World>(
    entry: &mut Entry<W::Buf>,
    key: Key,
    cause: Option<PacketId>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    entry.asked += 1;
    if let Some(mut buf) = env.make(Made::ArpRequest, cause) {
        buf.meta_mut().port = key.port();
        if write_request(&mut buf, key, env).is_err() {
            env.drop(buf, DropReason::NoHeadroom);
        } else {
            env.counters.arp_requests_out += 1;
            next.push(Step::Egress(buf, key.port()));
        }
    }
    entry.apply(key, NeighEvent::Solicited, env);
}

fn write_request<W: World>(
    buf: &mut W::Buf,
    key: Key,
    env: &Env<'_, W>,
) -> Result<(), crate::packet::NoRoom> {
    let (device, target_ip) = (env.devices.get(key.port()), key.address());
    let out = buf.append(REQUEST_LEN)?;
    out.fill(0);
    let ether_type = EtherType::ARP;
    ethernet::Header { dst: Mac::BROADCAST, src: device.mac, ether_type }.emit(out);
    let request = arp::Packet {
        operation: Operation::Request,
        sender_mac: device.mac,
        // Without an address of our own the request is a probe (RFC 5227), as DPVS sends it.
        sender_ip: device.select_source(target_ip).unwrap_or(Ipv4Addr::UNSPECIFIED),
        target_mac: Mac::ZERO,
        target_ip,
    };
    request.emit(&mut out[ethernet::HEADER_LEN..]);
    Ok(())
}

/// The timer of a neighbour ran.
pub fn timer<W: World>(
    table: &mut Neighbours<W::Buf>,
    limit: &mut ErrorLimit,
    (port, address): (PortId, Ipv4Addr),
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let key = Key::new(port, address);
    let Some(entry) = table.entries.find(key).map(|at| table.entries.at(at)) else { return };
    entry.timer = None;
    match entry.state {
        State::None => {
            let waiting = std::mem::take(&mut entry.waiting);
            env.world.observe(moved(key, Some(State::None), None, "expired", 0));
            table.entries.remove(key);
            table.held -= waiting.len() as u64;
            for packet in waiting {
                env.drop(packet.buf, DropReason::NeighUnreachable);
            }
        }
        State::Send | State::Delay if env.policy.neigh_retransmit => {
            let more = u8::from(env.planted.is(Defect::OneRequestMore));
            if entry.asked < REQUESTS_MAX + more {
                // The state stays, so `apply` would spare the timer: arm it here.
                let cause = entry.waiting.front().map(|packet| packet.buf.meta().id);
                solicit(entry, key, cause, env, next);
                let delay = lifetime(entry.state, env);
                entry.arm(key, delay, env);
            } else {
                give_up(entry, &mut table.held, limit, key, env, next);
            }
        }
        State::Send | State::Reachable | State::Probe | State::Delay => {
            entry.asked = 0;
            entry.apply(key, NeighEvent::Timeout, env);
        }
    }
}

/// Nobody answered: tells the sender of each packet that waited (RFC 1812 §5.2.7.1).
fn give_up<W: World>(
    entry: &mut Entry<W::Buf>,
    held: &mut u64,
    limit: &mut ErrorLimit,
    key: Key,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    while let Some(packet) = entry.waiting.pop_front() {
        *held -= 1;
        if let Some(from) = packet.from {
            let kind = ErrorKind::HostUnreachable;
            icmp::error_about(limit, &packet.buf, &packet.ip(), from, kind, env, next);
        }
        if env.planted.is(Defect::GivenUpLeaked) {
            continue;
        }
        env.drop(packet.buf, DropReason::NeighUnreachable);
    }
    entry.apply(key, NeighEvent::Timeout, env);
}

/// Learns a MAC: an entry that is not there is created, packets that waited go.
fn learn<W: World>(
    table: &mut Neighbours<W::Buf>,
    key: Key,
    mac: Mac,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let room = table.entries.len() < env.limits.neigh_entries as usize;
    let at = match table.entries.find(key) {
        Some(at) => at,
        // Nothing is lost when there is no room: we can ask when we need it.
        None if !room => return,
        None => {
            env.world.observe(moved(key, None, Some(State::None), "created", 0));
            table.entries.insert(key, Entry::new(State::None))
        }
    };
    let entry = table.entries.at(at);
    if entry.is_static && !env.planted.is(Defect::StaticOverridden) {
        return;
    }
    if entry.mac != mac {
        entry.mac = mac;
        env.world.observe(Event::NeighMac { port: key.port(), address: key.address(), mac });
    }
    entry.asked = 0;
    entry.apply(key, NeighEvent::Reply, env);
    entry.flush(key, &mut table.held, env, next);
}

/// Applies a change of a static neighbour. Returns the MAC that was set before.
///
/// DPVS: a MAC that is set for a neighbour that ARP is asking for does not make it static, and the
/// packets go on waiting (defect B05).
///
/// # Errors
/// There is no room for one more.
pub fn change<W: World>(
    table: &mut Neighbours<W::Buf>,
    change: NeighChange,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) -> Result<Option<Mac>, Refused> {
    let key = Key::new(change.port, change.address);
    env.counters.neigh_changes += 1;
    let before = table.entries.get(key).filter(|entry| entry.is_static).map(|entry| entry.mac);
    // DPVS: whoever finds the device gone follows a null pointer (defect B30).
    if env.devices.find(change.port).is_none() {
        env.world.observe(moved(key, None, None, "device_gone", 0));
        return Ok(None);
    }
    let Some(mac) = change.mac else {
        delete(table, key, env);
        return Ok(before);
    };
    let full = table.entries.len() >= env.limits.neigh_entries as usize;
    let (at, is_new) = match table.entries.find(key) {
        Some(at) => (at, false),
        None if full => {
            env.world.observe(moved(key, None, None, "table_full", 0));
            return Err(Refused::NeighTableFull);
        }
        None => (table.entries.insert(key, Entry::new(State::None)), true),
    };
    let entry = table.entries.at(at);
    if let Some(timer) = entry.timer.take() {
        env.timers.cancel(timer);
    }
    let from = if is_new { None } else { Some(entry.state) };
    entry.state = State::Reachable;
    entry.is_static = true;
    entry.mac = mac;
    let moved = moved(key, from, Some(State::Reachable), "static_add", entry.waiting());
    env.world.observe(moved);
    env.world.observe(Event::NeighMac { port: key.port(), address: key.address(), mac });
    if !env.planted.is(Defect::HeldByStatic) {
        entry.flush(key, &mut table.held, env, next);
    }
    Ok(before)
}

/// Forgets every neighbour on the link of a device. Returns those that somebody had set.
pub fn flush<W: World>(
    table: &mut Neighbours<W::Buf>,
    dev: PortId,
    env: &mut Env<'_, W>,
) -> Vec<NeighChange> {
    let on_link = table.entries.in_order().into_iter().filter(|(key, _)| key.port() == dev);
    let there: Vec<_> = on_link.map(|(key, entry)| (key, entry.is_static, entry.mac)).collect();
    there.iter().for_each(|(key, ..)| delete(table, *key, env));
    let set = there.into_iter().filter(|(_, is_static, _)| *is_static);
    let change = |(port, address), mac| NeighChange { port, address, mac: Some(mac) };
    set.map(|(key, _, mac)| change((key.port(), key.address()), mac)).collect()
}

fn delete<W: World>(table: &mut Neighbours<W::Buf>, key: Key, env: &mut Env<'_, W>) {
    let Some(entry) = table.entries.remove(key) else {
        return env.world.observe(moved(key, None, None, "not_there", 0));
    };
    if let Some(timer) = entry.timer {
        env.timers.cancel(timer);
    }
    env.world.observe(moved(key, Some(entry.state), None, "deleted", 0));
    table.held -= entry.waiting.len() as u64;
    for packet in entry.waiting {
        env.drop(packet.buf, DropReason::NeighDeleted);
    }
}
