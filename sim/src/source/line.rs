//! One line of time out of recorded times, which may step back.
//!
//! A time that is a little earlier than one before it is that of frames which were written in another
//! order than they came in: several queues or interfaces, each with its own buffer. It is on the line
//! already. One that is earlier by [`STEP`] or more is that of a clock which was set back, or of a
//! capture behind another one in a file: there the line goes on, from the latest time before, so that
//! the frames behind keep their distances, and do not all come at once. Of the distance between the two
//! frames around a step nothing is known, and it is none.
//!
//! Invariant: the line never runs back, and whatever is on it comes. Not here: which frame it is that
//! has a time (`feed.rs`), and how a line is scaled (`pacer.rs`).

use dataplane::Nanos;

/// A time that runs back by so much or more is that of a clock that was set: the threshold from which on
/// NTP sets a clock and does not slew it (STEPT in RFC 5905 section 11.3).
const STEP: Nanos = Nanos::from_millis(128);
/// The end of the line, about 292 years: what were later comes here.
const END: u64 = u64::MAX / 2;

/// Recorded times as one line of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// The time of the first frame, or of that behind the last step, and how far the line was there.
    base: Option<u64>,
    before: u64,
    /// The latest time since then.
    latest: u64,
    steps: u64,
    most: Nanos,
}

impl Line {
    /// The next frame has this time, in nanoseconds since whenever.
    pub fn see(&mut self, time: u64) {
        let back = Nanos::new(self.latest.saturating_sub(time));
        if self.base.is_some() && back >= STEP {
            self.before = self.since(self.latest);
            self.steps += 1;
            self.most = self.most.max(back);
            (self.base, self.latest) = (Some(time), time);
        }
        self.base.get_or_insert(time);
        self.latest = self.latest.max(time);
    }

    /// How far this time is from the beginning of the line, in nanoseconds, if no step lies between it
    /// and the frame that was seen last.
    pub fn since(&self, time: u64) -> u64 {
        let since = time.saturating_sub(self.base.unwrap_or(time));
        self.before.saturating_add(since).min(END)
    }

    /// How often the clock stepped back, and how far at most.
    pub fn steps(&self) -> (u64, Nanos) {
        (self.steps, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the frames of these times are, and the steps.
    fn line(times: &[u64]) -> (Vec<u64>, (u64, Nanos)) {
        let mut line = Line::default();
        let places = times.iter().map(|time| {
            line.see(*time);
            line.since(*time)
        });
        let places = places.collect();
        (places, line.steps())
    }

    #[test]
    fn a_clock_is_set_back_by_128_ms_and_frames_are_out_of_order_by_less() {
        let step = STEP.get();
        let (none, one) = ((0, Nanos::ZERO), (1, STEP));
        let times = [step, 2 * step, step + 1, 2 * step + 7];
        assert_eq!(line(&times), (vec![0, step, 1, step + 7], none));
        let times = [step, 2 * step, step, step + 7];
        assert_eq!(line(&times), (vec![0, step, step, step + 7], one));
    }

    #[test]
    fn behind_each_step_frames_keep_their_distances() {
        const S: u64 = 1_000_000_000;
        let times = [50 * S, 51 * S, 20 * S, 22 * S, 21 * S, 21 * S + 9, 60 * S];
        let steps = (2, Nanos::from_secs(31));
        assert_eq!(line(&times), (vec![0, S, S, 3 * S, 3 * S, 3 * S + 9, 42 * S], steps));
    }

    #[test]
    fn the_line_has_an_end_at_which_all_comes_that_is_later() {
        let (places, steps) = line(&[0, u64::MAX, 0, u64::MAX]);
        assert_eq!(places, [0, END, END, END]);
        assert_eq!(steps, (1, Nanos::new(u64::MAX)));
    }
}
