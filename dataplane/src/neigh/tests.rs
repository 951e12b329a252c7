//! Any packets, ARP, orders and waits, against a model that keeps the rules of spec 3.2 in a list.

use super::{Neighbours, State, arp_input, change, flush, resolve, timer};
use crate::config::Policy;
use crate::drop::DropReason;
use crate::env::{Env, TimerKey};
use crate::event::Event;
use crate::heap::{HeapBuf, HeapWorld};
use crate::icmp::ErrorLimit;
use crate::ipv4::Outbound;
use crate::netif::{ArpFrame, Class};
use crate::packet::{Buf, PacketId};
use crate::path::{Next, Step};
use crate::rig::{NONE, Rig, finds_what_is_planted, planted};
use crate::route::Hop;
use crate::time::{Instant, Nanos};
use crate::types::{Mac, PortId, QueueId};
use crate::wire::arp::{self, Operation};
use crate::wire::ethernet::{self, Header};
use crate::world::{NeighChange, World};
use fixtures::{ALICE, BOB, DUT_LAN, DUT_WAN, Host, arp_reply, arp_request, udp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::net::Ipv4Addr;

/// What may happen.
#[derive(Clone, Debug)]
enum Act {
    /// A packet for a neighbour.
    Packet(Host),
    /// An ARP packet: who, his last byte of MAC, whether it is a reply, and whom it asks or tells.
    Arp {
        from: Host,
        mac: u8,
        reply: bool,
        target: Host,
    },
    /// A static neighbour is set, or one is deleted.
    Set(Host, Option<u8>),
    Flush(PortId),
    /// So many milliseconds pass, and the timers run that are due.
    Pass(u64),
}

/// What is seen of it, in order. Packets are named by their identity.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Sent(u64, Mac),
    Asked(Ipv4Addr),
    Answered(u64, Mac),
    Dropped(u64, DropReason),
    Refused,
}

/// Two neighbours on either link.
const HOSTS: [Host; 4] =
    [ALICE, ALICE.with_ip([198, 51, 100, 8]), BOB, BOB.with_ip([192, 0, 2, 10])];

/// The port that a host is on, and our address there.
fn link(host: Host) -> (PortId, Host) {
    let lan = host.ip.octets()[..3] == DUT_LAN.ip.octets()[..3];
    if lan { (PortId(0), DUT_LAN) } else { (PortId(1), DUT_WAN) }
}

fn mac(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 1, last])
}

#[derive(Clone, Debug)]
struct Known {
    host: Host,
    state: State,
    mac: Mac,
    fixed: bool,
    asked: u8,
    since: Option<u64>,
    /// When its time in this state is over, in milliseconds, and the how manieth timer that is.
    due: Option<(u64, u64)>,
    waiting: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Model {
    policy: Policy,
    /// Neighbours, and packets that wait for each, at most.
    room: usize,
    queue: usize,
    now: u64,
    /// Packets so far, requests of our own among them; and timers.
    packets: u64,
    armed: u64,
    known: Vec<Known>,
    seen: Vec<Seen>,
}

impl Model {
    fn find(&mut self, host: Host) -> Option<usize> {
        self.known.iter().position(|known| known.host.ip == host.ip)
    }

    /// The neighbour, created if there is room.
    fn entry(&mut self, host: Host) -> Option<usize> {
        if self.find(host).is_none() {
            if self.known.len() >= self.room {
                return None;
            }
            let (state, mac, waiting) = (State::None, Mac::ZERO, vec![]);
            let (fixed, asked, since, due) = (false, 0, None, None);
            self.known.push(Known { host, state, mac, fixed, asked, since, due, waiting });
        }
        self.find(host)
    }

    fn lifetime(&self, state: State) -> u64 {
        let again = if self.policy.neigh_retransmit { 1000 } else { 3000 };
        match state {
            State::None => 2000,
            State::Send | State::Delay => again,
            State::Reachable => self.policy.neigh_reachable.get() / 1_000_000,
            State::Probe => 30_000,
        }
    }

    fn arm(&mut self, at: usize) {
        self.armed += 1;
        let lifetime = self.lifetime(self.known[at].state);
        self.known[at].due = Some((self.now + lifetime, self.armed));
    }

    /// The neighbour is in this state now. If it was before, its time begins anew only when half of
    /// it is over.
    fn enter(&mut self, at: usize, to: State) {
        let (now, half) = (self.now, self.lifetime(to).div_ceil(2));
        let known = &mut self.known[at];
        if known.fixed {
            return;
        }
        let stays = known.state == to;
        if stays && known.since.is_some_and(|since| now - since < half) {
            return;
        }
        (known.state, known.since) = (to, stays.then_some(now));
        self.arm(at);
    }

