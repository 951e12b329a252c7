use fixtures::{ALICE, BOB, DUT_LAN, icmp_echo, udp};
use insta::assert_snapshot;
use tests::{Dut, LAN, WAN, dut, ms};

fn trunk() -> Dut {
    let guest = ALICE.with_ip([10, 0, 200, 7]);
    let mut net =
        dut().vlan(LAN, 100, "10.0.100.1/24").vlan(LAN, 200, "10.0.200.1/24").knows(WAN, BOB);
    // VLAN devices come after the two ports.
    net = net.knows(dataplane::PortId(3), guest);
    net
}

#[test]
fn a_tagged_frame_is_untagged_routed_and_tagged_again() {
    let guest = ALICE.with_ip([10, 0, 100, 7]);
    let other = ALICE.with_ip([10, 0, 200, 7]);
    let mut net = trunk();
    net.at(ms(0)).lan(&udp(guest, BOB).dst_mac(DUT_LAN.mac).vlan(100));
    net.at(ms(1)).lan(&udp(guest, other).dst_mac(DUT_LAN.mac).vlan(100).pcp(5));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  vlan 100 udp 10.0.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.005     1 wan  >  udp 10.0.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.000       lan  <  vlan 100 pcp 5 udp 10.0.100.7:4000 > 10.0.200.7:53 ttl 64 len 32
        1.011     1 lan  >  vlan 200 udp 10.0.100.7:4000 > 10.0.200.7:53 ttl 63 len 32
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
}

// B25
#[test]
fn a_priority_tag_is_no_vlan() {
    let mut net = dut().knows(WAN, BOB);
    net.at(ms(0)).lan(&udp(ALICE, BOB).vlan(0).pcp(3));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  vlan 0 pcp 3 udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_vlan_device_may_have_a_mac_of_its_own() {
    // Defect B24: DPVS compares the MAC where the header was before it was moved. What is sent to the
    // MAC of the port is for the VLAN, too, as with Linux (kernel/vlan/own-mac).
    let mut net = trunk();
    net.plan.config.ports[0].vlans[0].mac = Some(dataplane::Mac([2, 0, 0, 0, 1, 0x64]));
    let here = DUT_LAN.with_ip([10, 0, 100, 1]).with_mac([2, 0, 0, 0, 1, 0x64]);
    let guest = ALICE.with_ip([10, 0, 100, 7]);
    net.at(ms(0)).lan(&icmp_echo(guest, here).vlan(100));
    net.at(ms(1)).lan(&icmp_echo(guest, DUT_LAN.with_ip([10, 0, 100, 1])).vlan(100));
    net.at(ms(2)).lan(&icmp_echo(guest, here.with_mac([2, 0, 0, 0, 1, 0x65])).vlan(100));
    assert_snapshot!(net.run_until(ms(10)), @"
           ms lcore port    frame
        0.000       lan  <  vlan 100 icmp 10.0.100.7 > 10.0.100.1 echo request id 1 seq 1 ttl 64 len 56
        0.002     1           neigh lan.100 10.0.100.7 - -> none
        0.002     1           packet 1 waits for 10.0.100.7, 1 in all
        0.002     1           neigh lan.100 10.0.100.7 none -> send
        0.005     1 lan  >  vlan 100 arp who-has 10.0.100.7 tell 10.0.100.1
        1.000       lan  <  vlan 100 icmp 10.0.100.7 > 10.0.100.1 echo request id 1 seq 1 ttl 64 len 56
        1.008     1           packet 3 waits for 10.0.100.7, 2 in all
        2.000       lan  <  vlan 100 icmp 10.0.100.7 > 10.0.100.1 echo request id 1 seq 1 ttl 64 len 56
        2.013     1           dropped ip_other_host (packet 4)
    in 3 + made 1 = out 1 + consumed 0 + dropped 1 + held 2
    ");
}

#[test]
fn two_tags_are_not_unpacked() {
    let mut net = trunk();
    let guest = ALICE.with_ip([10, 0, 100, 7]);
    net.at(ms(0)).lan(&udp(guest, BOB).dst_mac(DUT_LAN.mac).vlan(100).vlan(200));
    net.at(ms(1)).lan(&udp(guest, BOB).dst_mac(DUT_LAN.mac).service_vlan(100));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  vlan 100 vlan 200 udp 10.0.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           dropped ethertype_unknown (packet 1)
        1.000       lan  <  qinq 100 udp 10.0.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.007     1           dropped ethertype_unknown (packet 2)
    in 2 + made 0 = out 0 + consumed 0 + dropped 2 + held 0
    ");
}
