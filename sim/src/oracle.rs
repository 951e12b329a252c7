//! What every run is held to: oracles, each of which has a name and can say why.
//!
//! An oracle that finds something says it as a [`Breach`]. What no oracle of a run itself can say, that
//! it panicked or never came to rest, is said by whoever tried it (`trial.rs`).
//!
//! [`Oracles`] is told all that happens in a run as it happens, beside the digests and the ledger, and
//! in every run: there is no switch for it. So an oracle is cheap: a few steps for each event, and room
//! that does not grow with the run.
//!
//! What watches a run, beside the ledger: each packet ends once (`identity`), in the order of its flow
//! (`order`), well formed (`egress`), as its pieces were (`fragments`), and fit to what came (`answers`).
//! Rates are kept (`shaping`), and limits (`limits`, `rings`); timers are in time (`timers`, `lifetime`),
//! and messages (`calls`); static neighbours stay where they are (`fixed`). Packets go by the route
//! (`routing`), the neighbour (`neighbours`) and the Qschs (`trees`, `classes`) that are theirs, and once
//! to the kernel (`kernel`); a Qsch lets them go in order (`bands`). What one lcore learns all hear
//! (`spread`), and who works for another takes turns (`turns`). When it ends: `liveness`, `samples`,
//! `schedule`, `tables`.
//!
//! Invariant: what an oracle says depends on the plan alone, on no fabric and no pace; and nothing in a
//! run depends on what an oracle says. Not here: the books that some of them read (`ledger.rs`).

mod answers;
mod calls;
mod egress;
mod fixed;
mod fragments;
pub(crate) mod frame;
mod identity;
mod kernel;
mod lifetime;
mod limits;
mod liveness;
mod neighbours;
mod order;
mod rings;
mod routing;
mod samples;
mod schedule;
mod shaping;
mod slack;
mod spread;
mod tables;
mod timers;
mod trees;
mod turns;

pub(crate) use liveness::Pending;
pub(crate) use samples::check as check_samples;
pub(crate) use schedule::check as check_schedule;
pub(crate) use slack::Slack;
pub(crate) use tables::{Known, check as check_tables};

use crate::fault::{Fault, FaultKind, Skews, Strike};
use crate::trace::{Outside, Run};
use answers::{Answers, Asked};
use calls::Calls;
use dataplane::control::Order;
use dataplane::event::{Consumer, Made};
use dataplane::tc::{BucketId, Tbf};
use dataplane::world::Ring;
use dataplane::{Config, DropReason, Event, Instant, LcoreId, PacketId, PortId, QueueId};
use egress::{Came, Egress};
use fixed::Fixed;
use fragments::Fragments;
use frame::Frame;
use identity::{Birth, Life, Lives, Moment};
use lifetime::Lifetimes;
use limits::Held;
use neighbours::Neighbours;
use order::InOrder;
use rings::Rings;
use routing::Routing;
use shaping::Shaping;
use spread::Spread;
use std::fmt;
use timers::Timers;
use trees::{Trees, classes};
use turns::Turns;

/// Something that does not hold, though it should in every run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// The oracle that says so: a word, the same for all breaches of one kind.
    pub oracle: &'static str,
    /// Why: a sentence.
    pub why: String,
}

impl Breach {
    /// What `oracle` says.
    pub(crate) fn new(oracle: &'static str, why: impl Into<String>) -> Breach {
        Breach { oracle, why: why.into() }
    }
}

impl fmt::Display for Breach {
    /// `packets: not conserved: in 3 + made 0 ≠ …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.oracle, self.why)
    }
}

/// Breaches of one oracle that are told; of more, only how many there are.
const TOLD: u64 = 4;

/// What the oracles of a run found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Breach>,
    counts: Vec<(&'static str, u64)>,
}

impl Findings {
    /// `oracle` found something, and says `why` if it has not said so much already.
    pub fn say(&mut self, oracle: &'static str, why: impl FnOnce() -> String) {
        let at = self.counts.iter().position(|(name, _)| *name == oracle);
        let at = at.unwrap_or_else(|| {
            self.counts.push((oracle, 0));
            self.counts.len() - 1
        });
        let (_, n) = &mut self.counts[at];
        *n += 1;
        if *n <= TOLD {
            self.found.push(Breach::new(oracle, why()));
        }
    }

    /// All of them, and how many of each oracle were not told.
    pub fn into_list(mut self) -> Vec<Breach> {
        for (oracle, n) in self.counts {
            if n > TOLD {
                self.found.push(Breach::new(oracle, format!("and {} more", n - TOLD)));
            }
        }
        self.found
    }
}