    fn ask(&mut self, at: usize) {
        self.packets += 1;
        self.known[at].asked += 1;
        self.seen.push(Seen::Asked(self.known[at].host.ip));
        match self.known[at].state {
            State::None | State::Send => self.enter(at, State::Send),
            State::Probe | State::Delay => self.enter(at, State::Delay),
            State::Reachable => {}
        }
    }

    fn let_go(&mut self, at: usize) {
        let known = &mut self.known[at];
        let sent = known.waiting.drain(..).map(|id| Seen::Sent(id, known.mac));
        self.seen.extend(sent);
    }

    fn forget(&mut self, at: usize, reason: DropReason) {
        let dropped = self.known.remove(at).waiting.into_iter();
        self.seen.extend(dropped.map(|id| Seen::Dropped(id, reason)));
    }

    fn packet(&mut self, host: Host) {
        self.packets += 1;
        let id = self.packets;
        let Some(at) = self.entry(host) else {
            return self.seen.push(Seen::Dropped(id, DropReason::NeighTableFull));
        };
        let known = &mut self.known[at];
        match known.state {
            State::None | State::Send if known.waiting.len() >= self.queue => {
                self.seen.push(Seen::Dropped(id, DropReason::NeighQueueFull));
            }
            State::None => {
                known.waiting.push(id);
                known.asked = 0;
                self.ask(at);
            }
            State::Send => known.waiting.push(id),
            State::Reachable | State::Delay => self.seen.push(Seen::Sent(id, known.mac)),
            State::Probe => {
                self.seen.push(Seen::Sent(id, known.mac));
                self.ask(at);
            }
        }
    }

    fn arp(&mut self, from: Host, mac: Mac, reply: bool, target: Host) {
        self.packets += 1;
        let id = self.packets;
        let known = self.find(from).map(|at| self.known[at].clone());
        // RFC 826: who is known is where he says that he is, whomever he asks for.
        let merges = self.policy.arp_learn_requests;
        let announced = from.ip == target.ip && merges;
        let dropped = |reason| Seen::Dropped(id, reason);
        if let Some(fixed) = known.as_ref().filter(|known| known.fixed && (announced || reply)) {
            if fixed.mac != mac {
                self.seen.push(dropped(DropReason::ArpStatic));
            }
            return;
        }
        let ours = target.ip == link(from).1.ip;
        if !(ours || merges && known.as_ref().is_some_and(|known| !known.fixed)) {
            return self.seen.push(dropped(DropReason::ArpNotOurs));
        }
        let learns = match (ours, reply) {
            (false, _) => known.is_some(),
            (true, true) => known.is_some() || self.policy.arp_unsolicited_creates,
            (true, false) => merges,
        };
        if let Some(at) = self.find(from).or_else(|| if learns { self.entry(from) } else { None })
            && learns
            && !self.known[at].fixed
        {
            (self.known[at].mac, self.known[at].asked) = (mac, 0);
            self.enter(at, State::Reachable);
            self.let_go(at);
        }
        if ours && !reply {
            self.seen.push(Seen::Answered(id, mac));
        } else if !learns {
            self.seen.push(dropped(DropReason::ArpUnsolicited));
        }
    }

    fn set(&mut self, host: Host, mac: Option<Mac>) {
        let Some(mac) = mac else {
            return self.find(host).into_iter().for_each(|at| {
                self.forget(at, DropReason::NeighDeleted);
            });
        };
        let Some(at) = self.entry(host) else { return self.seen.push(Seen::Refused) };
        let known = &mut self.known[at];
        (known.state, known.fixed, known.mac, known.due) = (State::Reachable, true, mac, None);
        self.let_go(at);
    }

    fn time_is_over(&mut self, at: usize) {
        self.known[at].due = None;
        match self.known[at].state {
            State::None => self.forget(at, DropReason::NeighUnreachable),
            State::Send | State::Delay if self.policy.neigh_retransmit => {
                if self.known[at].asked < 3 {
                    self.ask(at);
                    return self.arm(at);
                }
                let waiting = std::mem::take(&mut self.known[at].waiting);
                let dropped = |id| Seen::Dropped(id, DropReason::NeighUnreachable);
                self.seen.extend(waiting.into_iter().map(dropped));
                self.enter(at, State::None);
            }
            state => {
                self.known[at].asked = 0;
                let reachable = state == State::Reachable;
                self.enter(at, if reachable { State::Probe } else { State::None });
            }
        }
    }

