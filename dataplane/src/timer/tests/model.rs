//! Any timers armed, cancelled and taken, against an ordered map of times.

use super::{ms, ns, spans};
use crate::rig::{NONE, finds_what_is_planted, planted};
use crate::time::{Instant, Nanos};
use crate::timer::{TimerId, TimerWheel};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Act {
    Arm(Nanos),
    /// The timer that was armed as the how manieth; it may be gone.
    Cancel(usize),
    /// Let time pass and take all that is due; the handler of each fifth timer arms another.
    Drain(Nanos, Nanos),
    /// Let time pass, and take one timer of those due.
    Take(Nanos),
}

#[derive(Clone, Debug)]
struct Model {
    now: Instant,
    /// Due tick, and the how manieth timer it is.
    armed: BTreeSet<(u64, usize)>,
    count: usize,
    /// What the last act took or cancelled.
    taken: Vec<(Instant, usize)>,
    cancelled: bool,
}

impl Model {
    fn arm(&mut self, now: Instant, delay: Nanos) {
        let (now, delay) = (u128::from(now.as_nanos()), u128::from(delay.get()));
        let due = (now + delay).div_ceil(1_000_000).max(now / 1_000_000 + 1);
        let due = due.min(u128::from(u64::MAX / 1_000_000));
        self.armed.insert((due.try_into().unwrap(), self.count));
        self.count += 1;
    }

    fn take(&mut self) -> Option<Instant> {
        let (due, number) = *self.armed.first()?;
        let due = Some(ms(due)).filter(|due| *due <= self.now)?;
        self.armed.pop_first();
        self.taken.push((due, number));
        Some(due)
    }

    fn next_due(&self) -> Option<Instant> {
        self.armed.first().map(|(due, _)| ms(*due))
    }
}

/// Whether the handler of the timer that was taken as the how manieth arms another.
fn arms(turn: usize) -> bool {
    turn.is_multiple_of(5) && turn < 50
}

impl ReferenceStateMachine for Model {
    type State = Model;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Model> {
        let start = prop_oneof![
            Just(Instant::EPOCH),
            (0..44_u32, 0..3_000_000_u64).prop_map(|(bit, off)| ns(
                ((1_000_000_u64 << bit) + off).saturating_sub(2_000_000)
            )),
            any::<u64>().prop_map(ns),
        ];
        let model = |now| {
            let (armed, taken) = (BTreeSet::new(), vec![]);
            Model { now, armed, count: 0, taken, cancelled: false }
        };
        start.prop_map(model).boxed()
    }

    fn transitions(state: &Model) -> BoxedStrategy<Act> {
        // Up to the next timer, and a nanosecond less or more.
        let now = state.now;
        let due = state.next_due().map_or(Nanos::ZERO, |due| due.saturating_since(now)).get();
        let near = (0..3_u64).prop_map(move |more| Nanos::new((due + more).saturating_sub(1)));
        let pass = || prop_oneof![2 => near.clone(), 1 => spans()];
        prop_oneof![
            6 => spans().prop_map(Act::Arm),
            2 => (0..state.count.max(1)).prop_map(Act::Cancel),
            2 => (pass(), spans()).prop_map(|(by, delay)| Act::Drain(by, delay)),
            3 => pass().prop_map(Act::Take),
        ]
        .boxed()
    }

    fn preconditions(state: &Model, act: &Act) -> bool {
        !matches!(act, Act::Cancel(number) if *number >= state.count)
    }

    fn apply(mut state: Model, act: &Act) -> Model {
        state.taken.clear();
        match *act {
            Act::Arm(delay) => state.arm(state.now, delay),
            Act::Cancel(number) => {
                let before = state.armed.len();
                state.armed.retain(|(_, other)| *other != number);
                state.cancelled = state.armed.len() < before;
            }
            Act::Drain(by, delay) => {
                state.now = state.now.saturating_add(by);
                for turn in 0.. {
                    let Some(due) = state.take() else { break };
                    if arms(turn) {
                        state.arm(due, delay);
                    }
                }
            }
            Act::Take(by) => {
                state.now = state.now.saturating_add(by);
                state.take();
            }
        }
        state
    }
}

/// The wheel and the names of all timers, with the defect of this number in it.
struct Wheel<const PLANTED: usize> {
    wheel: TimerWheel<usize>,
    now: Instant,
    names: Vec<TimerId>,
}

impl<const PLANTED: usize> Wheel<PLANTED> {
    fn arm(&mut self, now: Instant, delay: Nanos) {
        self.names.push(self.wheel.arm(now, delay, self.names.len()).unwrap());
    }
}

impl<const PLANTED: usize> StateMachineTest for Wheel<PLANTED> {
    type SystemUnderTest = Wheel<PLANTED>;
    type Reference = Model;

    fn init_test(model: &Model) -> Wheel<PLANTED> {
        let wheel = TimerWheel::new().planted(planted(PLANTED));
        Wheel { wheel, now: model.now, names: vec![] }
    }

    fn apply(mut wheel: Wheel<PLANTED>, model: &Model, act: Act) -> Wheel<PLANTED> {
        let mut taken = Vec::new();
        match act {
            Act::Arm(delay) => wheel.arm(wheel.now, delay),
            Act::Cancel(number) => {
                assert_eq!(wheel.wheel.cancel(wheel.names[number]), model.cancelled);
            }
            Act::Drain(by, delay) => {
                wheel.now = wheel.now.saturating_add(by);
                while let Some((due, number)) = wheel.wheel.pop_due(wheel.now) {
                    if arms(taken.len()) {
                        wheel.arm(due, delay);
                    }
                    taken.push((due, number));
                }
            }
            Act::Take(by) => {
                wheel.now = wheel.now.saturating_add(by);
                taken.extend(wheel.wheel.pop_due(wheel.now));
            }
        }
        assert_eq!(taken, model.taken);
        wheel
    }

    fn check_invariants(wheel: &Wheel<PLANTED>, model: &Model) {
        assert_eq!(wheel.wheel.next_due(), model.next_due());
        assert_eq!(wheel.wheel.len(), model.armed.len());
    }

    fn teardown(mut wheel: Wheel<PLANTED>, mut model: Model) {
        model.taken.clear();
        model.now = Instant::MAX;
        while model.take().is_some() {}
        let rest = std::iter::from_fn(|| wheel.wheel.pop_due(Instant::MAX));
        assert_eq!(rest.collect::<Vec<_>>(), model.taken);
        assert!(wheel.wheel.is_empty());
    }
}

prop_state_machine! {
    // f9e7422e
    #[test]
    fn the_wheel_does_what_a_map_of_times_does(sequential 1..150 => Wheel<NONE>);
}

finds_what_is_planted!(Wheel: TimerEarly, WheelCarry, WheelWrap, CancelledFires);
