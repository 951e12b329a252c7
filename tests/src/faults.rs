//! What goes wrong on purpose: the n-th allocation, ring or burst fails, and nothing else breaks.

use crate::cli::repository;
use dataplane::control::{Hello, Target};
use dataplane::msg::Call;
use fixtures::{ALICE, BOB, DUT_WAN, arp_reply, udp};
use insta::assert_snapshot;
use sim::fault::FaultKind;
use sim::plan::{Backend, Pace, Plan};
use sim::run::sweep;
use sim::scenario::{CaptureArg, Overrides, Request, Scenario};
use sim::sweep::{Sweep, Swept};
use tests::{Dut, LAN, dut, dut_with_workers, ms, tell};

/// Every so manieth call fails, on its own.
fn swept(plan: &Plan, every: u64) -> Swept {
    let all = Sweep { kinds: FaultKind::ALL.to_vec(), every, pace: Pace::Skip, interrupted: None };
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