    fn next_due(&self) -> Option<u64> {
        self.known.iter().filter_map(|known| known.due).min().map(|(due, _)| due)
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        while self.next_due().is_some_and(|due| due <= self.now) {
            let first = self.known.iter().enumerate().filter_map(|(at, k)| Some((k.due?, at)));
            let (_, at) = first.min().unwrap();
            self.time_is_over(at);
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Model;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Model> {
        (any::<[bool; 3]>(), 1..5_usize, 1..4_usize)
            .prop_map(|([retransmit, creates, learns], room, queue)| {
                let policy = Policy {
                    neigh_retransmit: retransmit,
                    arp_unsolicited_creates: creates,
                    arp_learn_requests: learns,
                    neigh_jitter: Nanos::ZERO,
                    ..Policy::default()
                };
                let (now, packets, armed) = (0, 0, 0);
                let (known, seen) = (vec![], vec![]);
                Model { policy, room, queue, now, packets, armed, known, seen }
            })
            .boxed()
    }

    fn transitions(state: &Model) -> BoxedStrategy<Act> {
        let host = || select(HOSTS.to_vec());
        let target = host().prop_flat_map(|from| {
            let us = link(from).1;
            let targets = select(vec![us, us, us, from, HOSTS[0]]);
            (Just(from), 1..4_u8, any::<bool>(), targets)
        });
        // Up to the next timer, and to either side of it, and half a lifetime.
        let due = state.next_due().map_or(1000, |due| due - state.now);
        let spans = select(vec![0, 1, due, due.saturating_sub(1), due + 1, due / 2, 30_000]);
        prop_oneof![
            4 => host().prop_map(Act::Packet),
            3 => target.prop_map(|(from, mac, reply, target)| Act::Arp { from, mac, reply, target }),
            1 => (host(), prop::option::weighted(0.6, 1..4_u8))
                .prop_map(|(host, mac)| Act::Set(host, mac)),
            1 => (0..2_u16).prop_map(|port| Act::Flush(PortId(port))),
            5 => spans.prop_map(Act::Pass),
        ]
        .boxed()
    }

    fn apply(mut state: Model, act: &Act) -> Model {
        state.seen.clear();
        match *act {
            Act::Packet(host) => state.packet(host),
            Act::Arp { from, mac: last, reply, target } => {
                state.arp(from, mac(last), reply, target);
            }
            Act::Set(host, last) => state.set(host, last.map(mac)),
            Act::Flush(port) => {
                let mut there: Vec<Host> = state.known.iter().map(|known| known.host).collect();
                there.sort_by_key(|host| host.ip);
                for host in there.into_iter().filter(|host| link(*host).0 == port) {
                    state.set(host, None);
                }
            }
            Act::Pass(ms) => state.pass(ms),
        }
        state
    }
}

/// The table, with the defect of this number in it.
struct Table<const PLANTED: usize> {
    rig: Rig,
    table: Neighbours<HeapBuf>,
    limit: ErrorLimit,
    seen: Vec<Seen>,
}

impl<const PLANTED: usize> Table<PLANTED> {
    /// Runs a stage, and notes what it did.
    fn run<T>(
        &mut self,
        stage: impl FnOnce(
            &mut Neighbours<HeapBuf>,
            &mut ErrorLimit,
            &mut Env<'_, HeapWorld>,
            &mut Next<HeapBuf>,
        ) -> T,
    ) -> T {
        let Table { rig, table, limit, seen } = self;
        let (value, steps) = rig.run(|env, next| stage(table, limit, env, next));
        for (.., event) in rig.world.events.drain(..) {
            if let Event::Dropped { packet: PacketId(id), reason } = event {
                seen.push(Seen::Dropped(id, reason));
            }
        }
        for step in steps {
            let Step::Egress(buf, _) = step else { panic!("no neighbour pushes {step:?}") };
            let header = Header::parse(buf.head()).unwrap();
            let arp = arp::Packet::parse(&buf.head()[ethernet::HEADER_LEN..]);
            let id = buf.meta().id.0;
            seen.push(match arp.map(|arp| (arp.operation, arp.target_ip)) {
                Ok((Operation::Request, target)) => Seen::Asked(target),
                Ok(_) => Seen::Answered(id, header.dst),
                Err(_) => Seen::Sent(id, header.dst),
            });
            rig.world.free(buf);
        }
        value
    }

    fn received(&mut self, frame: &[u8]) -> HeapBuf {
        let (port, queue) = (PortId(0), QueueId(0));
        self.rig.world.receive(port, queue, frame).unwrap();
        let mut burst = Vec::new();
        self.rig.world.rx_burst(port, queue, &mut burst, 1);
        let mut buf = burst.pop().unwrap();
        buf.strip_front(ethernet::HEADER_LEN).unwrap();
        buf
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Packet(host) => {
                let buf = self.received(&udp(BOB, host).build());
                let hop = Hop::new(link(host).0, None, 1500);
                let packet = Outbound { buf, hop, from: None };
                self.run(|table, _, env, next| resolve(table, packet, env, next));
            }
            Act::Arp { from, mac: last, reply, target } => {
                let sender = from.with_mac(mac(last).0);
                let make = if reply { arp_reply } else { arp_request };
                let bytes = make(sender, target).build();
                let header = Header::parse(&bytes).unwrap();
                let buf = self.received(&bytes);
                let (device, class) = (link(from).0, Class::Host);
                let (dst, src) = (header.dst, header.src);
                let frame = ArpFrame { buf, device, dst, src, class, from_ring: false };
                self.run(|table, _, env, next| arp_input(table, frame, env, next));
            }
            Act::Set(host, last) => {
                let (port, address) = (link(host).0, host.ip);
                let order = NeighChange { port, address, mac: last.map(mac) };
                let refused =
                    self.run(|table, _, env, next| change(table, order, env, next).is_err());
                if refused {
                    self.seen.push(Seen::Refused);
                }
            }
            Act::Flush(port) => {
                self.run(|table, _, env, _| flush(table, port, env));
            }
            Act::Pass(ms) => {
                self.rig.now += Nanos::from_millis(ms);
                while let Some((_, key)) = self.rig.timers.pop_due(self.rig.now) {
                    let TimerKey::Neigh(port, address) = key else { panic!("{key:?}") };
                    self.run(|table, limit, env, next| {
                        timer(table, limit, (port, address), env, next);
                    });
                }
            }
        }
    }
}

impl<const PLANTED: usize> StateMachineTest for Table<PLANTED> {
    type SystemUnderTest = Table<PLANTED>;
    type Reference = Model;

