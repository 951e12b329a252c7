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

use super::{Fault, FaultKind, Harm, Strike};
use crate::engine::Outcome;
use crate::plan::{Plan, PortPlan};
use crate::trace::Way;
use dataplane::rng::Rng;
use dataplane::{Instant, LcoreId, Nanos};

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
    /// The peers, in the order of the plan: how many frames each sent, and how many left its port for it.
    pub peers: Vec<(String, u64, u64)>,
    /// When the run ended.
    pub end: Instant,
    /// The lcores, in the order of their numbers, and how many of its runs found work.
    pub lcores: Vec<(LcoreId, u64)>,
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
        let peers = outcome.peers.iter().map(|peer| (peer.name.clone(), peer.sent, peer.to()));
        Reach {
            calls: outcome.chances,
            frames: frames.collect(),
            peers: peers.collect(),
            end: outcome.end,
            lcores: outcome.lcores.iter().map(|lcore| (lcore.id, lcore.ran)).collect(),
            orders: plan.commands.len() as u64,
        }
    }

    /// The ports with a wire, and how many frames came to each wire.
    pub(crate) fn wires(&self) -> impl Iterator<Item = (&String, u64)> + Clone {
        self.frames.iter().map(|(port, frames)| (port, *frames))
    }

    /// The peers, and how many frames of each there are on this way.
    pub(crate) fn passed(&self, way: Way) -> impl Iterator<Item = (&String, u64)> + Clone {
        self.peers.iter().map(move |(peer, from, to)| match way {
            Way::In => (peer, *from),
            Way::Out => (peer, *to),
        })
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
const CLASSES: [Class; 20] = [
    Class { name: "alloc", one: |rng, reach, run| call(FaultKind::Alloc, rng, reach, run) },
    Class { name: "ring", one: |rng, reach, run| call(FaultKind::Ring, rng, reach, run) },
    Class { name: "tx", one: |rng, reach, run| call(FaultKind::Tx, rng, reach, run) },
    Class { name: "short", one: short },
    Class { name: "lose", one: lose },
    Class { name: "mute", one: |rng, reach, run| between(Way::In, rng, reach, run) },
    Class { name: "deaf", one: |rng, reach, run| between(Way::Out, rng, reach, run) },
    Class { name: "dup", one: |rng, reach, _| frame(rng, reach, |_| Harm::Twice) },
    Class { name: "late", one: |rng, reach, _| frame(rng, reach, |rng| Harm::Late(span(rng, 6))) },
    Class { name: "flip", one: |rng, reach, _| frame(rng, reach, |rng| Harm::Flip(bit(rng))) },
    Class { name: "cut", one: |rng, reach, _| frame(rng, reach, |rng| Harm::Cut(length(rng))) },
    Class { name: "full", one: |rng, reach, _| frame(rng, reach, |_| Harm::Full) },
    Class { name: "room", one: |rng, reach, _| frame(rng, reach, |rng| Harm::Room(room(rng))) },
    Class { name: "back", one: back },
    Class { name: "down", one: down },
    Class { name: "stall", one: stall },
    Class { name: "cost", one: cost },
    Class { name: "ahead", one: ahead },
    Class { name: "drift", one: drift },
    Class { name: "order", one: order },
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

fn short(rng: &mut Rng, reach: &Reach, _: u64) -> Option<Fault> {
    let nth = place(rng, reach.calls[FaultKind::Tx.index()])?;
    // Most bursts are short: of a long one, that is most of it.
    Some(Fault::Short { nth, takes: rng.below(4) })
}

/// A frame that comes to a wire: each as likely as any other, on whichever wire.
fn any_frame(rng: &mut Rng, reach: &Reach) -> Option<(String, u64)> {
    let (port, nth) = any_of(rng, reach.wires())?;
    Some((port.clone(), nth))
}

/// One of all places, each as likely as any other: of whom, and the how manieth there.
fn any_of<T>(rng: &mut Rng, of: impl Iterator<Item = (T, u64)> + Clone) -> Option<(T, u64)> {
    let nth = place(rng, of.clone().map(|(_, places)| places).sum())?;
    nth_of(nth - 1, of)
}

/// Place `n`, from 0, of all places of several: of whom, and the how manieth there, from 1.
pub(crate) fn nth_of<T>(mut n: u64, of: impl Iterator<Item = (T, u64)>) -> Option<(T, u64)> {
    for (one, places) in of {
        if n < places {
            return Some((one, n + 1));
        }
        n -= places;
    }
    None
}

fn lose(rng: &mut Rng, reach: &Reach, run: u64) -> Option<Fault> {
    let (port, first) = any_frame(rng, reach)?;
    Some(Fault::Lose { port, first, last: first + run - 1 })
}

fn between(way: Way, rng: &mut Rng, reach: &Reach, run: u64) -> Option<Fault> {
    let (peer, first) = any_of(rng, reach.passed(way))?;
    Some(Fault::Peer { peer: peer.clone(), way, first, last: first + run - 1 })
}

fn frame(rng: &mut Rng, reach: &Reach, harm: impl Fn(&mut Rng) -> Harm) -> Option<Fault> {
    let (port, nth) = any_frame(rng, reach)?;
    Some(Fault::Frame { port, nth, harm: harm(rng) })
}

/// A bit of the first 64 bytes, where the headers are.
fn bit(rng: &mut Rng) -> u32 {
    u32::try_from(rng.below(64 * 8)).unwrap_or(0)
}

/// What is left of a frame: in its headers, or little more.
fn length(rng: &mut Rng) -> u32 {
    1 + u32::try_from(rng.below(100)).unwrap_or(0)
}

/// What is left in front of a frame: mostly less than a tag, a header or two take.
fn room(rng: &mut Rng) -> u32 {
    let most = [1, 4, 18, 60, 129][usize::try_from(rng.below(5)).unwrap_or(0)];
    u32::try_from(rng.below(most)).unwrap_or(0)
}

/// A number of one of so many orders of magnitude, each as likely as any other.
fn magnitude(rng: &mut Rng, orders: u64) -> u64 {
    let scale = (0..rng.below(orders)).fold(1, |scale, _| scale * 10);
    scale * (1 + rng.below(9))
}

/// From 100 ns on, over so many orders of magnitude, each as likely as any other.
pub(crate) fn span(rng: &mut Rng, orders: u64) -> Nanos {
    Nanos::new(100 * magnitude(rng, orders))
}

/// A time of the run, rather early than late: much of a run may be waiting for timers.
fn time(rng: &mut Rng, reach: &Reach) -> Instant {
    let early = reach.end.as_nanos() >> rng.below(8);
    Instant::from_nanos(rng.below(early.max(1)))
}

fn back(rng: &mut Rng, reach: &Reach, _: u64) -> Option<Fault> {
    let (port, nth) = any_frame(rng, reach)?;
    Some(Fault::Back { port, nth, by: span(rng, 9) })
}

fn down(rng: &mut Rng, reach: &Reach, _: u64) -> Option<Fault> {
    let (port, _) = any_frame(rng, reach)?;
    Some(Fault::Down { port, at: time(rng, reach), lasts: span(rng, 6) })
}

fn any_lcore(rng: &mut Rng, reach: &Reach) -> Option<LcoreId> {
    let nth = place(rng, reach.lcores.len() as u64)?;
    let (lcore, _) = *reach.lcores.get(usize::try_from(nth - 1).ok()?)?;
    Some(lcore)
}

fn ahead(rng: &mut Rng, reach: &Reach, _: u64) -> Option<Fault> {
    Some(Fault::Ahead { lcore: any_lcore(rng, reach)?, by: span(rng, 8) })
}

/// Over five orders of magnitude, each as likely as any other, and either way.
fn drift(rng: &mut Rng, reach: &Reach, _: u64) -> Option<Fault> {
    let lcore = any_lcore(rng, reach)?;
    let by = i32::try_from(magnitude(rng, 5)).ok()?;
    Some(Fault::Drift { lcore, ppm: if rng.below(2) == 0 { by } else { -by } })
}

fn stall(rng: &mut Rng, reach: &Reach, _: u64) -> Option<Fault> {
    let lcore = any_lcore(rng, reach)?;
    Some(Fault::Stall { lcore, at: time(rng, reach), lasts: span(rng, 6) })
}

/// One run, or some in a row: each as likely as any other, on whichever lcore. It takes a nanosecond, a
/// millisecond, or anything between.
fn cost(rng: &mut Rng, reach: &Reach, run: u64) -> Option<Fault> {
    let (lcore, first) = any_of(rng, reach.lcores.iter().copied())?;
    let takes = Nanos::new(magnitude(rng, 7));
    Some(Fault::Cost { lcore, first, last: first + run - 1, takes })
}

fn order(rng: &mut Rng, reach: &Reach, _: u64) -> Option<Fault> {
    let nth = place(rng, reach.orders)?;
    Some(Fault::Order { nth, at: time(rng, reach) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;

    fn reach() -> Reach {
        Reach {
            calls: [100, 20, 40],
            frames: vec![("lan".to_owned(), 50), ("wan".to_owned(), 3)],
            peers: vec![("alice".to_owned(), 20, 10), ("bob".to_owned(), 5, 6)],
            end: Instant::from_nanos(2_000_000),
            lcores: vec![(LcoreId(0), 9), (LcoreId(1), 31)],
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
        1: alloc:85 alloc:91 tx:29 tx:30 tx:37 lose:lan:11 lose:lan:14 lose:wan:3 deaf:alice:4 deaf:alice:6 deaf:bob:1 deaf:bob:5 dup:lan:6 dup:lan:35 dup:lan:41 late:lan:41=1us flip:lan:5=478 flip:lan:21=391 full:lan:14 room:lan:25=122 back:lan:11=7s back:lan:43=6us down:lan@56788ns=7ms cost:1:8-19=7ns cost:1:12-23=2ns ahead:0=2us ahead:0=5us ahead:0=50us ahead:0=400us ahead:0=9ms ahead:0=50ms ahead:0=7s ahead:1=6us ahead:1=20us ahead:1=50ms ahead:1=900ms
        2: nothing
        3: ring:5 ring:7 ring:8 ring:9 ring:10 ring:11 ring:13 ring:14 ring:17 ring:20 tx:1 tx:9 tx:14 tx:21 tx:28 tx:34 tx:35 lose:lan:8 mute:bob:4-11 late:lan:23=3ms late:lan:32=5us cut:lan:2=63 cut:lan:13=12 cut:lan:33=69 cut:lan:38=36 full:lan:39 room:lan:34=0 room:lan:40=3 room:lan:40=13 room:lan:44=0 back:lan:4=80s back:lan:8=30ms back:lan:13=40ms back:lan:16=500us back:lan:17=7us back:lan:27=3ms back:lan:28=8s back:lan:31=3ms back:lan:33=4us back:lan:37=4s back:lan:41=900ms back:lan:45=500us back:lan:46=70s back:lan:47=3us back:lan:48=700ms back:wan:3=2ms down:lan@3636ns=20us down:lan@9371ns=100ns down:lan@29303ns=200us down:lan@1360113ns=5ms stall:0@25105ns=50us cost:0:7=1ns ahead:0=40us drift:0=-10 drift:0=9 drift:0=900 drift:1=-2000 drift:1=-50 drift:1=-9 drift:1=-6 drift:1=-1 drift:1=400 drift:1=5000
        4: alloc:38-51 alloc:72-85 tx:7=1 tx:13=3 tx:15=2 flip:lan:20=144 cost:1:30=9ns
        5: flip:lan:1=61 flip:lan:28=15 back:lan:1=90ms back:lan:1=5s back:lan:6=5s back:lan:7=5s back:lan:19=50s back:lan:21=9s back:lan:23=600ms back:lan:34=200ns back:lan:43=400us back:lan:48=8ms back:wan:3=500us stall:0@2939ns=40us stall:0@15488ns=60us ahead:0=20ms order:1@34517ns order:1@79375ns order:2@52935ns
        6: ring:14 tx:2=2 tx:3=3 tx:5=2 tx:5=3 tx:6=3 tx:7=2 tx:9=3 tx:21=1 tx:24=2 tx:25=1 tx:32=2 tx:39=3 mute:alice:9 dup:lan:2 dup:lan:5 dup:lan:10 dup:lan:21 dup:lan:30 dup:lan:31 dup:lan:41 dup:lan:49 room:wan:2=128 back:lan:21=800ns down:lan@741346ns=70ms ahead:0=50us ahead:0=9ms ahead:0=40ms ahead:0=2s ahead:0=4s ahead:1=400ns ahead:1=600ns ahead:1=5ms ahead:1=7ms ahead:1=500ms ahead:1=5s drift:0=60 drift:1=-90000
        7: alloc:72-77 alloc:85-90 ring:4 ring:5 ring:7 ring:8 ring:14 ring:15 ring:17 ring:18 tx:11 tx:31 tx:36 tx:8=0 tx:22=1 lose:lan:10-18 mute:alice:6 mute:bob:5 deaf:alice:3 deaf:alice:10 late:lan:25=70ms late:lan:28=600us late:lan:32=500us late:lan:44=8us flip:lan:4=409 flip:lan:18=477 flip:lan:46=369 cut:lan:2=8 cut:lan:4=80 cut:lan:32=54 full:lan:9 full:lan:11 full:lan:19 full:lan:36 full:lan:37 full:lan:46 room:lan:37=0 back:lan:4=30s back:lan:5=70s down:lan@61392ns=60us down:lan@150830ns=200us stall:0@10268ns=4ms cost:1:2-15=9ms ahead:0=2ms drift:1=-90000 order:1@30269ns order:2@222206ns order:2@360930ns
        8: alloc:17 alloc:33 alloc:41 alloc:56 alloc:79 alloc:84 tx:3=2 tx:22=2 lose:lan:1 lose:lan:12 lose:lan:20 lose:lan:25 lose:lan:31 lose:lan:32 lose:lan:34 lose:lan:45 lose:lan:47 lose:lan:49 lose:wan:3 mute:alice:5 mute:bob:5 deaf:alice:1 deaf:alice:2 deaf:alice:4 deaf:alice:9 deaf:bob:2 deaf:bob:3 deaf:bob:4 deaf:bob:6 dup:lan:12 dup:lan:33 late:lan:17=600us late:wan:1=60us cut:lan:19=4 full:lan:21 full:lan:24 room:lan:1=0 room:lan:4=34 room:lan:5=10 room:lan:6=3 room:lan:11=43 room:lan:14=34 room:lan:18=109 room:lan:25=3 room:lan:29=24 room:lan:33=24 room:lan:34=0 room:lan:36=54 room:lan:39=0 room:lan:47=53 room:lan:48=109 room:wan:3=3 back:lan:21=60s down:lan@6668ns=1us down:lan@7679ns=20us down:lan@14589ns=9us down:lan@21296ns=20us down:lan@42570ns=90us down:lan@51745ns=800ns down:lan@55355ns=3us down:lan@163472ns=8us down:lan@186088ns=7us down:lan@1752356ns=400us cost:1:13=5ms cost:1:22=500ns cost:1:26=80ns cost:1:30=90us drift:0=-10 order:1@5528ns order:1@402648ns
        9: nothing
        10: alloc:95 ring:1-17 ring:5-21 lose:lan:1 lose:lan:11 lose:lan:15 lose:lan:17 lose:lan:20 lose:lan:29 lose:lan:31 lose:lan:32 lose:lan:35 cut:lan:4=78 cut:lan:5=28 cut:lan:22=14 cut:lan:24=46 cut:lan:29=50 cut:lan:32=29 cut:lan:41=9 cut:lan:44=81 room:lan:49=74 back:lan:6=100ns back:lan:50=700us cost:1:10-21=50ns cost:1:23-34=80ns ahead:0=700ms ahead:1=60ms drift:0=-7000 drift:0=4 drift:0=8000 order:1@46451ns order:2@3173ns order:2@17434ns
        11: nothing
        ");
    }

    #[test]
    fn every_fault_has_a_place_and_reads_as_it_is_written() {
        let (mut plan, reach) = (dut(1), reach());
        for (name, ..) in &reach.peers {
            let peer = crate::peer::tests::pinging(name, 0).peers.remove(0);
            plan.peers.push(peer);
        }
        for seed in 0..2_000 {
            for fault in draw(seed, &reach) {
                assert_eq!(fault.to_string().parse(), Ok(fault.clone()));
                assert_eq!(fault.check(&plan), Ok(()), "{fault}");
                let frames = |port: &str| if port == "lan" { 50 } else { 3 };
                let (nth, of, at) = match &fault {
                    Fault::Call(first) | Fault::Calls { first, .. } => {
                        (first.nth, reach.calls[first.kind.index()], Instant::EPOCH)
                    }
                    Fault::Short { nth, .. } => (*nth, 40, Instant::EPOCH),
                    Fault::Peer { peer, way, first, .. } => {
                        let of = match (peer.as_str(), way) {
                            ("alice", Way::In) => 20,
                            ("alice", Way::Out) => 10,
                            (_, Way::In) => 5,
                            (_, Way::Out) => 6,
                        };
                        (*first, of, Instant::EPOCH)
                    }
                    Fault::Back { port, nth, .. } => (*nth, frames(port), Instant::EPOCH),
                    Fault::Lose { port, first: nth, .. } | Fault::Frame { port, nth, .. } => {
                        (*nth, frames(port), Instant::EPOCH)
                    }
                    Fault::Ahead { .. } | Fault::Drift { .. } => (1, 1, Instant::EPOCH),
                    Fault::Down { at, .. } | Fault::Stall { at, .. } => (1, 1, *at),
                    Fault::Cost { lcore, first, .. } => {
                        (*first, if lcore.0 == 0 { 9 } else { 31 }, Instant::EPOCH)
                    }
                    Fault::Order { nth, at } => (*nth, 2, *at),
                };
                assert!((1..=of).contains(&nth) && at < reach.end, "{fault}");
            }
        }
    }

    #[test]
    fn where_nothing_can_go_wrong_nothing_is_drawn() {
        let nowhere = Reach {
            calls: [0; 3],
            frames: vec![],
            peers: vec![],
            lcores: vec![],
            orders: 0,
            ..reach()
        };
        assert!((0..100).all(|seed| draw(seed, &nowhere).is_empty()));
        let rings = Reach { calls: [0, 20, 0], ..nowhere };
        let drawn = (0..100).flat_map(|seed| draw(seed, &rings));
        assert!(drawn.map(|fault| fault.to_string()).all(|word| word.starts_with("ring:")));
    }

    #[test]
    fn each_seed_leaves_classes_out_and_no_class_stays_out() {
        let all = 400;
        let on = |faults: &[Fault], class: &Class| {
            let is = |fault: &Fault| match class.name {
                "short" => matches!(fault, Fault::Short { .. }),
                name => fault.word() == name && !matches!(fault, Fault::Short { .. }),
            };
            faults.iter().any(is)
        };
        let drawn: Vec<_> = (0..all).map(|seed| draw(seed, &reach())).collect();
        let without = drawn.iter().filter(|faults| faults.is_empty()).count();
        assert!((30..120).contains(&without), "{without} without faults");
        for class in &CLASSES {
            let on = drawn.iter().filter(|faults| on(faults, class)).count();
            assert!((120..220).contains(&on), "{}: {on} of {all}", class.name);
        }
        // From one class alone to nearly all of them together.
        let classes =
            |faults: &&Vec<Fault>| CLASSES.iter().filter(|class| on(faults, class)).count();
        for so_many in 0..CLASSES.len() - 1 {
            assert!(drawn.iter().any(|faults| classes(&faults) == so_many), "{so_many}");
        }
    }
}
