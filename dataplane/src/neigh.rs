//! Neighbours: who is on the links, how ARP finds out, and the packets that wait for it.
//!
//! Rank 1 (ARP input) and 6 (resolve) of the path, and the timer of each entry. RFC 826, spec 3.2.
//!
//! Invariant: a dynamic entry has exactly one timer, a static one none; packets wait only in
//! states none and send, at most `Limits::neigh_queue` for each neighbour.
//! Not here: which next hop (`route.rs`), the tag and the queue of what leaves (`netif.rs`).
//!
//! DPVS: neigh.c. There a reply overrides a static entry (defect B04), a static entry set over a
//! dynamic one does not become static (B05), and one packet more than the limit waits (B06).

use crate::drop::DropReason;
use crate::env::{Env, TimerKey};
use crate::event::{Consumer, Event, Made, NeighMove};
use crate::icmp::{self, ErrorKind, ErrorLimit};
use crate::ipv4::Outbound;
use crate::netif::{Class, L3Frame};
use crate::packet::{Buf, Meta, PacketId};
use crate::path::{Next, Step};
use crate::time::{Instant, Nanos};
use crate::timer::TimerId;
use crate::types::{Mac, PortId};
use crate::wire::Problem;
use crate::wire::arp::{self, Operation};
use crate::wire::ethernet::{self, EtherType};
use crate::world::{NeighChange, Parcel, Ring, World};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

/// Requests that an absent neighbour gets before we give up (RFC 1812 §3.3.2; Linux's three).
pub const REQUESTS_MAX: u8 = 3;
/// Bytes of the ARP requests we make: Ethernet's minimum without FCS.
pub const REQUEST_LEN: usize = 60;

/// What we know of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing, and nobody is asking.
    None,
    /// Nothing yet: a request is out.
    Send,
    /// Its MAC.
    Reachable,
    /// A MAC that is old: the next packet asks again.
    Probe,
    /// A MAC that is old: a request is out.
    Delay,
}

/// What happens to a neighbour entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighEvent {
    /// A request was sent.
    Solicited,
    /// It told its MAC.
    Reply,
    /// Its timer ran.
    Timeout,
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] = [
        State::None,
        State::Send,
        State::Reachable,
        State::Probe,
        State::Delay,
    ];

    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            State::None => "none",
            State::Send => "send",
            State::Reachable => "reachable",
            State::Probe => "probe",
            State::Delay => "delay",
        }
    }

    /// The next state, or nothing: the state stays and so does its timer. Spec 3.2.
    pub const fn on(self, event: NeighEvent) -> Option<State> {
        match (self, event) {
            (State::None | State::Send, NeighEvent::Solicited) => Some(State::Send),
            (State::Reachable, NeighEvent::Solicited) => None,
            (State::Probe | State::Delay, NeighEvent::Solicited) => Some(State::Delay),
            (_, NeighEvent::Reply) => Some(State::Reachable),
            (State::Reachable, NeighEvent::Timeout) => Some(State::Probe),
            (_, NeighEvent::Timeout) => Some(State::None),
        }
    }

    /// The machine as a table: a row a state, a column an event.
    pub fn table() -> String {
        let mut table = String::from("state       solicited   reply       timeout\n");
        for state in State::ALL {
            let cell = |event| state.on(event).map_or("(keep)", State::name);
            let row = [
                state.name(),
                cell(NeighEvent::Solicited),
                cell(NeighEvent::Reply),
                cell(NeighEvent::Timeout),
            ];
            let row = row.map(|cell| format!("{cell:<12}")).concat();
            table.push_str(row.trim_end());
            table.push('\n');
        }
        table
    }

    const fn waits(self) -> bool {
        matches!(self, State::None | State::Send)
    }
}

impl NeighEvent {
    const fn name(self) -> &'static str {
        match self {
            NeighEvent::Solicited => "solicited",
            NeighEvent::Reply => "reply",
            NeighEvent::Timeout => "timeout",
        }
    }
}

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

type Key = (PortId, Ipv4Addr);

/// The neighbours of one lcore.
#[derive(Debug)]
pub struct Neighbours<B> {
    entries: BTreeMap<Key, Entry<B>>,
    held: u64,
}

impl<B> Default for Neighbours<B> {
    fn default() -> Neighbours<B> {
        Neighbours {
            entries: BTreeMap::new(),
            held: 0,
        }
    }
}

