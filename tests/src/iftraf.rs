use dataplane::PortId;
use dataplane::control::{Order, Switch};
use fixtures::{ALICE, BOB, DUT_LAN, Frame, icmp_echo, ipv4, tcp, udp};
use insta::assert_snapshot;
use tests::{Dut, LAN, WAN, dut_with_workers, ms, secs, tell};

/// Workers that sample every `every`-th packet.
fn sampling(workers: u8, every: u32) -> Dut {
    let net = dut_with_workers(workers).knows(LAN, ALICE).knows(WAN, BOB);
    net.with(|plan| (plan.config.iftraf.on, plan.config.iftraf.every) = (true, every))
}

/// The section of the report.
fn talkers(net: &Dut) -> String {
    let report = sim::report::text("iftraf", &net.plan, &tell(&net.plan).outcome);
    let Some((_, section)) = report.split_once("top talkers") else { return "none".into() };
    section.split("\n\n").next().unwrap_or_default().trim_end().to_owned()
}

/// What all workers sampled and the master summed up.
fn counted(net: &Dut) -> (u64, u64) {
    let lcores = tell(&net.plan).outcome.lcores;
    let sampled = lcores.iter().map(|lcore| lcore.counters.iftraf_samples).sum();
    (sampled, lcores.iter().map(|lcore| lcore.counters.iftraf_summed).sum())
}