    fn init_test(model: &Model) -> Table<PLANTED> {
        let rig = Rig::new(|config| {
            config.policy = model.policy.clone();
            config.limits.neigh_entries = u32::try_from(model.room).unwrap();
            config.limits.neigh_queue = u32::try_from(model.queue).unwrap();
            config.planted = planted(PLANTED);
        });
        let (table, limit) = (Neighbours::default(), ErrorLimit::default());
        Table { rig, table, limit, seen: vec![] }
    }

    fn apply(mut table: Table<PLANTED>, model: &Model, act: Act) -> Table<PLANTED> {
        table.seen.clear();
        table.act(&act);
        // Within a turn nobody sees what is dropped before what is sent.
        let apart = |seen: &[Seen]| -> (Vec<Seen>, Vec<Seen>) {
            seen.iter().cloned().partition(|seen| matches!(seen, Seen::Dropped(..)))
        };
        assert_eq!(apart(&table.seen), apart(&model.seen), "what is done at {act:?}");
        table
    }

    fn check_invariants(table: &Table<PLANTED>, model: &Model) {
        let mut known: Vec<_> = model
            .known
            .iter()
            .map(|known| (link(known.host).0, known.host.ip, known.state, known.mac, known.fixed))
            .collect();
        known.sort_unstable();
        assert_eq!(table.table.iter().collect::<Vec<_>>(), known);
        let waiting: usize = model.known.iter().map(|known| known.waiting.len()).sum();
        assert_eq!(table.table.held(), waiting as u64);
        // A dynamic entry has exactly one timer, a static one none.
        let timers = model.known.iter().filter(|known| known.due.is_some()).count();
        assert_eq!(table.rig.timers.len(), timers);
        let due = model.next_due().map(|ms| Instant::EPOCH + Nanos::from_millis(ms));
        assert_eq!(table.rig.timers.next_due(), due);
        assert_eq!(table.rig.world.in_use(), waiting, "what waits is all that is out");
    }
}

prop_state_machine! {
    #[test]
    fn the_table_does_what_the_rules_say(sequential 1..60 => Table<NONE>);
}

finds_what_is_planted!(
    Table: StaticOverridden, StaleNeighbour, NeighQueueUnlimited, HeldReversed, HeldForgotten,
    HeldByStatic, OneRequestMore, GivenUpLeaked, ArpForAnyone
);
