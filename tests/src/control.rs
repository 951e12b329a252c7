//! What the control plane is told, and what the box does then.

use crate::cli::{files, folder, lockstep, repository, run};
use crate::messages::charts_of;
use dataplane::job::JobKind;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, GW, Host, arp_reply, icmp_echo, udp};
use insta::assert_snapshot;
use sim::control::{LINE_MAX, Reply};
use sim::plan::Costs;
use sim::scenario::{Overrides, Scenario};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tests::{Dut, LAN, Told, WAN, dut, dut_with_workers, ms, tell, us};

fn lines(told: &Told, what: &str) -> String {
    let lines = told.story.lines().filter(|line| line.contains(what));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

// DPVS: 011df67f.
#[test]
fn a_route_that_is_added_is_used_and_one_that_is_deleted_is_not() {
    let mut net = dut_with_workers(2).knows(WAN, GW).knows(LAN, ALICE);
    net.at(ms(1)).lan(&udp(ALICE, CAROL));
    net.at(ms(2)).told("route add 203.0.113.0/24 via 192.0.2.254");
    net.at(ms(3)).lan(&udp(ALICE, CAROL));
    net.at(ms(4)).told("route del 203.0.113.0/24");
    net.at(ms(5)).lan(&udp(ALICE, CAROL));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        1.006     1           dropped ip_no_route (packet 1)
        1.009     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 net unreachable (3/0) for [udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64] ttl 64 tos 0xc0
        2.000                 order 1: route add 203.0.113.0/24 via 192.0.2.254
        2.010     0           message ROUTE_ADD #1 lcore 0 > 1 sent
        2.010     0           message ROUTE_ADD #1 lcore 0 > 2 sent
        2.016     2           message ROUTE_ADD #1 lcore 0 > 2 delivered
        2.016     2           message ROUTE_ADD #1 lcore 0 > 2 handled: ok
        2.016     2           message ROUTE_ADD #1 lcore 2 > 0 replied: ok
        2.018     1           message ROUTE_ADD #1 lcore 0 > 1 delivered
        2.018     1           message ROUTE_ADD #1 lcore 0 > 1 handled: ok
        2.018     1           message ROUTE_ADD #1 lcore 1 > 0 replied: ok
        2.023     0           message ROUTE_ADD #1 lcore 2 > 0 answered: ok
        2.023     0           message ROUTE_ADD #1 lcore 1 > 0 answered: ok
        2.023     0           message ROUTE_ADD #1 lcore 0 done: ok
        2.023     0           order 1 is done
        3.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        3.006     1 wan  >  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 63 len 32
        4.000                 order 2: route del 203.0.113.0/24
        4.001     0           message ROUTE_DEL #2 lcore 0 > 1 sent
        4.001     0           message ROUTE_DEL #2 lcore 0 > 2 sent
        4.001     2           message ROUTE_DEL #2 lcore 0 > 2 delivered
        4.001     2           message ROUTE_DEL #2 lcore 0 > 2 handled: ok
        4.001     2           message ROUTE_DEL #2 lcore 2 > 0 replied: ok
        4.005     1           message ROUTE_DEL #2 lcore 0 > 1 delivered
        4.005     1           message ROUTE_DEL #2 lcore 0 > 1 handled: ok
        4.005     1           message ROUTE_DEL #2 lcore 1 > 0 replied: ok
        4.014     0           message ROUTE_DEL #2 lcore 2 > 0 answered: ok
        4.014     0           message ROUTE_DEL #2 lcore 1 > 0 answered: ok
        4.014     0           message ROUTE_DEL #2 lcore 0 done: ok
        4.014     0           order 2 is done
        5.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        5.004     1           dropped ip_no_route (packet 4)
        5.007     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 net unreachable (3/0) for [udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64] ttl 64 tos 0xc0
    in 3 + made 2 = out 3 + consumed 0 + dropped 2 + held 0
    ");
}

// B28, B29
#[test]
fn what_is_refused_is_said_and_changes_nothing() {
    let mut net = dut_with_workers(2).knows(WAN, GW).route("203.0.113.0/24", Some(GW), WAN);
    net.at(ms(1)).told("route add 203.0.113.0/24 via 192.0.2.254");
    net.told("route del 203.0.112.0/23");
    net.told("route del 203.0.0.0/8");
    net.told("addr add 192.0.2.1/24 dev lan");
    net.told("addr del 192.0.2.1 dev lan");
    net.told("vlan del lan");
    net.told("link set lan forward2kni on");
    net.at(ms(3)).lan(&udp(ALICE, CAROL));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000                 order 1: route add 203.0.113.0/24 via 192.0.2.254
        1.000                 order 2: route del 203.0.112.0/23
        1.000                 order 3: route del 203.0.0.0/8
        1.000                 order 4: addr add 192.0.2.1/24 dev lan
        1.000                 order 5: addr del 192.0.2.1 dev lan
        1.000                 order 6: vlan del lan
        1.000                 order 7: link set lan forward2kni on
        1.002     0           order 1 is refused, EXIST: route_there
        1.017     0           order 2 is refused, NOTEXIST: route_absent
        1.032     0           order 3 is refused, NOTEXIST: route_absent
        1.047     0           order 4 is refused, EXIST: address_there
        1.062     0           order 5 is refused, NOTEXIST: address_absent
        1.077     0           order 6 is refused, INVAL: not_vlan
        1.092     0           order 7 is refused, NOTSUPP: no_kernel
        3.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        3.003     1 wan  >  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 63 len 32
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
    ");
}

// B34, B31
#[test]
fn an_address_lives_as_long_as_it_was_told_and_its_subnet_as_long_as_another_address() {
    let ours: Host = DUT_LAN.with_ip([198, 51, 100, 2]);
    let mut net = dut_with_workers(2).knows(LAN, ALICE);
    net.at(ms(1)).told("addr add 198.51.100.2/24 dev lan valid_lft 1s");
    net.at(ms(2)).lan(&icmp_echo(ALICE, ours));
    net.at(ms(3)).told("addr del 198.51.100.1 dev lan");
    net.at(ms(4)).lan(&icmp_echo(ALICE, ours));
    net.at(ms(1_100)).lan(&icmp_echo(ALICE, ours));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000                 order 1: addr add 198.51.100.2/24 dev lan valid_lft 1s
        1.002     0           message IFA_SET #1 lcore 0 > 1 sent
        1.002     0           message IFA_SET #1 lcore 0 > 2 sent
        1.012     1           message IFA_SET #1 lcore 0 > 1 delivered
        1.012     1           message IFA_SET #1 lcore 0 > 1 handled: ok
        1.012     1           message IFA_SET #1 lcore 1 > 0 replied: ok
        1.012     2           message IFA_SET #1 lcore 0 > 2 delivered
        1.012     2           message IFA_SET #1 lcore 0 > 2 handled: ok
        1.012     2           message IFA_SET #1 lcore 2 > 0 replied: ok
        1.015     0           message IFA_SET #1 lcore 1 > 0 answered: ok
        1.015     0           message IFA_SET #1 lcore 2 > 0 answered: ok
        1.015     0           message IFA_SET #1 lcore 0 done: ok
        1.015     0           order 1 is done
        2.000       lan  <  icmp 198.51.100.7 > 198.51.100.2 echo request id 1 seq 1 ttl 64 len 56
        2.014     1 lan  >  icmp 198.51.100.2 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
        3.000                 order 2: addr del 198.51.100.1 dev lan
        3.007     0           message IFA_SET #2 lcore 0 > 1 sent
        3.007     0           message IFA_SET #2 lcore 0 > 2 sent
        3.007     2           message IFA_SET #2 lcore 0 > 2 delivered
        3.007     2           message IFA_SET #2 lcore 0 > 2 handled: ok
        3.007     2           message IFA_SET #2 lcore 2 > 0 replied: ok
        3.009     1           message IFA_SET #2 lcore 0 > 1 delivered
        3.009     1           message IFA_SET #2 lcore 0 > 1 handled: ok
        3.009     1           message IFA_SET #2 lcore 1 > 0 replied: ok
        3.020     0           message IFA_SET #2 lcore 2 > 0 answered: ok
        3.020     0           message IFA_SET #2 lcore 1 > 0 answered: ok
        3.020     0           message IFA_SET #2 lcore 0 done: ok
        3.020     0           order 2 is done
        4.000       lan  <  icmp 198.51.100.7 > 198.51.100.2 echo request id 1 seq 1 ttl 64 len 56
        4.011     1 lan  >  icmp 198.51.100.2 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
     1002.002     0           198.51.100.2 has expired (order 3)
     1002.009     0           message IFA_SET #3 lcore 0 > 1 sent
     1002.009     0           message IFA_SET #3 lcore 0 > 2 sent
     1002.012     2           message IFA_SET #3 lcore 0 > 2 delivered
     1002.012     2           message IFA_SET #3 lcore 0 > 2 handled: ok
     1002.012     2           message IFA_SET #3 lcore 2 > 0 replied: ok
     1002.016     1           message IFA_SET #3 lcore 0 > 1 delivered
     1002.016     1           message IFA_SET #3 lcore 0 > 1 handled: ok
     1002.016     1           message IFA_SET #3 lcore 1 > 0 replied: ok
     1002.022     0           message IFA_SET #3 lcore 2 > 0 answered: ok
     1002.022     0           message IFA_SET #3 lcore 1 > 0 answered: ok
     1002.022     0           message IFA_SET #3 lcore 0 done: ok
     1002.022     0           order 3 is done
     1100.000       lan  <  icmp 198.51.100.7 > 198.51.100.2 echo request id 1 seq 1 ttl 64 len 56
     1100.009     1           dropped ip_no_route (packet 3)
     1100.009     1           dropped output_no_route (packet 4)
    in 3 + made 1 = out 2 + consumed 0 + dropped 2 + held 0
    ");
}

// B07, B27
#[test]
fn a_vlan_device_that_goes_takes_along_what_waits_in_it() {
    let host = BOB.with_ip([10, 7, 0, 9]);
    let mut net = dut();
    net.at(ms(1)).told("vlan add dev wan id 7");
    net.told("addr add 10.7.0.1/16 dev wan.7");
    net.at(ms(2)).lan(&udp(ALICE, host));
    net.at(ms(3)).told("vlan del wan.7");
    net.at(ms(4)).wan(&arp_reply(host, fixtures::DUT_WAN.with_ip([10, 7, 0, 1])).vlan(7));
    net.at(ms(5)).told("vlan add dev wan id 7 name other");
    net.told("vlan show");
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000                 order 1: vlan add dev wan id 7 name wan.7
        1.000                 order 2: addr add 10.7.0.1/16 dev wan.7
        1.002     0           message VLAN_SET #1 lcore 0 > 1 sent
        1.012     1           message VLAN_SET #1 lcore 0 > 1 delivered
        1.012     1           message VLAN_SET #1 lcore 0 > 1 handled: ok
        1.012     1           message VLAN_SET #1 lcore 1 > 0 replied: ok
        1.015     0           message VLAN_SET #1 lcore 1 > 0 answered: ok
        1.015     0           message VLAN_SET #1 lcore 0 done: ok
        1.015     0           device wan.7 is there
        1.015     0           order 1 is done
        1.018     0           message IFA_SET #2 lcore 0 > 1 sent
        1.023     1           message IFA_SET #2 lcore 0 > 1 delivered
        1.023     1           message IFA_SET #2 lcore 0 > 1 handled: ok
        1.023     1           message IFA_SET #2 lcore 1 > 0 replied: ok
        1.031     0           message IFA_SET #2 lcore 1 > 0 answered: ok
        1.031     0           message IFA_SET #2 lcore 0 done: ok
        1.031     0           order 2 is done
        2.000       lan  <  udp 198.51.100.7:4000 > 10.7.0.9:53 ttl 64 len 32
        2.012     1           neigh wan.7 10.7.0.9 - -> none
        2.012     1           packet 1 waits for 10.7.0.9, 1 in all
        2.012     1           neigh wan.7 10.7.0.9 none -> send
        2.015     1 wan  >  vlan 7 arp who-has 10.7.0.9 tell 10.7.0.1
        3.000                 order 3: vlan del wan.7
        3.008     0           message VLAN_SET #3 lcore 0 > 1 sent
        3.010     1           message VLAN_SET #3 lcore 0 > 1 delivered
        3.010     1           neigh wan.7 10.7.0.9 send -> - (deleted)
        3.010     1           dropped neigh_deleted (packet 1)
        3.010     1           message VLAN_SET #3 lcore 0 > 1 handled: ok
        3.010     1           message VLAN_SET #3 lcore 1 > 0 replied: ok
        3.021     0           message VLAN_SET #3 lcore 1 > 0 answered: ok
        3.021     0           message VLAN_SET #3 lcore 0 done: ok
        3.021     0           device wan.7 is gone
        3.021     0           order 3 is done
        4.000       wan  <  vlan 7 arp 10.7.0.9 is-at 02:00:00:00:00:0b
        4.009     1           dropped vlan_unknown (packet 3)
        5.000                 order 4: vlan add dev wan id 7 name other
        5.000                 order 5: vlan show
        5.012     0           message VLAN_SET #4 lcore 0 > 1 sent
        5.020     1           message VLAN_SET #4 lcore 0 > 1 delivered
        5.020     1           message VLAN_SET #4 lcore 0 > 1 handled: ok
        5.020     1           message VLAN_SET #4 lcore 1 > 0 replied: ok
        5.025     0           message VLAN_SET #4 lcore 1 > 0 answered: ok
        5.025     0           message VLAN_SET #4 lcore 0 done: ok
        5.025     0           device other is there
        5.025     0           order 4 is done
        5.028     0           order 5 is done, 1 entries
    in 2 + made 1 = out 1 + consumed 0 + dropped 2 + held 0
    ");
}

// B05
#[test]
fn a_neighbour_that_is_set_while_it_is_asked_for_is_set_for_good() {
    let mut net = dut().with(|plan| plan.config.policy.neigh_sync_skip = 3);
    net.at(ms(1)).lan(&udp(ALICE, BOB));
    net.at(ms(2)).told("neigh add 192.0.2.9 lladdr 02:00:00:00:00:0b dev wan");
    net.at(ms(90_000)).lan(&udp(ALICE, BOB));
    let net = net.with(|plan| plan.costs.0.iter_mut().for_each(|cost| cost.idle = 200_000));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        1.200     1           neigh wan 192.0.2.9 - -> none
        1.200     1           packet 1 waits for 192.0.2.9, 1 in all
        1.200     1           neigh wan 192.0.2.9 none -> send
        1.401     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        2.000                 order 1: neigh add 192.0.2.9 lladdr 02:00:00:00:00:0b dev wan
        2.400     0           told lcore 1 of 192.0.2.9
        2.400     0           order 1 is done
        3.002     1           neigh wan 192.0.2.9 send -> reachable
        3.002     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        3.603     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    90000.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
    90000.205     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 2 + made 1 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

// B33
#[test]
fn another_mtu_is_used_from_the_next_packet_on() {
    let mut net = dut().knows(WAN, BOB).knows(LAN, ALICE);
    let packet = udp(ALICE, BOB).len(1000).df();
    net.at(ms(1)).lan(&packet);
    net.at(ms(2)).told("link set wan mtu 900");
    net.at(ms(3)).lan(&packet);
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 1000 DF
        1.009     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 1000 DF
        2.000                 order 1: link set wan mtu 900
        2.010     0           message LINK_SET #1 lcore 0 > 1 sent
        2.018     1           message LINK_SET #1 lcore 0 > 1 delivered
        2.018     1           message LINK_SET #1 lcore 0 > 1 handled: ok
        2.018     1           message LINK_SET #1 lcore 1 > 0 replied: ok
        2.023     0           message LINK_SET #1 lcore 1 > 0 answered: ok
        2.023     0           message LINK_SET #1 lcore 0 done: ok
        2.023     0           order 1 is done
        3.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 1000 DF
        3.003     1           dropped fragmentation_needed (packet 2)
        3.006     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 fragmentation needed (3/4) mtu 900 for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 DF] ttl 64 tos 0xc0
    in 2 + made 1 = out 2 + consumed 0 + dropped 1 + held 0
    ");
}

// B30
#[test]
fn a_route_for_a_device_that_goes_at_the_same_time_is_refused_by_name() {
    let mut net = dut_with_workers(2).vlan(WAN, 7, "10.7.0.1/16");
    net.at(ms(1)).told("vlan del wan.7").told("route add 10.8.0.0/16 via 10.7.0.9 dev wan.7");
    net.told("neigh add 10.7.0.9 lladdr 02:00:00:00:00:07 dev wan.7");
    let told = tell(&net.plan);
    assert_snapshot!(lines(&told, "order"), @"
    1.000                 order 1: vlan del wan.7
    1.000                 order 2: route add 10.8.0.0/16 via 10.7.0.9 dev wan.7
    1.000                 order 3: neigh add 10.7.0.9 lladdr 02:00:00:00:00:07 dev wan.7
    1.005     0           order 3 is refused, NODEV: no_device
    1.016     0           order 1 is done
    1.020     0           order 2 is refused, NODEV: no_device
    ");
}

/// A route is added on a box whose jobs take as long as a real core's.
fn routed(workers: u8) -> Dut {
    let mut net = dut_with_workers(workers).with(|plan| plan.costs = Costs::default());
    net.at(ms(1)).told("route add 203.0.113.0/24 via 192.0.2.254");
    net
}

/// Worker 1 works on 30 packets for 100 us each, and is to add a route meanwhile.
fn routed_by_a_busy_worker() -> Dut {
    let mut net = dut_with_workers(2).knows(WAN, BOB).with(|plan| {
        plan.costs = Costs::default();
        plan.costs.0[JobKind::RecvFwd.index()].per_item = 100_000;
    });
    for _ in 0..30 {
        net.at(ms(1)).lan(&udp(ALICE, BOB));
    }
    net.at(ms(1) + us(10)).told("route add 203.0.113.0/24 via 192.0.2.254");
    net
}

fn shown() -> Dut {
    let mut net = dut_with_workers(2).with(|plan| plan.costs = Costs::default());
    net.at(ms(1)).told("neigh show");
    net
}

#[test]
fn the_charts_of_docs_control_are_those_of_real_runs() {
    let scenes =
        vec![("route-add", routed(3)), ("undo", routed_by_a_busy_worker()), ("show", shown())];
    charts_of("docs/control.md", scenes);
}

// B70, B80
#[test]
fn when_one_worker_is_late_no_lcore_keeps_the_change() {
    let told = tell(&routed_by_a_busy_worker().plan);
    assert_snapshot!(lines(&told, "order"), @"
    1.010                 order 1: route add 203.0.113.0/24 via 192.0.2.254
    4.001     0           order 1 is refused, MSG_DROP: timed_out at lcore 1
    ");
    // A packet that comes afterwards finds no route on either worker.
    let mut net = routed_by_a_busy_worker().knows(LAN, ALICE);
    net.at(ms(20)).lan(&udp(ALICE, CAROL)).lan(&udp(ALICE, CAROL).ports(1, 2));
    let told = tell(&net.plan);
    assert_eq!(told.outcome.ledger.dropped[dataplane::DropReason::IpNoRoute], 2);
}

#[test]
fn the_report_lists_the_orders_and_what_came_of_them() {
    let mut net = dut_with_workers(2);
    net.at(ms(1)).told("route add 203.0.113.0/24 via 192.0.2.254").told("route show");
    net.told("route del 10.0.0.0/8");
    net.told("addr add 198.51.100.2/24 dev lan valid_lft 1s");
    let report = sim::report::text("box", &net.plan, &tell(&net.plan).outcome);
    let (_, section) = report.split_once("orders to the control plane").unwrap();
    assert_snapshot!(section.split_once("\n\n").unwrap().0, @"
    : 4, 1 refused
      0.001000000  route add 203.0.113.0/24 via 192.0.2.254: done after 15us
      0.001000000  route show: shown, 3 entries after 19us
      0.001000000  route del 10.0.0.0/8: refused, NOTEXIST: there is no route to exactly this prefix after 34us
      0.001000000  addr add 198.51.100.2/24 dev lan valid_lft 1s: done after 62us
    ");
}

const BOX: &str = r#"
workers = 2
[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
addresses = ["198.51.100.1/24"]
[[port]]
name = "wan"
addresses = ["192.0.2.1/24"]
[[route]]
to = "203.0.113.0/24"
via = "192.0.2.254"
[[neighbour]]
dev = "wan"
address = "192.0.2.254"
mac = "02:00:00:00:00:0c"
[[neighbour]]
dev = "lan"
address = "198.51.100.7"
mac = "02:00:00:00:00:0a"
"#;

/// A box that reads `other` at 2 ms, and packets for CAROL before and after.
fn reloading(name: &str, other: &str) -> Dut {
    let dir = folder(name);
    std::fs::write(dir.join("box2.toml"), other).unwrap();
    let text = format!("{BOX}[[reload]]\nat = \"2ms\"\nfile = \"box2.toml\"\n");
    let read = Scenario::parse(&text, "box.toml", &dir, &Overrides::default());
    let mut net = dut_with_workers(2).with(|plan| *plan = read.unwrap().plan);
    for at in [1, 3] {
        net.at(ms(at)).lan(&udp(ALICE, CAROL));
    }
    net
}

#[test]
fn another_configuration_is_used_between_two_packets() {
    let other = format!("{BOX}[policy]\ndefault_ttl = 7\n");
    let other = other.replace("203.0.113.0/24", "10.0.0.0/8");
    let net = reloading("reload", &other);
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        1.000     1 wan  >  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 63 len 32
        2.000                 order 1: reload box2.toml
        2.000     0           message CONFIG_SET #1 lcore 0 > 1 sent
        2.000     0           message CONFIG_SET #1 lcore 0 > 2 sent
        2.000     1           message CONFIG_SET #1 lcore 0 > 1 delivered
        2.000     1           message CONFIG_SET #1 lcore 0 > 1 handled: ok
        2.000     1           message CONFIG_SET #1 lcore 1 > 0 replied: ok
        2.000     2           message CONFIG_SET #1 lcore 0 > 2 delivered
        2.000     2           message CONFIG_SET #1 lcore 0 > 2 handled: ok
        2.000     2           message CONFIG_SET #1 lcore 2 > 0 replied: ok
        2.010     0           message CONFIG_SET #1 lcore 1 > 0 answered: ok
        2.010     0           message CONFIG_SET #1 lcore 2 > 0 answered: ok
        2.010     0           message CONFIG_SET #1 lcore 0 done: ok
        2.010     0           order 1 is done
        3.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        3.000     1           dropped ip_no_route (packet 2)
        3.000     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 net unreachable (3/0) for [udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64] ttl 7 tos 0xc0
    in 2 + made 1 = out 2 + consumed 0 + dropped 1 + held 0
    ");
}

// B84, B20
// Defect B83.
#[test]
fn a_broken_file_changes_nothing_in_the_middle_of_traffic() {
    let mut net = reloading("reload-broken", &format!("{BOX}\nwhat is this\n"));
    let told = tell(&net.plan);
    assert_snapshot!(lines(&told, "order 1"), @"
    2.000                 order 1: reload box2.toml
    2.000     0           order 1 is refused, INVAL: reload_broken
    ");
    let said = told.outcome.orders[0].line();
    assert_snapshot!(said, @"0.002000000  reload box2.toml: refused, INVAL: the file is broken; the old configuration stays: box2.toml:22:6: key with no value (expected `=`) after 20ns");
    assert_eq!(told.outcome.ledger.out, 2, "both packets went");
    let fixed = BOX.replace("workers = 2", "workers = 1");
    net = reloading("reload-fixed", &fixed);
    let told = tell(&net.plan);
    assert_snapshot!(told.outcome.orders[0].line(), @"0.002000000  reload box2.toml: refused, NOTSUPP: a running box cannot change this; the old configuration stays: the queues of lan, the queues of wan, the lcores, their roles and their queues after 20ns");
    assert_eq!(told.outcome.ledger.out, 2);
}

/// A run that listens.
struct Listening {
    child: Child,
    dir: PathBuf,
}

impl Listening {
    fn new(name: &str, more: &[&str]) -> Listening {
        let dir = folder(name);
        let (scenario, out, socket) = (dir.join("box.toml"), dir.join("out"), dir.join("s"));
        let wan = format!(
            "{BOX}[[neighbour]]\ndev = \"wan\"\naddress = \"192.0.2.9\"\nmac = \"02:00:00:00:00:0b\"\n"
        );
        std::fs::write(&scenario, wan).unwrap();
        let mut child = Command::new(lockstep())
            .args(["run".as_ref(), scenario.as_os_str()])
            .args(["--out".as_ref(), out.as_os_str(), "--control".as_ref(), socket.as_os_str()])
            .args(more)
            .current_dir(repository())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on "), "{line}");
        Listening { child, dir }
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("s")
    }

    fn ctl(&self, words: &str) -> (i32, String) {
        let socket = self.socket();
        let mut arguments = vec!["ctl", socket.to_str().unwrap()];
        arguments.extend(words.split(' '));
        let output = run(&arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap().trim_end().to_owned())
    }

    fn ended(mut self) -> (i32, PathBuf) {
        let status = self.child.wait().unwrap();
        assert!(!self.socket().exists(), "the socket is gone");
        (status.code().unwrap_or(-1), self.dir.join("out"))
    }
}

/// A test that fails leaves nobody behind who listens.
impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All but the manifest, which says how the run was asked for, and the scenario's own text.
fn what_happened(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = files(dir);
    files.retain(|(name, _)| name != "manifest.json" && name != "scenario.toml");
    files
}

/// What is said to a run, and what it answers.
fn talked(net: &Listening) -> String {
    let mut said = String::new();
    for words in [
        "run 10ms",
        "route add 10.0.0.0/8 via 192.0.2.9",
        "route add 10.0.0.0/8 via 192.0.2.9",
        "step 3",
        "route show",
        "rout show",
        "neigh show dev wan",
        "qsch add dev wan root tbf rate 8M burst 10000",
        "cls add dev wan proto udp dport 7-19 drop",
        "qsch show",
        "cls show dev wan",
        "until 1s",
        "addr add 198.51.100.2/24 dev lan valid_lft 5s",
    ] {
        let (code, text) = net.ctl(words);
        said += &format!("$ lockstep ctl s {words}  [{code}]\n{text}\n");
    }
    said
}

fn assert_answers(said: &str) {
    assert_snapshot!(said, @"
    $ lockstep ctl s run 10ms  [0]
    at 0.010000000 after 3 events; nothing more happens by itself
    $ lockstep ctl s route add 10.0.0.0/8 via 192.0.2.9  [0]
    done
    $ lockstep ctl s route add 10.0.0.0/8 via 192.0.2.9  [1]
    error: EXIST: there is a route to exactly this prefix by this device: delete it first
    $ lockstep ctl s step 3  [0]
    at 0.010002561 after 10 events; nothing more happens by itself
    $ lockstep ctl s route show  [0]
    to               via          dev  mtu   origin
    10.0.0.0/8       192.0.2.9    wan  1500  static
    192.0.2.0/24     -            wan  1500  connected
    198.51.100.0/24  -            lan  1500  connected
    203.0.113.0/24   192.0.2.254  wan  1500  static
    $ lockstep ctl s rout show  [2]
    error: column 1: `rout` is not known here, expected `addr`, `route`, `neigh`, `vlan`, `link`, `qsch`, `cls`, `stats`, `iftraf`, `hello` or `reload`; did you mean `route`?
      rout show
      ^^^^
    $ lockstep ctl s neigh show dev wan  [0]
    dev  address      lladdr             state   lcore  waiting
    wan  192.0.2.9    02:00:00:00:00:0b  static  1      0
    wan  192.0.2.9    02:00:00:00:00:0b  static  2      0
    wan  192.0.2.254  02:00:00:00:00:0c  static  1      0
    wan  192.0.2.254  02:00:00:00:00:0c  static  2      0
    $ lockstep ctl s qsch add dev wan root tbf rate 8M burst 10000  [0]
    done
    $ lockstep ctl s cls add dev wan proto udp dport 7-19 drop  [0]
    done
    $ lockstep ctl s qsch show  [0]
    dev  handle  parent  kind  packets  bytes  drops  overlimits  qlen  backlog
    wan  root    -       tbf   0        0      0      0           0     0
    $ lockstep ctl s cls show dev wan  [0]
    dev  qsch  handle  prio  verdict  hits
    wan  root  8001:   0     drop     0
    $ lockstep ctl s until 1s  [0]
    at 1.000000000 after 37 events; nothing more happens by itself
    $ lockstep ctl s addr add 198.51.100.2/24 dev lan valid_lft 5s  [0]
    done
    ");
}

#[test]
fn a_run_is_steered_over_its_socket_and_what_it_leaves_runs_again_bit_for_bit() {
    for backend in ["heap", "dpdk"] {
        let net = Listening::new(&format!("steer-{backend}"), &["--backend", backend]);
        // Somebody who connects and says nothing holds nobody up.
        let silent = UnixStream::connect(net.socket()).unwrap();
        let said = talked(&net);
        if backend == "heap" {
            assert_answers(&said);
        }
        let (code, json) = net.ctl("--json status");
        let reply: Reply = json_reply(&json);
        assert_eq!((code, reply.ok), (0, true));
        assert_eq!(net.ctl("quit").0, 0);
        drop(silent);
        let (code, out) = net.ended();
        assert_eq!(code, 0);
        let verified = run(&["verify", out.to_str().unwrap()]);
        assert_eq!(
            verified.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&verified.stdout)
        );
        let again = out.parent().unwrap().join("again");
        let scenario = out.join("scenario.toml");
        let arguments = [
            "run",
            scenario.to_str().unwrap(),
            "--backend",
            backend,
            "--out",
            again.to_str().unwrap(),
        ];
        assert_eq!(run(&arguments).status.code(), Some(0));
        let (mut first, mut second) = (what_happened(&out), what_happened(&again));
        // The report names the run after its file.
        for files in [&mut first, &mut second] {
            files.retain(|(name, _)| name != "report.txt");
        }
        assert!(first == second, "{backend}: the same run");
    }
}

fn json_reply(line: &str) -> Reply {
    sim::control::Reply::from_line(line).unwrap()
}

/// A client that speaks for itself.
struct Raw(BufReader<UnixStream>);

impl Raw {
    fn say(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    fn hear(&mut self) -> Reply {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        json_reply(&line)
    }
}

// B81
#[test]
fn a_client_may_be_slow_wrong_and_talkative_and_hurts_nobody() {
    let net = Listening::new("clients", &["--backend", "heap"]);
    let client = || Raw(BufReader::new(UnixStream::connect(net.socket()).unwrap()));
    let (mut slow, mut other, mut loud) = (client(), client(), client());
    slow.say(b"stat");
    other.say(b"nonsense\nstatus\nstatus\n");
    assert_eq!(other.hear().code, "SYNTAX");
    assert!(other.hear().ok && other.hear().ok, "several requests, one after the other");
    other.say(b"route add \xff\n");
    assert_eq!(other.hear().code, "SYNTAX");
    other.say(b"\n \t\n");
    assert_eq!([other.hear().code, other.hear().code], ["SYNTAX"; 2], "each line has its reply");
    other.say(&[b'x'; LINE_MAX]);
    other.say(b"\n");
    let long = other.hear();
    assert!(long.text.contains("not known here"), "at the limit: {}", &long.text[..80]);
    // It hangs up on who goes on.
    let _ = loud.0.get_mut().write_all(&[b'x'; LINE_MAX + 1]);
    assert!(loud.hear().text.contains("65,536"), "one over");
    slow.say(b"us\n");
    assert!(slow.hear().ok);
    let mut last = client();
    last.say(b"quit");
    last.0.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
    assert!(last.hear().ok, "whoever closes has ended the line");
    assert_eq!(net.ended().0, 0);
}

#[test]
fn a_socket_that_is_there_and_one_that_is_not_are_clear_errors() {
    let dir = folder("socket");
    let (path, scenario) = (dir.join("s"), repository().join("fixtures/scenarios/router.toml"));
    std::fs::write(&path, "").unwrap();
    let (name, scenario) = (path.to_str().unwrap(), scenario.to_str().unwrap());
    let taken = run(&["run", scenario, "--backend", "heap", "--control", name]);
    assert_eq!(taken.status.code(), Some(3));
    let said = String::from_utf8(taken.stderr).unwrap();
    assert!(said.contains("is there already"), "{said}");
    assert!(path.exists(), "it stays");
    let absent = dir.join("absent");
    let nobody = run(&["ctl", absent.to_str().unwrap(), "status"]);
    assert_eq!(nobody.status.code(), Some(3));
}

#[test]
fn a_fault_that_counts_orders_and_orders_over_a_socket_do_not_go_together() {
    let (dir, scenario) =
        (folder("order-fault"), repository().join("fixtures/scenarios/router.toml"));
    let (path, scenario) = (dir.join("s"), scenario.to_str().unwrap());
    let socket = path.to_str().unwrap();
    let fault = ["--fault", "order:1@5ms", "--control", socket];
    let refused = run(&[&["run", scenario, "--backend", "heap"][..], &fault].concat());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("the fault order:1@5ms counts the orders"), "{said}");
    assert!(!path.exists());
}

#[test]
fn a_steered_run_that_is_interrupted_leaves_complete_files() {
    let net = Listening::new("interrupted", &["--backend", "heap"]);
    assert_eq!(net.ctl("run 10ms").0, 0);
    assert_eq!(net.ctl("route flush").0, 0);
    let id = net.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let (code, out) = net.ended();
    assert_eq!(code, 130);
    assert_eq!(files(&out).len(), 7);
    let scenario = std::fs::read_to_string(out.join("scenario.toml")).unwrap();
    assert!(scenario.contains("do = \"route flush\""), "{scenario}");
}

#[test]
fn a_configuration_that_a_steered_run_was_told_to_read_is_in_its_manifest() {
    let net = Listening::new("steer-reload", &["--backend", "heap"]);
    let other = net.dir.join("other.toml");
    std::fs::write(&other, BOX).unwrap();
    assert_eq!(net.ctl("reload other.toml").0, 0);
    assert_eq!(net.ctl("quit").0, 0);
    let (code, out) = net.ended();
    assert_eq!(code, 0);
    let verify = || {
        let verified = run(&["verify", out.to_str().unwrap()]);
        (verified.status.code(), String::from_utf8(verified.stdout).unwrap())
    };
    let (code, said) = verify();
    assert_eq!(code, Some(0), "{said}");
    std::fs::write(&other, format!("{BOX}# the same\n")).unwrap();
    let (code, said) = verify();
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said, "different: other.toml is not the configuration that was read\n");
}
