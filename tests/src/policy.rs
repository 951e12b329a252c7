//! The two profiles, switch by switch: what a user of DPVS would have seen, and what we do.

use dataplane::config::Policy;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, arp_reply, arp_request, icmp, icmp_echo, udp};
use insta::assert_snapshot;
use tests::{Dut, LAN, WAN, dut, ms, secs};

/// The same script under both profiles.
fn both(net: &Dut, until: dataplane::Nanos) -> String {
    let mut ours = net.clone();
    let mut dpvs = net.clone().with(|plan| {
        plan.config.policy = Policy::dpvs();
        plan.config.policy.neigh_jitter = dataplane::Nanos::ZERO;
    });
    format!("lockstep:\n{}dpvs:\n{}", ours.run_until(until), dpvs.run_until(until))
}

// B99
#[test]
fn arp_reply_that_nobody_asked_for() {
    let mut net = dut();
    net.at(ms(0)).wan(&arp_reply(BOB, DUT_WAN));
    assert_snapshot!(both(&net, ms(5)), @"
    lockstep:
           ms lcore port    frame
        0.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        0.002     1           dropped arp_unsolicited (packet 1)
    in 1 + made 0 = out 0 + consumed 0 + dropped 1 + held 0
    dpvs:
           ms lcore port    frame
        0.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        0.002     1           neigh wan 192.0.2.9 none -> reachable
    in 1 + made 0 = out 0 + consumed 1 + dropped 0 + held 0
    ");
}

// B99
#[test]
fn arp_for_another_station() {
    let mut net = dut();
    net.at(ms(0)).lan(&arp_request(ALICE, DUT_LAN).dst_mac([2, 9, 9, 9, 9, 9]));
    assert_snapshot!(both(&net, ms(5)), @"
    lockstep:
           ms lcore port    frame
        0.000       lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
        0.002     1           dropped arp_other_host (packet 1)
    in 1 + made 0 = out 0 + consumed 0 + dropped 1 + held 0
    dpvs:
           ms lcore port    frame
        0.000       lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
        0.005     1 lan  >  arp 198.51.100.1 is-at 02:00:00:00:00:01
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn arp_for_the_address_of_another_port() {
    let mut net = dut();
    net.at(ms(0)).lan(&arp_request(ALICE, DUT_WAN));
    assert_snapshot!(both(&net, ms(5)), @"
    lockstep:
           ms lcore port    frame
        0.000       lan  <  arp who-has 192.0.2.1 tell 198.51.100.7
        0.002     1           neigh lan 198.51.100.7 - -> none
        0.002     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        0.002     1           neigh lan 198.51.100.7 none -> reachable
        0.005     1 lan  >  arp 192.0.2.1 is-at 02:00:00:00:00:01
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    dpvs:
           ms lcore port    frame
        0.000       lan  <  arp who-has 192.0.2.1 tell 198.51.100.7
        0.002     1           dropped arp_not_ours (packet 1)
    in 1 + made 0 = out 0 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn arp_from_a_group_address() {
    let mut net = dut();
    net.at(ms(0)).lan(&arp_request(ALICE, DUT_LAN).arp_sender(ALICE.with_ip([224, 0, 0, 5])));
    assert_snapshot!(both(&net, ms(5)), @"
    lockstep:
           ms lcore port    frame
        0.000       lan  <  arp who-has 198.51.100.1 tell 224.0.0.5
        0.002     1           dropped arp_sender (packet 1)
    in 1 + made 0 = out 0 + consumed 0 + dropped 1 + held 0
    dpvs:
           ms lcore port    frame
        0.000       lan  <  arp who-has 198.51.100.1 tell 224.0.0.5
        0.005     1 lan  >  arp 198.51.100.1 is-at 02:00:00:00:00:01
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

// B25
#[test]
fn vlan_0_and_4095() {
    let mut net = dut().knows(WAN, BOB);
    net.at(ms(0)).lan(&udp(ALICE, BOB).vlan(0)).lan(&udp(ALICE, BOB).vlan(4095));
    assert_snapshot!(both(&net, ms(5)), @"
    lockstep:
           ms lcore port    frame
        0.000       lan  <  vlan 0 udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.000       lan  <  vlan 4095 udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           dropped vlan_reserved (packet 2)
        0.006     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 2 + made 0 = out 1 + consumed 0 + dropped 1 + held 0
    dpvs:
           ms lcore port    frame
        0.000       lan  <  vlan 0 udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.000       lan  <  vlan 4095 udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           dropped vlan_reserved (packet 1)
        0.002     1           dropped vlan_unknown (packet 2)
    in 2 + made 0 = out 0 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn no_route_no_protocol_no_port() {
    let mut net = dut().knows(LAN, ALICE);
    net.at(ms(0)).lan(&udp(ALICE, CAROL));
    net.at(ms(1)).lan(&udp(ALICE, DUT_LAN));
    assert_snapshot!(both(&net, ms(5)), @"
    lockstep:
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        0.002     1           dropped ip_no_route (packet 1)
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 net unreachable (3/0) for [udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64] ttl 64 tos 0xc0
        1.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64 len 32
        1.008     1           dropped port_unreachable (packet 3)
        1.011     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 port unreachable (3/3) for [udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64] ttl 64 tos 0xc0
    in 2 + made 2 = out 2 + consumed 0 + dropped 2 + held 0
    dpvs:
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        0.002     1           dropped ip_no_route (packet 1)
        1.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64 len 32
        1.007     1           dropped port_unreachable (packet 2)
    in 2 + made 0 = out 0 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn a_neighbour_that_does_not_answer() {
    let mut net = dut().knows(LAN, ALICE);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    assert_snapshot!(both(&net, secs(6)), @"
    lockstep:
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
    dpvs:
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     3001.004     1           neigh wan 192.0.2.9 send -> none
     5002.007     1           neigh wan 192.0.2.9 none -> - (expired)
     5002.007     1           dropped neigh_unreachable (packet 1)
    in 1 + made 1 = out 1 + consumed 0 + dropped 1 + held 0
    ");
}

// B48
#[test]
fn fragments_in_transit() {
    let mut net = dut().knows(WAN, BOB);
    for fragment in udp(ALICE, BOB).len(600).fragments(400) {
        net.at(ms(0)).lan(&fragment);
    }
    assert_snapshot!(both(&net, ms(5)), @"
    lockstep:
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 len 400 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 400 len 208 ttl 64
        0.006     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 len 400 MF ttl 63
        0.006     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 400 len 208 ttl 63
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    dpvs:
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 len 400 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 400 len 208 ttl 64
        0.002     1           dropped ip_fragment_policy (packet 1)
        0.002     1           dropped ip_fragment_policy (packet 2)
    in 2 + made 0 = out 0 + consumed 0 + dropped 2 + held 0
    ");
}

// B43
#[test]
fn errors_while_forwarding_is_off() {
    for (profile, expected) in [(Policy::default(), 0), (Policy::dpvs(), 1)] {
        let mut net = dut().knows(LAN, ALICE);
        net.plan.config.policy = Policy { forwarding: false, ..profile };
        net.plan.config.ports[1].mtu = 1400;
        net.at(ms(0)).lan(&udp(ALICE, BOB).ttl(1));
        net.at(ms(1)).lan(&udp(ALICE, BOB).len(1400).df());
        let story = net.run_until(ms(5));
        assert_eq!(story.matches("time exceeded (11/0)").count(), expected, "{story}");
        assert_eq!(story.matches("fragmentation needed (3/4)").count(), expected, "{story}");
    }
}

#[test]
fn options_martians_and_echo_with_a_code() {
    let mut net = dut().knows(WAN, BOB).knows(LAN, ALICE);
    net.at(ms(0)).lan(&udp(ALICE, BOB).options(&[7, 1, 4, 0]));
    net.at(ms(1)).lan(&udp(ALICE, BOB).src_ip([127, 0, 0, 1]));
    net.at(ms(2)).lan(&icmp(ALICE, DUT_LAN, 8, 7, [0, 1, 0, 1], &[]));
    assert_snapshot!(both(&net, ms(5)), @"
    lockstep:
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 options [rr of bad length 1]
        0.002     1           dropped ip_options (packet 1)
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 parameter problem (12/0) at byte 20 for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 options [rr of bad length 1]] ttl 64 tos 0xc0
        1.000       lan  <  udp 127.0.0.1:4000 > 192.0.2.9:53 ttl 64 len 32
        1.008     1           dropped ip_martian_source (packet 3)
        2.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request (8/7) id 1 seq 1 ttl 64 len 0
        2.016     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply (0/7) id 1 seq 1 ttl 64 len 0
    in 3 + made 1 = out 2 + consumed 0 + dropped 2 + held 0
    dpvs:
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 options [rr of bad length 1]
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32 options [rr of bad length 1]
        1.000       lan  <  udp 127.0.0.1:4000 > 192.0.2.9:53 ttl 64 len 32
        1.011     1 wan  >  udp 127.0.0.1:4000 > 192.0.2.9:53 ttl 63 len 32
        2.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request (8/7) id 1 seq 1 ttl 64 len 0
        2.000     1           dropped icmp_echo_code (packet 3)
    in 3 + made 0 = out 2 + consumed 0 + dropped 1 + held 0
    ");
}

// B41
#[test]
fn the_time_to_live_of_what_we_make() {
    let mut net = dut().knows(LAN, ALICE).with(|plan| plan.config.policy.default_ttl = 200);
    net.at(ms(0)).lan(&icmp_echo(ALICE, DUT_LAN));
    let story = net.run();
    assert!(story.contains("echo reply") && story.contains("ttl 200"), "{story}");
}
