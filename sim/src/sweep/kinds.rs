//! What a sweep tries: of each kind of fault one for each place where it can strike.
//!
//! Calls, frames and runs of jobs are places by their number. What has a time strikes when something
//! happens in the run without faults: a link goes down as a frame comes, an lcore stands still and an
//! order is told as a run finds something to do. These are the moments at which it makes a difference.
//!
//! Invariant: the same first run gives the same faults, in the same order. Not here: trying them
//! (`sweep.rs`), what a fault does (`fault.rs`).

use crate::fault::{Fault, FaultKind, Harm, Reach, Strike, nth_of};
use crate::trace::{Observer, Outside, Record, Run, Way, What};
use dataplane::{Instant, LcoreId, Nanos, PortId};
use std::fmt;
use std::str::FromStr;

/// How late a frame comes, and for how long a link is down.
const LATE: Nanos = Nanos::from_millis(1);
/// For how long an lcore stands still, and what a run takes.
const STILL: Nanos = Nanos::from_micros(100);
/// By how much a clock is set back, or ahead.
const BACK: Nanos = Nanos::from_secs(1);
/// By how many millionths a clock is fast.
const FAST: i32 = 10_000;
/// Bytes of a frame that are harmed, one bit in each frame: the headers.
const HEADERS: u64 = 42;

/// A kind of faults that a sweep can try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(usize);

/// What a sweep does with each kind, in the order of the words that begin faults.
const EXPLAINED: [&str; Fault::WORDS.len()] = [
    "the pool has no buffer",
    "another lcore's ring is full",
    "a port takes nothing of a burst",
    "a frame is lost on its way",
    "a frame that a peer sends is lost",
    "a frame to a peer is lost",
    "a frame comes twice",
    "a frame comes 1 ms late",
    "a bit of a frame is turned over, in its headers",
    "a frame is cut short, in its headers",
    "a receive queue is full",
    "a frame comes without room in front",
    "the clock of a capture is set back by 1 s",
    "a link is down for 1 ms as a frame comes",
    "an lcore stands still for 100 us as it finds work",
    "a run that finds work takes 100 us",
    "the clock of an lcore is ahead by 1 s",
    "the clock of an lcore is fast by 1 percent",
    "an order is told as an lcore finds work",
];

impl Kind {
    /// Calls that fail: what is tried if nobody says.
    pub const CALLS: [Kind; 3] = [Kind(0), Kind(1), Kind(2)];

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Kind> {
        (0..EXPLAINED.len()).map(Kind)
    }