impl<B: Buf> Neighbours<B> {
    /// Packets that wait.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Every neighbour: device, address, state, MAC, and whether it is static; in order of device
    /// and address.
    pub fn iter(&self) -> impl Iterator<Item = (PortId, Ipv4Addr, State, Mac, bool)> + '_ {
        self.entries
            .iter()
            .map(|((port, ip), e)| (*port, *ip, e.state, e.mac, e.is_static))
    }

    /// Adds a static neighbour before the first tick.
    pub fn add_static(&mut self, port: PortId, address: Ipv4Addr, mac: Mac) {
        let entry = Entry {
            is_static: true,
            mac,
            ..Entry::new(State::Reachable)
        };
        self.entries.insert((port, address), entry);
    }

    /// Gives every held packet back: the end of the run.
    pub fn release<W: World<Buf = B>>(&mut self, world: &mut W) {
        for entry in self.entries.values_mut() {
            entry
                .waiting
                .drain(..)
                .for_each(|packet| world.free(packet.buf));
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
            .arm(env.now, delay + jitter, TimerKey::Neigh(key.0, key.1))
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
        while let Some(packet) = self.waiting.pop_front() {
            *held -= 1;
            frame(packet.buf, key.0, self.mac, env, next);
        }
    }
}

fn moved(
    (port, address): Key,
    from: Option<State>,
    to: Option<State>,
    why: &'static str,
    waiting: u32,
) -> Event {
    let (from, to) = (from.map(State::name), to.map(State::name));
    Event::Neigh(NeighMove {
        port,
        address,
        from,
        to,
        why,
        waiting,
    })
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
        Ok(out) => ethernet::Header {
            dst,
            src,
            ether_type: EtherType::Ipv4,
        }
        .emit(out),
        Err(_) => return env.drop(buf, DropReason::NoHeadroom),
    }
    next.push(Step::Egress(buf, device));
}

/// Rank 6: on its way with the neighbour's MAC, or it waits for it.
pub fn resolve<W: World>(
    table: &mut Neighbours<W::Buf>,
    packet: Outbound<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let key = (packet.hop.dev, packet.hop.next(packet.ip.dst));
    let room = table.entries.len() < env.limits.neigh_entries as usize;
    let (entry, is_new) = match table.entries.entry(key) {
        std::collections::btree_map::Entry::Occupied(entry) => (entry.into_mut(), false),
        std::collections::btree_map::Entry::Vacant(_) if !room => {
            return env.drop(packet.buf, DropReason::NeighTableFull);
        }
        std::collections::btree_map::Entry::Vacant(slot) => {
            (slot.insert(Entry::new(State::None)), true)
        }
    };
    let cause = packet.buf.meta().id;
    if !entry.state.waits() {
        frame(packet.buf, key.0, entry.mac, env, next);
        if entry.state == State::Probe {
            solicit(entry, key, Some(cause), env, next);
        }
        return;
    }
    if entry.waiting.len() >= env.limits.neigh_queue as usize {
        return env.drop(packet.buf, DropReason::NeighQueueFull);
    }
    if is_new {
        env.world
            .observe(moved(key, None, Some(State::None), "created", 0));
    }
    entry.waiting.push_back(packet);
    table.held += 1;
    let waits = Event::Waits {
        packet: cause,
        address: key.1,
        waiting: entry.waiting(),
    };
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
        buf.meta_mut().port = key.0;
        if write_request(&mut buf, key, env).is_err() {
            env.drop(buf, DropReason::NoHeadroom);
        } else {
            env.counters.arp_requests_out += 1;
            next.push(Step::Egress(buf, key.0));
        }
    }
    entry.apply(key, NeighEvent::Solicited, env);
}

