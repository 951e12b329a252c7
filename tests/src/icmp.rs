use dataplane::DropReason;
use dataplane::config::{Policy, RateLimit};
use fixtures::{
    ALICE, BOB, BROADCAST, CAROL, DUT_LAN, DUT_WAN, GW, icmp, icmp_echo, icmp_echo_reply,
    icmp_error, ipv4, tcp, time_exceeded, udp,
};
use insta::assert_snapshot;
use tests::{Dut, LAN, WAN, dut, frames_out, ms, tell};

fn known() -> Dut {
    dut().knows(LAN, ALICE).knows(WAN, BOB)
}

#[test]
fn an_echo_request_is_answered_from_the_address_it_asked() {
    let mut net = known();
    net.at(ms(0)).lan(&icmp_echo(ALICE, DUT_LAN).tos(0x10).df().ttl(9));
    net.at(ms(1)).lan(&icmp_echo(ALICE, DUT_WAN).dst_mac(DUT_LAN.mac));
    net.at(ms(2)).lan(&icmp(ALICE, DUT_LAN, 8, 7, [0, 1, 0, 1], &[1, 2, 3]));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 9 len 56 DF tos 0x10
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56 tos 0x10
        1.000       lan  <  icmp 198.51.100.7 > 192.0.2.1 echo request id 1 seq 1 ttl 64 len 56
        1.011     1 lan  >  icmp 192.0.2.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
        2.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request (8/7) id 1 seq 1 ttl 64 len 3
        2.003     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply (0/7) id 1 seq 1 ttl 64 len 3
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn the_answer_to_an_echo_request_of_nothing_but_zeros_has_the_checksum_ffff() {
    // RFC 1624 §3: the one message for which the difference of checksums says 0000. A fuzzer found it.
    let mut net = known();
    net.at(ms(0)).lan(&icmp(ALICE, DUT_LAN, 8, 0, [0; 4], &[]));
    net.at(ms(1)).lan(&icmp(ALICE, DUT_LAN, 8, 0, [0; 4], &[0, 0, 0xff, 0xff]));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 0 seq 0 ttl 64 len 0
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 0 seq 0 ttl 64 len 0
        1.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 0 seq 0 ttl 64 len 4
        1.011     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 0 seq 0 ttl 64 len 4
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_long_echo_request_in_several_segments_is_answered() {
    // Defect B56: DPVS cannot answer what does not fit one buffer.
    let mut net = known();
    net.plan.config.ports[0].mtu = 9000;
    net.at(ms(0)).lan(&icmp_echo(ALICE, DUT_LAN).len(8000));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 8000
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 8000
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn nobody_here_speaks_or_listens() {
    let mut net = known();
    net.at(ms(0)).lan(&udp(ALICE, DUT_LAN).ports(4000, 53));
    net.at(ms(1)).lan(&tcp(ALICE, DUT_LAN).ports(4000, 80));
    net.at(ms(2)).lan(&ipv4(ALICE, DUT_LAN, 253, &[0; 20]));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64 len 32
        0.002     1           dropped port_unreachable (packet 1)
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 port unreachable (3/3) for [udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64] ttl 64 tos 0xc0
        1.000       lan  <  tcp 198.51.100.7:4000 > 198.51.100.1:80 S seq 1 ack 0 win 65535 ttl 64 len 0
        1.008     1           dropped port_unreachable (packet 3)
        1.011     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 port unreachable (3/3) for [tcp 198.51.100.7:4000 > 198.51.100.1:80 S seq 1 ack 0 win 65535 ttl 64] ttl 64 tos 0xc0
        2.000       lan  <  ip 198.51.100.7 > 198.51.100.1 proto 253 ttl 64 len 20
        2.000     1           dropped protocol_unknown (packet 5)
        2.003     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 protocol unreachable (3/2) for [ip 198.51.100.7 > 198.51.100.1 proto 253 ttl 64] ttl 64 tos 0xc0
    in 3 + made 3 = out 3 + consumed 0 + dropped 3 + held 0
    ");
}

#[test]
fn an_error_quotes_as_much_as_576_bytes_hold() {
    // RFC 1812 §4.3.2.3. The original has 28 bytes of headers; an error has 28 of its own, and its
    // frame 14 more: 548 bytes of the original are quoted, and not one more.
    for (payload, frame) in [(519, 589), (520, 590), (521, 590), (1400, 590)] {
        let mut net = known();
        net.at(ms(0)).lan(&udp(ALICE, BOB).ttl(1).len(payload));
        let told = tell(&net.plan);
        assert_eq!(told.outcome.ledger.ports[0].left_bytes, frame, "{payload} bytes of payload");
    }
}

#[test]
fn an_error_is_never_cut_and_quotes_what_the_way_back_takes() {
    // As Linux: 20 bytes of IPv4 header, 8 of ICMP, and the rest quotes. An echo reply is cut.
    for (mtu, total) in [(68, 68), (296, 296), (575, 575), (576, 576), (577, 576)] {
        let mut net = known();
        net.plan.config.ports[0].mtu = mtu;
        net.at(ms(0)).lan(&udp(ALICE, BOB).ttl(1).len(1000));
        let frames = frames_out(&net.plan, LAN);
        let [error] = &frames[..] else { panic!("{} frames", frames.len()) };
        assert_eq!(error.len(), 14 + total, "MTU {mtu}");
        // Not a fragment, and its checksums are right: the oracles of every run say so.
        assert_eq!(error[20..22], [0, 0]);
        let mut net = known();
        net.plan.config.ports[0].mtu = mtu;
        net.at(ms(0)).lan(&icmp_echo(ALICE, DUT_LAN).len(1000));
        assert!(frames_out(&net.plan, LAN).len() > 1, "the reply is cut");
    }
}

#[test]
fn an_error_that_goes_by_a_route_with_an_mtu_quotes_less_too() {
    let mut net = known().route("203.0.113.0/24", Some(ALICE), LAN);
    net.plan.config.routes[0].mtu = Some(400);
    net.at(ms(0)).lan(&udp(CAROL, BOB).dst_mac(DUT_LAN.mac).ttl(1).len(1000));
    let frames = frames_out(&net.plan, LAN);
    assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [414]);
}

// B55
#[test]
fn an_echo_request_from_no_single_host_is_not_answered() {
    let broadcast = [198, 51, 100, 255];
    let own = DUT_LAN.ip.octets();
    for source in [[0; 4], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4], broadcast, own] {
        let mut net = dut();
        net.at(ms(0)).lan(&icmp_echo(ALICE.with_ip(source), DUT_LAN).dst_mac(DUT_LAN.mac));
        let ledger = tell(&net.plan).outcome.ledger;
        assert_eq!(ledger.dropped[DropReason::IpMartianSource], 1, "{source:?}");
        assert_eq!((ledger.out, ledger.made.total()), (0, 0), "{source:?}");
    }
}

// B55
#[test]
fn when_no_error_may_be_sent() {
    // RFC 1122 §3.2.2, RFC 1812 §4.3.2.7.
    let mut net = known();
    let about = udp(BOB, ALICE);
    net.at(ms(0)).lan(&time_exceeded(ALICE, &about).dst_ip(BOB.ip.octets()).ttl(1));
    net.at(ms(1)).lan(&udp(ALICE, BOB).ttl(1).offset(64));
    net.at(ms(2)).lan(&udp(ALICE, DUT_LAN).dst_mac(BROADCAST));
    net.at(ms(3)).lan(&udp(ALICE, BOB).ttl(1).src_ip([198, 51, 100, 255]));
    net.at(ms(4)).lan(&udp(ALICE, BOB).ttl(1).src_ip([240, 0, 0, 1]));
    net.at(ms(5)).lan(&icmp_echo_reply(ALICE, BOB).ttl(1));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 192.0.2.9 time exceeded (11/0) for [udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 64] ttl 1
        0.002     1           no icmp error about packet 1: about_an_error
        0.002     1           dropped ttl_exceeded (packet 1)
        1.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 64 len 40 ttl 1
        1.007     1           no icmp error about packet 2: later_fragment
        1.007     1           dropped ttl_exceeded (packet 2)
        2.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64 len 32
        2.012     1           no icmp error about packet 3: link_group
        2.012     1           dropped port_unreachable (packet 3)
        3.000       lan  <  udp 198.51.100.255:4000 > 192.0.2.9:53 ttl 1 len 32
        3.003     1           dropped ip_martian_source (packet 4)
        4.000       lan  <  udp 240.0.0.1:4000 > 192.0.2.9:53 ttl 1 len 32
        4.008     1           no icmp error about packet 5: source_not_one_host
        4.008     1           dropped ttl_exceeded (packet 5)
        5.000       lan  <  icmp 198.51.100.7 > 192.0.2.9 echo reply id 1 seq 1 ttl 1 len 56
        5.003     1           dropped ttl_exceeded (packet 6)
        5.006     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [icmp 198.51.100.7 > 192.0.2.9 echo reply id 1 seq 1 ttl 1] ttl 64 tos 0xc0
    in 6 + made 1 = out 1 + consumed 0 + dropped 6 + held 0
    ");
}

#[test]
fn what_is_no_udp_or_tcp_is_discarded_silently() {
    // RFC 1122 §4.1.3.4, RFC 9293 §3.1: without notice, so that its sender is not told either.
    let mut net = known();
    net.at(ms(0)).lan(&udp(ALICE, DUT_LAN).bad_checksum());
    net.at(ms(1)).lan(&tcp(ALICE, DUT_LAN).bad_checksum());
    // Length fields: 7, and one more than the 8 bytes that came.
    net.at(ms(2)).lan(&ipv4(ALICE, DUT_LAN, 17, &[0, 1, 0, 2, 0, 7, 0, 0]));
    net.at(ms(3)).lan(&ipv4(ALICE, DUT_LAN, 17, &[0, 1, 0, 2, 0, 9, 0, 0]));
    // At the limit: 8, and no checksum.
    net.at(ms(4)).lan(&ipv4(ALICE, DUT_LAN, 17, &[0, 1, 0, 2, 0, 8, 0, 0]));
    // In two segments, cut at an odd place of the data.
    let whole = udp(ALICE, DUT_LAN).len(33);
    net.at(ms(5)).lan(&whole.fragment(0, 24)).lan(&whole.fragment(24, 17));
    let wrong = udp(ALICE, DUT_LAN).len(33).bad_checksum().id(2);
    net.at(ms(6)).lan(&wrong.fragment(0, 24)).lan(&wrong.fragment(24, 17));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64 len 32 bad udp checksum
        0.002     1           dropped l4_checksum (packet 1)
        1.000       lan  <  tcp 198.51.100.7:40000 > 198.51.100.1:80 S seq 1 ack 0 win 65535 ttl 64 len 0 bad tcp checksum
        1.007     1           dropped l4_checksum (packet 2)
        2.000       lan  <  udp 198.51.100.7:1 > 198.51.100.1:2 ttl 64 len 0 BAD-UDP-LENGTH 7, 8 bytes here
        2.012     1           dropped l4_length (packet 3)
        3.000       lan  <  udp 198.51.100.7:1 > 198.51.100.1:2 ttl 64 len 0 BAD-UDP-LENGTH 9, 8 bytes here
        3.003     1           dropped l4_length (packet 4)
        4.000       lan  <  udp 198.51.100.7:1 > 198.51.100.1:2 ttl 64 len 0 no udp checksum
        4.008     1           dropped port_unreachable (packet 5)
        4.011     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 port unreachable (3/3) for [udp 198.51.100.7:1 > 198.51.100.1:2 ttl 64] ttl 64 tos 0xc0
        5.000       lan  <  ip 198.51.100.7 > 198.51.100.1 udp frag id 1 off 0 len 24 MF ttl 64
        5.000       lan  <  ip 198.51.100.7 > 198.51.100.1 udp frag id 1 off 24 len 17 ttl 64
        5.004     1           datagram 1 of 198.51.100.7 holds 1 fragment, 24 bytes
        5.004     1           datagram 1 of 198.51.100.7 is whole: 2 fragments, 41 bytes
        5.004     1           dropped port_unreachable (packet 7)
        5.008     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 port unreachable (3/3) for [udp 198.51.100.7:4000 > 198.51.100.1:53 ttl 64] ttl 64 tos 0xc0
        6.000       lan  <  ip 198.51.100.7 > 198.51.100.1 udp frag id 2 off 0 len 24 MF ttl 64
        6.000       lan  <  ip 198.51.100.7 > 198.51.100.1 udp frag id 2 off 24 len 17 ttl 64
        6.001     1           datagram 2 of 198.51.100.7 holds 1 fragment, 24 bytes
        6.001     1           datagram 2 of 198.51.100.7 is whole: 2 fragments, 41 bytes
        6.001     1           dropped l4_checksum (packet 10)
    in 9 + made 2 = out 2 + consumed 2 + dropped 7 + held 0
    ");
}

// B55
#[test]
fn errors_are_limited_by_virtual_time_when_the_scenario_says_so() {
    let rate = Some(RateLimit { per_second: 10, burst: 2 });
    let mut net = known().with(|plan| plan.config.policy.icmp_rate_limit = rate);
    for n in [0, 1, 2, 100, 101] {
        net.at(ms(n)).lan(&udp(ALICE, BOB).ttl(1));
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1 len 32
        0.002     1           dropped ttl_exceeded (packet 1)
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1] ttl 64 tos 0xc0
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1 len 32
        1.008     1           dropped ttl_exceeded (packet 3)
        1.011     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1] ttl 64 tos 0xc0
        2.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1 len 32
        2.000     1           no icmp error about packet 5: rate_limit
        2.000     1           dropped ttl_exceeded (packet 5)
      100.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1 len 32
      100.003     1           dropped ttl_exceeded (packet 6)
      100.006     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1] ttl 64 tos 0xc0
      101.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1 len 32
      101.009     1           no icmp error about packet 8: rate_limit
      101.009     1           dropped ttl_exceeded (packet 8)
    in 5 + made 3 = out 3 + consumed 0 + dropped 5 + held 0
    ");
}

