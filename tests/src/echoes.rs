use dataplane::config::Policy;
use dataplane::{DropReason, LcoreId, PortId};
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, Host, icmp, icmp_echo, ipv4, udp};
use insta::assert_snapshot;
use sim::plan::Plan;
use tests::{Dut, LAN, WAN, dut_with_workers, frames_out, ms, tell};

/// A host on the LAN, of whom every worker knows.
fn host(last: u8) -> Host {
    ALICE.with_ip([198, 51, 100, last])
}

/// Workers, of which `core` takes the echoes of all.
fn gathered(workers: u8, core: u8) -> Dut {
    let net = dut_with_workers(workers).knows(LAN, ALICE).knows(WAN, BOB);
    let net = (8..=12).fold(net, |net, last| net.knows(LAN, host(last)));
    net.with(|plan| plan.config.icmp_redirect_core = Some(LcoreId(core)))
}

fn dpvs(plan: &mut Plan) {
    plan.config.policy = Policy::dpvs();
}

/// What lcore `id` counted: handed over, taken from rings, received, sent.
fn counted(net: &Dut, id: usize) -> [u64; 4] {
    let counters = &tell(&net.plan).outcome.lcores[id].counters;
    [counters.icmp_redirected, counters.ring_packets, counters.ipackets, counters.opackets]
}

