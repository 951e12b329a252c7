use dataplane::config::Policy;
use dataplane::{DropReason, PortId};
use fixtures::{
    ALICE, BOB, BROADCAST, DUT_LAN, DUT_WAN, arp_announce, arp_reply, arp_request, icmp, icmp_echo,
    raw, udp,
};
use insta::assert_snapshot;
use sim::plan::{PortPlan, WirePlan};
use tests::{Dut, LAN, WAN, dut, dut_with_workers, ms, tell, us};

/// The kernel's port when one device has a kernel side.
const KERNEL: PortId = PortId(2);

fn drops(net: &Dut) -> Vec<(DropReason, u64)> {
    tell(&net.plan).outcome.ledger.dropped.iter().collect()
}

/// LAN has a kernel side, which lcore 9 serves.
fn with_kernel() -> Dut {
    dut().kni(LAN, false).kni_lcore(9)
}

#[test]
fn an_isolated_queue_is_polled_by_its_lcore_and_worked_by_its_worker() {
    let mut net = dut().isolated(5, LAN).knows(WAN, BOB);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).lan(&icmp_echo(ALICE, DUT_LAN));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.000     5           packet 1 to lcore 1 by its isol_ring
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        1.001     5           packet 2 to lcore 1 by its isol_ring
        1.008     1           neigh lan 198.51.100.7 - -> none
        1.008     1           packet 2 waits for 198.51.100.7, 1 in all
        1.008     1           neigh lan 198.51.100.7 none -> send
        1.011     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     1002.011     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     2003.011     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     3004.002     1           dropped neigh_unreachable (packet 2)
     3004.002     1           neigh lan 198.51.100.7 send -> none
    in 2 + made 3 = out 4 + consumed 0 + dropped 1 + held 0
    ");
}

// B97
#[test]
fn isolated_frames_keep_their_order_and_each_is_counted_once() {
    let mut net = dut().isolated(5, LAN).knows(WAN, BOB);
    for port in 0..100 {
        net.at(us(u64::from(port))).lan(&udp(ALICE, BOB).ports(4000 + port, 53));
    }
    let told = tell(&net.plan);
    let ports = told.story.lines().filter(|line| line.contains("wan  >")).map(|line| {
        let (_, from) = line.split_once("198.51.100.7:").unwrap();
        from[..4].parse::<u16>().unwrap()
    });
    assert_eq!(ports.collect::<Vec<_>>(), (4000..4100).collect::<Vec<_>>());
    let of = |id: u8| told.outcome.lcores.iter().find(|l| l.id.0 == id).unwrap().counters.clone();
    let (worker, isol) = (of(1), of(5));
    assert_eq!((isol.ipackets, isol.isol_handed, isol.opackets), (100, 100, 0));
    assert_eq!((worker.ipackets, worker.ring_packets, worker.opackets), (0, 100, 100));
}

// B23
#[test]
fn an_isolated_ring_takes_what_it_may_and_the_rest_is_dropped_one_by_one() {
    let mut net = dut().isolated(5, LAN).knows(WAN, BOB).with(|p| p.config.limits.isol_ring = 40);
    // The worker runs before lcore 5 in each instant: all 40 wait for its next turn.
    for _ in 0..40 {
        net.at(ms(1)).lan(&udp(ALICE, BOB));
    }
    assert_eq!(drops(&net), [], "at the limit");
    net.at(ms(1)).lan(&udp(ALICE, BOB));
    assert_eq!(drops(&net), [(DropReason::IsolRingFull, 1)]);
}

// B23
#[test]
fn a_queue_that_never_runs_dry_does_not_keep_its_lcore_for_ever() {
    let mut net = dut().isolated(5, LAN).with(|plan| {
        plan.ports[LAN.index()] = PortPlan::Null { rx_frame_len: Some(64) };
        plan.config.limits.isol_ring = 64;
    });
    net.plan.until = Some(us(20));
    let told = tell(&net.plan);
    let isol = told.outcome.lcores.iter().find(|l| l.id.0 == 5).unwrap();
    assert_eq!(isol.counters.bursts.polls, 8, "eight bursts in its one turn");
    assert_eq!(told.outcome.ledger.came, 256);
}

