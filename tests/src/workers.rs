use dataplane::world::Ring;
use dataplane::{DropReason, Event, QueueId};
use fixtures::{ALICE, BOB, DUT_LAN, DUT_WAN, arp_reply, arp_request, udp};
use insta::assert_snapshot;
use sim::plan::{Backend, Pace};
use sim::run::simulate;
use sim::trace::{Observer, Record, What};
use std::collections::{BTreeMap, BTreeSet};
use tests::{Dut, LAN, WAN, dut, dut_with_workers, ms, tell, us};

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
        1.000                 order 1: neigh add 192.0.2.9 lladdr 02:00:00:00:00:0b dev wan
        1.004     0           told lcore 1 of 192.0.2.9
        1.004     0           told lcore 2 of 192.0.2.9
        1.004     0           order 1 is done
        1.018     1           neigh wan 192.0.2.9 - -> reachable
        1.018     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.018     2           neigh wan 192.0.2.9 - -> reachable
        1.018     2           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        2.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        2.000       lan  <  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 64 len 32
        2.006     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        2.006     2 wan  >  udp 198.51.100.7:4001 > 192.0.2.9:53 ttl 63 len 32
        3.000                 order 2: neigh del 192.0.2.9 dev wan
        3.007     0           told lcore 1 of 192.0.2.9
        3.007     0           told lcore 2 of 192.0.2.9
        3.007     0           order 2 is done
        3.065     1           neigh wan 192.0.2.9 reachable -> - (deleted)
        3.065     2           neigh wan 192.0.2.9 reachable -> - (deleted)
        4.000                 order 3: neigh add 198.51.100.7 lladdr 02:00:00:00:00:0a dev lan
        4.002     0           told lcore 1 of 198.51.100.7
        4.002     0           told lcore 2 of 198.51.100.7
        4.002     0           order 3 is done
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
        0.000                 order 1: neigh add 192.0.2.9 lladdr 02:00:00:00:00:0b dev wan
        0.000                 order 2: neigh add 198.51.100.7 lladdr 02:00:00:00:00:0a dev lan
        0.010     0           told lcore 1 of 192.0.2.9
        0.010     0           told lcore 2 of 192.0.2.9
        0.010     0           order 1 is done
        0.010     0           could not tell lcore 1 of 198.51.100.7
        0.010     0           could not tell lcore 2 of 198.51.100.7
        0.010     0           order 2 is refused, DPDKAPIFAIL: neigh_ring_full at lcore 1
        1.000     1           neigh wan 192.0.2.9 - -> reachable
        1.000     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.000     2           neigh wan 192.0.2.9 - -> reachable
        1.000     2           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
    in 0 + made 0 = out 0 + consumed 0 + dropped 0 + held 0
    ");
}

// ca6daf39
#[test]
fn all_that_the_master_told_between_two_runs_is_learnt_in_its_order() {
    // 64 are two bursts of neigh_sync; DPVS once took each burst into the room of one.
    let mut net = dut_with_workers(2);
    net.at(ms(1));
    for last in 10..74 {
        net.command(WAN, BOB.with_ip([192, 0, 2, last]), true);
    }
    net.command(WAN, BOB.with_ip([192, 0, 2, 10]), false);
    net.plan.until = Some(ms(10));
    let told = tell(&net.plan);
    for worker in [1, 2] {
        assert_eq!(told.outcome.lcores[worker].counters.neigh_changes, 65);
    }
    let deleted = told.story.matches("neigh wan 192.0.2.10 reachable -> - (deleted)").count();
    assert_eq!(deleted, 2, "{}", told.story);
}