/// All oracles that watch a run as it happens.
#[derive(Debug)]
pub(crate) struct Oracles {
    lives: Lives,
    order: InOrder,
    egress: Egress,
    answers: Answers,
    fragments: Fragments,
    limits: Held,
    fixed: Fixed,
    calls: Calls,
    shaping: Shaping,
    timers: Timers,
    lifetimes: Lifetimes,
    routing: Routing,
    neighbours: Neighbours,
    spread: Spread,
    trees: Trees,
    turns: Turns,
    rings: Rings,
    found: Findings,
    /// The clocks that lcores look at, and that what they promise about time is about.
    clocks: Skews,
}

impl Oracles {
    /// Nothing has happened yet. A timer may be so much later than due.
    pub fn new(config: &Config, slack: Slack) -> Oracles {
        let ports = config.ports.iter().map(|port| port.name.clone()).collect();
        Oracles {
            lives: Lives::new(ports),
            order: InOrder::default(),
            egress: Egress::new(config),
            answers: Answers::new(config),
            fragments: Fragments::new(config),
            limits: Held::new(config),
            fixed: Fixed::new(config),
            calls: Calls::new(config),
            shaping: Shaping::new(config),
            timers: Timers::new(&config.policy, slack),
            lifetimes: Lifetimes::new(slack),
            routing: Routing::new(config),
            neighbours: Neighbours::new(config),
            spread: Spread::new(config),
            trees: Trees::new(config),
            turns: Turns::new(config),
            rings: Rings::new(&config.limits),
            found: Findings::default(),
            clocks: Skews::default(),
        }
    }

    /// The clocks that lcores look at.
    pub fn set_clocks(&mut self, clocks: Skews) {
        if !clocks.is_empty() {
            self.shaping.skewed();
        }
        self.clocks = clocks;
    }

    /// Something happened on an lcore.
    pub fn event(&mut self, at: Instant, run: Run, event: &Event) {
        let moment = Moment { at, run: Some(run), what: event.name() };
        // Nearly all events are these two, and of no interest to those who are asked below.
        if let Event::Rx { packet, .. } | Event::Tx { packet, .. } = event {
            return self.passes(*packet, moment, event);
        }
        let local = self.clocks.get(run.lcore).local(at);
        self.limits.event(local, run, event, &mut self.found);
        self.fixed.event(at, run, event, &mut self.found);
        if let Event::Msg(note) = event {
            self.calls.event(local, run, note, &mut self.found);
            self.turns.event(at, run, note, &mut self.found);
        }
        self.neighbours.event(at, run.lcore, event, self.lives.newest());
        // A message says which packet it carries; where that is, others say.
        let packet = event.packet().filter(|_| !matches!(event, Event::Msg(_)));
        let Some(packet) = packet else { return self.unpacked(local, run, event) };
        self.passes(packet, moment, event);
        self.spread.event((at, run), self.lives.find(packet), event, &mut self.found);
        match event {
            Event::QschSent { dev, handle, len, .. } => {
                self.shaping.sent((at, run), packet, (*dev, *handle, *len), &mut self.found);
                self.trees.sent((at, run), packet, (*dev, *handle), &mut self.found);
            }
            Event::QschQueued { dev, handle, qlen, bytes, .. } => {
                let life = (packet, self.lives.get(packet));
                let holds = (*qlen, *bytes);
                self.trees.queued((at, run), life, (*dev, *handle), holds, &mut self.found);
            }
            Event::Dropped { reason, .. } => self.trees.dropped(run.lcore, packet, *reason),
            Event::Reassembly(note) => self.timers.datagram(local, run, note, &mut self.found),
            _ => {}
        }
        let Some(life) = self.lives.find(packet) else { return };
        if let Err((oracle, wrong)) = self.of_packet(life, event) {
            self.lives.say_for(oracle, packet, moment, &wrong, &mut self.found);
        }
    }

