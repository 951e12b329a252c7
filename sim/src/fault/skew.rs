//! Clocks of lcores that are not that of the run: ahead of it, fast or slow.
//!
//! An lcore's clock is its cycle counter: what it takes for the time. The trace has the time of the run.
//!
//! Invariant: an lcore's clock never runs back, and says the epoch never after the run does. Not here: who
//! looks at which clock (`world.rs`, `engine/lcores.rs`, `oracle.rs`).

use super::Fault;
use dataplane::{Instant, LcoreId};

/// What a drift is counted in.
const MILLION: i128 = 1_000_000;
/// The most that a clock drifts, all faults together: a tenth.
pub(super) const DRIFT_MAX: i32 = 100_000;

/// The clocks of all lcores.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skews(Vec<(LcoreId, Skew)>);

/// The clock of one lcore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skew {
    /// Nanoseconds that it is ahead at the epoch.
    ahead: u64,
    /// Millionths that it is too fast; below zero: too slow.
    ppm: i32,
}

impl Skews {
    /// The clocks with these faults.
    pub fn of(faults: &[Fault]) -> Skews {
        let mut skews = Skews::default();
        for fault in faults {
            match fault {
                Fault::Ahead { lcore, by } => {
                    let skew = skews.entry(*lcore);
                    skew.ahead = skew.ahead.saturating_add(by.get());
                }
                Fault::Drift { lcore, ppm } => {
                    let skew = skews.entry(*lcore);
                    skew.ppm = skew.ppm.saturating_add(*ppm).clamp(-DRIFT_MAX, DRIFT_MAX);
                }
                _ => {}
            }
        }
        skews
    }

    fn entry(&mut self, lcore: LcoreId) -> &mut Skew {
        let at = self.0.iter().position(|(id, _)| *id == lcore).unwrap_or_else(|| {
            self.0.push((lcore, Skew::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// Whether all lcores look at the clock of the run.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The clock of an lcore.
    pub fn get(&self, lcore: LcoreId) -> Skew {
        let skew = self.0.iter().find(|(id, _)| *id == lcore);
        skew.map_or(Skew::default(), |(_, skew)| *skew)
    }
}

impl Skew {
    /// What the clock says at a time of the run.
    pub fn local(self, at: Instant) -> Instant {
        if self == Skew::default() || at == Instant::MAX {
            return at;
        }
        let at = i128::from(at.as_nanos());
        let drift = (at * i128::from(self.ppm)).div_euclid(MILLION);
        let local = at + drift + i128::from(self.ahead);
        Instant::from_nanos(u64::try_from(local.max(0)).unwrap_or(u64::MAX))
    }

    /// When in the run the clock first says this time or a later one.
    pub fn global(self, local: Instant) -> Instant {
        if self == Skew::default() || local == Instant::MAX {
            return local;
        }
        let since = i128::from(local.as_nanos()) - i128::from(self.ahead);
        let about = since * MILLION / (MILLION + i128::from(self.ppm));
        let mut at = u64::try_from(about.max(0)).unwrap_or(u64::MAX);
        // Rounded twice: it is a nanosecond or two beside.
        while at > 0 && self.local(Instant::from_nanos(at - 1)) >= local {
            at -= 1;
        }
        while at < u64::MAX && self.local(Instant::from_nanos(at)) < local {
            at += 1;
        }
        Instant::from_nanos(at)
    }
}

impl Skew {
    /// The first time by the clock that [`Skew::global`] finds at `at` or later.
    pub fn since(self, at: Instant) -> Instant {
        match at.as_nanos().checked_sub(1) {
            Some(before) if at != Instant::MAX => {
                let before = self.local(Instant::from_nanos(before));
                Instant::from_nanos(before.as_nanos().saturating_add(1))
            }
            _ => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::rng::Rng;

    fn skew(faults: &[&str]) -> Skew {
        let faults: Vec<Fault> = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        Skews::of(&faults).get(LcoreId(1))
    }

    #[test]
    fn a_clock_is_ahead_by_so_much_and_fast_or_slow_by_millionths() {
        let at = Instant::from_nanos;
        let said = |faults: &[&str], nanos| skew(faults).local(at(nanos)).as_nanos();
        assert_eq!(said(&[], 7), 7);
        assert_eq!(said(&["ahead:2=1s", "drift:0=5"], 7), 7, "those of others");
        assert_eq!(said(&["ahead:1=5us", "ahead:1=1us"], 7), 6_007);
        assert_eq!(said(&["drift:1=200"], 1_000_000_000), 1_000_200_000);
        assert_eq!(said(&["drift:1=-200", "ahead:1=1us"], 1_000_000_000), 999_801_000);
        assert_eq!(said(&["drift:1=100000", "drift:1=1"], 10), 11, "a tenth at most");
        assert_eq!(said(&["drift:1=-1"], 1), 0, "rounded down");
        assert_eq!(said(&["ahead:1=1s"], u64::MAX), u64::MAX);
    }

    #[test]
    fn the_first_time_at_which_a_clock_says_one_is_found_exactly() {
        let mut rng = Rng::new(1);
        for _ in 0..20_000 {
            let ahead = {
                let bits = rng.below(40);
                rng.below(1 << bits)
            };
            let ppm = i32::try_from(rng.below(200_001)).unwrap() - 100_000;
            let skew = Skew { ahead, ppm };
            let bits = rng.below(63);
            let local = Instant::from_nanos(rng.below(1 << bits));
            let at = skew.global(local);
            assert!(skew.local(at) >= local, "{skew:?} {local}");
            let before = Instant::from_nanos(at.as_nanos().saturating_sub(1));
            assert!(at == Instant::EPOCH || skew.local(before) < local, "{skew:?} {local}");
            let since = skew.since(local);
            assert!(skew.global(since) >= local, "{skew:?} {local}");
            let before = Instant::from_nanos(since.as_nanos().saturating_sub(1));
            assert!(local == Instant::EPOCH || skew.global(before) < local, "{skew:?} {local}");
        }
        let slow = Skew { ahead: 9, ppm: -DRIFT_MAX };
        assert_eq!(slow.global(Instant::MAX), Instant::MAX);
        assert_eq!(slow.global(Instant::from_nanos(u64::MAX - 1)), Instant::MAX);
        assert_eq!(slow.global(Instant::from_nanos(9)), Instant::EPOCH);
        assert_eq!(slow.global(Instant::from_nanos(10)), Instant::from_nanos(2));
    }
}