#[test]
fn an_error_to_a_far_sender_goes_back_by_his_route() {
    let mut net = known().route("203.0.113.0/24", Some(GW), WAN).knows(WAN, GW);
    net.at(ms(0)).wan(&udp(CAROL, ALICE).ttl(1));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       wan  <  udp 203.0.113.5:4000 > 198.51.100.7:53 ttl 1 len 32
        0.002     1           dropped ttl_exceeded (packet 1)
        0.005     1 wan  >  icmp 192.0.2.1 > 203.0.113.5 time exceeded (11/0) for [udp 203.0.113.5:4000 > 198.51.100.7:53 ttl 1] ttl 64 tos 0xc0
    in 1 + made 1 = out 1 + consumed 0 + dropped 1 + held 0
    ");
}

// B40
#[test]
fn an_echo_request_that_claims_to_come_from_us_leaves_nothing_behind() {
    // DPVS routes the answer to itself and never gives the route back.
    for (policy, reason) in [
        (Policy::default(), DropReason::IpMartianSource),
        (Policy::dpvs(), DropReason::OutputNoRoute),
    ] {
        let mut net = known().with(|plan| plan.config.policy = policy);
        net.at(ms(0)).lan(&icmp_echo(ALICE.with_ip(DUT_LAN.ip.octets()), DUT_LAN));
        let ledger = tell(&net.plan).outcome.ledger;
        assert_eq!(ledger.dropped.iter().collect::<Vec<_>>(), [(reason, 1)]);
        assert_eq!((ledger.out, ledger.made.total()), (0, 0));
    }
}

