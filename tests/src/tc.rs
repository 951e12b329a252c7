//! Traffic control: shaping, classes, limits, and changes while packets wait.

mod conformance;

use dataplane::config::Policy;
use dataplane::control::Order;
use dataplane::msg::Priority;
use dataplane::tc::{ClsConfig, Handle, Kind, Match, QschConfig, Range, TcChange, Verb, Verdict};
use dataplane::{Nanos, PortId};
use fixtures::{ALICE, BOB, DUT_LAN, DUT_WAN, arp_request, icmp_echo, udp};
use insta::assert_snapshot;
use tests::{Dut, LAN, WAN, dut, dut_with_workers, ms, named, tbf, tell, us};

const ANY: Match = Match {
    ether_type: None,
    protocol: None,
    src: None,
    dst: None,
    sport: None,
    dport: None,
    iif: None,
    oif: None,
};

/// `n` frames of 74 bytes from ALICE to BOB at once, each from a port of its own.
fn burst(mut net: Dut, at: Nanos, n: u16) -> Dut {
    for port in 0..n {
        net.at(at).lan(&udp(ALICE, BOB).ports(4000 + port, 53));
    }
    net
}

#[test]
fn a_tbf_lets_its_burst_pass_and_spreads_the_rest() {
    // 74 bytes at 74000 bytes a second: one each millisecond, after the two of the burst.
    let net = burst(dut().knows(WAN, BOB), ms(1), 5);
    let net = net.qsch(WAN, "root", "", tbf(592_000, 148, 1000));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 64 len 32
        1.006     1           packet 1 in Qsch wan root, 1 in all
        1.006     1           packet 1 passes Qsch wan root
        1.006     1           packet 2 in Qsch wan root, 1 in all
        1.006     1           packet 2 passes Qsch wan root
        1.006     1           packet 3 in Qsch wan root, 1 in all
        1.006     1           packet 4 in Qsch wan root, 2 in all
        1.006     1           packet 5 in Qsch wan root, 3 in all
        1.013     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.013     1 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
        2.015     1           packet 3 passes Qsch wan root
        2.020     1 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
        3.007     1           packet 4 passes Qsch wan root
        3.012     1 wan  >  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 63 len 32
        4.013     1           packet 5 passes Qsch wan root
        4.018     1 wan  >  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 63 len 32
    in 5 + made 0 = out 5 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn what_the_limit_does_not_hold_is_dropped_and_the_frame_at_the_head_counts() {
    let net = burst(dut().knows(WAN, BOB), ms(1), 5);
    let net = net.qsch(WAN, "root", "", tbf(592_000, 74, 148));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 64 len 32
        1.006     1           packet 1 in Qsch wan root, 1 in all
        1.006     1           packet 1 passes Qsch wan root
        1.006     1           packet 2 in Qsch wan root, 1 in all
        1.006     1           packet 3 in Qsch wan root, 2 in all
        1.006     1           dropped qsch_full (packet 4)
        1.006     1           dropped qsch_full (packet 5)
        1.013     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        2.014     1           packet 2 passes Qsch wan root
        2.019     1 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
        3.020     1           packet 3 passes Qsch wan root
        3.025     1 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
    in 5 + made 0 = out 3 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn under_dpvs_the_clock_of_a_tbf_moves_in_steps_of_four_milliseconds() {
    let net = burst(dut().knows(WAN, BOB), ms(1), 5);
    let net = net.qsch(WAN, "root", "", tbf(592_000, 148, 1000));
    let net = net.with(|plan| plan.config.policy.tbf_quantum = Policy::dpvs().tbf_quantum);
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 64 len 32
        1.006     1           packet 1 in Qsch wan root, 1 in all
        1.006     1           packet 1 passes Qsch wan root
        1.006     1           packet 2 in Qsch wan root, 1 in all
        1.006     1           packet 2 passes Qsch wan root
        1.006     1           packet 3 in Qsch wan root, 1 in all
        1.006     1           packet 4 in Qsch wan root, 2 in all
        1.006     1           packet 5 in Qsch wan root, 3 in all
        1.013     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.013     1 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
        4.009     1           packet 3 passes Qsch wan root
        4.009     1           packet 4 passes Qsch wan root
        4.015     1 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
        4.015     1 wan  >  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 63 len 32
        8.009     1           packet 5 passes Qsch wan root
        8.014     1 wan  >  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 63 len 32
    in 5 + made 0 = out 5 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn classes_have_rates_of_their_own_and_what_matches_none_stays_at_the_top() {
    let net = burst(dut().knows(WAN, BOB), ms(1), 4)
        .qsch(WAN, "root", "", Kind::Pfifo { limit: 100 })
        .qsch(WAN, "1:", "root", tbf(592_000, 74, 1000))
        .cls(WAN, "root", Match { sport: Some(Range(4000, 4001)), ..ANY }, "1:")
        .cls(WAN, "root", Match { sport: Some(Range(4003, 4003)), ..ANY }, "");
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 64 len 32
        1.006     1           packet 1 in Qsch wan 1:, 1 in all
        1.006     1           packet 1 passes Qsch wan 1:
        1.006     1           packet 2 in Qsch wan 1:, 1 in all
        1.006     1           packet 3 in Qsch wan root, 1 in all
        1.006     1           packet 3 passes Qsch wan root
        1.006     1           dropped tc_dropped (packet 4)
        1.012     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.012     1 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
        2.014     1           packet 2 passes Qsch wan 1:
        2.019     1 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
    in 4 + made 0 = out 3 + consumed 0 + dropped 1 + held 0
    ");
}

// Defect B69.
#[test]
fn the_ports_of_a_later_fragment_are_not_read() {
    let mut net = dut().knows(WAN, BOB).qsch(WAN, "root", "", Kind::Pfifo { limit: 100 }).cls(
        WAN,
        "root",
        Match { dport: Some(Range(0, 65_535)), ..ANY },
        "",
    );
    let pieces = udp(ALICE, BOB).len(64).fragments(40);
    net.at(ms(0)).lan(&pieces[0]).lan(&pieces[1]);
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 len 40 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 40 len 32 ttl 64
        0.002     1           dropped tc_dropped (packet 1)
        0.002     1           packet 2 in Qsch wan root, 1 in all
        0.002     1           packet 2 passes Qsch wan root
        0.006     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 40 len 32 ttl 63
    in 2 + made 0 = out 1 + consumed 0 + dropped 1 + held 0
    ");
}

// Defect B64.
#[test]
fn arp_is_known_by_its_type_on_the_way_out_too() {
    // DPVS: the type of what ARP sends is 0, and no classifier for it ever matches.
    let arp = Some(dataplane::wire::ethernet::EtherType::ARP);
    let mut net = dut().qsch(LAN, "root", "", Kind::Pfifo { limit: 100 }).cls(
        LAN,
        "root",
        Match { ether_type: arp, ..ANY },
        "",
    );
    net.at(ms(0)).lan(&arp_request(ALICE, DUT_LAN)).lan(&icmp_echo(ALICE, DUT_LAN));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        0.002     1           neigh lan 198.51.100.7 - -> none
        0.002     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        0.002     1           neigh lan 198.51.100.7 none -> reachable
        0.002     1           dropped tc_dropped (packet 1)
        0.002     1           packet 2 in Qsch lan root, 1 in all
        0.002     1           packet 2 passes Qsch lan root
        0.006     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
    in 2 + made 0 = out 1 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn ingress_policing_delays_or_drops_before_anybody_looks_at_the_packet() {
    let mut net = dut().qsch(LAN, "ingress", "", tbf(592_000, 74, 74)).cls(
        LAN,
        "ingress",
        Match { protocol: Some(1), iif: Some(LAN), ..ANY },
        "",
    );
    net.at(ms(0)).lan(&icmp_echo(ALICE, DUT_LAN));
    net.lan(&udp(ALICE, DUT_LAN)).lan(&udp(ALICE, DUT_LAN)).lan(&udp(ALICE, DUT_LAN));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        0.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64 len 32
        0.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64 len 32
        0.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64 len 32
        0.002     1           dropped tc_dropped (packet 1)
        0.002     1           packet 2 in Qsch lan ingress, 1 in all
        0.002     1           packet 2 passes Qsch lan ingress
        0.002     1           dropped port_unreachable (packet 2)
        0.002     1           neigh lan 198.51.100.7 - -> none
        0.002     1           packet 5 waits for 198.51.100.7, 1 in all
        0.002     1           neigh lan 198.51.100.7 none -> send
        0.002     1           packet 3 in Qsch lan ingress, 1 in all
        0.002     1           dropped qsch_full (packet 4)
        0.008     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
        1.009     1           packet 3 passes Qsch lan ingress
        1.009     1           dropped port_unreachable (packet 3)
        1.009     1           packet 7 waits for 198.51.100.7, 2 in all
     1001.009     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     2001.015     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     3002.006     1           dropped neigh_unreachable (packet 5)
     3002.006     1           dropped neigh_unreachable (packet 7)
     3002.006     1           neigh lan 198.51.100.7 send -> none
    in 4 + made 5 = out 3 + consumed 0 + dropped 6 + held 0
    ");
}

#[test]
fn what_comes_through_a_ring_was_let_in_where_it_was_received() {
    let ingress = Kind::Pfifo { limit: 10 };
    let mut net = dut_with_workers(2).qsch(WAN, "ingress", "", ingress);
    net.at(ms(0)).wan(&fixtures::arp_reply(BOB, DUT_WAN));
    let told = tell(&net.plan);
    assert_eq!(told.story.matches("passes Qsch wan ingress").count(), 1, "{}", told.story);
}

// Defect B100.
#[test]
fn a_vlan_device_has_trees_of_its_own_beside_those_of_its_port() {
    // Ingress: the port first, with the tag; then the VLAN device. Egress: the other way round.
    let vlan = PortId(2);
    let pfifo = Kind::Pfifo { limit: 10 };
    let mut net = dut().vlan(LAN, 7, "10.0.7.1/24");
    for dev in [LAN, vlan] {
        net = net.qsch(dev, "ingress", "", pfifo).qsch(dev, "root", "", pfifo);
    }
    let (dev, us) = (ALICE.with_ip([10, 0, 7, 9]), DUT_LAN.with_ip([10, 0, 7, 1]));
    let net_of_vlan = Match { iif: Some(vlan), protocol: Some(17), ..ANY };
    net = net.knows(vlan, dev).cls(vlan, "ingress", net_of_vlan, "");
    net.at(ms(0)).lan(&icmp_echo(dev, us).vlan(7)).lan(&udp(dev, us).vlan(7));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  vlan 7 icmp 10.0.7.9 > 10.0.7.1 echo request id 1 seq 1 ttl 64 len 56
        0.000       lan  <  vlan 7 udp 10.0.7.9:4000 > 10.0.7.1:53 ttl 64 len 32
        0.002     1           packet 1 in Qsch lan ingress, 1 in all
        0.002     1           packet 1 passes Qsch lan ingress
        0.002     1           packet 1 in Qsch lan.7 ingress, 1 in all
        0.002     1           packet 1 passes Qsch lan.7 ingress
        0.002     1           packet 1 in Qsch lan.7 root, 1 in all
        0.002     1           packet 1 passes Qsch lan.7 root
        0.002     1           packet 1 in Qsch lan root, 1 in all
        0.002     1           packet 1 passes Qsch lan root
        0.002     1           packet 2 in Qsch lan ingress, 1 in all
        0.002     1           packet 2 passes Qsch lan ingress
        0.002     1           dropped tc_dropped (packet 2)
        0.006     1 lan  >  vlan 7 icmp 10.0.7.1 > 10.0.7.9 echo reply id 1 seq 1 ttl 64 len 56
    in 2 + made 0 = out 1 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn a_vlan_device_can_be_shaped_both_ways() {
    let vlan = PortId(2);
    // 98 bytes a millisecond: an echo without its tag.
    let rate = tbf(784_000, 98, 1000);
    let mut net = dut().vlan(LAN, 7, "10.0.7.1/24");
    net = net.qsch(vlan, "ingress", "", rate).qsch(vlan, "root", "", rate);
    let (dev, us) = (ALICE.with_ip([10, 0, 7, 9]), DUT_LAN.with_ip([10, 0, 7, 1]));
    net = net.knows(vlan, dev);
    for _ in 0..3 {
        net.at(ms(0)).lan(&icmp_echo(dev, us).vlan(7));
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  vlan 7 icmp 10.0.7.9 > 10.0.7.1 echo request id 1 seq 1 ttl 64 len 56
        0.000       lan  <  vlan 7 icmp 10.0.7.9 > 10.0.7.1 echo request id 1 seq 1 ttl 64 len 56
        0.000       lan  <  vlan 7 icmp 10.0.7.9 > 10.0.7.1 echo request id 1 seq 1 ttl 64 len 56
        0.002     1           packet 1 in Qsch lan.7 ingress, 1 in all
        0.002     1           packet 1 passes Qsch lan.7 ingress
        0.002     1           packet 1 in Qsch lan.7 root, 1 in all
        0.002     1           packet 1 passes Qsch lan.7 root
        0.002     1           packet 2 in Qsch lan.7 ingress, 1 in all
        0.002     1           packet 3 in Qsch lan.7 ingress, 2 in all
        0.007     1 lan  >  vlan 7 icmp 10.0.7.1 > 10.0.7.9 echo reply id 1 seq 1 ttl 64 len 56
        1.008     1           packet 2 passes Qsch lan.7 ingress
        1.008     1           packet 2 in Qsch lan.7 root, 1 in all
        1.008     1           packet 2 passes Qsch lan.7 root
        1.013     1 lan  >  vlan 7 icmp 10.0.7.1 > 10.0.7.9 echo reply id 1 seq 1 ttl 64 len 56
        2.014     1           packet 3 passes Qsch lan.7 ingress
        2.014     1           packet 3 in Qsch lan.7 root, 1 in all
        2.014     1           packet 3 passes Qsch lan.7 root
        2.019     1 lan  >  vlan 7 icmp 10.0.7.1 > 10.0.7.9 echo reply id 1 seq 1 ttl 64 len 56
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

// Defect B59.
#[test]
fn frames_with_many_tags_do_not_keep_the_lcore() {
    // DPVS: the parser of match and of pfifo_fast hangs at the second 0x8100.
    let fast = Kind::PfifoFast { limit: 10 };
    let mut net = dut().qsch(LAN, "ingress", "", fast).cls(
        LAN,
        "ingress",
        Match { protocol: Some(6), ..ANY },
        "",
    );
    net.at(ms(0))
        .lan(&udp(ALICE, BOB).vlan(7).vlan(8))
        .lan(&udp(ALICE, BOB).vlan(7).vlan(8).vlan(9));
    let story = net.run();
    assert_eq!(story.matches("passes Qsch lan ingress").count(), 2, "{story}");
}

// Defect B60.
#[test]
fn what_the_master_sends_is_shaped_once_by_a_worker() {
    // DPVS: it waits in the master's tbf until the next frame comes, and is shaped again.
    let mut net = dut_with_workers(2).kni(LAN, false).qsch(LAN, "root", "", tbf(592_000, 74, 1000));
    for _ in 0..3 {
        net.at(ms(1)).bytes(PortId(2), udp(DUT_LAN, ALICE).build());
    }
    let told = tell(&net.plan);
    assert_eq!(told.story.matches("passes Qsch lan root").count(), 3, "{}", told.story);
    assert!(told.outcome.lcores[0].qschs.is_empty(), "the master has none");
}

/// A change of the root of the WAN.
fn root(verb: Verb, kind: Kind) -> Order {
    let (handle, parent) = (Handle::ROOT, Handle::NONE);
    Order::Tc(TcChange::Qsch(verb, QschConfig { dev: WAN, handle, parent, kind }))
}

fn delete(handle: Handle) -> Order {
    Order::Tc(TcChange::DeleteQsch { dev: WAN, handle })
}

fn cls(verb: Verb, handle: &str, prio: u16, verdict: Verdict) -> Order {
    let (qsch, handle) = (Handle::ROOT, named(handle));
    let pattern = Match { protocol: Some(17), ..ANY };
    Order::Tc(TcChange::Cls(verb, ClsConfig { dev: WAN, qsch, handle, prio, pattern, verdict }))
}

// DPVS: B62, 67da73b8.
#[test]
fn a_qsch_that_is_deleted_under_traffic_drops_what_waits_in_it_and_below_it() {
    let mut net = burst(dut().knows(WAN, BOB), ms(1), 4)
        .qsch(WAN, "root", "", tbf(592_000, 74, 1000))
        .qsch(WAN, "1:", "root", tbf(592_000, 74, 1000))
        .cls(WAN, "root", Match { sport: Some(Range(4002, 4003)), ..ANY }, "1:");
    net.at(us(1500)).order(delete(Handle::ROOT));
    net.at(ms(2)).lan(&udp(ALICE, BOB));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 64 len 32
        1.006     1           packet 1 in Qsch wan root, 1 in all
        1.006     1           packet 1 passes Qsch wan root
        1.006     1           packet 2 in Qsch wan root, 1 in all
        1.006     1           packet 3 in Qsch wan 1:, 1 in all
        1.006     1           packet 3 passes Qsch wan 1:
        1.006     1           packet 4 in Qsch wan 1:, 1 in all
        1.012     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.012     1 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
        1.500                 order 1: qsch del wan root
        1.506     0           message TC_QSCH_SET #1 lcore 0 > 1 sent
        1.506     0           qsch del wan root
        1.506     0           order 1 is done
        1.508     1           message TC_QSCH_SET #1 lcore 0 > 1 delivered
        1.508     1           dropped qsch_deleted (packet 2)
        1.508     1           dropped qsch_deleted (packet 4)
        1.508     1           qsch del wan root
        1.508     1           message TC_QSCH_SET #1 lcore 0 > 1 handled: ok
        1.508     1           message TC_QSCH_SET #1 lcore 1 > 0 replied: ok
        1.519     0           message TC_QSCH_SET #1 lcore 1 > 0 answered: ok
        1.519     0           message TC_QSCH_SET #1 lcore 0 done: ok
        2.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        2.006     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 5 + made 0 = out 3 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn a_change_takes_hold_on_all_workers_with_a_full_bucket() {
    let mut net = burst(dut_with_workers(2).knows(WAN, BOB), ms(1), 5);
    net.at(us(1500)).order(root(Verb::Add, tbf(592_000, 74, 1000)));
    net = burst(net, ms(2), 3);
    net.at(ms(3)).order(root(Verb::Change, tbf(5_920_000, 74, 1000)));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 64 len 32
        1.010     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.010     1 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
        1.011     2 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
        1.011     2 wan  >  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 63 len 32
        1.011     2 wan  >  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 63 len 32
        1.500                 order 1: qsch add wan root
        1.506     0           message TC_QSCH_SET #1 lcore 0 > 1 sent
        1.506     0           message TC_QSCH_SET #1 lcore 0 > 2 sent
        1.506     0           qsch add wan root
        1.506     0           order 1 is done
        1.506     1           message TC_QSCH_SET #1 lcore 0 > 1 delivered
        1.506     1           qsch set wan root
        1.506     1           message TC_QSCH_SET #1 lcore 0 > 1 handled: ok
        1.506     1           message TC_QSCH_SET #1 lcore 1 > 0 replied: ok
        1.508     2           message TC_QSCH_SET #1 lcore 0 > 2 delivered
        1.508     2           qsch set wan root
        1.508     2           message TC_QSCH_SET #1 lcore 0 > 2 handled: ok
        1.508     2           message TC_QSCH_SET #1 lcore 2 > 0 replied: ok
        1.519     0           message TC_QSCH_SET #1 lcore 1 > 0 answered: ok
        1.519     0           message TC_QSCH_SET #1 lcore 2 > 0 answered: ok
        1.519     0           message TC_QSCH_SET #1 lcore 0 done: ok
        2.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        2.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        2.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        2.001     1           packet 6 in Qsch wan root, 1 in all
        2.001     1           packet 6 passes Qsch wan root
        2.001     1           packet 8 in Qsch wan root, 1 in all
        2.003     2           packet 7 in Qsch wan root, 1 in all
        2.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        3.000                 order 2: qsch change wan root
        3.006     1           packet 8 passes Qsch wan root
        3.007     0           message TC_QSCH_SET #2 lcore 0 > 1 sent
        3.007     0           message TC_QSCH_SET #2 lcore 0 > 2 sent
        3.007     0           qsch change wan root
        3.007     0           order 2 is done
        3.011     1 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
        3.014     2           message TC_QSCH_SET #2 lcore 0 > 2 delivered
        3.014     2           qsch set wan root
        3.014     2           message TC_QSCH_SET #2 lcore 0 > 2 handled: ok
        3.014     2           message TC_QSCH_SET #2 lcore 2 > 0 replied: ok
        3.016     1           message TC_QSCH_SET #2 lcore 0 > 1 delivered
        3.016     1           qsch set wan root
        3.016     1           message TC_QSCH_SET #2 lcore 0 > 1 handled: ok
        3.016     1           message TC_QSCH_SET #2 lcore 1 > 0 replied: ok
        3.020     0           message TC_QSCH_SET #2 lcore 2 > 0 answered: ok
        3.020     0           message TC_QSCH_SET #2 lcore 1 > 0 answered: ok
        3.020     0           message TC_QSCH_SET #2 lcore 0 done: ok
        3.021     2           packet 7 passes Qsch wan root
        3.026     2 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
    in 8 + made 0 = out 8 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_smaller_burst_drops_what_could_never_leave() {
    let mut net = burst(dut().knows(WAN, BOB), ms(1), 2);
    net = net.qsch(WAN, "root", "", tbf(592, 74, 1000));
    net.at(ms(2)).order(root(Verb::Change, tbf(592, 73, 1000)));
    let story = net.run();
    assert!(story.contains("dropped qsch_too_long (packet 2)"), "{story}");
}

#[test]
fn a_change_that_is_wrong_is_refused_by_name_and_changes_nothing() {
    let mut net = dut().knows(WAN, BOB);
    net.at(ms(0)).order(root(Verb::Change, tbf(592_000, 74, 1000)));
    net.order(root(Verb::Add, tbf(7, 74, 1000)));
    net.order(delete(named("1:")));
    net.order(cls(Verb::Add, "1:", 0, Verdict::Drop));
    net.order(root(Verb::Add, Kind::Pfifo { limit: 10 }));
    net.order(cls(Verb::Add, "1:", 0, Verdict::To(named("1:"))));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000                 order 1: qsch change wan root
        0.000                 order 2: qsch add wan root
        0.000                 order 3: qsch del wan 1:
        0.000                 order 4: cls add wan 1:
        0.000                 order 5: qsch add wan root
        0.000                 order 6: cls add wan 1:
        0.008     0           qsch change wan root refused: there is no Qsch root
        0.008     0           order 1 is refused, NOTEXIST: no_qsch
        0.008     0           qsch add wan root refused: rate must be from 8 bits a second to 10 Tbit/s
        0.008     0           order 2 is refused, INVAL: rate
        0.008     0           qsch del wan 1: refused: there is no Qsch 1:
        0.008     0           order 3 is refused, NOTEXIST: no_qsch
        0.008     0           cls add wan 1: refused: there is no Qsch root
        0.008     0           order 4 is refused, NOTEXIST: no_qsch
        0.008     0           message TC_QSCH_SET #1 lcore 0 > 1 sent
        0.008     0           qsch add wan root
        0.008     0           order 5 is done
        0.008     0           cls add wan 1: refused: the Qsch has no child 1:
        0.008     0           order 6 is refused, INVAL: no_child
        0.008     1           message TC_QSCH_SET #1 lcore 0 > 1 delivered
        0.008     1           qsch set wan root
        0.008     1           message TC_QSCH_SET #1 lcore 0 > 1 handled: ok
        0.008     1           message TC_QSCH_SET #1 lcore 1 > 0 replied: ok
        0.026     0           message TC_QSCH_SET #1 lcore 1 > 0 answered: ok
        0.026     0           message TC_QSCH_SET #1 lcore 0 done: ok
    in 0 + made 0 = out 0 + consumed 0 + dropped 0 + held 0
    ");
}

// Defect B70.
#[test]
fn a_change_that_the_workers_cannot_be_told_of_is_not_made_by_the_master_either() {
    // DPVS: the master has it, the workers do not, and every later statistic is an error.
    let mut net = dut().with(|plan| plan.config.policy.msg_priority_level = Priority::High);
    net.at(ms(0)).order(root(Verb::Add, Kind::Pfifo { limit: 10 }));
    net.at(ms(1)).order(root(Verb::Change, Kind::Pfifo { limit: 20 }));
    let story = net.run();
    assert!(story.contains("qsch add wan root refused: the workers could not be told"), "{story}");
    assert!(story.contains("qsch change wan root refused: there is no Qsch root"), "{story}");
    // QSCH_SET is NORM, CLS_SET is LOW.
    let mut net = dut().with(|plan| plan.config.policy.msg_priority_level = Priority::Norm);
    net.at(ms(0)).order(root(Verb::Add, Kind::Pfifo { limit: 10 }));
    net.order(cls(Verb::Add, "1:", 0, Verdict::Drop));
    let story = net.run();
    assert!(story.contains("qsch set wan root\n"), "{story}");
    assert!(story.contains("cls add wan 1: refused: the workers could not be told"), "{story}");
}

#[test]
fn the_higher_classifier_is_asked_first_and_of_equal_ones_the_older() {
    let mut net = dut().knows(WAN, BOB).qsch(WAN, "root", "", Kind::Pfifo { limit: 10 });
    for child in ["1:", "2:", "3:"] {
        net = net.qsch(WAN, child, "root", Kind::Pfifo { limit: 10 });
    }
    let to = |handle: &str| Verdict::To(named(handle));
    net.at(ms(0)).order(cls(Verb::Add, "a:", 5, to("1:")));
    net.order(cls(Verb::Add, "b:", 5, to("2:")));
    net.at(ms(1)).lan(&udp(ALICE, BOB));
    net.at(ms(2)).order(cls(Verb::Add, "c:", 6, to("3:")));
    net.at(ms(3)).lan(&udp(ALICE, BOB));
    // A target that is gone is passed over, and so is a classifier that is.
    net.at(ms(4)).order(delete(named("3:")));
    net.at(ms(5)).lan(&udp(ALICE, BOB));
    let gone = TcChange::DeleteCls { dev: WAN, qsch: Handle::ROOT, handle: named("a:") };
    net.at(ms(6)).order(Order::Tc(gone));
    net.at(ms(7)).lan(&udp(ALICE, BOB));
    let story = net.run();
    let passed: Vec<&str> =
        story.lines().filter_map(|line| line.split("passes Qsch wan ").nth(1)).collect();
    assert_eq!(passed, ["1:", "3:", "1:", "2:"], "{story}");
}

#[test]
fn the_master_adds_up_what_all_workers_counted() {
    let mut net = burst(dut_with_workers(3).knows(WAN, BOB), ms(1), 12)
        .qsch(WAN, "root", "", Kind::Pfifo { limit: 100 })
        .qsch(WAN, "1:", "root", tbf(592_000, 148, 296))
        .cls(WAN, "root", Match { sport: Some(Range(4002, 4011)), ..ANY }, "1:");
    net.at(ms(2)).order(Order::ShowTc);
    net.at(ms(50)).order(Order::ShowTc);
    let told = tell(&net.plan);
    let shown =
        told.story.lines().filter(|line| line.contains(" has qlen") || line.contains("hits"));
    assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @"
     2.041     0           Qsch wan 1: has qlen 6 backlog 444 drops 1 overlimits 206 packets 3 bytes 222
     2.041     0           Qsch wan root has qlen 0 backlog 0 drops 0 overlimits 0 packets 2 bytes 148
     2.041     0           cls wan root 8001: has 10 hits
    50.022     0           Qsch wan 1: has qlen 0 backlog 0 drops 1 overlimits 1100 packets 9 bytes 666
    50.022     0           Qsch wan root has qlen 0 backlog 0 drops 0 overlimits 0 packets 2 bytes 148
    50.022     0           cls wan root 8001: has 10 hits
    ");
    let used = told.outcome.lcores.iter().filter(|lcore| lcore.counters.qsch_in > 0).count();
    assert_eq!(used, 3, "frames came to every worker");
}

#[test]
fn workers_share_the_tokens_of_a_tbf_and_nothing_else() {
    // Whoever asks first gets them; each has a queue and a limit of its own.
    let net = burst(dut_with_workers(3).knows(WAN, BOB), ms(1), 9).qsch(
        WAN,
        "root",
        "",
        tbf(592_000, 74, 1000),
    );
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4005 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4006 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4007 > 192.0.2.9:53 ttl 64 len 32
        1.000       lan  <  udp 198.51.100.7:4008 > 192.0.2.9:53 ttl 64 len 32
        1.006     2           packet 1 in Qsch wan root, 1 in all
        1.006     2           packet 1 passes Qsch wan root
        1.006     2           packet 3 in Qsch wan root, 1 in all
        1.006     2           packet 4 in Qsch wan root, 2 in all
        1.006     2           packet 5 in Qsch wan root, 3 in all
        1.006     2           packet 6 in Qsch wan root, 4 in all
        1.006     2           packet 8 in Qsch wan root, 5 in all
        1.006     2           packet 9 in Qsch wan root, 6 in all
        1.006     3           packet 2 in Qsch wan root, 1 in all
        1.006     3           packet 7 in Qsch wan root, 2 in all
        1.015     2 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        2.010     3           packet 2 passes Qsch wan root
        2.015     3 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
        3.016     3           packet 7 passes Qsch wan root
        3.021     3 wan  >  udp 198.51.100.7:4006 > 192.0.2.9:53 ttl 63 len 32
        4.024     2           packet 3 passes Qsch wan root
        4.029     2 wan  >  udp 198.51.100.7:4002 > 192.0.2.9:53 ttl 63 len 32
        5.030     2           packet 4 passes Qsch wan root
        5.035     2 wan  >  udp 198.51.100.7:4003 > 192.0.2.9:53 ttl 63 len 32
        6.036     2           packet 5 passes Qsch wan root
        6.041     2 wan  >  udp 198.51.100.7:4004 > 192.0.2.9:53 ttl 63 len 32
        7.042     2           packet 6 passes Qsch wan root
        7.047     2 wan  >  udp 198.51.100.7:4005 > 192.0.2.9:53 ttl 63 len 32
        8.048     2           packet 8 passes Qsch wan root
        8.053     2 wan  >  udp 198.51.100.7:4007 > 192.0.2.9:53 ttl 63 len 32
        9.054     2           packet 9 passes Qsch wan root
        9.059     2 wan  >  udp 198.51.100.7:4008 > 192.0.2.9:53 ttl 63 len 32
    in 9 + made 0 = out 9 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_tbf_that_waits_counts_each_time_that_it_tries() {
    let mut net = burst(dut().knows(WAN, BOB), ms(1), 2).qsch(WAN, "root", "", tbf(8, 74, 1000));
    net.plan.until = Some(ms(50));
    let told = tell(&net.plan);
    let worker = &told.outcome.lcores[1];
    let stats = worker.qschs[0].stats;
    assert_eq!((stats.qlen, stats.backlog, stats.packets), (1, 74, 1));
    // Once when it was queued, and once in each run of qsch_sched from then on.
    let runs = worker.counters.job_runs[dataplane::job::JobKind::QschSched.index()];
    let before = 1_000_000 / 10_000;
    assert!(stats.overlimits > runs - 2 * before && stats.overlimits <= runs, "{stats:?} {runs}");
    assert_eq!(worker.counters.overlimits, stats.overlimits);
}