#[test]
fn both_directions_of_a_flow_are_one_flow_at_each_port() {
    let mut net = sampling(2, 1);
    net.at(ms(0)).lan(&udp(ALICE, BOB).len(100)).wan(&udp(BOB, ALICE).ports(53, 4000).len(1000));
    net.at(ms(1)).lan(&tcp(ALICE, BOB)).lan(&icmp_echo(ALICE, BOB));
    // One packet of 128 bytes to BOB and one of 1028 back, each seen at two ports; pings have no
    // ports, so nobody counts them.
    assert_snapshot!(talkers(&net), @"
    of the last 30s
     bytes of sampled packets: one in 1 with ports, of each worker, in and out
     samples: 6 summed up, 0 lost
     port              recv          sent  flow
     lan                128          1028  udp 198.51.100.7:4000 > 192.0.2.9:53
     wan               1028           128  udp 192.0.2.9:53 > 198.51.100.7:4000
     lan                 40             0  tcp 198.51.100.7:40000 > 192.0.2.9:80
     wan                  0            40  tcp 192.0.2.9:80 > 198.51.100.7:40000
     port              recv          sent  host
     lan                168          1028  198.51.100.7
     wan               1028           168  192.0.2.9
    ");
}

#[test]
fn every_nth_packet_of_each_worker_and_direction_is_sampled() {
    for (packets, samples) in [(2, 0), (3, 2), (5, 2), (6, 4)] {
        let mut net = sampling(1, 3);
        for n in 0..packets {
            net.at(ms(n)).lan(&udp(ALICE, BOB)).lan(&icmp_echo(ALICE, BOB));
        }
        assert_eq!(counted(&net), (samples, samples), "{packets} packets");
    }
}

// B50
#[test]
fn what_has_no_right_header_or_no_ports_is_no_sample() {
    let bad: Vec<Vec<u8>> = vec![
        udp(ALICE, BOB).build()[..33].to_vec(),
        udp(ALICE, BOB).bad_ip_checksum().build(),
        udp(ALICE, BOB).total_len(200).build(),
        udp(ALICE, BOB).ihl(4).build(),
        ipv4(ALICE, BOB, 17, &[0x0f, 0xa0, 0]).build(),
    ];
    let mut net = sampling(1, 1);
    for frame in bad {
        net.at(ms(0)).bytes(LAN, frame);
    }
    // Only the first fragment has ports.
    for part in udp(ALICE, BOB).len(600).fragments(400) {
        net.lan(&part);
    }
    assert_eq!(counted(&net), (2, 2));
}

#[test]
fn what_a_vlan_carries_is_its_ports() {
    let mut net = sampling(1, 1).vlan(WAN, 7, "203.0.113.1/24").knows(PortId(2), fixtures::CAROL);
    net.at(ms(0)).lan(&udp(ALICE, fixtures::CAROL));
    assert_snapshot!(talkers(&net), @"
    of the last 30s
     bytes of sampled packets: one in 1 with ports, of each worker, in and out
     samples: 2 summed up, 0 lost
     port              recv          sent  flow
     lan                 60             0  udp 198.51.100.7:4000 > 203.0.113.5:53
     wan                  0            60  udp 203.0.113.5:53 > 198.51.100.7:4000
     port              recv          sent  host
     lan                 60             0  198.51.100.7
     wan                  0            60  203.0.113.5
    ");
}

// B86
#[test]
fn what_is_older_than_the_history_is_forgotten_by_virtual_time_alone() {
    let mut net = sampling(1, 1).with(|plan| plan.config.iftraf.slot = ms(1));
    net.at(ms(0)).lan(&udp(ALICE, BOB).len(100));
    net.at(ms(20)).lan(&udp(ALICE, BOB).len(10));
    for (end, bytes) in [(ms(29), "166"), (ms(31), "38"), (ms(51), "")] {
        net.plan.until = Some(end);
        let told = talkers(&net);
        let line = told.lines().find(|line| line.starts_with("  lan ") && line.contains("udp"));
        let recv = line.map_or("", |line| line.split_whitespace().nth(1).unwrap_or_default());
        assert_eq!(recv, bytes, "at {end}: {told}");
    }
}

#[test]
fn the_control_plane_switches_them_on_and_off() {
    let mut net = sampling(2, 1).with(|plan| plan.config.iftraf.on = false);
    let frame: Frame = udp(ALICE, BOB);
    net.at(ms(0)).lan(&frame);
    net.at(ms(1)).order(Order::Iftraf(Switch::Enable));
    net.at(ms(2)).lan(&frame);
    net.at(ms(3)).order(Order::Iftraf(Switch::Disable));
    net.at(ms(4)).lan(&frame);
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        1.000                 order 1: iftraf enable
        1.002     0           message IFTRAF_SET #1 lcore 0 > 1 sent
        1.002     0           message IFTRAF_SET #1 lcore 0 > 2 sent
        1.002     0           iftraf enabled
        1.002     0           order 1 is done
        1.012     2           message IFTRAF_SET #1 lcore 0 > 2 delivered
        1.012     2           message IFTRAF_SET #1 lcore 0 > 2 handled: ok
        1.012     2           message IFTRAF_SET #1 lcore 2 > 0 replied: ok
        1.014     1           message IFTRAF_SET #1 lcore 0 > 1 delivered
        1.014     1           message IFTRAF_SET #1 lcore 0 > 1 handled: ok
        1.014     1           message IFTRAF_SET #1 lcore 1 > 0 replied: ok
        1.015     0           message IFTRAF_SET #1 lcore 2 > 0 answered: ok
        1.015     0           message IFTRAF_SET #1 lcore 1 > 0 answered: ok
        1.015     0           message IFTRAF_SET #1 lcore 0 done: ok
        2.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        2.016     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        3.000                 order 2: iftraf disable
        3.009     0           message IFTRAF_SET #2 lcore 0 > 1 sent
        3.009     0           message IFTRAF_SET #2 lcore 0 > 2 sent
        3.009     0           iftraf disabling
        3.009     0           order 2 is done
        3.011     1           message IFTRAF_SET #2 lcore 0 > 1 delivered
        3.011     1           message IFTRAF_SET #2 lcore 0 > 1 handled: ok
        3.011     1           message IFTRAF_SET #2 lcore 1 > 0 replied: ok
        3.021     2           message IFTRAF_SET #2 lcore 0 > 2 delivered
        3.021     2           message IFTRAF_SET #2 lcore 0 > 2 handled: ok
        3.021     2           message IFTRAF_SET #2 lcore 2 > 0 replied: ok
        3.022     0           message IFTRAF_SET #2 lcore 1 > 0 answered: ok
        3.022     0           message IFTRAF_SET #2 lcore 2 > 0 answered: ok
        3.022     0           message IFTRAF_SET #2 lcore 0 done: ok
        3.022     0           iftraf disabled
        4.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        4.003     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
    assert_eq!((counted(&net), talkers(&net)), ((2, 2), "none".into()));
}

#[test]
fn a_flow_that_was_silent_longest_makes_room_at_the_limit() {
    for (flows, evicted) in [(3, 0), (4, 1)] {
        let mut net = sampling(1, 1).with(|plan| {
            plan.config.limits.iftraf_flows = 3;
            plan.config.limits.iftraf_hosts = 16;
        });
        for port in 0..flows {
            // For us, so that each is seen once.
            net.at(ms(port))
                .lan(&udp(ALICE, DUT_LAN).ports(4000 + u16::try_from(port).unwrap(), 9));
        }
        net.plan.config.policy.icmp_unreachable = false;
        let told = tell(&net.plan);
        assert_eq!(told.outcome.lcores[0].counters.iftraf_evicted, evicted);
        let show = told.outcome.iftraf.unwrap();
        assert_eq!((show.flows.len(), show.hosts.len()), (3, 1));
    }
}

#[test]
fn an_idle_hour_with_statistics_is_skipped_as_any_other() {
    let mut net = sampling(1, 1).with(|plan| plan.costs = sim::plan::Costs::default());
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.plan.until = Some(secs(3600));
    let (outcome, ()) =
        sim::run::simulate(&net.plan, sim::plan::Backend::Heap, sim::plan::Pace::Skip, ()).unwrap();
    assert!(outcome.steps < 20, "{} steps", outcome.steps);
    assert_eq!(outcome.iftraf.map(|show| show.flows.len()), Some(0));
}