#[test]
fn the_kernel_gets_what_nobody_here_handles() {
    let mut net = with_kernel();
    net.at(ms(0)).lan(&raw(ALICE, DUT_LAN, 0x88cc, &[7; 46]));
    net.at(ms(1)).lan(&udp(ALICE, DUT_LAN).ports(4000, 179));
    net.at(ms(2)).lan(&udp(ALICE, BOB).dst_ip([203, 0, 113, 5]));
    net.at(ms(3)).lan(&icmp(ALICE, DUT_LAN, 0, 0, [0, 7, 0, 1], b"pong"));
    net.at(ms(4)).lan(&arp_request(ALICE, BOB));
    net.at(ms(5)).lan(&udp(ALICE, BOB).dst_ip([224, 0, 0, 5]).dst_mac([1, 0, 0x5e, 0, 0, 5]));
    net.at(ms(6)).lan(&udp(ALICE, BOB).dst_ip([255; 4]).dst_mac(BROADCAST));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  eth 02:00:00:00:00:0a > 02:00:00:00:00:01 type 0x88cc len 60
        0.002     1           packet 1 to lcore 9 by its kni_ring
        0.002     9 lan.kni >  eth 02:00:00:00:00:0a > 02:00:00:00:00:01 type 0x88cc len 60
        1.000       lan  <  udp 198.51.100.7:4000 > 198.51.100.1:179 ttl 64 len 32
        1.007     1           packet 2 to lcore 9 by its kni_ring
        1.007     9 lan.kni >  udp 198.51.100.7:4000 > 198.51.100.1:179 ttl 64 len 32
        2.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        2.012     1           packet 3 to lcore 9 by its kni_ring
        2.012     9 lan.kni >  udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 64 len 32
        3.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo reply id 7 seq 1 ttl 64 len 4
        3.003     1           packet 4 to lcore 9 by its kni_ring
        3.003     9 lan.kni >  icmp 198.51.100.7 > 198.51.100.1 echo reply id 7 seq 1 ttl 64 len 4
        4.000       lan  <  arp who-has 192.0.2.9 tell 198.51.100.7
        4.008     1           packet 5 to lcore 9 by its kni_ring
        4.008     9 lan.kni >  arp who-has 192.0.2.9 tell 198.51.100.7
        5.000       lan  <  udp 198.51.100.7:4000 > 224.0.0.5:53 ttl 64 len 32
        5.003     1           packet 6 to lcore 9 by its kni_ring
        5.003     9 lan.kni >  udp 198.51.100.7:4000 > 224.0.0.5:53 ttl 64 len 32
        6.000       lan  <  udp 198.51.100.7:4000 > 255.255.255.255:53 ttl 64 len 32
        6.008     1           packet 7 to lcore 9 by its kni_ring
        6.008     9 lan.kni >  udp 198.51.100.7:4000 > 255.255.255.255:53 ttl 64 len 32
    in 7 + made 0 = out 7 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn the_frame_that_the_kernel_gets_is_the_frame_that_came() {
    let frame = udp(ALICE, DUT_LAN).ports(4000, 179);
    let mut net = with_kernel();
    net.at(ms(0)).lan(&frame);
    assert_eq!(left(&net, KERNEL), [frame.build()]);
}

/// The frames that left by a port, in order.
fn left(net: &Dut, port: PortId) -> Vec<Vec<u8>> {
    tests::frames_out(&net.plan, port)
}

#[test]
fn an_arp_reply_is_learnt_and_the_kernel_hears_it_too() {
    let mut net = dut_with_workers(2).kni(WAN, false).kni_lcore(9);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).wan(&arp_reply(BOB, DUT_WAN));
    assert_snapshot!(net.run_until(ms(3)), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        1.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        1.008     1           packet 4 to lcore 2 by its arp_ring
        1.008     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.008     1           neigh wan 192.0.2.9 send -> reachable
        1.008     1           packet 3 to lcore 9 by its kni_ring
        1.008     9 wan.kni >  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        1.011     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.016     2           neigh wan 192.0.2.9 - -> none
        1.016     2           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        1.016     2           neigh wan 192.0.2.9 none -> reachable
    in 2 + made 2 = out 3 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn the_kernel_hears_every_reply_and_what_is_not_for_us_once_however_many_workers_there_are() {
    // Spec 3.2 and 2.3: static neighbours' replies too, and announcements of whom we know and do not.
    let forged = BOB.with_mac([2, 0, 0, 0, 0, 0x66]);
    let known = BOB.with_ip([192, 0, 2, 44]);
    let heard = [
        arp_reply(BOB, DUT_WAN),
        arp_reply(forged, DUT_WAN),
        arp_announce(BOB),
        arp_announce(known),
        arp_request(known, BOB),
        arp_reply(known, BOB).dst_mac(DUT_WAN.mac),
        arp_announce(BOB.with_ip([192, 0, 2, 45])),
    ];
    for workers in 1..4 {
        for policy in [Policy::default(), Policy::dpvs()] {
            let mut net = dut_with_workers(workers).knows(WAN, BOB).kni(WAN, false).kni_lcore(9);
            net.plan.config.policy = policy;
            net.at(ms(0)).wan(&arp_request(known, DUT_WAN));
            (1..).zip(&heard).for_each(|(n, frame)| {
                net.at(ms(n)).wan(frame);
            });
            let frames: Vec<_> = heard.iter().map(fixtures::Frame::build).collect();
            assert_eq!(left(&net, KERNEL), frames, "{workers} workers");
        }
    }
}

#[test]
fn what_the_kernel_sends_leaves_by_its_device() {
    let mut net = with_kernel();
    net.at(ms(0)).bytes(KERNEL, arp_request(DUT_LAN, ALICE).build());
    net.at(ms(1)).bytes(KERNEL, udp(DUT_LAN, ALICE).ports(179, 4000).build());
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan.kni <  arp who-has 198.51.100.7 tell 198.51.100.1
        0.003     9 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
        1.000       lan.kni <  udp 198.51.100.1:179 > 198.51.100.7:4000 ttl 64 len 32
        1.003     9 lan  >  udp 198.51.100.1:179 > 198.51.100.7:4000 ttl 64 len 32
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
}

// 18459fc2
#[test]
fn the_kernel_side_of_a_vlan_sees_no_tag() {
    let mut net = dut().vlan(LAN, 7, "10.0.7.1/24").kni(PortId(2), false).kni_lcore(9);
    let alice = ALICE.with_ip([10, 0, 7, 7]);
    let frame = raw(alice, DUT_LAN, 0x88cc, &[7; 46]);
    net.at(ms(0)).lan(&frame.clone().vlan(7));
    net.at(ms(1)).bytes(KERNEL, arp_request(DUT_LAN.with_ip([10, 0, 7, 1]), alice).build());
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  vlan 7 eth 02:00:00:00:00:0a > 02:00:00:00:00:02 type 0x88cc len 64
        0.002     1           packet 1 to lcore 9 by its kni_ring
        0.002     9 lan.7.kni >  eth 02:00:00:00:00:0a > 02:00:00:00:00:02 type 0x88cc len 60
        1.000       lan.7.kni <  arp who-has 10.0.7.7 tell 10.0.7.1
        1.004     9 lan  >  vlan 7 arp who-has 10.0.7.7 tell 10.0.7.1
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
    assert_eq!(left(&net, KERNEL), [frame.build()]);
}

// 18459fc2: DPVS's loops ended at the number of ports, which is one less than the last number here.
#[test]
fn the_kernel_side_of_a_vlan_outlives_another_vlan() {
    let net = dut().vlan(LAN, 8, "10.0.8.1/24").vlan(LAN, 7, "10.0.7.1/24");
    let mut net = net.kni(PortId(3), false).kni_lcore(9);
    net.at(ms(0)).told("vlan del lan.8");
    let frame = raw(ALICE.with_ip([10, 0, 7, 7]), DUT_LAN, 0x88cc, &[7; 46]);
    net.at(ms(5)).lan(&frame.clone().vlan(7)).lan(&frame.clone().vlan(8));
    let story = net.run();
    assert!(story.contains("device lan.8 is gone"), "{story}");
    assert!(story.contains("dropped vlan_unknown (packet 2)"), "{story}");
    assert_eq!(left(&net, KERNEL), [frame.build()], "{story}");
}

#[test]
fn a_runt_from_the_kernel_is_dropped_by_name_and_never_tagged() {
    for (len, expected) in [(0, 1), (1, 1), (13, 1), (14, 0)] {
        let mut net = dut().vlan(LAN, 7, "10.0.7.1/24").kni(PortId(2), false).kni_lcore(9);
        net.at(ms(0)).bytes(KERNEL, vec![2; len]);
        let told = tell(&net.plan);
        assert_eq!(told.outcome.ledger.dropped[DropReason::EthTruncated], expected, "{len} bytes");
        assert_eq!(told.outcome.ledger.out, 1 - expected, "{len} bytes");
    }
}

#[test]
fn with_forward_the_kernel_gets_one_copy_of_every_frame_each_way() {
    let mut net = dut().kni(LAN, true).kni_lcore(9).knows(WAN, BOB).knows(LAN, ALICE);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).wan(&udp(BOB, ALICE));
    // Nobody here handles it: the copy is the kernel's, and the frame ends here.
    net.at(ms(2)).lan(&raw(ALICE, DUT_LAN, 0x88cc, &[7; 46]));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           packet 2 to lcore 9 by its kni_ring
        0.002     9 lan.kni >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.000       wan  <  udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 64 len 32
        1.011     1           packet 4 to lcore 9 by its kni_ring
        1.011     1 lan  >  udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 63 len 32
        1.011     9 lan.kni >  udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 63 len 32
        2.000       lan  <  eth 02:00:00:00:00:0a > 02:00:00:00:00:01 type 0x88cc len 60
        2.000     1           packet 6 to lcore 9 by its kni_ring
        2.000     9 lan.kni >  eth 02:00:00:00:00:0a > 02:00:00:00:00:01 type 0x88cc len 60
    in 3 + made 3 = out 5 + consumed 1 + dropped 0 + held 0
    ");
}

// B10, 7102a7ab
#[test]
fn a_frame_from_a_ring_is_copied_for_the_kernel_under_dpvs_only() {
    let mut net = dut_with_workers(3).kni(WAN, true).kni_lcore(9);
    net.at(ms(0)).wan(&arp_reply(BOB, DUT_WAN));
    assert_eq!(left(&net, KERNEL).len(), 1, "the kernel sees a reply once");
    assert_eq!(drops(&net), []);
    let net = net.with(|plan| plan.config.policy = Policy::dpvs());
    assert_eq!(left(&net, KERNEL).len(), 3, "and once for each worker");
    assert_eq!(drops(&net), [], "each copy of a copy goes home to the pool");
}

#[test]
fn what_ended_as_a_copy_for_the_kernel_taught_and_the_next_packet_did_not() {
    // The oracle `spread` blamed the next packet, once the kernel got no copies any more.
    let mut net = dut_with_workers(2).kni(LAN, true).kni_lcore(9);
    net.plan.config.policy = Policy::dpvs();
    net.at(ms(0)).lan(&arp_reply(ALICE, DUT_LAN));
    net.at(ms(1)).told("link set lan forward2kni off");
    net.at(ms(2)).lan(&udp(ALICE, DUT_LAN));
    let outcome = tell(&net.plan).outcome;
    assert_eq!(outcome.broken, []);
}

// B101
#[test]
fn with_forward_on_a_vlan_its_kernel_side_gets_the_frames() {
    let mut net = dut().vlan(LAN, 7, "10.0.7.1/24").kni(PortId(2), true).kni_lcore(9);
    let alice = ALICE.with_ip([10, 0, 7, 7]);
    let ping = icmp_echo(alice, DUT_LAN.with_ip([10, 0, 7, 1]));
    net.at(ms(0)).lan(&ping.clone().vlan(7));
    net.at(ms(1)).lan(&raw(alice, DUT_LAN, 0x88cc, &[7; 46]).vlan(7));
    let frames = left(&net, KERNEL);
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0], ping.build());
}

