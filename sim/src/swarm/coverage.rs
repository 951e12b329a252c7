//! What a run reached: a set of words, `KIND:NAME`.
//!
//! | kind | what |
//! | --- | --- |
//! | `drop` | a reason for which a packet was refused |
//! | `counter` | a counter of an lcore that moved |
//! | `neigh` | a change of a neighbour's state, and its cause |
//! | `msg` | what happened to a message between lcores |
//! | `reasm` | what became of a datagram of which we had fragments |
//! | `order` | what came of an order: `done`, why it was refused, or `not_over` |
//! | `fault` | a fault that struck, by kind |
//! | `oracle` | an oracle that found something |
//!
//! Invariant: the set depends on the plan alone. Not here: how many units reached each
//! (`summary.rs`).

use crate::asked::EVENTS;
use crate::engine::Outcome;
use crate::fault::Fault;
use crate::oracle::Breach;
use crate::trace::{Observer, Outside, Record, What};
use dataplane::control::Refused;
use dataplane::{Counters, DropReason, Event};
use std::collections::BTreeSet;

/// Watches a run for what only its events tell.
#[derive(Debug, Default)]
pub struct Watch {
    moves: BTreeSet<(&'static str, &'static str, &'static str)>,
    words: BTreeSet<(&'static str, &'static str)>,
}

impl Observer for Watch {
    const FRAMES: bool = false;

    fn event(&mut self, record: &Record) {
        match &record.what {
            What::Lcore(Event::Neigh(moved)) => {
                let (from, to) = (moved.from.unwrap_or("new"), moved.to.unwrap_or("gone"));
                self.moves.insert((from, to, moved.why));
            }
            What::Lcore(Event::Msg(note)) => {
                self.words.insert(("msg", bare(note.name())));
            }
            What::Lcore(Event::Reassembly(note)) => {
                self.words.insert(("reasm", bare(note.what.name())));
            }
            What::Outside(Outside::Fault(fault)) => {
                self.words.insert(("fault", fault.word()));
            }
            What::Lcore(_) | What::Outside(_) => {}
        }
    }
}

/// The name of an event without the kind of event that it begins with: `sent` for `msg_sent`.
fn bare(name: &'static str) -> &'static str {
    name.split_once('_').map_or(name, |(_, bare)| bare)
}

/// All that a run reached, in alphabetical order. Of one that panicked, only the oracles are known.
pub fn reached(ran: Option<&(Outcome, Watch)>, breaches: &[Breach]) -> Vec<String> {
    let mut words: Vec<String> =
        breaches.iter().map(|breach| format!("oracle:{}", breach.oracle)).collect();
    if let Some((outcome, watch)) = ran {
        words.extend(watch.words.iter().map(|(kind, name)| format!("{kind}:{name}")));
        let moves = watch.moves.iter();
        words.extend(moves.map(|(from, to, why)| format!("neigh:{from}>{to}/{why}")));
        let drops = outcome.ledger.dropped.iter();
        words.extend(drops.map(|(reason, _)| format!("drop:{reason}")));
        let mut counted: Vec<_> = Counters::default().plain().collect();
        for lcore in &outcome.lcores {
            let counters = counted.iter_mut().zip(lcore.counters.plain());
            counters.for_each(|((_, any), (_, n))| *any |= n);
        }
        let moved = counted.into_iter().filter(|(_, any)| *any > 0);
        words.extend(moved.map(|(name, _)| format!("counter:{name}")));
        words.extend(outcome.orders.iter().map(|order| match (&order.answered, order.refused()) {
            (None, _) => "order:not_over".to_owned(),
            (Some(_), None) => "order:done".to_owned(),
            (Some(_), Some(why)) => format!("order:{}", why.name()),
        }));
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// What a run of some scenario can reach, as far as that can be listed.
pub fn reachable() -> BTreeSet<String> {
    let mut all: BTreeSet<String> =
        DropReason::ALL.iter().map(|reason| format!("drop:{reason}")).collect();
    all.extend(Counters::default().plain().map(|(name, _)| format!("counter:{name}")));
    all.extend(Fault::WORDS.map(|word| format!("fault:{word}")));
    all.extend(Refused::ALL.iter().map(|why| format!("order:{}", why.name())));
    all.extend(["done", "not_over"].map(|word| format!("order:{word}")));
    for kind in ["msg", "reasm"] {
        let bare = |event: &&str| event.strip_prefix(kind)?.strip_prefix('_').map(str::to_owned);
        let events = EVENTS.iter().filter_map(bare);
        all.extend(events.map(|event| format!("{kind}:{event}")));
    }
    all
}