    /// What is wrong with what happens to a packet: the oracle, and a sentence without its beginning.
    fn of_packet(&self, life: &Life, event: &Event) -> Result<(), (&'static str, String)> {
        let named = |oracle| move |wrong| (oracle, wrong);
        match event {
            Event::RingTx { .. } => kernel::event(life, event).map_err(named(kernel::NAME)),
            Event::Waits { address, .. } => {
                self.routing.waits(life, *address).map_err(named(routing::NAME))
            }
            Event::Consumed { by: Consumer::Fragmentation, .. }
            | Event::Dropped { reason: DropReason::FragmentationNeeded, .. } => {
                self.routing.too_long(life).map_err(named(routing::NAME))
            }
            Event::Dropped { reason: DropReason::EtherTypeUnknown, .. } => {
                Egress::type_unknown(life).map_err(named(egress::NAME))
            }
            Event::Dropped {
                reason: reason @ (DropReason::TcDropped | DropReason::TcTooDeep),
                ..
            } => self.trees.classes.dropped(life, *reason).map_err(named(classes::NAME)),
            Event::QschQueued { dev, handle, .. } => {
                self.trees.taken(life, (*dev, *handle)).map_err(named(classes::NAME))
            }
            Event::Dropped { reason, .. } => {
                self.answers.dropped(life, *reason).map_err(named(answers::NAME))
            }
            _ => Ok(()),
        }
    }

    /// Something happened to a packet: what is asked of each event about one.
    fn passes(&mut self, packet: PacketId, moment: Moment, event: &Event) {
        self.lives.event(packet, moment, event, &mut self.found);
        if let Err(wrong) = self.fragments.event(packet, event) {
            self.lives.say_for(fragments::NAME, packet, moment, &wrong, &mut self.found);
        }
    }

    /// The same, about no packet, at a time of the lcore's own clock.
    fn unpacked(&mut self, at: Instant, run: Run, event: &Event) {
        let newest = self.lives.newest();
        self.order.event(event, newest);
        self.routing.event(event, newest);
        self.lifetimes.event(at, run, event, &mut self.found);
        self.spread.event((at, run), None, event, &mut self.found);
        match event {
            Event::Neigh(moved) => self.timers.neighbour(at, run, moved, &mut self.found),
            Event::AddressExpired { .. } => self.answers.expired(),
            Event::TcChanged { dev, handle, .. } => self.shaping.changed(run.lcore, *dev, *handle),
            _ => {}
        }
    }

    /// Something happened outside the lcores.
    pub fn outside(&mut self, at: Instant, event: &Outside) {
        let moment = |what| Moment { at, run: None, what };
        match event {
            Outside::Arrive { packet, port, queue, .. } => {
                let birth = Birth::Wire(*port, *queue);
                self.lives.born(*packet, birth, moment("arrive"), &mut self.found);
            }
            Outside::Refused { packet, port, .. } => {
                let birth = Birth::Wire(*port, QueueId(0));
                self.lives.born(*packet, birth, moment("dropped"), &mut self.found);
                self.lives.end(*packet);
            }
            Outside::Depart { packet, .. } => {
                self.lives.departed(*packet, moment("depart"), &mut self.found);
            }
            Outside::Command { order, what } => {
                self.routing.told(*order, what, self.lives.newest());
                self.lifetimes.told(*order, what);
                self.spread.told(*order, what);
                self.told(what);
            }
            Outside::Fault(Fault::Call(Strike { kind: FaultKind::Ring, .. })) => {
                self.calls.failed()
            }
            Outside::Fault(_) => {}
        }
    }

    fn told(&mut self, order: &Order) {
        self.order.told(order, self.lives.newest());
        self.egress.told(order);
        self.answers.told(order);
        self.fragments.told(order);
        self.shaping.told(order);
        self.fixed.told(order);
        self.trees.told(order);
        if matches!(order, Order::Reload(_)) {
            self.timers.reloaded();
            self.limits.reloaded();
            self.calls.reloaded();
        }
    }

    /// A frame came to a receive queue: its bytes, in a row.
    pub fn came(&mut self, packet: PacketId, bytes: &[u8]) {
        let Some(frame) = Frame::read(bytes) else { return };
        let inside = frame.ipv4();
        if let Some(life) = self.lives.get(packet) {
            life.came = Came::of(&frame, inside.as_ref());
            life.asked = Asked::of(&frame, inside.as_ref());
            if let Birth::Wire(port, _) = life.birth {
                life.due = self.trees.due(port, frame.vid, bytes);
            }
        }
        if let Some(inside) = &inside {
            self.fragments.came(packet, inside);
        }
    }

    /// An lcore got a buffer for a packet of its own.
    pub fn made(&mut self, at: Instant, run: Run, packet: PacketId) {
        let moment = Moment { at, run: Some(run), what: "alloc" };
        self.lives.born(packet, Birth::Unnamed, moment, &mut self.found);
    }

