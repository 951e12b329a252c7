//! From a seed to what goes wrong: swarm testing.
//!
//! Groce et al. ("Swarm Testing", ISSTA 2012): tests that each leave out a good part of what could be
//! tried find more than tests that each try everything, because one thing hides another: whoever
//! loses every second frame never fills a table. So a seed first switches whole classes of faults
//! off, then draws how much each of the others does, and then what and where.
//!
//! Each class draws from a stream of its own, `fault.NAME`: a class that is added shifts no draw of
//! another. What comes out is a list of concrete faults. Whatever is kept of a seed is that list, since
//! a seed means something else as soon as this file changes.
//!
//! Invariant: the same seed and the same [`Reach`] give the same list; every fault of it has a place
//! in the run without faults. Not here: what a fault does (`fault.rs`), which seeds are tried.

use super::{Fault, FaultKind, Strike};
use crate::engine::Outcome;
use crate::plan::{Plan, PortPlan};
use dataplane::rng::Rng;
use dataplane::{Instant, LcoreId};

/// What could go wrong in a run: how often, where and when, as the run without faults tells.
///
/// The first fault changes what comes after it. So a later one may find no place any more, and does
/// nothing then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Calls of each kind, by [`FaultKind::index`].
    pub calls: [u64; FaultKind::ALL.len()],
    /// The ports with a wire, by name, in their order: how many frames came to each wire.
    pub frames: Vec<(String, u64)>,
    /// When the run ended.
    pub end: Instant,
    /// The lcores, in the order of their numbers.
    pub lcores: Vec<LcoreId>,
    /// What the control plane was told.
    pub orders: u64,
}

impl Reach {
    /// What could have gone wrong in the run of `plan` that came to `outcome`.
    pub fn of(plan: &Plan, outcome: &Outcome) -> Reach {
        let ports = plan.config.ports.iter().zip(&plan.ports).zip(&outcome.ledger.ports);
        let wires = ports.filter(|((_, port), _)| matches!(port, PortPlan::Ring(_)));
        let frames = wires.map(|((config, _), totals)| {
            (config.name.clone(), totals.arrived + totals.refused.total())
        });
        Reach {
            calls: outcome.chances,
            frames: frames.collect(),
            end: outcome.end,
            lcores: outcome.lcores.iter().map(|lcore| lcore.id).collect(),
            orders: plan.commands.len() as u64,
        }
    }
}

/// A class of faults: what a seed switches on or off as a whole.
struct Class {
    /// The name of its stream.
    name: &'static str,
    /// Draws one fault, or as many in a row as are asked for if it can; nothing if the run has no
    /// place for any.
    one: fn(&mut Rng, &Reach, run: u64) -> Option<Fault>,
}

/// All classes. One more is one more row.
const CLASSES: [Class; 3] = [
    Class { name: "alloc", one: |rng, reach, run| call(FaultKind::Alloc, rng, reach, run) },
    Class { name: "ring", one: |rng, reach, run| call(FaultKind::Ring, rng, reach, run) },
    Class { name: "tx", one: |rng, reach, run| call(FaultKind::Tx, rng, reach, run) },
];

/// What goes wrong under this seed: no two the same, in the order of the classes. At least one seed of
/// eight has no faults at all, so that the run itself is tried too.
pub fn draw(seed: u64, reach: &Reach) -> Vec<Fault> {
    let root = Rng::new(seed).fork("fault");
    // How many eighths of the classes are on, about.
    let share = root.fork("share").below(8);
    let mut faults = Vec::new();
    for class in &CLASSES {
        let rng = &mut root.fork(class.name);
        if rng.below(8) >= share {
            continue;
        }
        let (times, run) = intensity(rng);
        let mut drawn: Vec<_> = (0..times).map_while(|_| (class.one)(rng, reach, run)).collect();
        drawn.sort();
        drawn.dedup();
        faults.append(&mut drawn);
    }
    faults
}

/// How often a class strikes, and how many in a row each time: once, a few times, or in bursts.
fn intensity(rng: &mut Rng) -> (u64, u64) {
    match rng.below(4) {
        0 => (1, 1),
        1 => (2 + rng.below(3), 1),
        2 => (4 + rng.below(13), 1),
        _ => (1 + rng.below(2), 2 + rng.below(31)),
    }
}