fn write_request<W: World>(
    buf: &mut W::Buf,
    (port, target_ip): Key,
    env: &Env<'_, W>,
) -> Result<(), crate::packet::NoRoom> {
    let device = env.devices.get(port);
    let out = buf.append(REQUEST_LEN)?;
    out.fill(0);
    let ether_type = EtherType::Arp;
    ethernet::Header {
        dst: Mac::BROADCAST,
        src: device.mac,
        ether_type,
    }
    .emit(out);
    let request = arp::Packet {
        operation: Operation::Request,
        sender_mac: device.mac,
        // Without an address of our own the request is a probe (RFC 5227), as DPVS sends it.
        sender_ip: device
            .select_source(target_ip)
            .unwrap_or(Ipv4Addr::UNSPECIFIED),
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
    key: Key,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let Some(entry) = table.entries.get_mut(&key) else {
        return;
    };
    entry.timer = None;
    match entry.state {
        State::None => {
            let waiting = std::mem::take(&mut entry.waiting);
            env.world
                .observe(moved(key, Some(State::None), None, "expired", 0));
            table.entries.remove(&key);
            table.held -= waiting.len() as u64;
            for packet in waiting {
                env.drop(packet.buf, DropReason::NeighUnreachable);
            }
        }
        State::Send | State::Delay if env.policy.neigh_retransmit => {
            if entry.asked < REQUESTS_MAX {
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
            icmp::error_about(limit, &packet.buf, &packet.ip, from, kind, env, next);
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
    let entry = match table.entries.entry(key) {
        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
        // Nothing is lost when there is no room: we can ask when we need it.
        std::collections::btree_map::Entry::Vacant(_) if !room => return,
        std::collections::btree_map::Entry::Vacant(slot) => {
            env.world
                .observe(moved(key, None, Some(State::None), "created", 0));
            slot.insert(Entry::new(State::None))
        }
    };
    if entry.is_static {
        return;
    }
    if entry.mac != mac {
        entry.mac = mac;
        env.world.observe(Event::NeighMac {
            port: key.0,
            address: key.1,
            mac,
        });
    }
    entry.asked = 0;
    entry.apply(key, NeighEvent::Reply, env);
    entry.flush(key, &mut table.held, env, next);
}

/// Rank 1: answers requests for our addresses and learns from replies.
pub fn arp_input<W: World>(
    table: &mut Neighbours<W::Buf>,
    frame: L3Frame<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let packet = match accepted(&frame, env) {
        Ok(packet) => packet,
        Err(reason) => return env.drop(frame.buf, reason),
    };
    let key = (frame.device, packet.sender_ip);
    let known = table.entries.get(&key).map(|entry| entry.is_static);
    let ours = match env.devices.owner(packet.target_ip) {
        Some(owner) => owner == frame.device || env.policy.weak_host,
        None => false,
    };
    // RFC 826: an announcement updates what we know, whomever it names as its target.
    let announcement = packet.sender_ip == packet.target_ip;
    if announcement && known == Some(false) {
        learn(table, key, packet.sender_mac, env, next);
        return env.consume(frame.buf, Consumer::Arp);
    }
    if known == Some(true) && (announcement || packet.operation == Operation::Reply) {
        return env.drop(frame.buf, DropReason::ArpStatic);
    }
    if !ours {
        return env.drop(frame.buf, DropReason::ArpNotOurs);
    }
    if packet.operation == Operation::Request {
        let on_link = env.devices.get(frame.device).on_link(packet.sender_ip);
        if env.policy.arp_learn_requests && on_link && !packet.sender_ip.is_unspecified() {
            learn(table, key, packet.sender_mac, env, next);
        }
        return answer(frame, &packet, env, next);
    }
    env.counters.arp_replies_in += 1;
    reply_input(table, frame, &packet, known.is_some(), env, next);
}

/// The checks of RFC 826 and RFC 1122 §2.3.2, as POLICY has them.
fn accepted<W: World>(
    frame: &L3Frame<W::Buf>,
    env: &Env<'_, W>,
) -> Result<arp::Packet, DropReason> {
    if frame.class == Class::OtherHost && !env.policy.arp_other_host {
        return Err(DropReason::ArpOtherHost);
    }
    let packet =
        arp::Packet::parse(frame.buf.head()).map_err(|malformed| match malformed.problem {
            Problem::Hardware(_) | Problem::HardwareLength(_) => DropReason::ArpHardware,
            Problem::Protocol(_) | Problem::ProtocolLength(_) => DropReason::ArpProtocol,
            _ => DropReason::ArpTruncated,
        })?;
    let ip = packet.sender_ip;
    // A request from 0.0.0.0 is a probe (RFC 5227 §1.1), a reply from there is nonsense.
    let nobody = ip.is_unspecified() && packet.operation == Operation::Reply;
    let group = ip.is_multicast() || ip.is_loopback() || env.devices.is_broadcast(ip);
    let conflict = env.devices.owner(ip).is_some();
    let bad = nobody || group || conflict || packet.sender_mac.is_multicast();
    if env.policy.arp_check_sender && bad {
        return Err(DropReason::ArpSender);
    }
    match packet.operation {
        Operation::Request | Operation::Reply => Ok(packet),
        Operation::Other(_) => Err(DropReason::ArpOperation),
    }
}

/// Turns a request round, in place and as long as it was.
fn answer<W: World>(
    frame: L3Frame<W::Buf>,
    request: &arp::Packet,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let L3Frame {
        mut buf,
        device,
        src,
        ..
    } = frame;
    let mac = env.devices.get(device).mac;
    let reply = arp::Packet {
        operation: Operation::Reply,
        sender_mac: mac,
        sender_ip: request.target_ip,
        target_mac: request.sender_mac,
        target_ip: request.sender_ip,
    };
    reply.emit(buf.head_mut());
    match buf.prepend(ethernet::HEADER_LEN) {
        Ok(out) => ethernet::Header {
            dst: src,
            src: mac,
            ether_type: EtherType::Arp,
        }
        .emit(out),
        Err(_) => return env.drop(buf, DropReason::NoHeadroom),
    }
    env.counters.arp_requests_in += 1;
    env.counters.arp_replies_out += 1;
    env.world.observe(Event::Answered {
        packet: buf.meta().id,
        what: "arp_reply",
    });
    next.push(Step::Egress(buf, device));
}

/// A reply for us: the other workers get a copy, and it is learnt.
fn reply_input<W: World>(
    table: &mut Neighbours<W::Buf>,
    mut frame: L3Frame<W::Buf>,
    packet: &arp::Packet,
    known: bool,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let solicited = frame.buf.meta().flags & Meta::SOLICITED != 0;
    if !frame.from_ring {
        spread(&mut frame, known, env);
    }
    let key = (frame.device, packet.sender_ip);
    if known || solicited || env.policy.arp_unsolicited_creates {
        learn(table, key, packet.sender_mac, env, next);
        env.consume(frame.buf, Consumer::Arp);
    } else if frame.from_ring {
        // A copy of what another lcore received: that one is counted as unsolicited, not this.
        env.consume(frame.buf, Consumer::Arp);
    } else {
        env.drop(frame.buf, DropReason::ArpUnsolicited);
    }
}

/// Puts a copy of an ARP reply into the ring of each other worker. Spec 2.3.
fn spread<W: World>(frame: &mut L3Frame<W::Buf>, known: bool, env: &mut Env<'_, W>) {
    if env.peers.is_empty() {
        return;
    }
    let header = ethernet::Header {
        dst: frame.dst,
        src: frame.src,
        ether_type: EtherType::Arp,
    };
    let Ok(out) = frame.buf.prepend(ethernet::HEADER_LEN) else {
        return;
    };
    header.emit(out);
    for to in env.peers {
        let Some(mut copy) = env.duplicate(&frame.buf, Made::ArpCopy) else {
            continue;
        };
        copy.meta_mut().flags = if known { Meta::SOLICITED } else { 0 };
        let packet = copy.meta().id;
        match env.world.send(*to, Ring::Arp, Parcel::Frame(copy)) {
            Ok(()) => env.world.observe(Event::RingTx {
                packet,
                ring: Ring::Arp,
                to: *to,
            }),
            Err(Parcel::Frame(copy)) => env.drop(copy, DropReason::ArpRingFull),
            Err(Parcel::Neigh(_)) => unreachable!("what came back is what was sent"),
        }
    }
    // The header was there a moment ago, so it comes off again.
    let stripped = frame.buf.strip_front(ethernet::HEADER_LEN);
    debug_assert!(
        stripped.is_ok(),
        "the header just put in front comes off again"
    );
}

/// Applies a change of a static neighbour (job neigh_sync).
pub fn change<W: World>(
    table: &mut Neighbours<W::Buf>,
    change: NeighChange,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let key = (change.port, change.address);
    env.counters.neigh_changes += 1;
    let Some(mac) = change.mac else {
        return delete(table, key, env);
    };
    let full = table.entries.len() >= env.limits.neigh_entries as usize;
    if full && !table.entries.contains_key(&key) {
        return env.world.observe(moved(key, None, None, "table_full", 0));
    }
    let is_new = !table.entries.contains_key(&key);
    let entry = table
        .entries
        .entry(key)
        .or_insert_with(|| Entry::new(State::None));
    if let Some(timer) = entry.timer.take() {
        env.timers.cancel(timer);
    }
    let from = if is_new { None } else { Some(entry.state) };
    entry.state = State::Reachable;
    entry.is_static = true;
    entry.mac = mac;
    let moved = moved(
        key,
        from,
        Some(State::Reachable),
        "static_add",
        entry.waiting(),
    );
    env.world.observe(moved);
    env.world.observe(Event::NeighMac {
        port: key.0,
        address: key.1,
        mac,
    });
    entry.flush(key, &mut table.held, env, next);
}

fn delete<W: World>(table: &mut Neighbours<W::Buf>, key: Key, env: &mut Env<'_, W>) {
    let Some(entry) = table.entries.remove(&key) else {
        return env.world.observe(moved(key, None, None, "not_there", 0));
    };
    if let Some(timer) = entry.timer {
        env.timers.cancel(timer);
    }
    env.world
        .observe(moved(key, Some(entry.state), None, "deleted", 0));
    table.held -= entry.waiting.len() as u64;
    for packet in entry.waiting {
        env.drop(packet.buf, DropReason::NeighDeleted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_machine_is_the_one_of_the_spec() {
        insta::assert_snapshot!(State::table(), @r"
        state       solicited   reply       timeout
        none        send        reachable   none
        send        send        reachable   none
        reachable   (keep)      reachable   probe
        probe       delay       reachable   none
        delay       delay       reachable   none
        ");
    }
}
