use dataplane::DropReason;
use dataplane::config::Policy;
use fixtures::{
    ALICE, BOB, BROADCAST, CAROL, DUT_LAN, DUT_WAN, Host, arp_announce, arp_probe, arp_reply,
    arp_request, udp,
};
use insta::assert_snapshot;
use tests::{LAN, WAN, dut, dut_with_workers, ms, secs, tell};

#[test]
fn a_request_for_our_address_is_answered_and_its_sender_learnt() {
    let mut net = dut();
    net.at(ms(1)).lan(&arp_request(ALICE, DUT_LAN));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
        1.006     1           neigh lan 198.51.100.7 - -> none
        1.006     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        1.006     1           neigh lan 198.51.100.7 none -> reachable
        1.009     1 lan  >  arp 198.51.100.1 is-at 02:00:00:00:00:01
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_padded_request_gets_a_reply_of_the_same_length() {
    let mut net = dut();
    net.at(ms(1)).lan(&arp_request(ALICE, DUT_LAN).padded());
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
        1.006     1           neigh lan 198.51.100.7 - -> none
        1.006     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        1.006     1           neigh lan 198.51.100.7 none -> reachable
        1.009     1 lan  >  arp 198.51.100.1 is-at 02:00:00:00:00:01
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_reply_goes_to_the_hardware_address_that_the_request_names() {
    // RFC 826, and Linux (capture 06-arp d29): not to the source of the frame.
    let mut net = dut();
    net.at(ms(1)).lan(&arp_request(ALICE, DUT_LAN).src_mac([2, 0, 0, 0, 0, 0x66]));
    let sent = tests::frames_out(&net.plan, LAN);
    assert_eq!(sent, [arp_reply(DUT_LAN, ALICE).build()]);
}

#[test]
fn a_probe_is_answered_and_teaches_nothing() {
    // RFC 5227 §1.1: the sender address of a probe is 0.0.0.0.
    let mut net = dut();
    net.at(ms(1)).lan(&arp_probe(DUT_LAN.with_mac(ALICE.mac)));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  arp probe 198.51.100.1 from 02:00:00:00:00:0a
        1.009     1 lan  >  arp 198.51.100.1 is-at 02:00:00:00:00:01
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn the_address_of_the_other_port_is_answered_too() {
    // RFC 1122 §3.3.4.2, the weak host model, as Linux.
    let mut net = dut();
    net.at(ms(1)).lan(&arp_request(ALICE, DUT_WAN).dst_mac(BROADCAST));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  arp who-has 192.0.2.1 tell 198.51.100.7
        1.006     1           neigh lan 198.51.100.7 - -> none
        1.006     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        1.006     1           neigh lan 198.51.100.7 none -> reachable
        1.009     1 lan  >  arp 192.0.2.1 is-at 02:00:00:00:00:01
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_request_of_somebody_we_are_asking_completes_the_resolution() {
    let mut net = dut();
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(2)).wan(&arp_request(BOB, DUT_WAN));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        2.000       wan  <  arp who-has 192.0.2.1 tell 192.0.2.9
        2.012     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        2.012     1           neigh wan 192.0.2.9 send -> reachable
        2.015     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        2.015     1 wan  >  arp 192.0.2.1 is-at 02:00:00:00:00:02
    in 2 + made 1 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn an_announcement_updates_whom_we_know_and_creates_nobody() {
    let moved: Host = BOB.with_mac([2, 0, 0, 0, 0, 0xbb]);
    let mut net = dut();
    net.at(ms(0)).wan(&arp_announce(BOB));
    net.at(ms(1)).wan(&arp_request(BOB, DUT_WAN));
    net.at(ms(2)).wan(&arp_announce(moved));
    net.at(ms(3)).lan(&udp(ALICE, BOB));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       wan  <  arp announce 192.0.2.9 is-at 02:00:00:00:00:0b
        0.002     1           dropped arp_not_ours (packet 1)
        1.000       wan  <  arp who-has 192.0.2.1 tell 192.0.2.9
        1.007     1           neigh wan 192.0.2.9 - -> none
        1.007     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.007     1           neigh wan 192.0.2.9 none -> reachable
        1.010     1 wan  >  arp 192.0.2.1 is-at 02:00:00:00:00:02
        2.000       wan  <  arp announce 192.0.2.9 is-at 02:00:00:00:00:bb
        2.013     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:bb
        3.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        3.007     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 4 + made 0 = out 2 + consumed 1 + dropped 1 + held 0
    ");
}

#[test]
fn who_is_known_is_where_he_says_he_is_whomever_he_asks_for() {
    // RFC 826: Merge_flag comes before the question whether it is for us. As Linux.
    let (moved, other) = (BOB.with_mac([2, 0, 0, 0, 0, 0xbb]), BOB.with_ip([192, 0, 2, 66]));
    let moved_again = BOB.with_mac([2, 0, 0, 0, 0, 0xbc]);
    let mut net = dut();
    net.at(ms(0)).wan(&arp_request(BOB, other));
    net.at(ms(1)).wan(&arp_request(BOB, DUT_WAN));
    net.at(ms(2)).wan(&arp_request(moved, other));
    net.at(ms(3)).lan(&udp(ALICE, BOB));
    net.at(ms(4)).wan(&arp_reply(moved_again, other).dst_mac(DUT_WAN.mac));
    net.at(ms(5)).lan(&udp(ALICE, BOB));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       wan  <  arp who-has 192.0.2.66 tell 192.0.2.9
        0.002     1           dropped arp_not_ours (packet 1)
        1.000       wan  <  arp who-has 192.0.2.1 tell 192.0.2.9
        1.007     1           neigh wan 192.0.2.9 - -> none
        1.007     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.007     1           neigh wan 192.0.2.9 none -> reachable
        1.010     1 wan  >  arp 192.0.2.1 is-at 02:00:00:00:00:02
        2.000       wan  <  arp who-has 192.0.2.66 tell 192.0.2.9
        2.013     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:bb
        3.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        3.007     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        4.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:bc
        4.000     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:bc
        5.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        5.008     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 6 + made 0 = out 3 + consumed 2 + dropped 1 + held 0
    ");
    // DPVS hears only what is for us.
    let net = net.with(|plan| plan.config.policy = Policy::dpvs());
    assert_eq!(tell(&net.plan).outcome.ledger.dropped[DropReason::ArpNotOurs], 3);
}

#[test]
fn a_packet_that_waits_goes_when_its_neighbour_asks_for_somebody_else() {
    let other = BOB.with_ip([192, 0, 2, 66]);
    for frame in [arp_request(BOB, other), arp_reply(BOB, other).dst_mac(DUT_WAN.mac)] {
        for workers in 1..4 {
            let mut net = dut_with_workers(workers);
            net.at(ms(0)).lan(&udp(ALICE, BOB));
            net.at(ms(1)).wan(&frame);
            let sent = tests::frames_out(&net.plan, WAN);
            let to = sent.iter().filter(|frame| frame[..6] == BOB.mac);
            assert_eq!(to.count(), 1, "{workers} workers: {frame:?}");
        }
    }
}

#[test]
fn who_is_known_by_a_route_on_the_link_is_heard_when_he_moves() {
    // As Linux: he is on none of our subnets, and we have asked for him by ARP.
    let moved = CAROL.with_mac([2, 0, 0, 0, 0, 0xcc]);
    let mut net = dut().route("203.0.113.0/24", None, WAN);
    net.at(ms(0)).wan(&arp_request(CAROL, DUT_WAN));
    net.at(ms(1)).lan(&udp(ALICE, CAROL));
    net.at(ms(2)).wan(&arp_reply(CAROL, DUT_WAN));
    net.at(ms(3)).wan(&arp_request(moved, DUT_WAN));
    net.at(ms(4)).lan(&udp(ALICE, CAROL));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       wan  <  arp who-has 192.0.2.1 tell 203.0.113.5
        0.005     1 wan  >  arp 192.0.2.1 is-at 02:00:00:00:00:02
        1.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        1.008     1           neigh wan 203.0.113.5 - -> none
        1.008     1           packet 2 waits for 203.0.113.5, 1 in all
        1.008     1           neigh wan 203.0.113.5 none -> send
        1.011     1 wan  >  arp who-has 203.0.113.5 tell 192.0.2.1
        2.000       wan  <  arp 203.0.113.5 is-at 02:00:00:00:00:0c
        2.000     1           neigh wan 203.0.113.5 is at 02:00:00:00:00:0c
        2.000     1           neigh wan 203.0.113.5 send -> reachable
        2.003     1 wan  >  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 63 len 32
        3.000       wan  <  arp who-has 192.0.2.1 tell 203.0.113.5
        3.006     1           neigh wan 203.0.113.5 is at 02:00:00:00:00:cc
        3.009     1 wan  >  arp 192.0.2.1 is-at 02:00:00:00:00:02
        4.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        4.005     1 wan  >  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 63 len 32
    in 5 + made 1 = out 5 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn a_reply_never_overrides_a_static_neighbour() {
    // DPVS puts a dynamic entry in front of the static one (defect B04).
    let forged = BOB.with_mac([2, 0, 0, 0, 0, 0x66]);
    let mut net = dut().knows(WAN, BOB);
    net.at(ms(0)).wan(&arp_reply(forged, DUT_WAN));
    net.at(ms(1)).wan(&arp_announce(forged));
    net.at(ms(2)).wan(&arp_request(forged, DUT_WAN));
    net.at(ms(3)).lan(&udp(ALICE, BOB));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:66
        0.002     1           dropped arp_static (packet 1)
        1.000       wan  <  arp announce 192.0.2.9 is-at 02:00:00:00:00:66
        1.007     1           dropped arp_static (packet 2)
        2.000       wan  <  arp who-has 192.0.2.1 tell 192.0.2.9
        2.015     1 wan  >  arp 192.0.2.1 is-at 02:00:00:00:00:02
        3.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        3.007     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 4 + made 0 = out 2 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn a_reply_that_agrees_with_a_static_neighbour_is_no_drop() {
    let mut net = dut().knows(WAN, BOB);
    net.at(ms(0)).wan(&arp_reply(BOB, DUT_WAN));
    net.at(ms(1)).wan(&arp_announce(BOB));
    assert!(net.run().ends_with("in 2 + made 0 = out 0 + consumed 2 + dropped 0 + held 0\n"));
}

#[test]
fn no_arp_packet_of_27_bytes_or_less_is_read() {
    // Defect B02: DPVS reads what an earlier packet left in the buffer.
    let whole = arp_reply(BOB, DUT_WAN).build();
    let mut net = dut();
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    for len in 0..28 {
        net.at(ms(1 + len)).bytes(WAN, whole[..14 + usize::try_from(len).unwrap()].to_vec());
    }
    let story = net.run_until(ms(900));
    assert_eq!(story.matches("dropped arp_truncated").count(), 28, "{story}");
    assert!(!story.contains("reachable"), "{story}");
}

#[test]
fn a_reply_is_learnt_whatever_padding_is_behind_it() {
    let mut net = dut();
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).wan(&arp_reply(BOB, DUT_WAN).padded());
    let story = net.run_until(secs(1));
    assert!(story.contains("neigh wan 192.0.2.9 send -> reachable"), "{story}");
}

#[test]
fn arp_for_a_vlan_device_stays_in_its_vlan() {
    let mut net = dut().vlan(LAN, 100, "10.0.100.1/24");
    let here = DUT_LAN.with_ip([10, 0, 100, 1]);
    let there = ALICE.with_ip([10, 0, 100, 7]);
    net.at(ms(0)).lan(&arp_request(there, here).vlan(100));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  vlan 100 arp who-has 10.0.100.1 tell 10.0.100.7
        0.002     1           neigh lan.100 10.0.100.7 - -> none
        0.002     1           neigh lan.100 10.0.100.7 is at 02:00:00:00:00:0a
        0.002     1           neigh lan.100 10.0.100.7 none -> reachable
        0.005     1 lan  >  vlan 100 arp 10.0.100.1 is-at 02:00:00:00:00:01
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}
