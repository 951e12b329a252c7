//! Wires: what lies between a port and the outside.
//!
//! [`Inward`] carries frames towards a port: one after the other at the wire's rate, then for as
//! long as the wire is. [`Outward`] takes them from the port's transmit queues.
//!
//! Invariant: a wire keeps the order of its frames; its queue never holds more than its limit.
//! Not here: where frames come from (`source.rs`), and which queue they go to (`rss.rs`).

use crate::plan::WirePlan;
use dataplane::{Instant, Nanos};
use std::collections::VecDeque;

/// How long a frame of `len` bytes takes at `rate` bits a second, rounded up.
pub fn serialisation(len: usize, rate: u64) -> Nanos {
    let bits = len as u128 * 8;
    let time = (bits * 1_000_000_000).div_ceil(u128::from(rate.max(1)));
    Nanos::new(u64::try_from(time).unwrap_or(u64::MAX))
}

/// A wire towards a port, of a finite rate: frames of type `T` that are on their way.
#[derive(Debug)]
pub struct Inward<T> {
    rate: u64,
    delay: Nanos,
    queue: usize,
    free_at: Instant,
    /// When each of the frames that wait begins to be sent.
    waiting: VecDeque<Instant>,
    flying: VecDeque<(Instant, T)>,
}

impl<T> Inward<T> {
    /// The wire, if its rate is finite. On others a frame only takes its delay.
    pub fn new(plan: &WirePlan) -> Option<Inward<T>> {
        Some(Inward {
            rate: plan.rate?,
            delay: plan.delay,
            queue: usize::try_from(plan.queue).unwrap_or(usize::MAX),
            free_at: Instant::EPOCH,
            waiting: VecDeque::new(),
            flying: VecDeque::new(),
        })
    }

    /// Whether a frame that comes to the wire at `now` is carried: it is free, or there is room to
    /// wait.
    pub fn has_room(&mut self, now: Instant) -> bool {
        while self.waiting.front().is_some_and(|start| *start <= now) {
            self.waiting.pop_front();
        }
        self.free_at <= now || self.waiting.len() < self.queue
    }

    /// A frame of `len` bytes comes to the wire, which [has room](Inward::has_room).
    pub fn send(&mut self, now: Instant, len: usize, frame: T) {
        let start = self.free_at.max(now);
        if start > now {
            self.waiting.push_back(start);
            assert!(self.waiting.len() <= self.queue, "has_room() was asked before");
        }
        self.free_at = start.saturating_add(serialisation(len, self.rate));
        self.flying.push_back((self.free_at.saturating_add(self.delay), frame));
    }

    /// When the next frame arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.flying.front().map(|(at, _)| *at)
    }

    /// Takes the frame that arrives next.
    pub fn arrive(&mut self) -> Option<T> {
        self.flying.pop_front().map(|(_, frame)| frame)
    }
}

/// A wire away from a port, of a finite rate: what it is sending just now.
#[derive(Debug)]
pub struct Outward<T> {
    rate: u64,
    sending: Option<(Instant, T)>,
    /// The transmit queue whose turn it is.
    turn: usize,
}

impl<T> Outward<T> {
    /// The wire, if its rate is finite.
    pub fn new(plan: &WirePlan) -> Option<Outward<T>> {
        Some(Outward { rate: plan.rate?, sending: None, turn: 0 })
    }

    /// When the wire is through with its frame, if it has one.
    pub fn free_at(&self) -> Option<Instant> {
        self.sending.as_ref().map(|(until, _)| *until)
    }

    /// Takes the frame that the wire is through with.
    pub fn sent(&mut self) -> Option<T> {
        self.sending.take().map(|(_, frame)| frame)
    }

    /// The queue to send from next, round robin over those that hold frames.
    pub fn pick(&mut self, queues: usize, holds: impl Fn(usize) -> bool) -> Option<usize> {
        let next = (0..queues).map(|n| (self.turn + n) % queues).find(|queue| holds(*queue))?;
        self.turn = next + 1;
        Some(next)
    }

    /// Begins to send a frame of `len` bytes. The wire is free.
    pub fn send(&mut self, now: Instant, len: usize, frame: T) {
        assert!(self.sending.is_none(), "a wire carries one frame at a time");
        self.sending = Some((now.saturating_add(serialisation(len, self.rate)), frame));
    }
}

#[cfg(test)]
mod tests;
