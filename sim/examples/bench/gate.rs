//! Fixed work whose instructions are counted: the same number in every run of one build.

use crate::Failure;
use crate::replay::{plan, replay, write_capture};
use crate::scenarios::{checked, hour, small};
use crate::tick;
use crate::watch::Took;
use dpdk::Eal;
use sim::fabric::DpdkFabric;
use sim::plan::Pace;

const PACKETS: u32 = 20_000;
const BURSTS: u32 = 1_000;
const RUNS: u32 = 200;

/// Does the work `what` once to warm up and once to be counted; prints of how many items.
pub(crate) fn count(eal: Eal, what: &str) -> Result<Took, Failure> {
    let fabric = &mut DpdkFabric::new(eal);
    match what {
        "replay" | "replay-events" => {
            let path = "target/bench/gate.pcap";
            write_capture(PACKETS, path)?;
            let (plan, events) = (plan(path)?, what == "replay-events");
            let mut work = || replay(&plan, fabric, "target/bench/gate.pcapng", events).map(drop);
            work()?;
            Took::by(PACKETS.into(), || counted(&mut work))
        }
        "forward" => {
            let mut worker = tick::new(eal, "forward")?;
            let mut work = || (0..BURSTS).try_for_each(|_| worker.burst());
            work()?;
            Took::by(u64::from(BURSTS) * 32, || counted(&mut work))
        }
        "warm" => {
            let plan = small()?;
            let mut run = || checked(&plan, Pace::Skip, fabric).map(drop);
            run()?;
            Took::by(RUNS.into(), || counted(&mut || (0..RUNS).try_for_each(|_| run())))
        }
        "idle-hour" => {
            let plan = hour()?;
            let mut work = || checked(&plan, Pace::Skip, fabric).map(drop);
            work()?;
            Took::by(1, || counted(&mut work))
        }
        _ => Err("nothing of that name is counted".into()),
    }
}

/// Callgrind counts from where this begins to where it ends.
#[inline(never)]
fn counted(work: &mut dyn FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    work()
}
