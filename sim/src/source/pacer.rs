//! When the frames of a capture come.

use super::line::Line;
use crate::plan::{CaptureInput, Timing};
use dataplane::{Instant, Nanos};

/// Turns the times of a capture into virtual ones.
#[derive(Debug)]
pub(crate) struct Pacer {
    timing: Timing,
    start: Instant,
    /// The times of the capture's frames, selected or not.
    line: Line,
    /// When the frame before came, and how many there were.
    last: Instant,
    count: u64,
}

impl Pacer {
    pub fn new(input: &CaptureInput) -> Pacer {
        let (timing, start) = (input.timing, input.start);
        Pacer { timing, start, line: Line::default(), last: start, count: 0 }
    }

    /// A frame of the capture, selected or not, has this time.
    pub fn see(&mut self, time: u64) {
        self.line.see(time);
    }

    /// How often the capture's clock stepped back so far, and how far at most.
    pub fn steps(&self) -> (u64, Nanos) {
        self.line.steps()
    }

    /// When a selected frame of this time comes: never before the one before it.
    pub fn place(&mut self, time: u64) -> Instant {
        let since = self.line.since(time);
        let offset = match self.timing {
            Timing::Recorded => since,
            Timing::Scaled { num, den } => {
                let scaled = u128::from(since) * u128::from(num) / u128::from(den.max(1));
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
            Timing::Gap(gap) => gap.get().saturating_mul(self.count),
            Timing::BackToBack => 0,
        };
        self.count += 1;
        self.last = self.last.max(self.start.saturating_add(Nanos::new(offset)));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Select;
    use std::path::PathBuf;

    /// A capture of which the second frame is not selected.
    fn placed(timing: Timing, times: [u64; 4]) -> [u64; 3] {
        let mut pacer = Pacer::new(&CaptureInput {
            path: PathBuf::new(),
            select: Select { interface: None, ours: Vec::new() },
            timing,
            start: Instant::from_nanos(1_000),
        });
        let mut placed = Vec::new();
        for (index, time) in times.into_iter().enumerate() {
            pacer.see(time);
            if index != 1 {
                placed.push(pacer.place(time).as_nanos());
            }
        }
        placed.try_into().unwrap()
    }

    #[test]
    fn recorded_times_count_from_the_first_frame() {
        assert_eq!(placed(Timing::Recorded, [500, 510, 520, 700]), [1_000, 1_020, 1_200]);
    }

    #[test]
    fn a_time_that_runs_back_is_that_of_the_frame_before() {
        assert_eq!(placed(Timing::Recorded, [500, 510, 400, 700]), [1_000, 1_000, 1_200]);
        assert_eq!(placed(Timing::Recorded, [500, 510, 700, 600]), [1_000, 1_200, 1_200]);
    }

    #[test]
    fn a_clock_that_is_set_back_goes_on_from_there_also_if_that_frame_is_not_selected() {
        const S: u64 = 1_000_000_000;
        assert_eq!(placed(Timing::Recorded, [9 * S, S, S + 5, S + 9]), [1_000, 1_005, 1_009]);
        let half = Timing::Scaled { num: 1, den: 2 };
        assert_eq!(placed(half, [9 * S, 9 * S, S, S + 8]), [1_000, 1_000, 1_004]);
    }

    #[test]
    fn scaling_is_exact() {
        let year = 31_536_000_000_000_000;
        let timing = Timing::Scaled { num: 3, den: 7 };
        assert_eq!(
            placed(timing, [0, 1, 7, year]),
            [1_000, 1_003, 1_000 + year / 7 * 3 + year % 7 * 3 / 7]
        );
        let timing = Timing::Scaled { num: u32::MAX, den: 1 };
        assert_eq!(placed(timing, [0, 0, 0, u64::MAX]), [1_000, 1_000, u64::MAX]);
    }

    #[test]
    fn a_gap_counts_selected_frames() {
        assert_eq!(placed(Timing::Gap(Nanos::new(5)), [9, 9, 9, 9]), [1_000, 1_005, 1_010]);
        assert_eq!(placed(Timing::BackToBack, [9, 10, 11, 12]), [1_000; 3]);
    }
}