/// A place of `of`, counted from 1; nothing if there is none.
fn place(rng: &mut Rng, of: u64) -> Option<u64> {
    (of > 0).then(|| 1 + rng.below(of))
}

fn call(kind: FaultKind, rng: &mut Rng, reach: &Reach, run: u64) -> Option<Fault> {
    let nth = place(rng, reach.calls[kind.index()])?;
    let first = Strike { kind, nth };
    Some(match run {
        1 => Fault::Call(first),
        _ => Fault::Calls { first, last: nth + run - 1 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach() -> Reach {
        Reach {
            calls: [100, 20, 40],
            frames: vec![("lan".to_owned(), 50), ("wan".to_owned(), 3)],
            end: Instant::from_nanos(2_000_000),
            lcores: vec![LcoreId(0), LcoreId(1)],
            orders: 2,
        }
    }

    fn words(seed: u64, reach: &Reach) -> String {
        let faults: Vec<_> = draw(seed, reach).iter().map(ToString::to_string).collect();
        faults.join(" ")
    }

    #[test]
    fn a_seed_means_the_same_on_every_machine() {
        let line = |seed| match words(seed, &reach()) {
            nothing if nothing.is_empty() => format!("{seed}: nothing"),
            words => format!("{seed}: {words}"),
        };
        let drawn: Vec<String> = (0..12).map(line).collect();
        insta::assert_snapshot!(drawn.join("\n"), @"
        0: nothing
        1: alloc:85 alloc:91 tx:29 tx:30 tx:37
        2: nothing
        3: ring:5 ring:7 ring:8 ring:9 ring:10 ring:11 ring:13 ring:14 ring:17 ring:20 tx:1 tx:9 tx:14 tx:21 tx:28 tx:34 tx:35
        4: alloc:38-51 alloc:72-85
        5: nothing
        6: ring:14
        7: alloc:72-77 alloc:85-90 ring:4 ring:5 ring:7 ring:8 ring:14 ring:15 ring:17 ring:18 tx:11 tx:31 tx:36
        8: alloc:17 alloc:33 alloc:41 alloc:56 alloc:79 alloc:84
        9: nothing
        10: alloc:95 ring:1-17 ring:5-21
        11: nothing
        ");
    }

    #[test]
    fn every_fault_has_a_place_and_reads_as_it_is_written() {
        for seed in 0..2_000 {
            for fault in draw(seed, &reach()) {
                assert_eq!(fault.to_string().parse(), Ok(fault.clone()));
                let (Fault::Call(first) | Fault::Calls { first, .. }) = fault;
                assert!((1..=reach().calls[first.kind.index()]).contains(&first.nth), "{first}");
            }
        }
    }

    #[test]
    fn where_nothing_can_go_wrong_nothing_is_drawn() {
        let nowhere = Reach { calls: [0; 3], frames: vec![], lcores: vec![], orders: 0, ..reach() };
        assert!((0..100).all(|seed| draw(seed, &nowhere).is_empty()));
        let calls = [0, 20, 0];
        let rings = Reach { calls, ..reach() };
        let drawn = (0..100).flat_map(|seed| draw(seed, &rings));
        assert!(drawn.map(|fault| fault.to_string()).all(|word| word.starts_with("ring:")));
    }

    #[test]
    fn each_seed_leaves_classes_out_and_no_class_stays_out() {
        let all = 400;
        let drawn: Vec<String> = (0..all).map(|seed| words(seed, &reach())).collect();
        let without = drawn.iter().filter(|words| words.is_empty()).count();
        assert!((80..250).contains(&without), "{without} without faults");
        for class in &CLASSES {
            let on = drawn.iter().filter(|words| words.contains(class.name)).count();
            assert!((100..220).contains(&on), "{}: {on} of {all}", class.name);
        }
        // One class alone, and every class together, come too.
        let on = |words: &String| CLASSES.iter().filter(|c| words.contains(c.name)).count();
        for so_many in 0..=CLASSES.len() {
            assert!(drawn.iter().any(|words| on(words) == so_many), "{so_many}");
        }
    }
}
