//! Each limit outside the lcores, at it and one over. Those of an lcore are in `lcore/tests.rs` of
//! the dataplane, the ranges in which limits may be set in its `config/tests.rs`.

use dataplane::DropReason;
use fixtures::{ALICE, BOB, udp};
use sim::plan::{Plan, PortPlan, WirePlan};
use tests::{LAN, WAN, dut, ms, tell};

/// How many of `frames` that arrive at one instant are dropped, and why.
fn dropped(frames: usize, limit: fn(&mut Plan)) -> Vec<(DropReason, u64)> {
    let mut net = dut().knows(WAN, BOB).with(limit);
    net.at(ms(1));
    for _ in 0..frames {
        net.lan(&udp(ALICE, BOB));
    }
    tell(&net.plan).outcome.ledger.dropped.iter().collect()
}

fn slow_wire(queue: u32) -> PortPlan {
    PortPlan::Ring(WirePlan { rate: Some(1_000_000), queue, ..WirePlan::default() })
}

#[test]
fn a_receive_queue_holds_as_many_frames_as_it_has_descriptors() {
    let limit = |plan: &mut Plan| plan.config.limits.rx_descriptors = 4;
    assert_eq!(dropped(4, limit), []);
    assert_eq!(dropped(5, limit), [(DropReason::RxMissed, 1)]);
}

#[test]
fn a_pool_has_as_many_buffers_as_it_has() {
    let limit = |plan: &mut Plan| plan.config.limits.pool = 64;
    assert_eq!(dropped(64, limit), []);
    assert_eq!(dropped(65, limit), [(DropReason::RxNoBuffer, 1)]);
}

#[test]
fn a_transmit_queue_holds_as_many_frames_as_it_has_descriptors() {
    let limit = |plan: &mut Plan| {
        plan.config.limits.tx_descriptors = 4;
        plan.ports[1] = slow_wire(1);
    };
    assert_eq!(dropped(4, limit), []);
    assert_eq!(dropped(5, limit), [(DropReason::TxRefused, 1)]);
}

#[test]
fn as_many_frames_wait_for_a_wire_as_may_behind_the_one_that_it_carries() {
    let limit = |plan: &mut Plan| plan.ports[0] = slow_wire(2);
    assert_eq!(dropped(3, limit), []);
    assert_eq!(dropped(4, limit), [(DropReason::WireQueueFull, 1)]);
}

#[test]
fn a_frame_is_as_long_as_an_mbuf_can_say() {
    for (len, reason) in [(65_535, DropReason::EtherTypeUnknown), (65_536, DropReason::RxOversize)]
    {
        let mut net = dut();
        net.at(ms(1)).bytes(LAN, vec![0; len]);
        let told = tell(&net.plan);
        assert_eq!(told.outcome.ledger.dropped[reason], 1, "{len} bytes");
    }
}
