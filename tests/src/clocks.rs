//! Clocks that are not as they should be: those of captures are set back, those of lcores differ.

use crate::cli::folder;
use dataplane::{Instant, Nanos};
use fixtures::{ALICE, BOB, udp};
use insta::assert_snapshot;
use sim::capture::{Frame, PcapngWriter};
use sim::plan::{Backend, CaptureInput, Input, Pace, Select, Source, Timing};
use sim::run::simulate;
use sim::trace::{Observer, Passing, Way};
use tests::{Dut, LAN, WAN, dut, dut_with_workers, ms, tbf};

/// A capture of 600 datagrams, 20 µs apart, whose clock is set back by 10 s in the middle; and a frame
/// that was written a little too late.
fn set_back() -> std::path::PathBuf {
    let mut writer = PcapngWriter::new(Vec::new(), &["lan"], None).unwrap();
    let bytes = udp(ALICE, BOB).build();
    for n in 0..600u64 {
        let set_back = if n < 300 { 10_000_000_000 } else { 0 };
        let late = if n == 100 { 50_000 } else { 0 };
        let time = 1_000_000_000 + set_back + n * 20_000 - late;
        let (interface, direction, orig_len) = (0, None, None);
        let (segments, comments) = (&[&bytes[..]][..], &[][..]);
        let frame = Frame { interface, time, direction, orig_len, segments, comments };
        writer.write(&frame).unwrap();
    }
    let path = folder("set-back").join("lan.pcapng");
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    path
}

