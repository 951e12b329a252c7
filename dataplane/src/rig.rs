//! What a stage needs besides its own table, for tests that drive one stage; and how a model of a
//! table shows that it can fail.
//!
//! Not here: the models, each of which is among the tests of its module.

use crate::config::{Config, PortConfig};
use crate::counters::Counters;
use crate::device::Devices;
use crate::env::{Env, TimerKey};
use crate::heap::{HeapBuf, HeapWorld};
use crate::path::{Next, Step};
use crate::planted::Planted;
use crate::rng::Rng;
use crate::time::Instant;
use crate::timer::TimerWheel;
use crate::types::{LcoreId, Mac};
use fixtures::{DUT_LAN, DUT_WAN, Host};

/// Everything around a stage of the one worker of a box with the ports `lan` and `wan`.
pub(crate) struct Rig {
    pub world: HeapWorld,
    pub config: Config,
    pub timers: TimerWheel<TimerKey>,
    pub now: Instant,
    pub devices: Devices,
    counters: Counters,
    rng: Rng,
}

impl Rig {
    pub fn new(change: impl FnOnce(&mut Config)) -> Rig {
        let port = |name: &str, host: Host| PortConfig {
            name: name.into(),
            mac: Mac(host.mac),
            mtu: 1500,
            addresses: vec![format!("{}/24", host.ip).parse().unwrap()],
            rx_queues: 1,
            tx_queues: 1,
            vlans: vec![],
        };
        let ports = vec![port("lan", DUT_LAN), port("wan", DUT_WAN)];
        let mut config = Config { ports, ..Config::default() };
        change(&mut config);
        Rig {
            world: HeapWorld::new(&config),
            timers: TimerWheel::new().planted(config.planted),
            now: Instant::EPOCH,
            devices: Devices::new(&config),
            counters: Counters::default(),
            rng: Rng::new(0),
            config,
        }
    }

    /// Runs a stage now. Returns what it returned, and the steps that it pushed.
    pub fn run<T>(
        &mut self,
        stage: impl FnOnce(&mut Env<'_, HeapWorld>, &mut Next<HeapBuf>) -> T,
    ) -> (T, Vec<Step<HeapBuf>>) {
        let Rig { world, config, timers, now, devices, counters, rng } = self;
        world.set(*now, LcoreId(1));
        let mut env = Env {
            icmp_redirect_core: None,
            planted: config.planted,
            world,
            counters,
            timers,
            rng,
            devices,
            policy: &config.policy,
            limits: &config.limits,
            peers: &[],
            now: *now,
        };
        let mut next = Next::default();
        let value = stage(&mut env, &mut next);
        (value, std::iter::from_fn(|| next.pop()).collect())
    }
}

/// No defect.
pub(crate) const NONE: usize = usize::MAX;

/// The defect with this number, planted; or [`NONE`]. Without the feature `mutants` it is always none.
pub(crate) fn planted(number: usize) -> Planted {
    #[cfg(feature = "mutants")]
    if number != NONE {
        return Planted::one(crate::planted::Defect::ALL[number]);
    }
    let _ = number;
    Planted::default()
}

/// Whether a model finds that its table does something else, within 400 runs that are always the same.
#[cfg(feature = "mutants")]
pub(crate) fn finds<T: proptest_state_machine::StateMachineTest>() -> bool {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    use proptest_state_machine::ReferenceStateMachine;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = T::Reference::sequential_strategy(1..60);
    (0..400).any(|_| {
        let (state, transitions, seen) = strategy.new_tree(&mut runner).unwrap().current();
        let run = || T::test_sequential(Config::default(), state, transitions, seen);
        catch_unwind(AssertUnwindSafe(run)).is_err()
    })
}

/// The test that a model finds each of these defects, when it is planted, and nothing when none is.
macro_rules! finds_what_is_planted {
    ($table:ident: $($defect:ident),+) => {
        #[cfg(feature = "mutants")]
        #[test]
        fn the_model_finds_what_is_planted() {
            use crate::planted::Defect;
            use crate::rig::finds;

            assert!(!finds::<$table<{ NONE }>>(), "nothing is planted");
            $(assert!(finds::<$table<{ Defect::$defect as usize }>>(), "{}", Defect::$defect);)+
        }
    };
}
pub(crate) use finds_what_is_planted;
