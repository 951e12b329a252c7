//! Sequence charts, in text: who told whom what, and when.
//!
//! A column is an lcore, a row is something that it did at one time. `draw.rs` knows lanes, rows
//! and arrows and nothing of messages; `messages.rs` makes rows of what the trace says of messages.
//!
//! Invariant: a chart depends on the trace alone, and no line is wider than [`WIDTH`].

mod draw;
mod log;
mod messages;
#[cfg(test)]
mod tests;

pub use draw::{Arrow, Chart, Lane, Row, WIDTH};
pub use log::{MessageLog, Noted};
pub use messages::{LEGEND, messages};
