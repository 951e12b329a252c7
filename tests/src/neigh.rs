use fixtures::{ALICE, BOB, DUT_WAN, arp_reply, udp};
use insta::assert_snapshot;
use tests::{LAN, WAN, dut, ms, secs};

#[test]
fn a_packet_to_an_unknown_next_hop_waits_for_the_arp_reply() {
    let mut net = dut();
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(3)).wan(&arp_reply(BOB, DUT_WAN));
    assert_snapshot!(net.run_until(ms(10)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        3.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        3.002     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        3.002     1           neigh wan 192.0.2.9 send -> reachable
        3.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 2 + made 1 = out 2 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn packets_that_waited_leave_in_the_order_in_which_they_came() {
    let mut net = dut();
    for (n, port) in [(0, 1001), (1, 1002), (2, 1003)] {
        net.at(ms(n)).lan(&udp(ALICE, BOB).ports(port, 53));
    }
    net.at(ms(3)).wan(&arp_reply(BOB, DUT_WAN));
    assert_snapshot!(net.run_until(ms(10)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:1001 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        1.000       lan  <  udp 198.51.100.7:1002 > 192.0.2.9:53 ttl 64 len 32
        1.008     1           packet 3 waits for 192.0.2.9, 2 in all
        2.000       lan  <  udp 198.51.100.7:1003 > 192.0.2.9:53 ttl 64 len 32
        2.013     1           packet 4 waits for 192.0.2.9, 3 in all
        3.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        3.004     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        3.004     1           neigh wan 192.0.2.9 send -> reachable
        3.007     1 wan  >  udp 198.51.100.7:1001 > 192.0.2.9:53 ttl 63 len 32
        3.007     1 wan  >  udp 198.51.100.7:1002 > 192.0.2.9:53 ttl 63 len 32
        3.007     1 wan  >  udp 198.51.100.7:1003 > 192.0.2.9:53 ttl 63 len 32
    in 4 + made 1 = out 4 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn a_neighbour_that_does_not_answer_is_asked_three_times_and_the_sender_told() {
    // RFC 1812 §5.2.7.1; Linux asks three times, a second apart, too.
    let mut net = dut().knows(LAN, ALICE);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    assert_snapshot!(net.run_until(secs(6)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     1001.015     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     2002.015     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     3003.006     1           dropped neigh_unreachable (packet 1)
     3003.006     1           neigh wan 192.0.2.9 send -> none
     3003.015     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 host unreachable (3/1) for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63] ttl 64 tos 0xc0
     5004.000     1           neigh wan 192.0.2.9 none -> - (expired)
    in 1 + made 4 = out 4 + consumed 0 + dropped 1 + held 0
    ");
}

/// An idle job takes 40 µs: minutes of it are stepped in no time.
fn slow(plan: &mut sim::plan::Plan) {
    plan.costs.0.iter_mut().for_each(|cost| cost.idle = 40_000);
}

#[test]
fn a_silent_neighbour_grows_old_and_is_forgotten() {
    // 60 s reachable, 30 s probe, 2 s none: spec 3.2.
    let mut net = dut().with(slow);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).wan(&arp_reply(BOB, DUT_WAN));
    assert_snapshot!(net.run_until(secs(100)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.040     1           neigh wan 192.0.2.9 - -> none
        0.040     1           packet 1 waits for 192.0.2.9, 1 in all
        0.040     1           neigh wan 192.0.2.9 none -> send
        0.081     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        1.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        1.042     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.042     1           neigh wan 192.0.2.9 send -> reachable
        1.083     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    60002.164     1           neigh wan 192.0.2.9 reachable -> probe
    90003.085     1           neigh wan 192.0.2.9 probe -> none
    92004.006     1           neigh wan 192.0.2.9 none -> - (expired)
    in 2 + made 1 = out 2 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn traffic_to_an_old_neighbour_asks_again_and_does_not_wait() {
    let mut net = dut().with(slow);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).wan(&arp_reply(BOB, DUT_WAN));
    net.at(secs(61)).lan(&udp(ALICE, BOB).ports(2000, 53));
    net.at(secs(62)).wan(&arp_reply(BOB, DUT_WAN));
    assert_snapshot!(net.run_until(secs(63)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.040     1           neigh wan 192.0.2.9 - -> none
        0.040     1           packet 1 waits for 192.0.2.9, 1 in all
        0.040     1           neigh wan 192.0.2.9 none -> send
        0.081     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        1.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        1.042     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.042     1           neigh wan 192.0.2.9 send -> reachable
        1.083     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    60002.164     1           neigh wan 192.0.2.9 reachable -> probe
    61000.000       lan  <  udp 198.51.100.7:2000 > 192.0.2.9:53 ttl 64 len 32
    61000.005     1           neigh wan 192.0.2.9 probe -> delay
    61000.046     1 wan  >  udp 198.51.100.7:2000 > 192.0.2.9:53 ttl 63 len 32
    61000.046     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
    62000.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
    62000.008     1           neigh wan 192.0.2.9 delay -> reachable
    in 4 + made 2 = out 4 + consumed 2 + dropped 0 + held 0
    ");
}

#[test]
fn a_static_neighbour_that_is_added_while_packets_wait_lets_them_go() {
    // Defect B05: in DPVS the entry keeps its timer, its state and its packets.
    let mut net = dut().with(|plan| plan.config.policy.neigh_sync_skip = 10);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).command(WAN, BOB, true);
    net.at(ms(5)).lan(&udp(ALICE, BOB));
    assert_snapshot!(net.run_until(secs(2)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        1.000                 order 1: neigh add 192.0.2.9 lladdr 02:00:00:00:00:0b dev wan
        1.004     0           told lcore 1 of 192.0.2.9
        1.004     0           order 1 is done
        1.020     1           neigh wan 192.0.2.9 send -> reachable
        1.020     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.029     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        5.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        5.003     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 2 + made 1 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_deleted_neighbour_takes_its_packets_along_by_name() {
    let mut net = dut().with(|plan| plan.config.policy.neigh_sync_skip = 10);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).command(WAN, BOB, false);
    assert_snapshot!(net.run_until(ms(10)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        1.000                 order 1: neigh del 192.0.2.9 dev wan
        1.004     0           told lcore 1 of 192.0.2.9
        1.004     0           order 1 is done
        1.020     1           neigh wan 192.0.2.9 send -> - (deleted)
        1.020     1           dropped neigh_deleted (packet 1)
    in 1 + made 1 = out 1 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn as_many_packets_wait_as_may() {
    // Defect B06: DPVS holds one more than its limit.
    for (n, dropped) in [(128, 0), (129, 1)] {
        let mut net = dut();
        for _ in 0..n {
            net.lan(&udp(ALICE, BOB));
        }
        let story = net.run_until(ms(10));
        assert_eq!(story.matches("dropped neigh_queue_full").count(), dropped, "{n} packets");
    }
}