// B92
#[test]
fn the_ring_to_the_kernel_takes_what_it_may_and_the_next_one_is_dropped() {
    // The KNI lcore comes last in each instant: what one burst brings waits for it.
    let mut net = with_kernel().with(|plan| plan.config.limits.kni_ring = 8);
    for _ in 0..8 {
        net.at(ms(1)).lan(&udp(ALICE, DUT_LAN));
    }
    assert_eq!(drops(&net), [], "at the limit");
    net.at(ms(1)).lan(&udp(ALICE, DUT_LAN));
    assert_eq!(drops(&net), [(DropReason::KniRingFull, 1)]);
}

#[test]
fn what_a_slow_kernel_does_not_take_is_dropped() {
    // One frame is on its way and four wait.
    let mut net = with_kernel().with(|plan| {
        let wire = WirePlan { rate: Some(1_000_000), ..WirePlan::default() };
        plan.ports[KERNEL.index()] = PortPlan::Ring(wire);
        plan.config.limits.tx_descriptors = 4;
    });
    for _ in 0..4 {
        net.at(ms(1)).lan(&udp(ALICE, DUT_LAN));
    }
    assert_eq!(drops(&net), [], "at the limit");
    net.at(ms(1)).lan(&udp(ALICE, DUT_LAN));
    assert_eq!(drops(&net), [(DropReason::KniRefused, 1)]);
}

