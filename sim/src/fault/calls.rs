//! Calls that fail: counted by kind, and by their number told which of them do.
//!
//! Invariant: a call that fails is counted as any other. Not here: what failing means (`world.rs`).

use super::{Fault, FaultKind, Strike};
use std::ops::RangeInclusive;

/// Counts the calls of each kind, and says which of them fail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Injector {
    calls: [u64; FaultKind::ALL.len()],
    /// The calls to come that fail, the next ones last.
    to_come: [Vec<RangeInclusive<u64>>; FaultKind::ALL.len()],
    /// The bursts of which a port takes only the front, and how much of them, the next ones last.
    short: Vec<(u64, u64)>,
}

impl Injector {
    /// Nothing was called yet.
    pub fn new(faults: &[Fault]) -> Injector {
        let mut injector = Injector::default();
        for fault in faults {
            let (kind, calls) = match fault {
                Fault::Call(Strike { kind, nth }) => (kind, *nth..=*nth),
                Fault::Calls { first, last } => (&first.kind, first.nth..=*last),
                Fault::Short { nth, takes } => {
                    injector.short.push((*nth, *takes));
                    continue;
                }
                Fault::Lose { .. }
                | Fault::Frame { .. }
                | Fault::Back { .. }
                | Fault::Down { .. }
                | Fault::Stall { .. }
                | Fault::Peer { .. }
                | Fault::Ahead { .. }
                | Fault::Drift { .. }
                | Fault::Cost { .. }
                | Fault::Order { .. } => continue,
            };
            injector.to_come[kind.index()].push(calls);
        }
        // Of two that are about one burst, the one that takes less.
        injector.short.sort_unstable_by(|a, b| b.cmp(a));
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

    /// How many packets of the burst that was just called a port takes at most, if that is said.
    pub fn short(&mut self) -> Option<u64> {
        let nth = self.calls[FaultKind::Tx.index()];
        let mut least = None;
        while let Some((next, takes)) = self.short.pop_if(|(next, _)| *next <= nth) {
            if next == nth && least.is_none_or(|least| takes < least) {
                least = Some(takes);
            }
        }
        least
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

    #[test]
    fn of_a_short_burst_only_the_front_is_taken() {
        let faults = ["tx:2=3", "tx:4=1", "tx:2=5", "tx:1=0"].map(|text| text.parse().unwrap());
        let mut injector = Injector::new(&faults);
        let mut burst = || {
            assert_eq!(injector.call(FaultKind::Tx), None);
            injector.short()
        };
        assert_eq!([burst(), burst(), burst(), burst()], [Some(0), Some(3), None, Some(1)]);
    }
}
