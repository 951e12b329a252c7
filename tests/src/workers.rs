use fixtures::{ALICE, BOB, DUT_LAN, DUT_WAN, arp_reply, arp_request, udp};
use insta::assert_snapshot;
use tests::{LAN, WAN, dut_with_workers, ms};

#[test]
fn both_directions_of_a_flow_come_to_one_worker() {
    // The Toeplitz key is symmetric: 0x6d5a repeated.
    let mut net = dut_with_workers(4).knows(WAN, BOB).knows(LAN, ALICE);
    for port in 4000..4004 {
        net.at(ms(u64::from(port) - 4000)).lan(&udp(ALICE, BOB).ports(port, 53));
        net.wan(&udp(BOB, ALICE).ports(53, port));
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.000       wan  <  udp 192.0.2.9:53 > 198.51.100.7:4000 ttl 64 len 32
        0.006     3 lan  >  udp 192.0.2.9:53 > 198.51.100.7:4000 ttl 63 len 32
        0.006     3 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        1.000       wan  <  udp 192.0.2.9:53 > 198.51.100.7:4001 ttl 64 len 32
        1.010     4 lan  >  udp 192.0.2.9:53 > 198.51.100.7:4001 ttl 63 len 32
        1.010     4 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
        2.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        2.000       wan  <  udp 192.0.2.9:53 > 198.51.100.7:4002 ttl 64 len 32
        2.014     1 lan  >  udp 192.0.2.9:53 > 198.51.100.7:4002 ttl 63 len 32
        2.014     1 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
        3.000       lan  <  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 64 len 32
        3.000       wan  <  udp 192.0.2.9:53 > 198.51.100.7:4003 ttl 64 len 32
        3.004     2 lan  >  udp 192.0.2.9:53 > 198.51.100.7:4003 ttl 63 len 32
        3.004     2 wan  >  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 63 len 32
    in 8 + made 0 = out 8 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn what_one_worker_asked_for_every_worker_learns() {
    // ARP comes to queue 0, so worker 1 receives what worker 2 asked for. Worker 1 cannot know
    // that and hands it on; worker 2 says that it had asked, and then all know BOB.
    let mut net = dut_with_workers(3);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).wan(&arp_reply(BOB, DUT_WAN));
    assert_snapshot!(net.run_until(ms(5)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     2           neigh wan 192.0.2.9 - -> none
        0.002     2           packet 1 waits for 192.0.2.9, 1 in all
        0.002     2           neigh wan 192.0.2.9 none -> send
        0.005     2 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        1.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        1.006     1           packet 4 to lcore 2 by its arp_ring
        1.006     1           packet 5 to lcore 3 by its arp_ring
        1.008     2           packet 6 to lcore 1 by its arp_ring
        1.008     2           packet 7 to lcore 3 by its arp_ring
        1.008     2           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.008     2           neigh wan 192.0.2.9 send -> reachable
        1.011     2 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.017     1           neigh wan 192.0.2.9 - -> none
        1.017     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.017     1           neigh wan 192.0.2.9 none -> reachable
        1.017     3           neigh wan 192.0.2.9 - -> none
        1.017     3           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.017     3           neigh wan 192.0.2.9 none -> reachable
    in 2 + made 5 = out 2 + consumed 5 + dropped 0 + held 0
    ");
}

#[test]
fn what_the_receiving_worker_learns_every_worker_learns() {
    // A request for our address teaches its sender (RFC 826), and every worker shall know him:
    // the packet that comes for ALICE to worker 2 need not ask.
    let mut net = dut_with_workers(3);
    net.at(ms(0)).lan(&arp_request(ALICE, DUT_LAN));
    net.at(ms(1)).wan(&udp(BOB, ALICE));
    assert_snapshot!(net.run_until(ms(5)), @"
           ms lcore port    frame
        0.000       lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
        0.002     1           packet 2 to lcore 2 by its arp_ring
        0.002     1           packet 3 to lcore 3 by its arp_ring
        0.002     1           neigh lan 198.51.100.7 - -> none
        0.002     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        0.002     1           neigh lan 198.51.100.7 none -> reachable
        0.002     2           neigh lan 198.51.100.7 - -> none
        0.002     2           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        0.002     2           neigh lan 198.51.100.7 none -> reachable
        0.002     3           neigh lan 198.51.100.7 - -> none
        0.002     3           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        0.002     3           neigh lan 198.51.100.7 none -> reachable
        0.005     1 lan  >  arp 198.51.100.1 is-at 02:00:00:00:00:01
        1.000       wan  <  udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 64 len 32
        1.010     2 lan  >  udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 63 len 32
    in 2 + made 2 = out 2 + consumed 2 + dropped 0 + held 0
    ");
}

#[test]
fn static_neighbours_reach_every_worker_by_its_ring() {
    let mut net = dut_with_workers(2);
    net.plan.config.policy.neigh_sync_skip = 10;
    net.at(ms(1)).command(WAN, BOB, true);
    net.at(ms(2)).lan(&udp(ALICE, BOB).ports(4000, 53)).lan(&udp(ALICE, BOB).ports(4001, 53));
    net.at(ms(3)).command(WAN, BOB, false);
    net.at(ms(4)).command(LAN, ALICE, true);
    assert_snapshot!(net.run_until(ms(10)), @"
           ms lcore port    frame
        1.000                 command: add neighbour 192.0.2.9
        1.004     0           told lcore 1 of 192.0.2.9
        1.004     0           told lcore 2 of 192.0.2.9
        1.018     1           neigh wan 192.0.2.9 - -> reachable
        1.018     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.018     2           neigh wan 192.0.2.9 - -> reachable
        1.018     2           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        2.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        2.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        2.006     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        2.006     2 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
        3.000                 command: delete neighbour 192.0.2.9
        3.007     0           told lcore 1 of 192.0.2.9
        3.007     0           told lcore 2 of 192.0.2.9
        3.065     1           neigh wan 192.0.2.9 reachable -> - (deleted)
        3.065     2           neigh wan 192.0.2.9 reachable -> - (deleted)
        4.000                 command: add neighbour 198.51.100.7
        4.002     0           told lcore 1 of 198.51.100.7
        4.002     0           told lcore 2 of 198.51.100.7
        4.088     1           neigh lan 198.51.100.7 - -> reachable
        4.088     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        4.088     2           neigh lan 198.51.100.7 - -> reachable
        4.088     2           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_full_neigh_ring_is_told_and_the_other_workers_still_hear() {
    // Defect B08: DPVS stops at the first lcore whose ring is full.
    let mut net = dut_with_workers(2);
    net.plan.config.limits.neigh_ring = 1;
    net.at(ms(0)).command(WAN, BOB, true);
    net.at(ms(0)).command(LAN, ALICE, true);
    assert_snapshot!(net.run_until(ms(5)), @"
           ms lcore port    frame
        0.000                 command: add neighbour 192.0.2.9
        0.000                 command: add neighbour 198.51.100.7
        0.010     0           told lcore 1 of 192.0.2.9
        0.010     0           told lcore 2 of 192.0.2.9
        0.010     0           could not tell lcore 1 of 198.51.100.7
        0.010     0           could not tell lcore 2 of 198.51.100.7
        1.000     1           neigh wan 192.0.2.9 - -> reachable
        1.000     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.000     2           neigh wan 192.0.2.9 - -> reachable
        1.000     2           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
    in 0 + made 0 = out 0 + consumed 0 + dropped 0 + held 0
    ");
}
