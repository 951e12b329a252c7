//! Virtual time: unsigned nanoseconds, never a float, never read from a clock here.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A point in virtual time: nanoseconds since the epoch of the run. Range: 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

/// A length of virtual time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(u64);

impl Instant {
    /// The epoch of the run: the time before the first tick.
    pub const EPOCH: Instant = Instant(0);
    /// The end of time.
    pub const MAX: Instant = Instant(u64::MAX);

    /// The instant `ns` nanoseconds after the epoch.
    pub const fn from_nanos(ns: u64) -> Instant {
        Instant(ns)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub const fn saturating_since(self, earlier: Instant) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    /// The latest multiple of `step` that is not after this instant. `step` must not be zero.
    pub const fn floor_to(self, step: Nanos) -> Instant {
        Instant(self.0 - self.0 % step.0)
    }

    /// The earliest multiple of `step` that is not before this instant. `step` must not be zero.
    pub const fn ceil_to(self, step: Nanos) -> Instant {
        match self.0 % step.0 {
            0 => self,
            rest => Instant(self.0.saturating_add(step.0 - rest)),
        }
    }

    /// This instant plus `span`, or the end of time.
    pub const fn saturating_add(self, span: Nanos) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }
}

impl Nanos {
    /// No time at all.
    pub const ZERO: Nanos = Nanos(0);

    /// `n` nanoseconds.
    pub const fn new(n: u64) -> Nanos {
        Nanos(n)
    }

    /// `n` microseconds; saturates after 584 years.
    pub const fn from_micros(n: u64) -> Nanos {
        Nanos(n.saturating_mul(1_000))
    }

    /// `n` milliseconds; saturates after 584 years.
    pub const fn from_millis(n: u64) -> Nanos {
        Nanos(n.saturating_mul(1_000_000))
    }

    /// `n` seconds; saturates after 584 years.
    pub const fn from_secs(n: u64) -> Nanos {
        Nanos(n.saturating_mul(1_000_000_000))
    }

    /// The number of nanoseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// `self × n`, or the longest span there is.
    pub const fn saturating_mul(self, n: u64) -> Nanos {
        Nanos(self.0.saturating_mul(n))
    }
}

impl Add<Nanos> for Instant {
    type Output = Instant;
    fn add(self, span: Nanos) -> Instant {
        Instant(self.0 + span.0)
    }
}

impl AddAssign<Nanos> for Instant {
    fn add_assign(&mut self, span: Nanos) {
        self.0 += span.0;
    }
}

impl Sub for Instant {
    type Output = Nanos;
    /// Panics in debug and wraps in release when `earlier` is later: use it where order is known.
    fn sub(self, earlier: Instant) -> Nanos {
        Nanos(self.0 - earlier.0)
    }
}

impl Add for Nanos {
    type Output = Nanos;
    fn add(self, other: Nanos) -> Nanos {
        Nanos(self.0 + other.0)
    }
}

impl fmt::Display for Instant {
    /// Seconds with nine decimals: `12.000000345`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

impl fmt::Display for Nanos {
    /// The largest unit that keeps it whole: `10us`, `3s`, `1500ns`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = match self.0 {
            0 => (0, "s"),
            n if n % 1_000_000_000 == 0 => (n / 1_000_000_000, "s"),
            n if n % 1_000_000 == 0 => (n / 1_000_000, "ms"),
            n if n % 1_000 == 0 => (n / 1_000, "us"),
            n => (n, "ns"),
        };
        write!(f, "{n}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_absolute_multiples() {
        let step = Nanos::from_micros(10);
        assert_eq!(Instant::from_nanos(19_999).floor_to(step), Instant::from_nanos(10_000));
        assert_eq!(Instant::from_nanos(10_001).ceil_to(step), Instant::from_nanos(20_000));
        assert_eq!(Instant::from_nanos(10_000).ceil_to(step), Instant::from_nanos(10_000));
    }

    #[test]
    fn spans_print_in_the_largest_whole_unit() {
        let shown: Vec<String> = [0, 1, 1_500, 2_000, 3_000_000, 60_000_000_000]
            .map(|n| Nanos::new(n).to_string())
            .to_vec();
        assert_eq!(shown, ["0s", "1ns", "1500ns", "2us", "3ms", "60s"]);
    }
}