    /// One packet became part of another.
    pub fn joined(&mut self, head: PacketId, tail: PacketId) {
        self.lives.joined(head, tail, &mut self.found);
    }

    /// A buffer went back to the pool.
    pub fn freed(&mut self, at: Instant, packet: PacketId) {
        self.lives.freed(packet, at, &mut self.found);
    }

    /// An lcore drew the tokens for a frame.
    pub fn drew(&mut self, lcore: LcoreId, bucket: BucketId, tbf: &Tbf) {
        self.shaping.drew(lcore, bucket, tbf, &mut self.found);
    }

    /// A transmit queue took a frame, whose bytes these are in a row: whether it left with that, or
    /// waits for its wire.
    pub fn transmitted(
        &mut self,
        (at, run): (Instant, Run),
        packet: PacketId,
        port: PortId,
        bytes: &[u8],
        at_once: bool,
    ) {
        let moment = Moment { at, run: Some(run), what: "transmit" };
        self.lives.transmitted(packet, moment, at_once, &mut self.found);
        let Some(life) = self.lives.find(packet) else { return };
        if self.egress.is_kernels(life, port) {
            return;
        }
        let Some(frame) = Frame::read(bytes) else {
            let wrong = "is shorter than an Ethernet header";
            return self.lives.say_for(egress::NAME, packet, moment, wrong, &mut self.found);
        };
        if life.birth == Birth::Made(Made::ArpRequest)
            && let Some(dev) = self.routing.device(port, frame.vid)
        {
            self.neighbours.asks((at, run), packet, dev, &frame, &mut self.found);
        }
        let mut say = |oracle, wrong: Result<(), String>| {
            if let Err(wrong) = wrong {
                self.lives.say_for(oracle, packet, moment, &wrong, &mut self.found);
            }
        };
        let inside = frame.ipv4();
        say(trees::NAME, self.trees.leaves(life, port, frame.vid));
        say(classes::NAME, self.trees.sent_by(life, port, frame.vid, bytes));
        say(egress::NAME, self.egress.check(life, port, &frame, inside.as_ref()));
        say(answers::NAME, self.answers.leaves(life, &frame, inside.as_ref()));
        let Some(inside) = inside else { return };
        let way = self.routing.leaves(life, port, (&frame, &inside));
        let next = way.as_ref().ok().copied().flatten();
        say(routing::NAME, way.map(drop));
        if let Some(next) = next {
            let right = self.neighbours.leaves(run.lcore, packet, next, frame.dst);
            say(neighbours::NAME, right);
        }
        say(order::NAME, self.order.leaves(life, port, (&frame, &inside)));
        let piece = life.cut_of.or_else(|| life.whole.then_some(packet));
        if let Some(of) = piece {
            say(fragments::NAME, self.fragments.leaves(of, &inside));
        }
    }

    /// A ring of `to` was given something when it held `held`: whether it took it.
    pub fn given(
        &mut self,
        moment: (Instant, Run),
        ring: (LcoreId, Ring),
        (held, took): (u32, bool),
    ) {
        self.rings.given(moment, ring, (held, took), &mut self.found);
    }

    /// A run of `timer_manage` ended that let timers go; the next one is due then.
    pub fn timers_ran(&mut self, at: Instant, run: Run, next: Option<Instant>) {
        self.timers.ran(at, run, next, &mut self.found);
    }

    /// Every packet that is alive, in the order of their birth, and what it did last.
    pub fn alive(&self) -> impl Iterator<Item = (PacketId, String)> + '_ {
        self.lives.alive()
    }

    /// Whether a packet is a fragment that waits for others.
    pub fn is_held_fragment(&self, packet: PacketId) -> bool {
        self.lives.is_held_fragment(packet)
    }

    /// The run is over: whatever is held is given back from here on.
    pub fn closing(&mut self) {
        self.lives.closing();
    }

    /// What they found.
    pub fn finish(mut self) -> Vec<Breach> {
        self.lives.finish(&mut self.found);
        self.found.into_list()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_breaches_the_first_are_told_and_the_others_counted() {
        let tell = |breaches| {
            let mut found = Findings::default();
            (1..=breaches).for_each(|n| found.say("order", || format!("number {n}")));
            found
        };
        assert_eq!(tell(TOLD).into_list().len(), 4);
        let mut found = tell(TOLD + 1);
        found.say("egress", || "one".to_owned());
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(list.join("\n"), @r"
        order: number 1
        order: number 2
        order: number 3
        order: number 4
        egress: one
        order: and 1 more
        ");
    }
}
