//! What goes wrong on purpose, and nothing else breaks: calls that fail, frames that are lost or harmed,
//! lcores that stand still or take another time, orders at another time.

use crate::cli::repository;
use crate::peers;
use dataplane::PortId;
use dataplane::control::{Hello, Target};
use dataplane::msg::Call;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, GW, arp_reply, icmp_echo, udp};
use insta::assert_snapshot;
use sim::plan::{Backend, Pace, Plan, PortPlan, WirePlan};
use sim::run::sweep;
use sim::scenario::{CaptureArg, Overrides, Request, Scenario};
use sim::sweep::{Kind, Sweep, Swept};
use tests::{Dut, LAN, WAN, dut, dut_with_workers, ms, tell, us};

/// Every so manieth call fails, on its own.
fn swept(plan: &Plan, every: u64) -> Swept {
    swept_with(plan, Kind::CALLS.to_vec(), every)
}

/// At every so manieth place of these kinds a fault strikes, on its own.
fn swept_with(plan: &Plan, kinds: Vec<Kind>, every: u64) -> Swept {
    let all = Sweep { kinds, every, pace: Pace::Skip, interrupted: None };
    sweep(plan, Backend::Heap, &all, false).unwrap()
}

/// ALICE sends to BOB, whom nobody knows yet and who answers.
fn asked() -> Dut {
    let mut net = dut().knows(LAN, ALICE);
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(3)).wan(&arp_reply(BOB, DUT_WAN));
    net
}

