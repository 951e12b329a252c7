//! The wall clock, and what it said.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures real time")]

use std::fmt;
use std::fs;
use std::time::Instant;

/// How long so many things took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    nanos: u128,
    items: u64,
    /// The most memory that this process had, when it matters.
    resident: Option<u64>,
}

impl Took {
    /// Does something that has so many items, and measures it.
    pub fn by<E>(items: u64, work: impl FnOnce() -> Result<(), E>) -> Result<Took, E> {
        let start = Instant::now();
        work()?;
        Ok(Took { nanos: start.elapsed().as_nanos(), items, resident: None })
    }

    /// The same, when the number of items turned out on the way.
    pub fn of(self, items: u64) -> Took {
        Took { items, ..self }
    }

    /// What `times` as much of it would take.
    pub fn scaled(self, times: u64) -> Took {
        Took { nanos: self.nanos * u128::from(times), ..self }
    }

    /// The same with the memory that the process had at most.
    pub fn with_memory(self) -> Took {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        Took { resident: kilobytes, ..self }
    }
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.nanos, self.items)?;
        self.resident.map_or(Ok(()), |kilobytes| write!(f, " {kilobytes}"))
    }
}
