//! Each packet is born once, and ends once: it left, was consumed, was dropped, or became part of
//! another. Nobody speaks of it before or after.
//!
//! The ledger counts packets; this knows each of them by its number. So it can say which one leaked,
//! was given back twice or used after its end, and what it did last.
//!
//! Invariant: what is kept is what is alive, and the last [`PATH`] moments of all packets together.
//! Not here: how many buffers a packet has (`world/account.rs`).

use super::Findings;
use super::answers::Asked;
use super::egress::Came;
use super::trees::Due;
use crate::trace::Run;
use dataplane::event::{Made, Reassembly};
use dataplane::tc::Handle;
use dataplane::{Event, Instant, PacketId, PortId, QueueId};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// The name of the oracle.
const NAME: &str = "identity";
/// Moments that are remembered of all packets together: enough for the path of one that is near.
const PATH: usize = 512;
/// Packets in a row, from the oldest that is alive on, that are kept by their place. What lives longer
/// than so many others is kept by its number.
const WINDOW: usize = 1024;

/// A moment in the life of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// When.
    pub at: Instant,
    /// In which job; nothing: outside the lcores.
    pub run: Option<Run>,
    /// What happened: the name of an event.
    pub what: &'static str,
}

impl fmt::Display for Moment {
    /// `rx at 0.001000000 s (lcore 1, tick 17, recv_fwd)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} s", self.what, self.at)?;
        match self.run {
            Some(run) => write!(f, " ({run})"),
            None => Ok(()),
        }
    }
}

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    /// From the wire of a port, to a receive queue.
    Wire(PortId, QueueId),
    /// An lcore got a buffer, and has not said what for.
    Unnamed,
    /// An lcore made it.
    Made(Made),
}

/// Whether a packet is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Somebody owns it.
    Alive,
    /// It was told that it ends; its buffer has not gone back yet.
    Told,
    /// A transmit queue took it; whether its sender has said so.
    Sent { at_once: bool, told: bool },
    /// It is over.
    Over,
}

/// What is known of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// The packet from the wire that it goes back to, or the first that was made: itself, unless it
    /// was made because of another.
    pub root: PacketId,
    /// Where it came from.
    pub birth: Birth,
    /// The port and the queue that it came to, or the packet that it is a piece of; nothing for what we
    /// made ourselves, and its pieces.
    pub entry: Option<(PortId, QueueId)>,
    /// The packet that it is a piece of.
    pub cut_of: Option<PacketId>,
    /// What it was when it came, or the packet that it is a piece of.
    pub came: Came,
    /// The same: what it asked for.
    pub asked: Asked,
    /// Whether it, or the packet that it is a piece of, was turned round into an answer.
    pub answered: bool,
    /// The same: whether it was put together of fragments.
    pub whole: bool,
    /// Whether the kernel has a copy of it.
    pub copied: bool,
    /// What the trees of Qschs are to make of it.
    pub due: Due,
    /// The Qschs that took it, each in its place: see `trees.rs`.
    pub took: [Handle; 4],
    state: State,
    last: Moment,
}

impl Life {
    /// A packet of which nothing more is known yet.
    pub fn of(packet: PacketId, birth: Birth) -> Life {
        Life {
            root: packet,
            birth,
            entry: None,
            cut_of: None,
            came: Came::default(),
            asked: Asked::default(),
            answered: false,
            whole: false,
            copied: false,
            due: Due::default(),
            took: [Handle::NONE; 4],
            state: State::Alive,
            last: Moment { at: Instant::EPOCH, run: None, what: "" },
        }
    }

    /// It is made because of another packet: what it has from that.
    fn made_for(&mut self, what: Made, cause: Option<(PacketId, Life)>) {
        self.birth = Birth::Made(what);
        let Some((id, cause)) = cause else { return };
        self.root = cause.root;
        if what == Made::Fragment {
            self.cut_of = Some(id);
            (self.entry, self.came, self.asked) = (cause.entry, cause.came, cause.asked);
            (self.answered, self.whole, self.due) = (cause.answered, cause.whole, cause.due);
        }
    }
}

/// The lives of all packets.
#[derive(Debug)]
pub(super) struct Lives {
    /// The names of the ports.
    ports: Vec<String>,
    /// The packets from number `base` on, in a row.
    row: VecDeque<Life>,
    base: u64,
    /// Those before it that are alive.
    old: BTreeMap<PacketId, Life>,
    path: Vec<(PacketId, Moment)>,
    /// Where the next moment goes.
    next: usize,
    closing: bool,
}

impl Lives {
    /// Nobody was born yet, on these ports.
    pub fn new(ports: Vec<String>) -> Lives {
        Lives {
            ports,
            row: VecDeque::new(),
            base: 1,
            old: BTreeMap::new(),
            path: Vec::new(),
            next: 0,
            closing: false,
        }
    }

