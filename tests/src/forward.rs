use fixtures::{ALICE, BOB, CAROL, DUT_LAN, GW, icmp_echo, tcp, udp};
use insta::assert_snapshot;
use tests::{LAN, WAN, dut, ms};

#[test]
fn a_datagram_loses_one_hop_and_nothing_else() {
    let mut net = dut().knows(WAN, BOB);
    net.at(ms(0)).lan(&udp(ALICE, BOB).ttl(64).tos(0x28).id(7).df().len(100));
    net.at(ms(1)).lan(&tcp(ALICE, BOB).ttl(2).len(10));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 100 DF tos 0x28
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 100 DF tos 0x28
        1.000       lan  <  tcp 198.51.100.7:40000 > 192.0.2.9:80 S seq 1 ack 0 win 65535 ttl 2 len 10
        1.011     1 wan  >  tcp 198.51.100.7:40000 > 192.0.2.9:80 S seq 1 ack 0 win 65535 ttl 1 len 10
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn padding_behind_the_datagram_is_not_forwarded() {
    // As Linux (captures 07-ipv4 d13, d14): the frame ends where the datagram ends.
    let mut net = dut().knows(WAN, BOB);
    net.at(ms(0)).lan(&udp(ALICE, BOB).len(4).padded());
    net.at(ms(1)).lan(&udp(ALICE, BOB).len(4).trailer(&[0xee; 100]));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 4
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 4
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 4 trailer 100
        1.011     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 4
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_route_by_gateway_asks_for_the_gateway() {
    let mut net = dut().route("203.0.113.0/24", Some(GW), WAN);
    net.at(ms(0)).lan(&udp(ALICE, CAROL));
    assert_snapshot!(net.run_until(ms(10)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.254 - -> none
        0.002     1           packet 1 waits for 192.0.2.254, 1 in all
        0.002     1           neigh wan 192.0.2.254 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.254 tell 192.0.2.1
    in 1 + made 1 = out 1 + consumed 0 + dropped 0 + held 1
    ");
}

// 2fa96d4b
#[test]
fn the_time_to_live_runs_out_here() {
    let mut net = dut().knows(WAN, BOB).knows(LAN, ALICE);
    net.at(ms(0)).lan(&udp(ALICE, BOB).ttl(1));
    net.at(ms(1)).lan(&udp(ALICE, BOB).ttl(0));
    net.at(ms(2)).lan(&icmp_echo(ALICE, DUT_LAN).ttl(1));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1 len 32
        0.002     1           dropped ttl_exceeded (packet 1)
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1] ttl 64 tos 0xc0
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 0 len 32
        1.008     1           dropped ttl_exceeded (packet 3)
        1.011     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 0] ttl 64 tos 0xc0
        2.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 1 len 56
        2.003     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
    in 3 + made 2 = out 3 + consumed 0 + dropped 2 + held 0
    ");
}

// B51
#[test]
fn too_large_with_df_earns_the_mtu_of_the_next_hop() {
    // RFC 1191 §4. At the MTU it passes, one byte over it does not; without DF it is cut.
    let mut net = dut().knows(WAN, BOB).knows(LAN, ALICE);
    net.plan.config.ports[1].mtu = 1400;
    net.at(ms(0)).lan(&udp(ALICE, BOB).len(1372).df());
    net.at(ms(1)).lan(&udp(ALICE, BOB).len(1373).df());
    net.at(ms(2)).lan(&udp(ALICE, BOB).len(1373));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 1372 DF
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 1372 DF
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 1373 DF
        1.008     1           dropped fragmentation_needed (packet 2)
        1.011     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 fragmentation needed (3/4) mtu 1400 for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 DF] ttl 64 tos 0xc0
        2.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 1373
        2.003     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 len 1376 MF ttl 63
        2.003     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 1376 len 5 ttl 63
    in 3 + made 3 = out 4 + consumed 1 + dropped 1 + held 0
    ");
}

// 2fa96d4b
#[test]
fn without_a_route_the_sender_is_told() {
    let mut net = dut().knows(LAN, ALICE);
    net.at(ms(0)).lan(&udp(ALICE, CAROL));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        0.002     1           dropped ip_no_route (packet 1)
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 net unreachable (3/0) for [udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64] ttl 64 tos 0xc0
    in 1 + made 1 = out 1 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn packets_of_one_burst_run_to_completion_in_order() {
    // The reply to the first must not overtake, nor be overtaken by, what the second makes.
    let mut net = dut().knows(LAN, ALICE).knows(WAN, BOB);
    net.at(ms(0))
        .lan(&icmp_echo(ALICE, DUT_LAN))
        .lan(&udp(ALICE, CAROL))
        .lan(&icmp_echo(ALICE, DUT_LAN).echo_id_seq(1, 2))
        .lan(&udp(ALICE, BOB));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        0.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 2 ttl 64 len 56
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           dropped ip_no_route (packet 2)
        0.008     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
        0.008     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 net unreachable (3/0) for [udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64] ttl 64 tos 0xc0
        0.008     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 2 ttl 64 len 56
        0.008     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 4 + made 1 = out 4 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn a_packet_may_leave_by_the_port_it_came_in_on() {
    // ALICE would be told that she could have gone there herself: `redirect.rs`.
    let other = BOB.with_ip([198, 51, 100, 9]);
    let mut net = dut().knows(LAN, other).with(|p| p.config.policy.icmp_redirects = false);
    net.at(ms(0)).lan(&udp(ALICE, other).dst_mac(DUT_LAN.mac));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.9:53 ttl 64 len 32
        0.005     1 lan  >  udp 198.51.100.7:4000 > 198.51.100.9:53 ttl 63 len 32
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

// B39
#[test]
fn a_header_with_a_wrong_checksum_goes_nowhere() {
    for frame in [udp(ALICE, BOB), icmp_echo(ALICE, DUT_LAN), udp(ALICE, CAROL)] {
        let mut net = dut().knows(WAN, BOB).knows(LAN, ALICE);
        net.at(ms(0)).lan(&frame.bad_ip_checksum());
        let story = net.run();
        assert!(story.contains("dropped ip_checksum"), "{story}");
        assert!(story.ends_with("in 1 + made 0 = out 0 + consumed 0 + dropped 1 + held 0\n"));
    }
}