#[test]
fn a_fault_is_told_where_it_strikes() {
    // The first buffer is ALICE's, the second the ARP request's.
    let net = asked().with(|plan| plan.faults.push("alloc:2".parse().unwrap()));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002                 fault alloc:2: the pool has no buffer
        0.002     1           no buffer for: arp_request
        0.002     1           neigh wan 192.0.2.9 none -> send
        3.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        3.001     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        3.001     1           neigh wan 192.0.2.9 send -> reachable
        3.004     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
    in 2 + made 0 = out 1 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn a_burst_of_which_the_port_takes_only_the_front_loses_the_rest() {
    let mut net = dut().knows(WAN, BOB).fails("tx:1=1");
    (0..2).for_each(|_| drop(net.at(ms(0)).lan(&udp(ALICE, BOB)).plan.clone()));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.006                 fault tx:1=1: a port takes only the front of a burst
        0.006     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 32
        0.006     1           dropped tx_refused (packet 2)
    in 2 + made 0 = out 1 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn a_pool_that_is_empty_for_a_while_takes_no_frame() {
    let mut net = dut().knows(LAN, ALICE).fails("alloc:2-3");
    (0..4).for_each(|n| drop(net.at(ms(n)).lan(&icmp_echo(ALICE, DUT_LAN)).plan.clone()));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        0.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
        1.000                 fault alloc:2: the pool has no buffer
        1.000                 dropped rx_no_buffer (packet 2)
        1.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        2.000                 fault alloc:3: the pool has no buffer
        2.000                 dropped rx_no_buffer (packet 3)
        2.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        3.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        3.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
    in 4 + made 0 = out 2 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn a_burst_that_the_port_does_not_take_is_dropped_whole() {
    let net = asked().with(|plan| plan.faults.push("tx:2".parse().unwrap()));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
        3.000       wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
        3.002     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        3.002     1           neigh wan 192.0.2.9 send -> reachable
        3.005                 fault tx:2: a port takes nothing of a burst
        3.005     1           dropped tx_refused (packet 1)
    in 2 + made 1 = out 1 + consumed 1 + dropped 1 + held 0
    ");
}

// B80, 65f8d7ec
#[test]
fn a_multicast_of_which_one_ring_is_full_all_of_a_sudden_ends_all_the_same() {
    // Rings are asked for room before the first message is sent, and here one lies.
    let hello = Hello { to: Target::Workers, call: Call::Sync, timeout: None, count: 1 };
    let mut net = dut_with_workers(3);
    net.at(ms(1)).hello(hello);
    let net = net.with(|plan| plan.faults.push("ring:2".parse().unwrap()));
    assert_snapshot!(tell(&net.plan).chart, @"
          ms  lcore 0       lcore 1       lcore 2       lcore 3
              master        worker        worker        worker
    1.002000  ├─ HELLO #1 ─▶┃             │             │  tick 72: sync to all, within 2 ms
              ├─ HELLO #1 ──╂────────────×│             │  the ring of lcore 2 is full: to no more
    1.012000  ┃◀── ok #1 ───●             │             │  tick 101: #1 waited 10 us
    1.015000  ×             │             │             │  tick 73: reply to #1 waited 3 us, nobody
              │             │             │             │  waits for it: dropped
    ");
}

// B97
#[test]
fn nothing_but_packets_is_lost_whichever_call_fails() {
    let folders = ["fixtures/scenarios", "fixtures/small"].map(|folder| repository().join(folder));
    let scenarios = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> = scenarios.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut runs = 0;
    for path in paths {
        let mut overrides = Overrides::default();
        if path.ends_with("idle-hour.toml") {
            overrides.until = Some(dataplane::Nanos::from_secs(200));
        }
        let swept = swept(&Scenario::load(&path, &overrides).unwrap().plan, 1);
        assert_eq!(swept.findings, [], "{}:\n{swept}", path.display());
        runs += swept.runs();
    }
    assert!(runs > 20, "{runs} calls in all scenarios together");
}

#[test]
fn nothing_but_packets_is_lost_of_a_real_capture_whichever_call_fails() {
    let mut request =
        Request::from_file(&repository().join("fixtures/scenarios/demo.toml")).unwrap();
    let path = repository().join("pcaps/router-two-sides.pcapng");
    request.captures.push(CaptureArg { port: None, path });
    let swept = swept(&request.plan().unwrap().plan, 1);
    assert_eq!(swept.findings, [], "{swept}");
    assert!(swept.runs() > 100, "{swept}");
}

#[test]
fn a_sweep_tries_each_call_once() {
    let swept = swept(&asked().plan, 1);
    assert_eq!(swept.findings, [], "{swept}");
    let tried: Vec<_> = swept.tallies.iter().map(|t| (t.kind.name(), t.chances, t.runs)).collect();
    assert_eq!(tried, [("alloc", 3, 3), ("ring", 0, 0), ("tx", 2, 2)]);
}

// B97
#[test]
fn nothing_but_packets_is_lost_wherever_any_fault_strikes() {
    let mut runs = std::collections::BTreeMap::new();
    let names = ["scenarios/router", "small/changes", "small/kernel", "small/vlans"];
    let mut plans = Vec::from(names.map(|name| {
        let path = repository().join(format!("fixtures/{name}.toml"));
        (name, Scenario::load(&path, &Overrides::default()).unwrap().plan)
    }));
    let ping = "ping = [{ to = '192.0.2.9', count = 2, every = '1ms' }]\n";
    plans.push(("hosts", peers::plan(&[peers::BOX, peers::ALICE, ping, peers::BOB])));
    for (name, plan) in plans {
        let swept = swept_with(&plan, Kind::all().collect(), 4);
        assert_eq!(swept.findings, [], "{name}:\n{swept}");
        for tally in swept.tallies {
            *runs.entry(tally.kind).or_insert(0) += tally.runs;
        }
    }
    assert!(runs.values().all(|runs| *runs > 0), "each kind has a place somewhere: {runs:?}");
}

#[test]
fn a_sweep_of_other_kinds_tries_each_place_once() {
    let mut net = asked();
    net.at(ms(5)).told("route add 203.0.113.0/24 via 192.0.2.254");
    let swept = swept_with(&net.plan, Kind::all().skip(3).collect(), 1);
    assert_eq!(swept.findings, [], "{swept}");
    let tried: Vec<_> = swept.tallies.iter().map(|t| (t.kind.name(), t.chances, t.runs)).collect();
    let of_peers = ["mute", "deaf"];
    let (none, tried): (Vec<_>, Vec<_>) = tried.into_iter().partition(|t| of_peers.contains(&t.0));
    assert_eq!(none, of_peers.map(|name| (name, 0, 0)));
    let frames = ["lose", "dup", "late", "flip", "cut", "full", "room", "back", "down"];
    let (of_frames, others) = tried.split_at(frames.len());
    assert_eq!(of_frames, frames.map(|name| (name, 2, 2)));
    // Runs that find work, of both lcores: and the order is told at each of these times.
    assert_snapshot!(format!("{others:?}"), @r#"[("stall", 7, 7), ("cost", 7, 7), ("ahead", 2, 2), ("drift", 2, 2), ("order", 7, 7)]"#);
}

/// ALICE sends three datagrams of 10, 20 and 30 bytes to BOB, 20 µs apart.
fn three() -> Dut {
    let mut net = dut().knows(WAN, BOB);
    (1..=3).for_each(|n| {
        let len = 10 * usize::try_from(n).unwrap_or_default();
        net.at(us(20 * n)).lan(&udp(ALICE, BOB).len(len));
    });
    net
}

#[test]
fn a_frame_that_is_lost_never_comes() {
    assert_snapshot!(three().fails("lose:lan:1-2").run(), @"
           ms lcore port    frame
        0.020                 fault lose:lan:1: a frame is lost on its way
        0.020                 dropped wire_lost (packet 1)
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.040                 fault lose:lan:2: a frame is lost on its way
        0.040                 dropped wire_lost (packet 2)
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.065     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 1 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn a_frame_that_comes_twice_is_two_packets() {
    assert_snapshot!(three().fails("dup:lan:2").run(), @"
           ms lcore port    frame
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.025     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.040                 fault dup:lan:2: a frame comes twice
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.048     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
        0.048     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.071     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 4 + made 0 = out 4 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_frame_that_is_late_is_overtaken() {
    assert_snapshot!(three().fails("late:lan:1=30us").run(), @"
           ms lcore port    frame
        0.020                 fault late:lan:1=30us: a frame comes late
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.045     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
        0.050       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.057     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.069     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_bit_that_is_turned_over_is_found_by_the_checksum() {
    // Bit 176 is the first of the TTL. Bit 416 is the first of byte 52: payload, which a router does
    // not look at. The first frame ends before it.
    assert_snapshot!(three().fails("flip:lan:1=176").fails("flip:lan:2=416").run(), @"
           ms lcore port    frame
        0.020                 fault flip:lan:1=176: a bit of a frame is turned over
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 192 len 10 BAD-IP-CHECKSUM
        0.022     1           dropped ip_checksum (packet 1)
        0.040                 fault flip:lan:2=416: a bit of a frame is turned over
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20 bad udp checksum
        0.046     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20 bad udp checksum
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.068     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 2 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn a_frame_that_is_cut_short_is_refused() {
    assert_snapshot!(three().fails("cut:lan:1=33").fails("cut:lan:2=13").fails("cut:lan:3=72").run(), @"
           ms lcore port    frame
        0.020                 fault cut:lan:1=33: a frame is cut short
        0.020       lan  <  ipv4 truncated: header of 20, 19 bytes
        0.022     1           dropped ip_truncated (packet 1)
        0.040                 fault cut:lan:2=13: a frame is cut short
        0.040       lan  <  eth truncated: header of 14, 13 bytes
        0.043     1           dropped eth_truncated (packet 2)
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.067     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 1 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn a_receive_queue_that_is_full_for_once_misses_a_frame() {
    assert_snapshot!(three().fails("full:lan:2").run(), @"
           ms lcore port    frame
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.025     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.040                 fault full:lan:2: a receive queue is full
        0.040                 dropped rx_missed (packet 2)
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.067     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 2 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn a_clock_that_is_set_back_takes_away_the_distance_before_a_frame() {
    assert_snapshot!(three().fails("back:lan:2=1s").run(), @"
           ms lcore port    frame
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.020                 fault back:lan:2=1s: the clock of a capture is set back
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.026     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.026     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.049     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn what_comes_while_the_link_is_down_is_lost() {
    assert_snapshot!(three().fails("down:lan@20us=21us").run(), @"
           ms lcore port    frame
        0.020                 fault down:lan@20us=21us: the link of a port is down for a while
        0.020                 dropped link_down (packet 1)
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.040                 dropped link_down (packet 2)
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.065     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 1 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn on_a_slow_wire_frames_are_harmed_before_they_wait_for_it() {
    // A frame of 52 bytes takes 416 µs, one of 62 bytes 496 µs.
    let slow = |fault| {
        let mut net = three().fails(fault);
        let wire = WirePlan { rate: Some(1_000_000), ..WirePlan::default() };
        net.plan.ports[0] = PortPlan::Ring(wire);
        net.run()
    };
    assert_snapshot!(slow("late:lan:1=1ms"), @"
           ms lcore port    frame
        0.020                 fault late:lan:1=1ms: a frame comes late
        0.536       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.545     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
        1.112       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        1.121     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
        1.528       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        1.533     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
    assert_snapshot!(slow("dup:lan:1"), @"
           ms lcore port    frame
        0.020                 fault dup:lan:1: a frame comes twice
        0.436       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.445     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.852       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.857     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        1.348       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        1.353     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
        1.924       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        1.935     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 4 + made 0 = out 4 + consumed 0 + dropped 0 + held 0
    ");
    assert_snapshot!(slow("full:lan:2"), @"
           ms lcore port    frame
        0.040                 fault full:lan:2: a receive queue is full
        0.436       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.445     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.932                 dropped rx_missed (packet 2)
        0.932       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        1.508       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        1.511     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 2 + consumed 0 + dropped 1 + held 0
    ");
    assert_snapshot!(slow("down:lan@500us=1ms"), @"
           ms lcore port    frame
        0.436       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.445     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.932                 fault down:lan@500us=1ms: the link of a port is down for a while
        0.932                 dropped link_down (packet 2)
        0.932       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        1.508       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        1.511     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 2 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn an_lcore_that_stands_still_is_late_and_no_more() {
    // Without the stall each leaves some microseconds after it came.
    assert_snapshot!(three().fails("stall:1@25us=50us").run(), @"
           ms lcore port    frame
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.025                 fault stall:1@25us=50us: an lcore stands still for a while
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.075     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.088     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
        0.088     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_run_of_a_job_can_take_another_time() {
    // The first run is `recv_fwd`'s, the second `xmit`'s, the third and the fourth of the next frame.
    let net = three().fails("cost:1:1=100us").fails("cost:1:3-4=7us").fails("cost:1:9=1s");
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.020       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 10
        0.022                 fault cost:1:1=100us: a run of a job takes another time
        0.040       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 20
        0.060       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 30
        0.122     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 10
        0.131                 fault cost:1:3=7us: a run of a job takes another time
        0.138     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
        0.138     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 30
        0.138                 fault cost:1:4=7us: a run of a job takes another time
    in 3 + made 0 = out 3 + consumed 0 + dropped 0 + held 0
    ");
}

#[test]
fn a_frame_with_little_room_in_front_goes_where_nothing_is_put_there() {
    // To GW no tag is put in front of it, to BOB four bytes are.
    let bob = BOB.with_ip([10, 0, 100, 9]);
    let net = dut().vlan(WAN, 100, "10.0.100.1/24").knows(PortId(2), bob).knows(WAN, GW);
    let mut net = net.knows(LAN, ALICE).route("203.0.113.0/24", Some(GW), WAN);
    let far = CAROL.with_ip([203, 0, 113, 9]);
    net.at(ms(0)).lan(&udp(ALICE, bob)).lan(&udp(ALICE, bob)).lan(&udp(ALICE, far));
    net.lan(&icmp_echo(ALICE, DUT_LAN)).lan(&udp(ALICE, far).ttl(1));
    let net = net.fails("room:lan:1=3").fails("room:lan:2=4").fails("room:lan:3=0");
    assert_snapshot!(net.fails("room:lan:4=0").fails("room:lan:5=0").run(), @"
           ms lcore port    frame
        0.000                 fault room:lan:1=3: a frame comes with little room in front
        0.000       lan  <  udp 198.51.100.7:4000 > 10.0.100.9:53 ttl 64 len 32
        0.000                 fault room:lan:2=4: a frame comes with little room in front
        0.000       lan  <  udp 198.51.100.7:4000 > 10.0.100.9:53 ttl 64 len 32
        0.000                 fault room:lan:3=0: a frame comes with little room in front
        0.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.9:53 ttl 64 len 32
        0.000                 fault room:lan:4=0: a frame comes with little room in front
        0.000       lan  <  icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
        0.000                 fault room:lan:5=0: a frame comes with little room in front
        0.000       lan  <  udp 198.51.100.7:4000 > 203.0.113.9:53 ttl 1 len 32
        0.002     1           dropped no_headroom (packet 1)
        0.002     1           dropped ttl_exceeded (packet 5)
        0.009     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 56
        0.009     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [udp 198.51.100.7:4000 > 203.0.113.9:53 ttl 1] ttl 64 tos 0xc0
        0.009     1 wan  >  vlan 100 udp 198.51.100.7:4000 > 10.0.100.9:53 ttl 63 len 32
        0.009     1 wan  >  udp 198.51.100.7:4000 > 203.0.113.9:53 ttl 63 len 32
    in 5 + made 1 = out 4 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn a_fragment_with_little_room_in_front_becomes_part_of_a_datagram() {
    let whole = icmp_echo(ALICE, DUT_LAN).len(80);
    let mut net = dut().knows(LAN, ALICE);
    net.at(ms(0)).lan(&whole.fragment(40, 48)).lan(&whole.fragment(0, 40));
    assert_snapshot!(net.fails("room:lan:1=0").fails("room:lan:2=0").run(), @"
           ms lcore port    frame
        0.000                 fault room:lan:1=0: a frame comes with little room in front
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 40 len 48 ttl 64
        0.000                 fault room:lan:2=0: a frame comes with little room in front
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 len 40 MF ttl 64
        0.002     1           datagram 1 of 198.51.100.7 holds 1 fragment, 48 bytes
        0.002     1           datagram 1 of 198.51.100.7 is whole: 2 fragments, 88 bytes
        0.006     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 80
    in 2 + made 0 = out 1 + consumed 1 + dropped 0 + held 0
    ");
}

#[test]
fn an_order_can_come_at_another_time() {
    let mut net = dut().knows(WAN, BOB).fails("order:2@1ms").fails("order:3@9ms");
    net.at(ms(3)).told("route add 203.0.113.0/24 via 192.0.2.254");
    net.at(ms(5)).told("route del 203.0.113.0/24");
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        1.000                 fault order:2@1ms: an order is told at another time
        1.000                 order 1: route del 203.0.113.0/24
        1.002     0           order 1 is refused, NOTEXIST: route_absent
        3.000                 order 2: route add 203.0.113.0/24 via 192.0.2.254
        3.005     0           message ROUTE_ADD #1 lcore 0 > 1 sent
        3.006     1           message ROUTE_ADD #1 lcore 0 > 1 delivered
        3.006     1           message ROUTE_ADD #1 lcore 0 > 1 handled: ok
        3.006     1           message ROUTE_ADD #1 lcore 1 > 0 replied: ok
        3.018     0           message ROUTE_ADD #1 lcore 1 > 0 answered: ok
        3.018     0           message ROUTE_ADD #1 lcore 0 done: ok
        3.018     0           order 2 is done
    in 0 + made 0 = out 0 + consumed 0 + dropped 0 + held 0
    ");
}
