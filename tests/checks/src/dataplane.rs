//! A box and what happens to it: frames, time that passes, orders of the control plane, and calls
//! that fail. Whatever it is, every invariant holds, and idle time makes no difference.
//!
//! The bytes are read as a [`Script`], which is also a scenario that anybody can run: [`concrete`]
//! writes it down, frame by frame.

mod frame;
mod order;
mod script;

pub use script::Script;

use dataplane::{Instant, Nanos};
use sim::engine::Outcome;
use sim::fabric::HeapFabric;
use sim::plan::{Backend, Pace, Plan};
use sim::run::simulate;
use sim::trial::{Trying, trial};

/// A run that is not at rest by then never will be.
const PATIENCE: Nanos = Nanos::from_secs(600);
/// Of the scripts that end soon, one in so many is stepped, too: it takes ten times as long as to skip.
const STEPPED: u8 = 64;

/// `bytes` are a script.
///
/// # Panics
/// An oracle says that something is wrong, or stepping idle ticks gives another run than skipping.
pub fn check(bytes: &[u8]) {
    let _ = checked(bytes, is_chosen(bytes));
}

/// Whether a fuzzer has these bytes stepped. They say so themselves: the same bytes, the same check.
fn is_chosen(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all ^ byte) % STEPPED == 0
}

/// The plan that `bytes` are, and what it came to. If it ends soon, it may be stepped, too.
pub(crate) fn checked(bytes: &[u8], may_step: bool) -> (Plan, Outcome) {
    let script = Script::of(bytes);
    let plan = script.plan();
    let skipped = run(&plan, Pace::Skip);
    if script.ends_soon() && may_step {
        let stepped = run(&plan, Pace::Step);
        same(&skipped, &stepped, "skipped and stepped");
    }
    (plan, skipped)
}

/// The same, and then once more through DPDK: the same digest. It has to start DPDK, once.
///
/// # Panics
/// As [`check`], or if the two fabrics give different runs.
pub fn check_dpdk(bytes: &[u8]) {
    let (plan, heap) = checked(bytes, is_chosen(bytes));
    match simulate(&plan, Backend::Dpdk, Pace::Skip, ()) {
        Ok((dpdk, ())) => {
            assert!(dpdk.broken.is_empty(), "{:?}", dpdk.broken);
            same(&heap, &dpdk, "heap and DPDK");
        }
        Err(why) => panic!("{why}"),
    }
}

/// The script in `bytes` as a scenario file.
pub fn concrete(bytes: &[u8]) -> String {
    Script::of(bytes).toml()
}

fn run(plan: &Plan, pace: Pace) -> Outcome {
    let patience = Some(Instant::EPOCH + PATIENCE);
    let trying = Trying { pace, patience, ..Trying::default() };
    match trial(plan, trying, &mut HeapFabric::new(), ()) {
        Ok(verdict) => {
            assert!(verdict.breaches.is_empty(), "{pace:?}: {:?}", verdict.breaches);
            match verdict.ran {
                Some((outcome, ())) => outcome,
                None => unreachable!("a panic is a breach"),
            }
        }
        Err(why) => panic!("a script can be run: {why}"),
    }
}

fn same(one: &Outcome, other: &Outcome, which: &str) {
    assert_eq!(one.digests, other.digests, "{which}: not the same run");
    assert_eq!((one.end, one.records), (other.end, other.records), "{which}: not the same end");
}