#[test]
fn one_worker_answers_the_pings_that_all_receive() {
    let mut net = gathered(3, 2);
    for last in 9..=12 {
        net.at(ms(u64::from(last) - 9)).lan(&icmp_echo(host(last), DUT_LAN));
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.9 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        0.002     2           packet 1 to lcore 2 by its icmp_redirect_ring
        0.018     2 lan  >  icmp 198.51.100.1 > 198.51.100.9 echo reply id 1 seq 1 ttl 64 len 56
        1.000       lan  <  icmp 198.51.100.10 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        1.001     2           packet 2 to lcore 2 by its icmp_redirect_ring
        1.017     2 lan  >  icmp 198.51.100.1 > 198.51.100.10 echo reply id 1 seq 1 ttl 64 len 56
        2.000       lan  <  icmp 198.51.100.11 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        2.010     1           packet 3 to lcore 2 by its icmp_redirect_ring
        2.019     2 lan  >  icmp 198.51.100.1 > 198.51.100.11 echo reply id 1 seq 1 ttl 64 len 56
        3.000       lan  <  icmp 198.51.100.12 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        3.010     3           packet 4 to lcore 2 by its icmp_redirect_ring
        3.021     2 lan  >  icmp 198.51.100.1 > 198.51.100.12 echo reply id 1 seq 1 ttl 64 len 56
    in 4 + made 0 = out 4 + consumed 0 + dropped 0 + held 0
    ");
    assert_snapshot!(tell(&net.plan).ticks, @"
    0.000002000 lcore 2 tick      1 recv_fwd     1
    0.000011000 lcore 2 tick      1 icmp_redirect_proc 1
    0.000018000 lcore 2 tick      2 xmit         1
    0.001001000 lcore 2 tick     84 recv_fwd     1
    0.001010000 lcore 2 tick     84 icmp_redirect_proc 1
    0.001017000 lcore 2 tick     85 xmit         1
    0.002010000 lcore 1 tick    168 recv_fwd     1
    0.002012000 lcore 2 tick    167 icmp_redirect_proc 1
    0.002019000 lcore 2 tick    168 xmit         1
    0.003010000 lcore 3 tick    251 recv_fwd     1
    0.003014000 lcore 2 tick    250 icmp_redirect_proc 1
    0.003021000 lcore 2 tick    251 xmit         1
    ");
    // Handed over by who received them, and counted there; sent by the one that answers.
    assert_eq!([1, 2, 3].map(|id| counted(&net, id)), [[1, 0, 1, 0], [2, 4, 2, 4], [1, 0, 1, 0]]);
    let story = net.run();
    assert_eq!(net.with(dpvs).run(), story, "the profiles agree");
}

#[test]
fn pings_through_the_box_and_their_replies_come_to_one_worker_too() {
    let mut net = gathered(2, 1);
    net.at(ms(0)).lan(&icmp_echo(host(9), BOB));
    net.at(ms(1)).wan(&icmp(BOB, host(9), 0, 0, [0, 1, 0, 1], &[]));
    net.at(ms(2)).lan(&icmp_echo(host(9), BOB).ttl(1));
    net.at(ms(3)).lan(&icmp(host(9), BOB, 13, 0, [0; 4], &[0; 12])).lan(&udp(host(9), BOB));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.9 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56
        0.002     2           packet 1 to lcore 1 by its icmp_redirect_ring
        0.017     1 wan  >  icmp 198.51.100.9 > 192.0.2.9 echo request id 1 seq 1 ttl 63 len 56
        1.000       wan  <  icmp 192.0.2.9 > 198.51.100.9 echo reply id 1 seq 1 ttl 64 len 0
        1.011     2           packet 2 to lcore 1 by its icmp_redirect_ring
        1.027     1 lan  >  icmp 192.0.2.9 > 198.51.100.9 echo reply id 1 seq 1 ttl 63 len 0
        2.000       lan  <  icmp 198.51.100.9 > 192.0.2.9 echo request id 1 seq 1 ttl 1 len 56
        2.000     2           packet 3 to lcore 1 by its icmp_redirect_ring
        2.010     1           dropped ttl_exceeded (packet 3)
        2.017     1 lan  >  icmp 198.51.100.1 > 198.51.100.9 time exceeded (11/0) for [icmp 198.51.100.9 > 192.0.2.9 echo request id 1 seq 1 ttl 1] ttl 64 tos 0xc0
        3.000       lan  <  icmp 198.51.100.9 > 192.0.2.9 timestamp request (13/0) id 0 seq 0 ttl 64 len 12
        3.000       lan  <  udp 198.51.100.9:4000 > 192.0.2.9:53 ttl 64 len 32
        3.004     2 wan  >  icmp 198.51.100.9 > 192.0.2.9 timestamp request (13/0) id 0 seq 0 ttl 63 len 12
        3.007     1 wan  >  udp 198.51.100.9:4000 > 192.0.2.9:53 ttl 63 len 32
    in 5 + made 1 = out 5 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn fragments_of_a_ping_stay_where_they_came_in() {
    // Only the first has a type, and that is not the whole of it.
    let mut net = gathered(2, 1);
    for fragment in icmp_echo(host(9), BOB).len(600).fragments(400) {
        net.at(ms(0)).lan(&fragment);
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.9 > 192.0.2.9 icmp frag id 1 off 0 len 400 MF ttl 64
        0.000       lan  <  ip 198.51.100.9 > 192.0.2.9 icmp frag id 1 off 400 len 208 ttl 64
        0.006     2 wan  >  ip 198.51.100.9 > 192.0.2.9 icmp frag id 1 off 0 len 400 MF ttl 63
        0.006     2 wan  >  ip 198.51.100.9 > 192.0.2.9 icmp frag id 1 off 400 len 208 ttl 63
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
}

// B53
#[test]
fn what_is_too_short_to_be_a_ping_goes_its_ordinary_way() {
    let mut net = gathered(2, 1);
    let message = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    for (at, len) in [(0, 0), (1, 1), (7, 7), (8, 8)] {
        net.at(ms(at)).lan(&ipv4(host(9), BOB, 1, &message[..len]));
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.9 > 192.0.2.9 truncated: header of 8, 0 bytes ttl 64
        0.005     2 wan  >  icmp 198.51.100.9 > 192.0.2.9 truncated: header of 8, 0 bytes ttl 63
        1.000       lan  <  icmp 198.51.100.9 > 192.0.2.9 truncated: header of 8, 1 bytes ttl 64
        1.003     2 wan  >  icmp 198.51.100.9 > 192.0.2.9 truncated: header of 8, 1 bytes ttl 63
        7.000       lan  <  icmp 198.51.100.9 > 192.0.2.9 truncated: header of 8, 7 bytes ttl 64
        7.013     2 wan  >  icmp 198.51.100.9 > 192.0.2.9 truncated: header of 8, 7 bytes ttl 63
        8.000       lan  <  icmp 198.51.100.9 > 192.0.2.9 echo request id 0 seq 0 ttl 64 len 0
        8.000     2           packet 4 to lcore 1 by its icmp_redirect_ring
        8.009     1 wan  >  icmp 198.51.100.9 > 192.0.2.9 echo request id 0 seq 0 ttl 63 len 0
    in 4 + made 0 = out 4 + consumed 0 + dropped 0 + held 0
    ");
}

// B54
#[test]
fn the_ring_takes_as_many_as_it_holds_and_the_next_is_dropped_by_name() {
    for profile in [Policy::default(), Policy::dpvs()] {
        for (pings, dropped) in [(4, vec![]), (5, vec![(DropReason::IcmpRedirectRingFull, 1)])] {
            let mut net = gathered(2, 1).with(|plan| {
                plan.config.limits.icmp_redirect_ring = 4;
                plan.config.policy = profile.clone();
            });
            net.at(ms(1));
            (0..pings).for_each(|_| drop(net.lan(&icmp_echo(host(9), DUT_LAN)).plan.clone()));
            let ledger = tell(&net.plan).outcome.ledger;
            assert_eq!(ledger.dropped.iter().collect::<Vec<_>>(), dropped, "{pings} pings");
            assert_eq!((ledger.came, ledger.out), (pings, 4));
        }
    }
}

// B52
#[test]
fn a_bad_ping_in_a_burst_takes_no_other_with_it() {
    for profile in [Policy::default(), Policy::dpvs()] {
        let mut net = gathered(2, 1).with(|plan| plan.config.policy = profile);
        net.at(ms(1));
        for n in 0..40 {
            let ping = icmp_echo(host(9), DUT_LAN);
            net.lan(&match n {
                7 => ping.bad_checksum(),
                15 => icmp_echo(host(9), CAROL),
                16 => icmp_echo(host(9), BOB).ttl(1),
                31 => icmp_echo(host(9), CAROL).dst_ip([224, 0, 0, 1]),
                _ => ping,
            });
        }
        let told = tell(&net.plan);
        let dropped: Vec<_> = told.outcome.ledger.dropped.iter().collect();
        use DropReason as R;
        let each = [R::IpMulticast, R::IpNoRoute, R::IcmpChecksum, R::TtlExceeded].map(|r| (r, 1));
        assert_eq!(dropped, each);
        let replies = told.story.matches("echo reply").count();
        assert_eq!(replies, 36, "{}", told.story);
        assert!(told.ticks.contains("icmp_redirect_proc 32"), "{}", told.ticks);
    }
}

// B98
#[test]
fn an_echo_reply_for_the_kernel_reaches_it_as_it_was_received() {
    let kernel = PortId(2);
    for profile in [Policy::default(), Policy::dpvs()] {
        let mut net = gathered(2, 1).kni(LAN, false).with(|plan| plan.config.policy = profile);
        let reply = icmp(host(9), DUT_LAN, 0, 0, [0, 7, 0, 1], &[0x5a; 60]);
        net.at(ms(1)).lan(&reply).lan(&icmp_echo(host(9), DUT_LAN));
        assert_eq!(frames_out(&net.plan, kernel), [reply.build()]);
        assert_eq!(tell(&net.plan).outcome.ledger.out, 2);
    }
}

#[test]
fn a_vlan_s_ping_is_answered_on_its_vlan_and_its_kernel_gets_it_untagged() {
    let net = gathered(2, 1).vlan(WAN, 7, "203.0.113.1/24").kni(PortId(2), false);
    let mut net = net.knows(PortId(3), CAROL);
    let dut = DUT_LAN.with_ip([203, 0, 113, 1]).with_mac(fixtures::DUT_WAN.mac);
    let reply = icmp(CAROL, dut, 0, 0, [0, 7, 0, 1], &[]);
    net.at(ms(1)).wan(&icmp_echo(CAROL, dut).vlan(7));
    net.at(ms(2)).wan(&icmp(CAROL, dut, 0, 0, [0, 7, 0, 1], &[]).vlan(7));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000       wan  <  vlan 7 icmp 203.0.113.5 > 203.0.113.1 echo request id 1 seq 1 ttl 64 len 56
        1.010     2           packet 1 to lcore 1 by its icmp_redirect_ring
        1.025     1 wan  >  vlan 7 icmp 203.0.113.1 > 203.0.113.5 echo reply id 1 seq 1 ttl 64 len 56
        2.000       wan  <  vlan 7 icmp 203.0.113.5 > 203.0.113.1 echo reply id 7 seq 1 ttl 64 len 0
        2.011     2           packet 2 to lcore 1 by its icmp_redirect_ring
        2.020     1           packet 2 to lcore 0 by its kni_ring
        2.034     0 wan.7.kni >  icmp 203.0.113.5 > 203.0.113.1 echo reply id 7 seq 1 ttl 64 len 0
    in 2 + made 0 = out 2 + consumed 0 + dropped 0 + held 0
    ");
    assert_eq!(frames_out(&net.plan, PortId(2)), [reply.build()]);
}

#[test]
fn a_kernel_that_gets_a_copy_of_all_gets_one_of_each() {
    for profile in [Policy::default(), Policy::dpvs()] {
        let mut net = gathered(2, 1).kni(LAN, true).with(|plan| plan.config.policy = profile);
        let reply = icmp(host(9), DUT_LAN, 0, 0, [0, 7, 0, 1], &[]);
        net.at(ms(1)).lan(&reply);
        assert_eq!(frames_out(&net.plan, PortId(2)), [reply.build()]);
        let ledger = tell(&net.plan).outcome.ledger;
        assert_eq!((ledger.out, ledger.consumed(), ledger.dropped.total()), (1, 1, 0));
    }
}
