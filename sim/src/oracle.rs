//! What every run is held to: oracles, each of which has a name and can say why.
//!
//! An oracle that finds something says it as a [`Breach`]. What no oracle of a run itself can say, that
//! it panicked or never came to rest, is said by whoever tried it (`trial.rs`).
//!
//! [`Oracles`] is told all that happens in a run as it happens, beside the digests and the ledger, and
//! in every run: there is no switch for it. So an oracle is cheap: a few steps for each event, and room
//! that does not grow with the run.
//!
//! Invariant: what an oracle says depends on the plan alone, on no fabric and no pace; and nothing in a
//! run depends on what an oracle says. Not here: the books that some of them read (`ledger.rs`).

mod identity;

use crate::trace::{Outside, Run};
use dataplane::{Config, Event, Instant, PacketId, QueueId};
use identity::{Birth, Lives, Moment};
use std::fmt;

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
    found: Findings,
}

impl Oracles {
    /// Nothing has happened yet.
    pub fn new(config: &Config) -> Oracles {
        let ports = config.ports.iter().map(|port| port.name.clone()).collect();
        Oracles { lives: Lives::new(ports), found: Findings::default() }
    }

    /// Something happened on an lcore.
    pub fn event(&mut self, at: Instant, run: Run, event: &Event) {
        // A message says which packet it carries; where that is, others say.
        if matches!(event, Event::Msg(_)) {
            return;
        }
        let Some(packet) = event.packet() else { return };
        let moment = Moment { at, run: Some(run), what: event.name() };
        self.lives.event(packet, moment, event, &mut self.found);
    }

    /// Something happened outside the lcores.
    pub fn outside(&mut self, at: Instant, event: &Outside) {
        let moment = |what| Moment { at, run: None, what };
        match *event {
            Outside::Arrive { packet, port, queue, .. } => {
                let birth = Birth::Wire(port, queue);
                self.lives.born(packet, birth, moment("arrive"), &mut self.found);
            }
            Outside::Refused { packet, port, .. } => {
                let birth = Birth::Wire(port, QueueId(0));
                self.lives.born(packet, birth, moment("dropped"), &mut self.found);
                self.lives.end(packet);
            }
            Outside::Depart { packet, .. } => {
                self.lives.departed(packet, moment("depart"), &mut self.found);
            }
            Outside::Command { .. } | Outside::Fault(_) => {}
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

    /// A transmit queue took a frame: whether it left with that, or waits for its wire.
    pub fn transmitted(&mut self, at: Instant, run: Run, packet: PacketId, at_once: bool) {
        let moment = Moment { at, run: Some(run), what: "transmit" };
        self.lives.transmitted(packet, moment, at_once, &mut self.found);
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
