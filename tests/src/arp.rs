use fixtures::{
    ALICE, BOB, BROADCAST, DUT_LAN, DUT_WAN, Host, arp_announce, arp_probe, arp_reply, arp_request,
    udp,
};
use insta::assert_snapshot;
use tests::{LAN, WAN, dut, ms, secs};

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
