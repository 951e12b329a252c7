//! The wall clock. Only what is said on the terminal may depend on it.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "for the terminal only: no file has a real time in it"
)]

use std::time::Duration;

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }

    /// The time since it began.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
