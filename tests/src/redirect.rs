//! ICMP Redirect: who is told of a nearer gateway, and what becomes of those that tell us.

use fixtures::{ALICE, BOB, CAROL, DUT_LAN, GW, Host, icmp_error, udp};
use insta::assert_snapshot;
use tests::{Dut, LAN, WAN, dut, ms, secs};

/// The gateway on ALICE's LAN that knows the way to CAROL.
const NEAR: Host = Host::new(0x0e, [198, 51, 100, 254]);

/// ALICE sends to CAROL by us, and the way is back by the LAN.
fn detour() -> Dut {
    dut().knows(LAN, ALICE).knows(LAN, NEAR).route("203.0.113.0/24", Some(NEAR), LAN)
}

#[test]
fn a_host_is_told_of_the_gateway_on_its_own_link_and_its_packet_is_forwarded() {
    // As Linux (capture 04c): the redirect goes first, 5/1, TOS 0xc0, and quotes the packet as it
    // leaves, with one hop less to live.
    let mut net = detour();
    net.at(ms(0)).lan(&udp(ALICE, CAROL));
    net.at(ms(1)).lan(&udp(ALICE, NEAR).dst_mac(DUT_LAN.mac));
    net.at(ms(2)).lan(&udp(BOB, CAROL).dst_mac(DUT_LAN.mac));
    net.at(ms(3)).lan(&udp(ALICE, CAROL).ttl(1));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 redirect host (5/1) to 198.51.100.254 for [udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 63] ttl 64 tos 0xc0
        0.005     1 lan  >  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 63 len 32
        1.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.254:53 ttl 64 len 32
        1.012     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 redirect host (5/1) to 198.51.100.254 for [udp 198.51.100.7:4000 > 198.51.100.254:53 ttl 63] ttl 64 tos 0xc0
        1.012     1 lan  >  udp 198.51.100.7:4000 > 198.51.100.254:53 ttl 63 len 32
        2.000       lan  <  udp 192.0.2.9:4000 > 203.0.113.5:53 ttl 64 len 32
        2.005     1 lan  >  udp 192.0.2.9:4000 > 203.0.113.5:53 ttl 63 len 32
        3.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 1 len 32
        3.008     1           dropped ttl_exceeded (packet 6)
        3.011     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 1] ttl 64 tos 0xc0
    in 4 + made 3 = out 6 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn a_redirect_is_no_longer_than_its_link_takes() {
    let mut net = detour();
    net.plan.config.ports[0].mtu = 296;
    net.at(ms(0)).lan(&udp(ALICE, CAROL).len(268));
    let frames = tests::frames_out(&net.plan, LAN);
    assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [14 + 296; 2]);
}

#[test]
fn nine_redirects_at_once_then_one_a_second() {
    let mut net = detour();
    for n in 0..11 {
        net.at(ms(n)).lan(&udp(ALICE, CAROL));
    }
    net.at(secs(2)).lan(&udp(ALICE, CAROL));
    let story = net.run();
    let told = |line: &&str| line.contains("redirect host");
    assert_eq!(story.lines().filter(told).count(), 10);
    assert_eq!(story.matches("redirect_rate_limit").count(), 2);
    assert!(story.ends_with("in 12 + made 10 = out 22 + consumed 0 + dropped 0 + held 0\n"));
}

#[test]
fn a_redirect_from_our_own_gateway_is_counted_and_not_followed() {
    // RFC 1812 §5.2.7.2: a router does not follow redirects; what it sends still goes by GW.
    let nearer = BOB.with_ip([192, 0, 2, 77]);
    let mut net = dut().knows(LAN, ALICE).knows(WAN, GW).route("203.0.113.0/24", Some(GW), WAN);
    let ours = udp(fixtures::DUT_WAN, CAROL);
    net.at(ms(0)).wan(&icmp_error(GW, 5, 1, nearer.ip.octets(), &ours));
    net.at(ms(1)).lan(&udp(ALICE, CAROL));
    net.at(ms(2)).wan(&icmp_error(BOB, 5, 1, nearer.ip.octets(), &ours));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       wan  <  icmp 192.0.2.254 > 192.0.2.1 redirect host (5/1) to 192.0.2.77 for [udp 192.0.2.1:4000 > 203.0.113.5:53 ttl 64] ttl 64
        0.002     1           redirect of 203.0.113.5 by 192.0.2.77 not followed (packet 1)
        1.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        1.010     1 wan  >  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 63 len 32
        2.000       wan  <  icmp 192.0.2.9 > 192.0.2.1 redirect host (5/1) to 192.0.2.77 for [udp 192.0.2.1:4000 > 203.0.113.5:53 ttl 64] ttl 64
        2.013     1           dropped icmp_redirect_source (packet 3)
    in 3 + made 0 = out 1 + consumed 1 + dropped 1 + held 0
    ");
}