// fa735d39, 011df67f
#[test]
fn nobody_but_workers_hears_of_neighbours() {
    // DPVS once filled the rings of lcores that never drain them.
    let mut net = dut_with_workers(2).isolated(5, LAN).kni(WAN, false).kni_lcore(9);
    let rings = net.plan.config.rings();
    let of_neighbours = rings.iter().filter(|r| matches!(r.ring, Ring::Arp | Ring::Neigh));
    let owners: Vec<u8> = of_neighbours.map(|r| r.owner.0).collect();
    assert_eq!(owners, [1, 1, 2, 2]);
    net.plan.config.limits.neigh_ring = 8;
    net.plan.config.limits.arp_ring = 8;
    for n in 0..100 {
        let host = BOB.with_ip([192, 0, 2, 10 + n]);
        net.at(ms(u64::from(n))).command(WAN, host, true).wan(&arp_reply(host, DUT_WAN));
    }
    let told = tell(&net.plan);
    assert_eq!(told.outcome.ledger.dropped.total(), 0, "{}", told.story);
    assert!(!told.story.contains("could not tell"), "{}", told.story);
    assert!(!told.story.contains("to lcore 9 by its arp_ring"), "{}", told.story);
}

/// Which queue each packet was received from, or sent by.
#[derive(Default)]
struct Queues {
    rx: BTreeMap<u64, QueueId>,
    tx: BTreeMap<u64, QueueId>,
}

impl Observer for Queues {
    fn event(&mut self, record: &Record) {
        match record.what {
            What::Lcore(Event::Rx { packet, queue, .. }) => drop(self.rx.insert(packet.0, queue)),
            What::Lcore(Event::Tx { packet, queue, .. }) => drop(self.tx.insert(packet.0, queue)),
            _ => {}
        }
    }
}

/// The queues of 200 packets of 100 flows, each flow a second time after all.
fn queues(mut net: Dut) -> Queues {
    for n in 0..200 {
        net.at(us(20 * n)).lan(&udp(ALICE, BOB).ports(4000 + u16::try_from(n % 100).unwrap(), 53));
    }
    let (outcome, queues) =
        simulate(&net.plan, Backend::Dpdk, Pace::Skip, Queues::default()).unwrap();
    assert_eq!((outcome.ledger.out, outcome.broken), (200, vec![]));
    queues
}

fn numbers(queues: &[u16]) -> Vec<QueueId> {
    queues.iter().copied().map(QueueId).collect()
}

// B14
#[test]
fn frames_are_spread_over_the_receive_queues_whatever_transmit_queues_there_are() {
    // DPVS fills the table with the numbers of transmit queues: worker 1 has rx 0 and 4, tx 0.
    let net = dut_with_workers(2).knows(WAN, BOB).with(|plan| {
        plan.config.ports[LAN.index()].rx_queues = 5;
        plan.config.lcores[1].queues[LAN.index()].rx = numbers(&[0, 4]);
        plan.config.lcores[2].queues[LAN.index()].rx = numbers(&[1, 2, 3]);
    });
    let queues = queues(net);
    let used: BTreeSet<QueueId> = queues.rx.values().copied().collect();
    assert_eq!(used.into_iter().collect::<Vec<_>>(), numbers(&[0, 1, 2, 3, 4]));
}

// B14
#[test]
fn a_port_that_nobody_receives_from_misses_what_comes() {
    // DPVS divides by the number of queues.
    let mut net = dut().with(|plan| {
        plan.config.ports[WAN.index()].rx_queues = 0;
        plan.config.lcores[1].queues[WAN.index()].rx.clear();
    });
    net.at(ms(0)).wan(&udp(BOB, ALICE));
    let dropped: Vec<_> = tell(&net.plan).outcome.ledger.dropped.iter().collect();
    assert_eq!(dropped, [(DropReason::RxMissed, 1)]);
}

// B17
#[test]
fn a_worker_uses_each_of_its_transmit_queues_and_a_flow_one_of_them() {
    let net = dut().knows(WAN, BOB).with(|plan| {
        plan.config.ports[WAN.index()].tx_queues = 3;
        plan.config.lcores[1].queues[WAN.index()].tx = numbers(&[0, 1, 2]);
    });
    let queues = queues(net);
    let mut sent = [0; 3];
    for packet in 1..=100 {
        assert_eq!(queues.tx[&packet], queues.tx[&(packet + 100)], "the same flow");
        sent[queues.tx[&packet].index()] += 1;
    }
    assert!(sent.iter().all(|n| (20..=50).contains(n)), "{sent:?} of 100 flows");
}
