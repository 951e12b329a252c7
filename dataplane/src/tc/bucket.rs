//! The tokens of a tbf: how much may pass now, and when the next frame may.
//!
//! A bucket counts what it lacks to be full, in billionths of a bit: `rate` (bits a second) times
//! elapsed nanoseconds is such a number, so that nothing is ever rounded. A bucket that nobody has
//! drawn from lacks nothing, whatever its size.
//!
//! Invariant: in every window, what was drawn is at most `rate × window + burst`, exactly; with a
//! peak rate, also `peak × window + minburst`.
//! Not here: whose bucket it is (`tc.rs`), where it is kept ([`World::draw`]).
//!
//! DPVS: sch_tbf.c keeps time instead of tokens, which is rounded twice (defect B65); and takes a
//! spinlock that it forgets to give back on one path (B66): here a draw is one call that returns.
//!
//! [`World::draw`]: crate::World::draw

use super::Handle;
use super::config::{Tbf, TokenRate};
use crate::time::{Instant, Nanos};
use crate::types::PortId;
use std::collections::BTreeMap;

/// Billionths of a bit in a byte.
const BYTE: u128 = 8_000_000_000;

/// Which bucket: the lcores' Qschs of one name on one device draw from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketId {
    /// The device.
    pub dev: PortId,
    /// The tbf.
    pub handle: Handle,
    /// Which bucket of the control plane it is, counted: a tbf that is changed gets a new one, full
    /// as with DPVS and Linux. An lcore that has not heard of it yet draws from the old one, so that
    /// nothing but time ever fills a bucket that somebody waits for.
    pub made: u32,
}

/// A token bucket, or two if there is a peak rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenBucket {
    at: Instant,
    /// What the bucket lacks to be full, at `at`.
    lacks: u128,
    /// The same for that of the peak rate.
    peak_lacks: u128,
}

impl TokenBucket {
    /// Takes the tokens for a frame of `len` bytes, if they are there at `now`.
    ///
    /// # Errors
    /// They are not, and nothing was taken: when they will be, if nobody else takes any.
    pub fn draw(&mut self, tbf: &Tbf, len: usize, now: Instant) -> Result<(), Instant> {
        let elapsed = now.saturating_since(self.at);
        let now = now.max(self.at);
        let wanted = len as u128 * BYTE;
        let lacks = refilled(self.lacks, tbf.rate, elapsed) + wanted;
        let peak_lacks = match tbf.peak {
            Some(peak) => refilled(self.peak_lacks, peak, elapsed) + wanted,
            None => 0,
        };
        let wait = wait(lacks, tbf.rate).max(tbf.peak.map_or(Nanos::ZERO, |p| wait(peak_lacks, p)));
        if wait > Nanos::ZERO {
            return Err(now.saturating_add(wait));
        }
        *self = TokenBucket { at: now, lacks, peak_lacks };
        Ok(())
    }
}

/// What a bucket lacks after `elapsed` more.
fn refilled(lacks: u128, rate: TokenRate, elapsed: Nanos) -> u128 {
    lacks.saturating_sub(u128::from(rate.bits) * u128::from(elapsed.get()))
}

/// How long it takes until a bucket lacks no more than it holds.
fn wait(lacks: u128, rate: TokenRate) -> Nanos {
    let excess = lacks.saturating_sub(u128::from(rate.burst) * BYTE);
    if excess == 0 {
        return Nanos::ZERO;
    }
    Nanos::new(u64::try_from(excess.div_ceil(u128::from(rate.bits.max(1)))).unwrap_or(u64::MAX))
}

/// All buckets: what [`World::draw`](crate::World::draw) keeps where all lcores reach it.
///
/// A bucket stays when its tbf is gone: some bytes for each change of a tbf in the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets(BTreeMap<BucketId, TokenBucket>);

impl Buckets {
    /// See [`TokenBucket::draw`]. Time goes in steps of `step`; 0: by the nanosecond.
    ///
    /// # Errors
    /// As there.
    pub fn draw(
        &mut self,
        bucket: BucketId,
        tbf: &Tbf,
        len: usize,
        (now, step): (Instant, Nanos),
    ) -> Result<(), Instant> {
        let bucket = self.0.entry(bucket).or_default();
        match step {
            Nanos::ZERO => bucket.draw(tbf, len, now),
            step => {
                let drawn = bucket.draw(tbf, len, now.floor_to(step));
                drawn.map_err(|ready| ready.ceil_to(step))
            }
        }
    }
}
