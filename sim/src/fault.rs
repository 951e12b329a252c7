//! What goes wrong on purpose: the n-th allocation, the n-th parcel for another lcore's ring, the
//! n-th burst to a port fails.
//!
//! A [`Fault`] is one thing that goes wrong, at one place of one run: concrete, so that a list of them
//! says the same in every version, whatever drew it. A [`Strike`] names one call by its kind and its
//! number within the run, from 1. Since a run is a function of its plan, the number finds the same
//! call in every run, up to the first strike.
//!
//! Invariant: what a strike does to the dataplane is what the real thing does: the pool is empty, the
//! ring is full, the port takes nothing. Not here: which faults a seed draws (`fault/draw.rs`), trying
//! every strike there is (`sweep.rs`).

mod draw;

pub use draw::{Reach, draw};

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// The pool has no buffer: for a frame that arrives, or a packet or copy to be made.
    Alloc,
    /// Another lcore's ring takes no parcel.
    Ring,
    /// A port takes no packet of a burst.
    Tx,
}

impl FaultKind {
    /// Every kind, in the order of [`FaultKind::index`].
    pub const ALL: [FaultKind; 3] = [FaultKind::Alloc, FaultKind::Ring, FaultKind::Tx];

    /// A dense number, for tables by kind.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name on the command line and in traces.
    pub const fn name(self) -> &'static str {
        match self {
            FaultKind::Alloc => "alloc",
            FaultKind::Ring => "ring",
            FaultKind::Tx => "tx",
        }
    }

    /// What it means for the dataplane.
    pub const fn explain(self) -> &'static str {
        match self {
            FaultKind::Alloc => "the pool has no buffer",
            FaultKind::Ring => "another lcore's ring is full",
            FaultKind::Tx => "a port takes nothing of a burst",
        }
    }
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(text: &str) -> Result<FaultKind, String> {
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.name() == text);
        kind.ok_or_else(|| format!("\"{text}\" is no kind of fault, expected alloc, ring or tx"))
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A call of the dataplane fails.
    Call(Strike),
    /// Calls in a row fail.
    Calls {
        /// The first of them.
        first: Strike,
        /// The number of the last one, not below that of the first.
        last: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Call(strike) => strike.fmt(f),
            Fault::Calls { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        let Some((first, last)) = text.split_once('-') else {
            return text.parse().map(Fault::Call);
        };
        let first: Strike = first.parse()?;
        match last.parse() {
            Ok(last) if last >= first.nth => Ok(Fault::Calls { first, last }),
            Ok(last) => Err(format!("\"{text}\": {last} comes before {}", first.nth)),
            Err(_) => {
                Err(format!("\"{text}\" is no fault, expected KIND:N-M, such as alloc:17-20"))
            }
        }
    }
}

/// One call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Strike {
    /// What fails.
    pub kind: FaultKind,
    /// The how manieth of its kind in the run, from 1.
    pub nth: u64,
}

impl fmt::Display for Strike {
    /// `alloc:17`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.nth)
    }
}

impl FromStr for Strike {
    type Err = String;

    fn from_str(text: &str) -> Result<Strike, String> {
        let expected = || format!("\"{text}\" is no fault, expected KIND:N, such as alloc:17");
        let (kind, nth) = text.split_once(':').ok_or_else(expected)?;
        match nth.parse() {
            Ok(nth) if nth > 0 => Ok(Strike { kind: kind.parse()?, nth }),
            Ok(_) => Err(format!("\"{text}\": the first call has number 1")),
            Err(_) => Err(expected()),
        }
    }
}

/// Counts the calls of each kind, and says which of them fail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Injector {
    calls: [u64; FaultKind::ALL.len()],
    /// The calls to come that fail, the next ones last.
    to_come: [Vec<RangeInclusive<u64>>; FaultKind::ALL.len()],
}

impl Injector {
    /// Nothing was called yet.
    pub fn new(faults: &[Fault]) -> Injector {
        let mut injector = Injector::default();
        for fault in faults {
            let (kind, calls) = match fault {
                Fault::Call(Strike { kind, nth }) => (kind, *nth..=*nth),
                Fault::Calls { first, last } => (&first.kind, first.nth..=*last),
            };
            injector.to_come[kind.index()].push(calls);
        }
        for to_come in &mut injector.to_come {
            to_come.sort_unstable_by_key(|calls| std::cmp::Reverse(*calls.start()));
        }
        injector
    }

    /// One more call of this kind. The strike, if it fails.
    pub fn call(&mut self, kind: FaultKind) -> Option<Strike> {
        let (calls, to_come) = (&mut self.calls[kind.index()], &mut self.to_come[kind.index()]);
        *calls += 1;
        let nth = *calls;
        // Of two that overlap, the one that begins first may end first.
        while to_come.pop_if(|next| *next.end() < nth).is_some() {}
        let strikes = to_come.last().is_some_and(|next| next.contains(&nth));
        strikes.then_some(Strike { kind, nth })
    }

    /// How often each kind was called.
    pub fn calls(&self) -> [u64; FaultKind::ALL.len()] {
        self.calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_is_written_as_it_is_read() {
        for text in ["alloc:1", "ring:17", "tx:18446744073709551615", "alloc:3-3", "tx:1-40"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        for (text, why) in [
            ("alloc", "is no fault"),
            ("alloc:", "is no fault"),
            ("alloc:x", "is no fault"),
            ("alloc:-1", "is no fault"),
            ("alloc:1-", "expected KIND:N-M"),
            ("alloc:2-1", "1 comes before 2"),
            ("alloc:0", "the first call has number 1"),
            ("disk:1", "\"disk\" is no kind of fault"),
        ] {
            let error = text.parse::<Fault>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_calls_that_were_named_fail_and_no_other() {
        let faults = ["alloc:3", "tx:1", "alloc:1", "alloc:3"].map(|text| text.parse().unwrap());
        let mut injector = Injector::new(&faults);
        let mut failed = |kind| (1..=4).filter(|_| injector.call(kind).is_some()).count();
        assert_eq!(FaultKind::ALL.map(&mut failed), [2, 0, 1]);
        assert_eq!(injector.calls(), [4, 4, 4]);
        let mut injector = Injector::new(&faults);
        let nths = (0..4).filter_map(|_| injector.call(FaultKind::Alloc)).map(|strike| strike.nth);
        assert_eq!(nths.collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn calls_in_a_row_fail_up_to_the_last_one() {
        let faults = ["ring:2-6", "ring:3", "ring:5-7", "ring:9"].map(|text| text.parse().unwrap());
        let mut injector = Injector::new(&faults);
        let nths = (0..12).filter_map(|_| injector.call(FaultKind::Ring)).map(|strike| strike.nth);
        assert_eq!(nths.collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 9]);
    }
}
