//! Peers at the far ends of the wires: hosts that answer, and transfers through the box.

use crate::cli::repository;
use dataplane::job::JobKind;
use dataplane::rng::Rng;
use dataplane::{Instant, Nanos};
use insta::assert_snapshot;
use sim::engine::Outcome;
use sim::peer::{Did, HostOutcome};
use sim::plan::{Backend, Cost, Costs, Pace, Plan};
use sim::run::simulate;
use sim::scenario::{Overrides, Scenario};
use std::fmt::Write as _;
use std::path::Path;
use tests::{Told, tell};

/// The box between two wires, and hosts that find their neighbours themselves.
pub const BOX: &str = r#"
    [[port]]
    name = "lan"
    addresses = ["198.51.100.1/24"]
    wire = { delay = "50us" }

    [[port]]
    name = "wan"
    addresses = ["192.0.2.1/24"]
    wire = { delay = "200us" }
"#;

/// A host on the LAN, without the keys that say what it does.
pub const ALICE: &str = r#"
    [[peer]]
    name = "alice"
    port = "lan"
    mac = "02:00:00:00:00:0a"
    address = "198.51.100.7/24"
    gateway = "198.51.100.1"
"#;

/// A host on the WAN.
pub const BOB: &str = r#"
    [[peer]]
    name = "bob"
    port = "wan"
    mac = "02:00:00:00:00:0b"
    address = "192.0.2.9/24"
    gateway = "192.0.2.1"
"#;

/// The plan of a scenario, with an idle tick of 8 µs, so that stepping all of them is cheap.
pub fn plan(scenario: &[&str]) -> Plan {
    let text = scenario.concat();
    let mut plan = match Scenario::parse(&text, "t.toml", Path::new(""), &Overrides::default()) {
        Ok(scenario) => scenario.plan,
        Err(error) => panic!("{error}"),
    };
    plan.costs = Costs([Cost { idle: 2_000, per_item: 1_000 }; JobKind::ALL.len()]);
    plan
}

/// What a host experienced.
pub fn host<'a>(outcome: &'a Outcome, name: &str) -> &'a HostOutcome {
    match outcome.peers.iter().find(|peer| peer.name == name).map(|peer| &peer.did) {
        Some(Did::Host(host)) => host,
        other => panic!("{name}: {other:?}"),
    }
}