#[test]
fn nothing_is_lost_of_a_capture_whose_clock_was_set_back_and_it_is_said() {
    let mut net = dut().knows(WAN, BOB).with(|plan| plan.config.limits.rx_descriptors = 64);
    let select = Select { interface: None, ours: Vec::new() };
    let (path, timing, start) = (set_back(), Timing::Recorded, Instant::EPOCH);
    let source = Source::Capture(CaptureInput { path, select, timing, start });
    net.plan.inputs.push(Input { port: LAN, source });
    for backend in [Backend::Heap, Backend::Dpdk] {
        let (outcome, ()) = simulate(&net.plan, backend, Pace::Skip, ()).unwrap();
        let (input, port) = (&outcome.inputs[0], &outcome.ledger.ports[0]);
        assert_eq!((input.selected, port.arrived, port.refused.total()), (600, 600, 0));
        // 10 s less 20 µs: what the frame would have come behind the one before it.
        assert_eq!(input.steps, (1, Nanos::new(9_999_980_000)));
        assert!(outcome.end > Instant::EPOCH + Nanos::from_micros(598 * 20));
        let text = sim::report::text("set back", &net.plan, &outcome);
        let said = "time runs back 2 times; its clock was set back 1 times, by up to 9999980us";
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn the_timers_of_an_lcore_follow_its_own_clock() {
    // A tenth fast: 3 s by its clock are 2.727 s. Ahead of the run it is with all of them.
    let lost = |fault: &str| {
        let mut net = dut().fails(fault);
        net.at(ms(0)).lan(&udp(ALICE, BOB));
        net.run()
    };
    assert_snapshot!(lost("drift:1=100000"), @"
           ms lcore port    frame
        0.000                 fault drift:1=100000: the clock of an lcore is fast
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
      910.011     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     1820.017     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     2730.008     1           dropped neigh_unreachable (packet 1)
     2730.008     1           neigh wan 192.0.2.9 send -> none
     2730.008     1           neigh lan 198.51.100.7 - -> none
     2730.008     1           packet 5 waits for 198.51.100.7, 1 in all
     2730.008     1           neigh lan 198.51.100.7 none -> send
     2730.017     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     3640.013     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     4549.096     1           neigh wan 192.0.2.9 none -> - (expired)
     4550.010     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     5460.001     1           dropped neigh_unreachable (packet 5)
     5460.001     1           neigh lan 198.51.100.7 send -> none
    in 1 + made 7 = out 6 + consumed 0 + dropped 2 + held 0
    ");
    assert_snapshot!(lost("ahead:1=7ms"), @"
           ms lcore port    frame
        0.000                 fault ahead:1=7ms: the clock of an lcore is ahead
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
        0.002     1           neigh wan 192.0.2.9 - -> none
        0.002     1           packet 1 waits for 192.0.2.9, 1 in all
        0.002     1           neigh wan 192.0.2.9 none -> send
        0.005     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     1001.015     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     2002.015     1 wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
     3003.006     1           dropped neigh_unreachable (packet 1)
     3003.006     1           neigh wan 192.0.2.9 send -> none
     3003.006     1           neigh lan 198.51.100.7 - -> none
     3003.006     1           packet 5 waits for 198.51.100.7, 1 in all
     3003.006     1           neigh lan 198.51.100.7 none -> send
     3003.015     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     4004.015     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     5004.002     1           neigh wan 192.0.2.9 none -> - (expired)
     5005.016     1 lan  >  arp who-has 198.51.100.7 tell 198.51.100.1
     6006.007     1           dropped neigh_unreachable (packet 5)
     6006.007     1           neigh lan 198.51.100.7 send -> none
    in 1 + made 7 = out 6 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn a_worker_that_is_ahead_takes_every_message_for_late_and_the_order_is_undone() {
    let told = |fault: &str| {
        let mut net = dut_with_workers(2).fails(fault);
        net.at(ms(1)).told("route add 203.0.113.0/24 via 192.0.2.254");
        tests::tell(&net.plan).chart
    };
    assert_snapshot!(told("ahead:2=1h"), @"
          ms  lcore 0           lcore 1           lcore 2
              master            worker            worker
    1.002000  ├─ ROUTE_ADD #1 ─▶┃────────────────▶┃  tick 72: sync to all, within 2 ms
    1.012000  ┃◀──── ok #1 ─────●                 ┃  tick 101: #1 waited 10 us
              ┃                 │                 ×  tick 101: #1 waited 10 us, too late by its own
              ┃                 │                 │  clock: dropped
    1.015000  +                 │                 │  tick 73: #1 answered by 1
           ⋮  ┊                 ┊                 ┊  (1.989 ms)
    3.004000  ◇                 │                 │  tick 215: #1 not answered by 2: timed out
              ├──── UNDO #2 ───▶┃────────────────▶┃  async to all
    3.007000  ┃◀──── ok #2 ─────●                 ┃  tick 300: #2 waited 3 us
              ┃◀────────────────┼───── ok #2 ─────●  tick 300: #2 waited 3 us
    3.019000  ◆                 │                 │  tick 216: #2 answered by 1, 2: ok
    ");
    assert_snapshot!(told("ahead:0=1h"), @"
          ms  lcore 0           lcore 1           lcore 2
              master            worker            worker
    1.002000  ├─ ROUTE_ADD #1 ─▶┃────────────────▶┃  tick 72: sync to all, within 3600.002 s
    1.012000  ┃◀──── ok #1 ─────●                 ┃  tick 101: #1 waited 10 us
              ┃◀────────────────┼───── ok #1 ─────●  tick 101: #1 waited 10 us
    1.015000  ◆                 │                 │  tick 73: #1 answered by 1, 2: ok
    ");
}

#[test]
fn a_shaper_that_lcores_share_keeps_to_its_rate_whatever_their_clocks_say() {
    // 40 frames, one a millisecond.
    let shaper = tbf(592_000, 74, 10_000);
    let mut net = dut_with_workers(2).knows(WAN, BOB).qsch(WAN, "root", "", shaper);
    for n in 0..40 {
        net.at(ms(1)).lan(&udp(ALICE, BOB).ports(4000 + n, 53));
    }
    let end = |faults: &[&str]| skipped_as_stepped(&net, faults).0;
    let (alike, differ) = (end(&[]), end(&["ahead:1=3s", "drift:2=-50000", "drift:1=99999"]));
    let apart = alike.saturating_since(differ).max(differ.saturating_since(alike));
    assert!(apart < Nanos::from_millis(1), "{alike} {differ}");
}

#[test]
fn tokens_that_come_in_steps_come_by_the_time_of_the_run_whatever_a_clock_says() {
    // One frame's worth in each step of 4 ms: at 4, 8 and 12 ms, as DPVS counts.
    let shaper = tbf(100_000_000, 100, 100_000);
    let mut net = dut_with_workers(3).knows(WAN, BOB).qsch(WAN, "root", "", shaper);
    net.plan.config.policy.tbf_quantum = Nanos::from_millis(4);
    net.plan.until = Some(ms(40));
    for n in 0..6 {
        net.at(ms(1)).lan(&udp(ALICE, BOB).ports(4000 + n, 53).len(50));
    }
    let story = |faults: &[&str]| {
        let (_, out) = skipped_as_stepped(&net, faults);
        out.into_iter().map(|at| at.as_nanos() / 1_000_000).collect::<Vec<_>>()
    };
    let alike = [1, 4, 8, 12, 16, 20];
    assert_eq!(story(&[]), alike);
    for faults in [["ahead:1=4007us"], ["ahead:1=1675ms"], ["ahead:2=1ns"], ["ahead:3=2ms"]] {
        assert_eq!(story(&faults), alike, "{faults:?}");
    }
    assert_eq!(story(&["drift:1=99999", "drift:3=-50000"]), alike);
}

/// When a run with these faults ends, and when frames leave by the WAN; the same if each idle tick is stepped.
fn skipped_as_stepped(net: &Dut, faults: &[&str]) -> (Instant, Vec<Instant>) {
    struct Left(Vec<Instant>);
    impl Observer for Left {
        fn frame(&mut self, frame: &Passing<'_>) {
            if (frame.port, frame.way) == (WAN, Way::Out) {
                self.0.push(frame.at);
            }
        }
    }
    let mut plan = net.plan.clone();
    plan.faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let (outcome, Left(out)) = simulate(&plan, Backend::Heap, Pace::Skip, Left(vec![])).unwrap();
    let (stepped, ()) = simulate(&plan, Backend::Heap, Pace::Step, ()).unwrap();
    assert_eq!((outcome.broken.as_slice(), stepped.digests), (&[][..], outcome.digests));
    (outcome.end, out)
}
