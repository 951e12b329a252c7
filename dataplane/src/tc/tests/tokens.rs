//! The tokens of a tbf as exact fractions, and any draws against them.

use crate::tc::{BucketId, Buckets, Handle, Tbf, TokenRate};
use crate::time::{Instant, Nanos};
use crate::types::PortId;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

/// Billionths of a bit in a byte: what `bits` a second bring in a nanosecond is a whole number.
const BYTE: u128 = 8_000_000_000;

/// What is in a bucket: it begins full, fills with time, and never runs over.
#[derive(Clone, Debug)]
struct Tokens {
    rate: TokenRate,
    there: u128,
}

impl Tokens {
    fn full(rate: TokenRate) -> Tokens {
        Tokens { rate, there: u128::from(rate.burst) * BYTE }
    }

    fn fill(&mut self, ns: u64) {
        let more = u128::from(self.rate.bits) * u128::from(ns);
        self.there = (self.there + more).min(u128::from(self.rate.burst) * BYTE);
    }

    /// How long until there are enough for so many bytes, which are no more than the burst.
    fn lacks(&self, len: usize) -> u64 {
        let missing = (len as u128 * BYTE).saturating_sub(self.there);
        u64::try_from(missing.div_ceil(u128::from(self.rate.bits))).unwrap()
    }
}

/// The buckets of a tbf: that of its rate, and that of its peak rate.
#[derive(Clone, Debug)]
pub(super) struct Model {
    buckets: Vec<Tokens>,
    at: u64,
}

impl Model {
    pub(super) fn new(tbf: &Tbf) -> Model {
        let rates = std::iter::once(tbf.rate).chain(tbf.peak);
        Model { buckets: rates.map(Tokens::full).collect(), at: 0 }
    }

    /// Whether a frame of `len` bytes may pass at `now`; if not, when it may, and nothing has changed.
    /// A draw of an earlier time than the last counts as one of that: lcores are not all at the same
    /// instant.
    pub(super) fn draw(&mut self, len: usize, now: u64) -> Result<(), u64> {
        let mut then = self.clone();
        then.at = now.max(self.at);
        then.buckets.iter_mut().for_each(|tokens| tokens.fill(then.at - self.at));
        let wait = then.buckets.iter().map(|tokens| tokens.lacks(len)).max().unwrap_or(0);
        if wait > 0 {
            return Err(then.at + wait);
        }
        then.buckets.iter_mut().for_each(|tokens| tokens.there -= len as u128 * BYTE);
        *self = then;
        Ok(())
    }

    /// When a frame of `len` bytes may pass, not before `now`.
    pub(super) fn ready(&self, len: usize, now: u64) -> u64 {
        self.clone().draw(len, now).err().unwrap_or(now)
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// A frame of so many bytes, at one of two tbfs, by an lcore that is so many ns behind.
    Draw {
        which: usize,
        len: usize,
        behind: u64,
    },
    Pass(u64),
}

#[derive(Clone, Debug)]
struct Both {
    tbf: Tbf,
    models: [Model; 2],
    now: u64,
    drawn: Result<(), u64>,
}

impl ReferenceStateMachine for Both {
    type State = Both;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Both> {
        let bits = prop_oneof![select(vec![7, 8, 64_000, 1_000_000_000]), 8..10_000_000_000_u64];
        let peak = prop::option::of((1..4_u64, 1..4000_u64));
        (bits, 1..20_000_u64, peak)
            .prop_map(|(bits, burst, peak)| {
                let peak = peak.map(|(times, burst)| TokenRate { bits: bits * times, burst });
                let tbf = Tbf { rate: TokenRate { bits, burst }, peak, limit: 100_000 };
                let model = Model::new(&tbf);
                Both { tbf, models: [model.clone(), model], now: 0, drawn: Ok(()) }
            })
            .boxed()
    }

    fn transitions(state: &Both) -> BoxedStrategy<Act> {
        let most = usize::try_from(state.tbf.max_frame()).unwrap();
        let len = move || prop_oneof![1..=most, Just(most), Just(1)];
        let behind = prop_oneof![4 => Just(0), 1 => 0..1_000_000_u64];
        // As long as a frame has to wait, or a nanosecond less or more.
        let (models, now) = (state.models.clone(), state.now);
        let wait = (0..2_usize, len(), 0..3_u64).prop_map(move |(which, len, more)| {
            (models[which].ready(len, now) - now + more).saturating_sub(1)
        });
        let pass = prop_oneof![3 => wait, 1 => 0..3_000_000_u64, 1 => Just(1 << 50)];
        prop_oneof![
            3 => (0..2_usize, len(), behind)
                .prop_map(|(which, len, behind)| Act::Draw { which, len, behind }),
            2 => pass.prop_map(Act::Pass),
        ]
        .boxed()
    }

    fn apply(mut state: Both, act: &Act) -> Both {
        match *act {
            Act::Draw { which, len, behind } => {
                let now = state.now.saturating_sub(behind);
                state.drawn = state.models[which].draw(len, now);
            }
            Act::Pass(ns) => state.now += ns,
        }
        state
    }

    fn preconditions(state: &Both, act: &Act) -> bool {
        match *act {
            Act::Draw { len, .. } => len as u64 <= state.tbf.max_frame(),
            Act::Pass(ns) => state.now + ns < 1 << 60,
        }
    }
}

/// The buckets of the world.
struct World;

impl StateMachineTest for World {
    type SystemUnderTest = Buckets;
    type Reference = Both;

    fn init_test(_: &Both) -> Buckets {
        Buckets::default()
    }

    fn apply(mut buckets: Buckets, state: &Both, act: Act) -> Buckets {
        if let Act::Draw { which, len, behind } = act {
            let now = Instant::from_nanos(state.now.saturating_sub(behind));
            let (dev, made) = (PortId(0), u32::try_from(which).unwrap());
            let id = BucketId { dev, handle: Handle::ROOT, made };
            let drawn = buckets.draw(id, &state.tbf, len, (now, Nanos::ZERO));
            assert_eq!(drawn, state.drawn.map_err(Instant::from_nanos), "{act:?}");
        }
        buckets
    }
}

prop_state_machine! {
    #[test]
    fn a_bucket_is_exact_to_the_nanosecond_whoever_draws(sequential 1..80 => World);
}
