//! The clock that gave the frames of an input their times, when it is set back on purpose.
//!
//! Invariant: without such a fault no time is touched. Not here: what becomes of times that step back
//! (`line.rs`).

use super::line::Line;
use crate::fault::Fault;
use dataplane::{Instant, Nanos};

/// In front of all times, so that none is before the first there is.
const AHEAD: u64 = 1 << 62;

/// The clock of an input.
#[derive(Debug, Default)]
pub(super) struct SetBack {
    /// The faults that set it back.
    faults: Vec<Fault>,
    /// Frames so far, and by how much it has been set back before them.
    frames: u64,
    by: u64,
    line: Line,
    first: Instant,
    last: Instant,
}

impl SetBack {
    /// The clock of an input of the port with this name.
    pub fn of(faults: &[Fault], port: &str) -> SetBack {
        let about = |fault: &&Fault| matches!(fault, Fault::Back { port: of, .. } if of == port);
        SetBack { faults: faults.iter().filter(about).cloned().collect(), ..SetBack::default() }
    }

    /// When the next frame comes, of which the clock would say `at`; and the fault, if the clock has been
    /// set back just before it.
    pub fn place(&mut self, at: Instant) -> (Instant, Option<Fault>) {
        if self.faults.is_empty() {
            return (at, None);
        }
        self.frames += 1;
        let mut told = None;
        for fault in &self.faults {
            if let Fault::Back { nth, by, .. } = fault
                && *nth == self.frames
            {
                self.by = self.by.saturating_add(by.get());
                told = Some(fault.clone());
            }
        }
        if self.frames == 1 {
            self.first = at;
        }
        let said = AHEAD.saturating_add(at.as_nanos()).saturating_sub(self.by);
        self.line.see(said);
        let at = self.first.saturating_add(Nanos::new(self.line.since(said)));
        self.last = self.last.max(at);
        (self.last, told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When frames come that the clock, without these faults, has at every 100 ms.
    fn placed(faults: &[&str]) -> String {
        let faults: Vec<Fault> = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        let mut clock = SetBack::of(&faults, "lan");
        let one = |n: u64| {
            let (at, told) = clock.place(Instant::from_nanos(n * 100_000_000));
            let told = told.map_or(String::new(), |fault| format!(" ({fault})"));
            format!("{}{told}", at.as_nanos() / 1_000_000)
        };
        (1..=6).map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_clock_that_is_set_back_takes_away_the_distance_before_it_and_no_other() {
        assert_eq!(placed(&["back:wan:1=1s"]), "100 200 300 400 500 600");
        assert_eq!(placed(&["back:lan:3=1s"]), "100 200 200 (back:lan:3=1s) 300 400 500");
        let twice = "100 200 200 (back:lan:3=1s) 300 300 (back:lan:5=2s) 400";
        assert_eq!(placed(&["back:lan:3=1s", "back:lan:5=2s"]), twice);
    }

    #[test]
    fn a_little_back_is_together_with_the_frame_before_until_the_clock_has_caught_up() {
        // Frame 3 at 73 ms and frame 4 at 173 ms, by the clock.
        assert_eq!(placed(&["back:lan:3=227ms"]), "100 200 200 (back:lan:3=227ms) 200 273 373");
        // By 1 ms more it is a step: of frame 2 to frame 3 128 ms back.
        assert_eq!(placed(&["back:lan:3=228ms"]), "100 200 200 (back:lan:3=228ms) 300 400 500");
    }

    #[test]
    fn the_first_frame_comes_when_it_does() {
        assert_eq!(placed(&["back:lan:1=9s"]), "100 (back:lan:1=9s) 200 300 400 500 600");
    }
}