    /// What is known of a packet. Nothing: it is over, or there was none.
    pub fn find(&self, packet: PacketId) -> Option<&Life> {
        match packet.0.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()) {
            Some(at) => self.row.get(at),
            None => self.old.get(&packet),
        }
    }

    /// The same, to write.
    pub fn get(&mut self, packet: PacketId) -> Option<&mut Life> {
        match packet.0.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()) {
            Some(at) => self.row.get_mut(at),
            None => self.old.get_mut(&packet),
        }
    }

    /// The packet that was born last.
    pub fn newest(&self) -> PacketId {
        PacketId(self.base + self.row.len() as u64 - 1)
    }

    /// A packet comes into being.
    pub fn born(&mut self, packet: PacketId, birth: Birth, at: Moment, found: &mut Findings) {
        if packet.0 != self.base + self.row.len() as u64 {
            return found.say(NAME, || format!("packet {} is born out of turn: {at}", packet.0));
        }
        self.note(packet, at);
        let entry = match birth {
            Birth::Wire(port, queue) => Some((port, queue)),
            Birth::Unnamed | Birth::Made(_) => None,
        };
        self.row.push_back(Life { entry, last: at, ..Life::of(packet, birth) });
        if self.row.len() > WINDOW
            && let Some(life) = self.row.pop_front()
        {
            self.old.insert(PacketId(self.base), life);
            self.base += 1;
            self.forget();
        }
    }

    /// Something happened on an lcore to a packet.
    pub fn event(&mut self, packet: PacketId, at: Moment, event: &Event, found: &mut Findings) {
        let cause = match event {
            Event::Made { cause: Some(cause), what, .. } => self.get(*cause).map(|life| {
                life.copied |= *what == Made::KniCopy;
                (*cause, *life)
            }),
            _ => None,
        };
        let Some(life) = self.get(packet) else {
            self.say(packet, at, "is spoken of, though it is over", found);
            return self.note(packet, at);
        };
        life.last = at;
        let wrong = match (life.state, event) {
            (State::Over, _) => Some("is spoken of, though it is over"),
            (State::Sent { at_once, told: false }, Event::Tx { .. }) => {
                life.state =
                    if at_once { State::Over } else { State::Sent { at_once, told: true } };
                None
            }
            (State::Sent { .. }, _) => Some("is spoken of, though a transmit queue has it"),
            (_, Event::Tx { .. }) => {
                Some("is said to have been sent, and no transmit queue has it")
            }
            (State::Told, _) => Some("is spoken of, though it was said to end"),
            (State::Alive, Event::Dropped { .. } | Event::Consumed { .. }) => {
                life.state = State::Told;
                None
            }
            (State::Alive, Event::Made { what, .. }) => {
                let again = life.birth != Birth::Unnamed;
                life.made_for(*what, cause);
                again.then_some("is made, though it was there before")
            }
            (State::Alive, _) => {
                life.answered |= matches!(event, Event::Answered { .. });
                life.whole |= is_whole(event);
                let unnamed = life.birth == Birth::Unnamed;
                unnamed.then_some("goes its way, and nobody said what it was made for")
            }
        };
        let over = life.state == State::Over;
        if let Some(wrong) = wrong {
            self.say(packet, at, wrong, found);
        }
        self.note(packet, at);
        if over {
            self.over(packet);
        }
    }

    /// A transmit queue takes a packet.
    pub fn transmitted(
        &mut self,
        packet: PacketId,
        at: Moment,
        at_once: bool,
        found: &mut Findings,
    ) {
        match self.get(packet) {
            Some(life) if life.state == State::Alive => {
                life.state = State::Sent { at_once, told: false };
                life.last = at;
            }
            _ => self.say(packet, at, "is transmitted, though it was said to end", found),
        }
    }

    /// A wire is through with a packet.
    pub fn departed(&mut self, packet: PacketId, at: Moment, found: &mut Findings) {
        match self.get(packet) {
            Some(life) if life.state == State::Sent { at_once: false, told: true } => {
                life.last = at;
            }
            _ => self.say(packet, at, "departs, though no transmit queue has it", found),
        }
    }

    /// One packet becomes part of another.
    pub fn joined(&mut self, head: PacketId, tail: PacketId, found: &mut Findings) {
        let into = self.get(head).map(|life| life.state);
        let state = self.get(tail).map(|life| (life.state, life.last));
        match (into, state) {
            (Some(State::Alive | State::Told), Some((State::Told, _))) => self.over(tail),
            (_, state) => {
                let (packet, Moment { at, run, .. }) = match state {
                    Some((State::Told, last)) => (head, last),
                    Some((_, last)) => (tail, last),
                    None => (tail, Moment { at: Instant::EPOCH, run: None, what: "" }),
                };
                let moment = Moment { at, run, what: "joined" };
                self.say(packet, moment, "is joined with another, against what was said", found);
            }
        }
    }

    /// A buffer goes back to the pool.
    pub fn freed(&mut self, packet: PacketId, at: Instant, found: &mut Findings) {
        let closing = self.closing;
        let moment = Moment { at, run: None, what: "given back" };
        let wrong = match self.get(packet).map(|life| life.state) {
            None | Some(State::Over) => Some("is given back, though it is over"),
            Some(State::Alive) if !closing => {
                Some("is given back, and nobody said that it was dropped or consumed")
            }
            Some(State::Sent { told: false, .. }) => Some("is given back, and nobody said it left"),
            Some(State::Alive | State::Told | State::Sent { .. }) => None,
        };
        if let Some(wrong) = wrong {
            self.say(packet, moment, wrong, found);
        }
        self.over(packet);
    }

    /// A packet is over.
    pub fn end(&mut self, packet: PacketId) {
        self.over(packet);
    }

    /// What is held is given back from here on, without a word.
    pub fn closing(&mut self) {
        self.closing = true;
    }

    /// Whether a packet is a fragment that waits for others.
    pub fn is_held_fragment(&self, packet: PacketId) -> bool {
        self.find(packet).is_some_and(|life| life.last.what == Reassembly::Held.name())
    }

    /// Every packet that is alive, in the order of their birth: what it is, and what it did last.
    pub fn alive(&self) -> impl Iterator<Item = (PacketId, String)> + '_ {
        let row = (self.base..).map(PacketId).zip(&self.row);
        let all = self.old.iter().map(|(packet, life)| (*packet, life)).chain(row);
        let alive = all.filter(|(_, life)| life.state != State::Over);
        alive.map(|(packet, life)| (packet, self.describe(life)))
    }

    /// `which came to queue 0 of lan, last seen as rx at …`
    fn describe(&self, life: &Life) -> String {
        let from = match life.birth {
            Birth::Wire(port, queue) => {
                let port = self.ports.get(port.index()).map_or("a port", String::as_str);
                format!("which came to queue {queue} of {port}")
            }
            Birth::Unnamed => "of which nobody said what it was made for".to_owned(),
            Birth::Made(what) => format!("made as {} for packet {}", what.name(), life.root.0),
        };
        format!("{from}, last seen as {}", life.last)
    }

    /// The run is over, and everything was given back.
    pub fn finish(&self, found: &mut Findings) {
        for (packet, life) in self.alive() {
            found.say(NAME, || format!("packet {}, {life}, was never given back", packet.0));
        }
    }

    /// What a packet did, as far as it is remembered: the newest of it.
    fn path(&self, packet: PacketId) -> String {
        let (new, old) = self.path.split_at(self.next.min(self.path.len()));
        let its = old.iter().chain(new).filter(|(other, _)| *other == packet);
        let its: Vec<_> = its.map(|(_, moment)| moment.to_string()).collect();
        its.join(", ")
    }

    fn note(&mut self, packet: PacketId, at: Moment) {
        if self.path.len() < PATH {
            self.path.push((packet, at));
        } else {
            self.path[self.next % PATH] = (packet, at);
        }
        self.next = if self.next + 1 < PATH { self.next + 1 } else { 0 };
    }

    #[cold]
    fn say(&self, packet: PacketId, at: Moment, wrong: &str, found: &mut Findings) {
        self.say_for(NAME, packet, at, wrong, found);
    }

    /// Says what an oracle found wrong with a packet, with the packet's path.
    #[cold]
    pub fn say_for(
        &self,
        oracle: &'static str,
        packet: PacketId,
        at: Moment,
        wrong: &str,
        found: &mut Findings,
    ) {
        let before = match self.path(packet) {
            path if path.is_empty() => String::new(),
            path => format!("; before that: {path}"),
        };
        found.say(oracle, || format!("packet {} {wrong}: {at}{before}", packet.0));
    }

    fn over(&mut self, packet: PacketId) {
        if packet.0 < self.base {
            self.old.remove(&packet);
        } else if let Some(life) = self.get(packet) {
            life.state = State::Over;
            self.forget();
        }
    }

    /// Forgets the oldest in the row that are over.
    fn forget(&mut self) {
        while self.row.front().is_some_and(|life| life.state == State::Over) {
            self.row.pop_front();
            self.base += 1;
        }
    }
}

/// Whether an event says that a packet is a whole datagram now.
fn is_whole(event: &Event) -> bool {
    matches!(event, Event::Reassembly(note) if note.what == Reassembly::Complete)
}

#[cfg(test)]
mod tests;
