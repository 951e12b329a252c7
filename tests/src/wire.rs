use fixtures::{ALICE, BOB, udp};
use insta::assert_snapshot;
use sim::plan::{PortPlan, WirePlan};
use tests::{WAN, dut, ms, us};

fn wire(rate: u64, delay_us: u64, queue: u32) -> PortPlan {
    PortPlan::Ring(WirePlan { rate: Some(rate), delay: us(delay_us), queue })
}

#[test]
fn a_wire_delivers_at_its_rate_and_after_its_delay() {
    // 1000 bits (42 + 83 bytes) at 1 Mbit/s are a millisecond.
    let mut net = dut().knows(WAN, BOB);
    net.plan.ports[0] = wire(1_000_000, 500, 16);
    for _ in 0..3 {
        net.at(ms(0)).lan(&udp(ALICE, BOB).len(83));
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.500       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 83
        1.509     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 83
        2.500       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 83
        2.505     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 83
        3.500       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 83
        3.511     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 83
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn frames_leave_one_after_the_other_at_the_rate_of_the_wire() {
    let mut net = dut().knows(WAN, BOB);
    net.plan.ports[1] = wire(1_000_000, 0, 16);
    for _ in 0..3 {
        net.at(ms(0)).lan(&udp(ALICE, BOB).len(83));
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 83
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 83
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 83
        1.007     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 83
        2.007     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 83
        3.007     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 83
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn an_lcore_that_falls_behind_misses_frames() {
    // Ten frames every 100 µs, and each costs the worker 100 µs: load is modelled, not ignored.
    let mut net = dut().knows(WAN, BOB).with(|plan| {
        plan.config.limits.rx_descriptors = 16;
        plan.costs.0.iter_mut().for_each(|cost| cost.per_item = 100_000);
    });
    for burst in 0..10 {
        for _ in 0..10 {
            net.at(us(100 * burst)).lan(&udp(ALICE, BOB));
        }
    }
    let story = net.run();
    let missed = story.matches("dropped rx_missed").count();
    assert!(missed > 50, "{missed} missed\n{story}");
    assert!(story.contains(&format!("dropped {missed} + held 0")), "{story}");
}
