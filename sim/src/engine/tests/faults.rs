//! Whole runs in which things go wrong: the same at each pace, on each fabric, and each time.

use super::*;
use crate::fault::{Fault, Reach, draw};
use crate::plan::PortPlan;

/// A random plan in which what the seed draws goes wrong.
fn wronged(seed: u64) -> Plan {
    let mut plan = random(seed);
    let (outcome, _) = watch(&plan, Pace::Skip);
    plan.faults = draw(seed, &Reach::of(&plan, &outcome));
    plan
}

#[test]
fn skipping_idle_time_changes_nothing_whatever_goes_wrong() {
    let mut struck = std::collections::BTreeMap::new();
    for seed in 0..60 {
        let plan = wronged(seed);
        let (stepped, skipped) = (watch(&plan, Pace::Step), watch(&plan, Pace::Skip));
        assert_same(seed, &stepped, &skipped);
        for record in &skipped.1.records {
            if let crate::trace::What::Outside(crate::trace::Outside::Fault(fault)) = &record.what {
                let short = matches!(fault, Fault::Short { .. });
                *struck.entry((fault.word(), short)).or_insert(0) += 1;
            }
        }
    }
    println!("{struck:?}");
    assert_eq!(struck.len(), 18, "every class strikes: {struck:?}");
}

#[test]
fn dpdk_carries_what_the_heap_carries_whatever_goes_wrong() {
    dpdk::on_eal_thread(|eal| {
        let mut dpdk = DpdkFabric::new(eal);
        for seed in 0..40 {
            let plan = wronged(seed);
            let heap = watch(&plan, Pace::Skip);
            let there = run(&plan, pace(Pace::Skip), &mut dpdk, Witness::default()).unwrap();
            assert_eq!(there.0.broken, [], "seed {seed}");
            assert_same(seed, &heap, &there);
        }
    })
    .unwrap();
}

#[test]
fn a_fault_about_what_is_not_there_is_refused() {
    let refused = |fault: &str| {
        let mut plan = dut(1);
        plan.ports[1] = PortPlan::Null { rx_frame_len: None };
        plan.faults.push(fault.parse().unwrap());
        run(&plan, Conduct::default(), &mut HeapFabric::new(), ()).err().unwrap().to_string()
    };
    assert_eq!(
        refused("lose:lam:3"),
        "fault lose:lam:3: there is no port `lam`; ports with a wire: lan"
    );
    assert_eq!(
        refused("down:wan@1ms=1ms"),
        "fault down:wan@1ms=1ms: port `wan` has no wire: nothing can happen to a frame on it"
    );
    assert_eq!(
        refused("stall:7@1ms=1us"),
        "fault stall:7@1ms=1us: there is no lcore 7; lcores: 0, 1"
    );
}