    /// The word that begins its faults.
    pub fn name(self) -> &'static str {
        Fault::WORDS[self.0]
    }

    /// What a sweep does with it.
    pub fn explain(self) -> &'static str {
        EXPLAINED[self.0]
    }

    /// Where it can strike in the run that was seen: so many places.
    pub(super) fn places(self, seen: &Seen, reach: &Reach) -> u64 {
        match self.name() {
            "alloc" => reach.calls[FaultKind::Alloc.index()],
            "ring" => reach.calls[FaultKind::Ring.index()],
            "tx" => reach.calls[FaultKind::Tx.index()],
            "mute" => reach.passed(Way::In).map(|(_, frames)| frames).sum(),
            "deaf" => reach.passed(Way::Out).map(|(_, frames)| frames).sum(),
            "ahead" | "drift" => reach.lcores.len() as u64,
            "down" => seen.came.len() as u64,
            "stall" => seen.runs.len() as u64,
            "cost" => reach.lcores.iter().map(|(_, runs)| runs).sum(),
            "order" => reach.orders * seen.moments.len() as u64,
            _ => reach.wires().map(|(_, frames)| frames).sum(),
        }
    }

    /// The fault of its `n`-th place, from 0.
    pub(super) fn fault(self, n: u64, seen: &Seen, reach: &Reach) -> Option<Fault> {
        let index = usize::try_from(n).ok()?;
        let call = |kind| Some(Fault::Call(Strike { kind, nth: n + 1 }));
        let on_wire = || nth_of(n, reach.wires()).map(|(port, nth)| (port.clone(), nth));
        let frame = |harm| on_wire().map(|(port, nth)| Fault::Frame { port, nth, harm });
        let between = |way| {
            let (peer, nth) = nth_of(n, reach.passed(way))?;
            Some(Fault::Peer { peer: peer.clone(), way, first: nth, last: nth })
        };
        match self.name() {
            "alloc" => call(FaultKind::Alloc),
            "ring" => call(FaultKind::Ring),
            "tx" => call(FaultKind::Tx),
            "lose" => on_wire().map(|(port, nth)| Fault::Lose { port, first: nth, last: nth }),
            "mute" => between(Way::In),
            "deaf" => between(Way::Out),
            "dup" => frame(Harm::Twice),
            "late" => frame(Harm::Late(LATE)),
            "flip" => frame(Harm::Flip(u32::try_from(n * 37 % (HEADERS * 8)).ok()?)),
            "cut" => frame(Harm::Cut(u32::try_from(1 + n * 5 % HEADERS).ok()?)),
            "full" => frame(Harm::Full),
            "room" => frame(Harm::Room(0)),
            "back" => on_wire().map(|(port, nth)| Fault::Back { port, nth, by: BACK }),
            "down" => {
                let (port, at) = *seen.came.get(index)?;
                let port = seen.ports.get(port.index())?.clone();
                Some(Fault::Down { port, at, lasts: LATE })
            }
            "stall" => {
                let (lcore, at) = *seen.runs.get(index)?;
                Some(Fault::Stall { lcore, at, lasts: STILL })
            }
            "cost" => {
                let (lcore, nth) = nth_of(n, reach.lcores.iter().copied())?;
                Some(Fault::Cost { lcore, first: nth, last: nth, takes: STILL })
            }
            "ahead" => {
                let (lcore, _) = *reach.lcores.get(index)?;
                Some(Fault::Ahead { lcore, by: BACK })
            }
            "drift" => {
                let (lcore, _) = *reach.lcores.get(index)?;
                Some(Fault::Drift { lcore, ppm: FAST })
            }
            "order" => {
                let moments = seen.moments.len() as u64;
                let at = *seen.moments.get(usize::try_from(n.checked_rem(moments)?).ok()?)?;
                Some(Fault::Order { nth: 1 + n / moments, at })
            }
            _ => None,
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let words = || {
            let words: Vec<_> = Kind::all().map(Kind::name).collect();
            words.join(", ")
        };
        let kind = Kind::all().find(|kind| kind.name() == text);
        kind.ok_or_else(|| format!("\"{text}\" is no kind of fault, expected {}", words()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When what happened in the run without faults.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The names of the ports, by number.
    ports: Vec<String>,
    /// When frames came, and to which port: one a port and time.
    came: Vec<(PortId, Instant)>,
    /// The runs that found something to do: of which lcore, and when.
    runs: Vec<(LcoreId, Instant)>,
    /// When runs found something to do: each time once.
    moments: Vec<Instant>,
}

impl Seen {
    /// Nothing yet. Ports have these names.
    pub fn new(ports: impl Iterator<Item = String>) -> Seen {
        Seen { ports: ports.collect(), ..Seen::default() }
    }
}

impl Observer for Seen {
    const FRAMES: bool = false;

    fn event(&mut self, record: &Record) {
        if let What::Outside(Outside::Arrive { port, .. }) = record.what {
            let here = (port, record.at);
            let again = self.came.iter().rev().take_while(|(_, at)| *at == record.at);
            if !again.into_iter().any(|came| *came == here) {
                self.came.push(here);
            }
        }
    }

    fn ran(&mut self, at: Instant, run: Run, _: u32) {
        self.runs.push((run.lcore, at));
        if self.moments.last() != Some(&at) {
            self.moments.push(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_kind_and_each_kind_has_its_places() {
        assert_eq!(Kind::all().map(Kind::name).collect::<Vec<_>>(), Fault::WORDS);
        assert_eq!(Kind::CALLS.map(Kind::name), FaultKind::ALL.map(FaultKind::name));
        let at = Instant::from_nanos;
        let mut seen = Seen::new(["lan", "wan"].map(str::to_owned).into_iter());
        (seen.came, seen.moments) = (vec![(PortId(1), at(7))], vec![at(8), at(9)]);
        seen.runs = vec![(LcoreId(1), at(8)), (LcoreId(1), at(9))];
        let reach = Reach {
            calls: [2, 1, 1],
            frames: vec![("lan".to_owned(), 1), ("wan".to_owned(), 2)],
            peers: vec![("alice".to_owned(), 1, 2)],
            end: at(100),
            lcores: vec![(LcoreId(0), 1), (LcoreId(1), 2)],
            orders: 2,
        };
        let words = Kind::all().map(|kind| {
            let places = kind.places(&seen, &reach);
            let words = (0..places).map(|n| kind.fault(n, &seen, &reach).unwrap().to_string());
            let words: Vec<_> = words.collect();
            for word in &words {
                assert_eq!(word.parse::<Fault>().unwrap().word(), kind.name());
            }
            words.join(" ")
        });
        insta::assert_snapshot!(words.collect::<Vec<_>>().join("\n"), @"
        alloc:1 alloc:2
        ring:1
        tx:1
        lose:lan:1 lose:wan:1 lose:wan:2
        mute:alice:1
        deaf:alice:1 deaf:alice:2
        dup:lan:1 dup:wan:1 dup:wan:2
        late:lan:1=1ms late:wan:1=1ms late:wan:2=1ms
        flip:lan:1=0 flip:wan:1=37 flip:wan:2=74
        cut:lan:1=1 cut:wan:1=6 cut:wan:2=11
        full:lan:1 full:wan:1 full:wan:2
        room:lan:1=0 room:wan:1=0 room:wan:2=0
        back:lan:1=1s back:wan:1=1s back:wan:2=1s
        down:wan@7ns=1ms
        stall:1@8ns=100us stall:1@9ns=100us
        cost:0:1=100us cost:1:1=100us cost:1:2=100us
        ahead:0=1s ahead:1=1s
        drift:0=10000 drift:1=10000
        order:1@8ns order:1@9ns order:2@8ns order:2@9ns
        ");
    }
}