// B16
#[test]
fn what_the_kni_lcore_polls_goes_to_the_kernel_in_order_and_an_unknown_vlan_nowhere() {
    let mut net = dut().vlan(LAN, 7, "10.0.7.1/24").kni(PortId(2), false).kni(LAN, false);
    net = net.kni_lcore(9).with(|plan| {
        let kni = plan.config.lcores.iter_mut().find(|l| l.id.0 == 9).unwrap();
        kni.queues[0].rx.push(dataplane::QueueId(0));
        plan.config.lcores[1].queues[0].rx.clear();
    });
    let numbered = |n: u8| raw(ALICE, DUT_LAN, 0x88cc, &[n; 46]);
    for n in [1, 2, 3] {
        net.at(ms(1)).lan(&numbered(n).vlan(7)).lan(&numbered(n));
    }
    net.lan(&numbered(9).vlan(8));
    let expected = [1, 2, 3].map(|n| numbered(n).build());
    assert_eq!(left(&net, PortId(2)), expected, "of the VLAN");
    assert_eq!(left(&net, PortId(3)), expected, "of the port");
    assert_eq!(drops(&net), [(DropReason::VlanUnknown, 1)]);
}

// B98
#[test]
fn what_crossed_a_ring_reaches_the_kernel_as_what_did_not() {
    // DPVS frees what nobody handles if it came through a ring.
    let mut net = dut().isolated(5, LAN).kni(LAN, false).kni_lcore(9);
    let frame = raw(ALICE, DUT_LAN, 0x88cc, &[7; 46]);
    net.at(ms(0)).lan(&frame);
    assert_eq!(left(&net, KERNEL), [frame.build()]);
    assert_eq!(drops(&net), []);
}
