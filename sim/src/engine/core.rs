//! What the engine needs of an lcore, and no more: so that its tests can step a model of one.

use dataplane::job::{JobKind, Schedule};
use dataplane::lcore::{Lcore, Position, Stepped};
use dataplane::{Buf, Instant, LcoreId, World};

/// An lcore between its steps.
pub(crate) trait Core {
    /// Its number.
    fn id(&self) -> LcoreId;
    /// What it runs when.
    fn schedule(&self) -> &Schedule;
    /// Its next step.
    fn position(&self) -> Position;
    /// Each job that will find work of the lcore's own, and from when on.
    fn wants(&self, want: impl FnMut(JobKind, Instant));
    /// Runs all idle steps from where it is to `to` at once.
    fn skip_to(&mut self, to: Position);
}

/// An lcore that can be stepped in a world `W`.
pub(crate) trait Step<W>: Core {
    /// Runs the next job once.
    fn step(&mut self, world: &mut W) -> Stepped;
}

impl<B: Buf> Core for Lcore<B> {
    fn id(&self) -> LcoreId {
        Lcore::id(self)
    }

    fn schedule(&self) -> &Schedule {
        Lcore::schedule(self)
    }

    fn position(&self) -> Position {
        Lcore::position(self)
    }

    fn wants(&self, want: impl FnMut(JobKind, Instant)) {
        Lcore::wants(self, want);
    }

    fn skip_to(&mut self, to: Position) {
        Lcore::skip_to(self, to);
    }
}

impl<B: Buf, W: World<Buf = B>> Step<W> for Lcore<B> {
    fn step(&mut self, world: &mut W) -> Stepped {
        Lcore::step(self, world)
    }
}