/// When a run ended, what its peers experienced, and what was dropped by which name.
pub fn summary(plan: &Plan, outcome: &Outcome) -> String {
    let report = sim::report::text("", plan, outcome);
    let peers = report.split("\npeers\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let mut text = format!("end {} s\n{}\n", outcome.end, peers.unwrap_or_default());
    for (reason, n) in outcome.ledger.dropped.iter() {
        let _ = writeln!(text, "dropped {reason}: {n}");
    }
    let _ = writeln!(text, "{}", outcome.ledger);
    text
}

/// A run in memory, with idle ticks skipped: for times that are too long to be stepped.
pub fn skipped(plan: &Plan) -> Outcome {
    match simulate(plan, Backend::Heap, Pace::Skip, ()) {
        Ok((outcome, ())) => {
            assert_eq!(outcome.broken, []);
            outcome
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn two_hosts_find_each_other_through_the_router_by_arp_alone() {
    let ping = r#"ping = [{ to = "192.0.2.9", size = 8 }]"#;
    let plan = plan(&[BOX, ALICE, ping, BOB]);
    let Told { story, outcome, .. } = tell(&plan);
    assert_snapshot!(story, @"
           ms lcore port    frame
        0.050       lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
        0.052     1           neigh lan 198.51.100.7 - -> none
        0.052     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        0.052     1           neigh lan 198.51.100.7 none -> reachable
        0.055     1 lan  >  arp 198.51.100.1 is-at 02:00:00:00:01:01
        0.156       lan  <  icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 0 ttl 64 len 8 DF
        0.164     1           neigh wan 192.0.2.9 - -> none
        0.164     1           packet 2 waits for 192.0.2.9, 1 in all
        0.164     1           neigh wan 192.0.2.9 none -> send
        0.167     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        0.568       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        0.576     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        0.576     1           neigh wan 192.0.2.9 send -> reachable
        0.579     1 wan  >  icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 0 ttl 63 len 8 DF
        0.980       wan  <  icmp 192.0.2.9 > 198.51.100.7 echo reply id 1 seq 0 ttl 64 len 8 DF
        0.991     1 lan  >  icmp 192.0.2.9 > 198.51.100.7 echo reply id 1 seq 0 ttl 63 len 8 DF
    in 4 + made 1 = out 4 + consumed 1 + dropped 0 + held 0
    ");
    assert_snapshot!(summary(&plan, &outcome), @"
    end 0.001042001 s
      alice on lan: 2 frames sent, 2 heard
        ping 192.0.2.9, 8 bytes: 1 of 1 answered, in 1042us to 1042us, 1042us on average
      bob on wan: 2 frames sent, 2 heard
    in 4 + made 1 = out 4 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn a_ping_of_many_fragments_leaves_at_once_and_none_is_lost() {
    // Five, six, fourteen and forty-one of them; the next ping comes a millisecond later.
    for size in [7392, 7393, 20_000, 60_000] {
        let ping = format!(
            "ping = [{{ to = \"198.51.100.1\", size = {size}, count = 3, every = \"1ms\" }}]"
        );
        let Told { outcome, .. } = tell(&plan(&[BOX, ALICE, &ping]));
        let answered = &host(&outcome, "alice").pings[0].answered;
        let took: Vec<Nanos> = answered.iter().map(|(_, took)| *took).collect();
        assert_eq!(took.len(), 3, "{size} bytes");
        assert!(took[1..].iter().all(|took| *took < Nanos::from_millis(1)), "{size}: {took:?}");
    }
}

#[test]
fn a_ping_of_3000_bytes_goes_in_fragments_both_ways() {
    let ping =
        r#"ping = [{ to = "192.0.2.9", size = 3000 }, { to = "198.51.100.1", size = 3000 }]"#;
    let plan = plan(&[BOX, ALICE, ping, BOB]);
    let Told { story, outcome, .. } = tell(&plan);
    assert_snapshot!(story, @"
           ms lcore port    frame
        0.050       lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
        0.052     1           neigh lan 198.51.100.7 - -> none
        0.052     1           neigh lan 198.51.100.7 is at 02:00:00:00:00:0a
        0.052     1           neigh lan 198.51.100.7 none -> reachable
        0.055     1 lan  >  arp 198.51.100.1 is-at 02:00:00:00:01:01
        0.156       lan  <  ip 198.51.100.7 > 192.0.2.9 icmp frag id 47463 off 0 len 1480 MF ttl 64
        0.156       lan  <  ip 198.51.100.7 > 192.0.2.9 icmp frag id 47463 off 1480 len 1480 MF ttl 64
        0.156       lan  <  ip 198.51.100.7 > 192.0.2.9 icmp frag id 47463 off 2960 len 48 ttl 64
        0.156       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 47464 off 0 len 1480 MF ttl 64
        0.156       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 47464 off 1480 len 1480 MF ttl 64
        0.156       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 47464 off 2960 len 48 ttl 64
        0.164     1           neigh wan 192.0.2.9 - -> none
        0.164     1           packet 2 waits for 192.0.2.9, 1 in all
        0.164     1           neigh wan 192.0.2.9 none -> send
        0.164     1           packet 3 waits for 192.0.2.9, 2 in all
        0.164     1           packet 4 waits for 192.0.2.9, 3 in all
        0.164     1           datagram 47464 of 198.51.100.7 holds 1 fragment, 1480 bytes
        0.164     1           datagram 47464 of 198.51.100.7 holds 2 fragments, 2960 bytes
        0.164     1           datagram 47464 of 198.51.100.7 is whole: 3 fragments, 3008 bytes
        0.172     1 lan  >  ip 198.51.100.1 > 198.51.100.7 icmp frag id 0 off 0 len 1480 MF ttl 64
        0.172     1 lan  >  ip 198.51.100.1 > 198.51.100.7 icmp frag id 0 off 1480 len 1480 MF ttl 64
        0.172     1 lan  >  ip 198.51.100.1 > 198.51.100.7 icmp frag id 0 off 2960 len 48 ttl 64
        0.172     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        0.573       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        0.574     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        0.574     1           neigh wan 192.0.2.9 send -> reachable
        0.577     1 wan  >  ip 198.51.100.7 > 192.0.2.9 icmp frag id 47463 off 0 len 1480 MF ttl 63
        0.577     1 wan  >  ip 198.51.100.7 > 192.0.2.9 icmp frag id 47463 off 1480 len 1480 MF ttl 63
        0.577     1 wan  >  ip 198.51.100.7 > 192.0.2.9 icmp frag id 47463 off 2960 len 48 ttl 63
        0.978       wan  <  ip 192.0.2.9 > 198.51.100.7 icmp frag id 52737 off 0 len 1480 MF ttl 64
        0.978       wan  <  ip 192.0.2.9 > 198.51.100.7 icmp frag id 52737 off 1480 len 1480 MF ttl 64
        0.978       wan  <  ip 192.0.2.9 > 198.51.100.7 icmp frag id 52737 off 2960 len 48 ttl 64
        0.983     1 lan  >  ip 192.0.2.9 > 198.51.100.7 icmp frag id 52737 off 0 len 1480 MF ttl 63
        0.983     1 lan  >  ip 192.0.2.9 > 198.51.100.7 icmp frag id 52737 off 1480 len 1480 MF ttl 63
        0.983     1 lan  >  ip 192.0.2.9 > 198.51.100.7 icmp frag id 52737 off 2960 len 48 ttl 63
    in 11 + made 4 = out 11 + consumed 4 + dropped 0 + held 0
    ");
    assert_snapshot!(summary(&plan, &outcome), @"
    end 0.001034001 s
      alice on lan: 7 frames sent, 7 heard
        ping 192.0.2.9, 3000 bytes: 1 of 1 answered, in 1034us to 1034us, 1034us on average
        ping 198.51.100.1, 3000 bytes: 1 of 1 answered, in 117us to 117us, 117us on average
      bob on wan: 4 frames sent, 4 heard
    in 11 + made 4 = out 11 + consumed 4 + dropped 0 + held 0
    ");
}

#[test]
fn hosts_in_vlans_ping_through_the_router_and_hear_no_other_vlan() {
    let trunk = r#"
        [[port]]
        name = "lan"
        wire = { delay = "50us" }
        [[port.vlan]]
        vid = 10
        addresses = ["198.51.100.1/24"]
        [[port.vlan]]
        vid = 20
        addresses = ["192.0.2.1/24"]
    "#;
    let bob = BOB.replace("wan", "lan");
    let ping = r#"vlan = 10
        ping = [{ to = "192.0.2.9", size = 8 }]"#;
    let plan = plan(&[trunk, ALICE, ping, &bob, "vlan = 20"]);
    let Told { story, outcome, .. } = tell(&plan);
    assert_snapshot!(story, @"
           ms lcore port    frame
        0.050       lan  <  vlan 10 arp who-has 198.51.100.1 tell 198.51.100.7
        0.052     1           neigh lan.10 198.51.100.7 - -> none
        0.052     1           neigh lan.10 198.51.100.7 is at 02:00:00:00:00:0a
        0.052     1           neigh lan.10 198.51.100.7 none -> reachable
        0.055     1 lan  >  vlan 10 arp 198.51.100.1 is-at 02:00:00:00:01:01
        0.156       lan  <  vlan 10 icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 0 ttl 64 len 8 DF
        0.164     1           neigh lan.20 192.0.2.9 - -> none
        0.164     1           packet 2 waits for 192.0.2.9, 1 in all
        0.164     1           neigh lan.20 192.0.2.9 none -> send
        0.167     1 lan  >  vlan 20 arp who-has 192.0.2.9 tell 192.0.2.1
        0.268       lan  <  vlan 20 arp 192.0.2.9 is-at 02:00:00:00:00:0b
        0.276     1           neigh lan.20 192.0.2.9 is at 02:00:00:00:00:0b
        0.276     1           neigh lan.20 192.0.2.9 send -> reachable
        0.279     1 lan  >  vlan 20 icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 0 ttl 63 len 8 DF
        0.380       lan  <  vlan 20 icmp 192.0.2.9 > 198.51.100.7 echo reply id 1 seq 0 ttl 64 len 8 DF
        0.391     1 lan  >  vlan 10 icmp 192.0.2.9 > 198.51.100.7 echo reply id 1 seq 0 ttl 63 len 8 DF
    in 4 + made 1 = out 4 + consumed 1 + dropped 0 + held 0
    ");
    assert_snapshot!(summary(&plan, &outcome), @"
    end 0.000442001 s
      alice on lan: 2 frames sent, 4 heard
        ping 192.0.2.9, 8 bytes: 1 of 1 answered, in 442us to 442us, 442us on average
      bob on lan: 2 frames sent, 4 heard
    in 4 + made 1 = out 4 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn datagrams_and_transfers_come_back_from_who_echoes_them() {
    let alice = r#"
        udp_send = [
            { to = "192.0.2.9", port = 7, count = 5, every = "1ms", size = 100 },
            { to = "192.0.2.9", port = 7, count = 3, every = "1ms", size = 4000 },
            { to = "192.0.2.9", port = 9, at = "2ms", count = 2, every = "1ms", size = 0 },
            { to = "192.0.2.9", port = 99 },
        ]
        tcp_send = [
            { to = "192.0.2.9", port = 7, at = "10ms", bytes = 20000 },
            { to = "192.0.2.9", port = 9, at = "10ms", bytes = 20000 },
            { to = "192.0.2.9", port = 99, at = "10ms", bytes = 20000 },
        ]
    "#;
    let bob = "udp_echo = 7\nudp_listen = 9\ntcp_echo = 7\ntcp_listen = 9";
    let plan = plan(&[BOX, ALICE, alice, BOB, bob]);
    let outcome = tell(&plan).outcome;
    assert_snapshot!(summary(&plan, &outcome), @"
    end 0.022890001 s
      alice on lan: 60 frames sent, 44 heard
        udp to 192.0.2.9:7: 5 sent, 5 came back
        udp to 192.0.2.9:7: 3 sent, 3 came back
        udp to 192.0.2.9:9: 2 sent
        udp to 192.0.2.9:99: 1 sent
        tcp to 192.0.2.9:7: 20000 of 20000 bytes acknowledged, finished at 0.012632000 s, 60790273 bit/s; 16 segments, 0 sent again; 20000 bytes came back
        tcp to 192.0.2.9:9: 20000 of 20000 bytes acknowledged, finished at 0.013155000 s, 50713153 bit/s; 16 segments, 0 sent again
        tcp to 192.0.2.9:99: 0 of 20000 bytes acknowledged, refused at 0.010522000 s; 0 segments, 0 sent again
      bob on wan: 44 frames sent, 60 heard
        udp port 9 from 198.51.100.7:40002: 2 datagrams, 0 bytes
        udp port 7 from 198.51.100.7:40000: 5 datagrams, 500 bytes
        udp port 7 from 198.51.100.7:40001: 3 datagrams, 12000 bytes
        tcp port 9 from 198.51.100.7:49153: 20000 bytes in order, digest 91cab4533069ccbd, all at 0.012898000 s
        tcp port 7 from 198.51.100.7:49152: 20000 bytes in order, digest e64232ee4bf73808, all at 0.012364000 s
    in 104 + made 1 = out 104 + consumed 1 + dropped 0 + held 0
    ");
    let alice = host(&outcome, "alice");
    let sent = alice.udp_sent.iter().map(|udp| (udp.sent.len(), udp.echoed == udp.sent));
    assert_eq!(sent.collect::<Vec<_>>(), [(5, true), (3, true), (2, false), (1, false)]);
}

#[test]
fn a_transfer_through_a_tbf_of_1_mbit_with_1_per_cent_loss_comes_whole() {
    let tbf = r#"
        [[qsch]]
        dev = "wan"
        kind = "tbf"
        rate = "1M"
        burst = 3028
        limit = 15000
    "#;
    let alice = r#"loss = "1%"
        tcp_send = [{ to = "192.0.2.9", port = 9, at = "1ms", bytes = 100000 }]"#;
    let plan = plan(&["seed = 2", BOX, tbf, ALICE, alice, BOB, "tcp_listen = 9"]);
    let outcome = tell(&plan).outcome;
    assert_snapshot!(summary(&plan, &outcome), @"
    end 2.882704001 s
      alice on lan: 103 frames sent, 85 heard; lost on its wire 3 from it and 1 to it
        tcp to 192.0.2.9:9: 100000 of 100000 bytes acknowledged, finished at 2.882441000 s, 277638 bit/s; 99 segments, 22 sent again
      bob on wan: 86 frames sent, 89 heard
        tcp port 9 from 198.51.100.7:49152: 100000 bytes in order, digest 401d8d84f8afc9d2, all at 2.882178000 s
    dropped qsch_full: 11
    in 186 + made 1 = out 175 + consumed 1 + dropped 11 + held 0
    ");
    let (sent, received) = (&host(&outcome, "alice").tcp_sent[0], host(&outcome, "bob"));
    assert!(sent.again > 0, "something was lost, so something was sent again");
    assert_eq!(received.tcp_received[0].bytes, 100_000);
}

#[test]
fn each_seed_loses_other_frames_and_no_transfer_is_corrupted() {
    let transfer = r#"loss = "3%"
        tcp_send = [{ to = "192.0.2.9", port = 7, at = "1ms", bytes = 20000 }]"#;
    let mut ends = Vec::new();
    for seed in 0..20 {
        let seed = format!("seed = {seed}");
        let plan = plan(&[&seed, BOX, ALICE, transfer, BOB, "loss = \"3%\"\ntcp_echo = 7"]);
        // The oracle `peer` is what judges it.
        let outcome = skipped(&plan);
        let sent = &host(&outcome, "alice").tcp_sent[0];
        assert_eq!((sent.acknowledged, sent.echoed), (20_000, 20_000), "{seed}: {sent:?}");
        ends.push(outcome.end);
    }
    ends.sort_unstable();
    ends.dedup();
    assert!(ends.len() > 15, "{ends:?}");
}

#[test]
fn whoever_loses_everything_gives_up_and_the_run_ends() {
    let alice = r#"loss = "100%"
        ping = [{ to = "192.0.2.9" }]
        udp_send = [{ to = "192.0.2.9", port = 7 }]
        tcp_send = [{ to = "192.0.2.9", port = 9, bytes = 1 }]"#;
    let plan = plan(&[BOX, ALICE, alice, BOB]);
    let outcome = skipped(&plan);
    assert_snapshot!(summary(&plan, &outcome), @"
    end 60.000000001 s
      alice on lan: 61 frames sent, 0 heard; lost on its wire 61 from it and 0 to it
        ping 192.0.2.9, 56 bytes: 0 of 1 answered
        udp to 192.0.2.9:7: 1 sent
        tcp to 192.0.2.9:9: 0 of 1 bytes acknowledged, given up at 60.000000000 s; 0 segments, 0 sent again
      bob on wan: 0 frames sent, 0 heard
    in 0 + made 0 = out 0 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_connection_that_is_only_remembered_does_not_keep_a_run_alive() {
    let transfer = r#"tcp_send = [{ to = "192.0.2.9", port = 9, bytes = 1 }]"#;
    let plan = plan(&[BOX, ALICE, transfer, BOB, "tcp_listen = 9"]);
    let outcome = skipped(&plan);
    // TIME-WAIT is 10 s in smoltcp, and twice two minutes in RFC 9293.
    assert!(outcome.end < Instant::from_nanos(100_000_000), "{}", outcome.end);
    let finished = host(&outcome, "alice").tcp_sent[0].finished;
    assert!(finished.is_some_and(|at| at < outcome.end));
}

#[test]
fn a_peer_s_own_frames_wait_for_the_wire_as_any_input() {
    let slow = BOX.replacen(r#"{ delay"#, r#"{ rate = "1M", queue = 2, delay"#, 1);
    let sends =
        r#"udp_send = [{ to = "192.0.2.9", port = 9, count = 6, every = "0s", size = 97 }]"#;
    let plan = plan(&[&slow, ALICE, sends, BOB, "udp_listen = 9"]);
    let outcome = tell(&plan).outcome;
    assert_snapshot!(summary(&plan, &outcome), @"
    end 0.004380001 s
      alice on lan: 7 frames sent, 1 heard
        udp to 192.0.2.9:9: 6 sent
      bob on wan: 1 frames sent, 4 heard
        udp port 9 from 198.51.100.7:40000: 3 datagrams, 291 bytes
    dropped wire_queue_full: 3
    in 8 + made 1 = out 5 + consumed 1 + dropped 3 + held 0
    ");
}

// smoltcp does not discover path MTUs (RFC 1191): it is a black hole for it.
#[test]
fn behind_a_smaller_mtu_a_host_needs_that_mtu_too() {
    let small = BOX.replacen(r#"name = "wan""#, "name = \"wan\"\n    mtu = 1000", 1);
    let transfer = r#"tcp_send = [{ to = "192.0.2.9", port = 9, bytes = 5000 }]"#;
    let plan = |mtu: &str| plan(&[&small, ALICE, mtu, transfer, BOB, mtu, "tcp_listen = 9"]);
    let blind = plan("");
    assert_snapshot!(summary(&blind, &skipped(&blind)), @"
    end 60.001705001 s
      alice on lan: 12 frames sent, 11 heard
        tcp to 192.0.2.9:9: 0 of 5000 bytes acknowledged, given up at 60.001042000 s; 7 segments, 5 sent again
      bob on wan: 6 frames sent, 7 heard
        tcp port 9 from 198.51.100.7:49152: 0 bytes in order, digest 2d06800538d394c2, given up at 60.001300000 s
    dropped fragmentation_needed: 6
    in 18 + made 9 = out 18 + consumed 3 + dropped 6 + held 0
    ");
    let told = plan("\nmtu = 1000\n");
    assert_snapshot!(summary(&told, &skipped(&told)), @"
    end 0.002856001 s
      alice on lan: 11 frames sent, 6 heard
        tcp to 192.0.2.9:9: 5000 of 5000 bytes acknowledged, finished at 0.002594000 s, 15420200 bit/s; 7 segments, 0 sent again
      bob on wan: 6 frames sent, 11 heard
        tcp port 9 from 198.51.100.7:49152: 5000 bytes in order, digest f431aa6d73982bde, all at 0.002332000 s
    in 17 + made 1 = out 17 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn many_transfers_at_one_instant_all_come_to_one_port() {
    let one = r#"{ to = "192.0.2.9", port = 9, at = "1ms", bytes = 1000 },"#;
    let sends = format!("tcp_send = [{}]", one.repeat(20));
    let plan = plan(&["workers = 3", BOX, ALICE, &sends, BOB, "tcp_listen = 9"]);
    let outcome = tell(&plan).outcome;
    let received = &host(&outcome, "bob").tcp_received;
    assert!(received.iter().all(|tcp| tcp.bytes == 1000 && tcp.finished.is_some()));
    assert_eq!(received.len(), 20);
}

/// Peers of whom everything is drawn: where they are, what is lost, and what they do.
fn drawn(seed: u64) -> Plan {
    let mut rng = Rng::new(seed).fork("peers");
    let mut draw = |bound: u64| rng.below(bound);
    let mut text = format!("seed = {seed}\nuntil = \"40ms\"\nworkers = {}\n", 1 + draw(3));
    let rates = ["", "rate = \"10M\", ", "rate = \"1G\", queue = 4, "];
    for (port, subnet) in [("lan", "198.51.100"), ("wan", "192.0.2")] {
        let rate = rates[usize::try_from(draw(3)).unwrap()];
        let _ = writeln!(text, "[[port]]\nname = \"{port}\"\naddresses = [\"{subnet}.1/24\"]");
        let _ = writeln!(text, "wire = {{ {rate}delay = \"{}ns\" }}", draw(200_000));
    }
    for n in 0..4 {
        let (port, subnet, other) = match n % 2 {
            0 => ("lan", "198.51.100", "192.0.2"),
            _ => ("wan", "192.0.2", "198.51.100"),
        };
        let to = format!("to = \"{other}.{}\"", 10 + draw(4));
        let mut at = || format!("at = \"{}ns\"", draw(20_000_000));
        let (ping_at, udp_at, tcp_at) = (at(), at(), at());
        let _ = writeln!(
            text,
            "[[peer]]\nname = \"p{n}\"\nport = \"{port}\"\naddress = \"{subnet}.{}/24\"\n\
             gateway = \"{subnet}.1\"\nloss = \"{}%\"\nudp_echo = 7\ntcp_echo = 7\n\
             ping = [{{ {to}, {ping_at}, count = 5, every = \"1ms\", size = {} }}]\n\
             udp_send = [{{ {to}, port = 7, {udp_at}, count = 5, every = \"700us\", size = {} }}]\n\
             tcp_send = [{{ {to}, port = 7, {tcp_at}, bytes = {} }}]",
            10 + n,
            draw(5),
            draw(4000),
            draw(4000),
            1 + draw(30_000),
        );
    }
    plan(&[&text])
}

#[test]
fn whatever_peers_do_it_is_one_story_told_four_ways() {
    let (mut pings, mut bytes) = (0, 0);
    for seed in 0..12 {
        let outcome = tell(&drawn(seed)).outcome;
        for peer in &outcome.peers {
            let Did::Host(host) = &peer.did else { panic!("{peer:?}") };
            pings += host.pings.iter().map(|ping| ping.answered.len()).sum::<usize>();
            bytes += host.tcp_received.iter().map(|tcp| tcp.bytes).sum::<u64>();
        }
    }
    assert!(pings > 20 && bytes > 100_000, "{pings} pings and {bytes} bytes came through");
}

#[test]
fn the_manual_shows_what_the_report_says() {
    let path = repository().join("fixtures/scenarios/peers.toml");
    let plan = Scenario::load(&path, &Overrides::default()).unwrap().plan;
    let outcome = skipped(&plan);
    let (on_dpdk, ()) = simulate(&plan, Backend::Dpdk, Pace::Skip, ()).unwrap();
    assert_eq!(outcome.digests, on_dpdk.digests);
    assert_eq!(outcome.peers, on_dpdk.peers);
    let report = sim::report::text("peers", &plan, &outcome);
    let peers = report.split("\npeers\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let manual = std::fs::read_to_string(repository().join("docs/peers.md")).unwrap();
    let shown = format!("```text\npeers\n{}\n```", peers.unwrap());
    assert!(manual.contains(&shown), "docs/peers.md should show\n{shown}");
}