// 1b9b1df4
#[test]
fn an_address_with_a_prefix_of_32_bits_is_ours_and_no_way_out() {
    let extra = DUT_LAN.with_ip([198, 51, 100, 200]);
    let mut net = known().with(|plan| {
        plan.config.ports[0].addresses.push("198.51.100.200/32".parse().unwrap());
    });
    net.at(ms(0)).lan(&icmp_echo(ALICE, extra));
    net.at(ms(1)).wan(&udp(BOB, extra));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.200 echo request id 1 seq 1 ttl 64 len 56
        0.005     1 lan  >  icmp 198.51.100.200 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
        1.000       wan  <  udp 192.0.2.9:4000 > 198.51.100.200:53 ttl 64 len 32
        1.008     1           dropped port_unreachable (packet 2)
        1.011     1 wan  >  icmp 198.51.100.200 > 192.0.2.9 port unreachable (3/3) for [udp 192.0.2.9:4000 > 198.51.100.200:53 ttl 64] ttl 64 tos 0xc0
    in 2 + made 1 = out 2 + consumed 0 + dropped 1 + held 0
    ");
}

// 8a66b06d
#[test]
fn an_error_about_a_flow_that_nobody_knows_ends_here_or_goes_on_whole() {
    let (to_us, to_bob) = (udp(DUT_LAN, CAROL), udp(BOB, ALICE));
    let mut net = known();
    net.at(ms(0)).lan(&icmp_error(ALICE, 3, 1, [0; 4], &to_us));
    net.at(ms(1)).lan(&icmp_error(ALICE, 3, 1, [0; 4], &to_bob));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 host unreachable (3/1) for [udp 198.51.100.1:4000 > 203.0.113.5:53 ttl 64] ttl 64
        1.000       lan  <  icmp 198.51.100.7 > 192.0.2.9 host unreachable (3/1) for [udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 64] ttl 64
        1.010     1 wan  >  icmp 198.51.100.7 > 192.0.2.9 host unreachable (3/1) for [udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 64] ttl 63
    in 2 + made 0 = out 1 + consumed 1 + dropped 0 + held 0
    ");
}
