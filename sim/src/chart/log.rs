//! What a run's trace says of messages, as far as a chart shows it.

use crate::trace::Run;
use dataplane::Instant;
use dataplane::msg::MsgNote;

/// Lines of the trace that are kept, at most. All of them are in events.jsonl.
const KEPT: usize = 1000;

/// A line of the trace about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// When.
    pub at: Instant,
    /// In which job run.
    pub run: Run,
    /// What.
    pub note: MsgNote,
}

/// The first lines of the trace about messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageLog {
    kept: Vec<Noted>,
    more: bool,
}

impl MessageLog {
    /// Keeps a line, if there is room.
    pub(crate) fn add(&mut self, noted: Noted) {
        if self.kept.len() < KEPT {
            self.kept.push(noted);
        } else {
            self.more = true;
        }
    }

    /// The lines that were kept: the first ones.
    pub fn lines(&self) -> &[Noted] {
        &self.kept
    }

    /// Whether there were more.
    pub fn has_more(&self) -> bool {
        self.more
    }
}
