//! Whole runs: that no pace, fabric or repetition changes anything, and that nothing gets lost.

mod faults;
pub(crate) mod plans;

use super::*;
use crate::fabric::{DpdkFabric, HeapFabric};
use crate::plan::{Cost, Costs, PortPlan, WirePlan};
use crate::trace::Record;
use dataplane::job::JobKind;
use dataplane::{DropReason, Event, Nanos, PortId};
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, GW, arp_reply, icmp_echo, udp};
use plans::{dut, ms, random, us};

/// Remembers all that happens.
#[derive(Default)]
struct Witness {
    records: Vec<Record>,
    frames: Vec<(Instant, PortId, crate::trace::Way, Vec<u8>)>,
}

impl Observer for Witness {
    fn event(&mut self, record: &Record) {
        self.records.push(record.clone());
    }

    fn frame(&mut self, frame: &crate::trace::Passing<'_>) {
        self.frames.push((frame.at, frame.port, frame.way, frame.bytes.to_vec()));
    }
}

fn pace(pace: Pace) -> Conduct<'static> {
    Conduct { pace, ..Conduct::default() }
}

fn watch(plan: &Plan, how: Pace) -> (Outcome, Witness) {
    let (outcome, witness) =
        run(plan, pace(how), &mut HeapFabric::new(), Witness::default()).unwrap();
    assert_eq!(outcome.broken, []);
    (outcome, witness)
}

fn assert_same(seed: u64, one: &(Outcome, Witness), other: &(Outcome, Witness)) {
    let pairs = one.1.records.iter().zip(&other.1.records);
    for (a, b) in pairs {
        assert_eq!(a, b, "seed {seed}");
    }
    assert_eq!(one.1.records.len(), other.1.records.len(), "seed {seed}");
    assert!(one.1.frames == other.1.frames, "seed {seed}: frames differ");
    assert_eq!(one.0.end, other.0.end, "seed {seed}");
    assert_eq!(one.0.ended, other.0.ended, "seed {seed}");
    assert_eq!(one.0.ledger, other.0.ledger, "seed {seed}");
    assert_eq!(one.0.lcores, other.0.lcores, "seed {seed}");
    assert_eq!(one.0.digests, other.0.digests, "seed {seed}");
}

#[test]
fn skipping_idle_time_changes_nothing() {
    let (mut all, mut some, mut records) = (0, 0, 0);
    for seed in 0..150 {
        let plan = random(seed);
        let (stepped, skipped) = (watch(&plan, Pace::Step), watch(&plan, Pace::Skip));
        assert_same(seed, &stepped, &skipped);
        all += stepped.0.steps;
        some += skipped.0.steps;
        records += skipped.1.records.len();
    }
    println!("{all} steps, {some} of them with skipping, {records} records");
    assert!(some * 3 < all, "there is something to skip: {some} of {all}");
}

#[test]
fn dpdk_carries_what_the_heap_carries() {
    dpdk::on_eal_thread(|eal| {
        let mut dpdk = DpdkFabric::new(eal);
        for seed in 0..150 {
            let plan = random(seed);
            let heap = watch(&plan, Pace::Skip);
            let (outcome, witness) =
                run(&plan, pace(Pace::Skip), &mut dpdk, Witness::default()).unwrap();
            assert_eq!(outcome.broken, [], "seed {seed}");
            assert_same(seed, &heap, &(outcome, witness));
        }
    })
    .unwrap();
}

#[test]
fn random_plans_show_most_of_what_can_happen() {
    let mut drops = dataplane::counters::Drops::default();
    let mut names = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let (outcome, witness) = watch(&random(seed), Pace::Skip);
        drops.add(&outcome.ledger.dropped);
        names.extend(witness.records.iter().map(|record| record.what.name()));
    }
    println!("{names:?} {:?}", drops.iter().collect::<Vec<_>>());
    for reason in [
        DropReason::WireQueueFull,
        DropReason::RxMissed,
        DropReason::RxNoBuffer,
        DropReason::TxRefused,
        DropReason::ArpRingFull,
        DropReason::NeighUnreachable,
        DropReason::TtlExceeded,
        DropReason::QschFull,
        DropReason::QschTooLong,
        DropReason::QschDeleted,
        DropReason::TcDropped,
    ] {
        assert!(drops[reason] > 0, "{reason}");
    }
    for name in ["arrive", "depart", "command", "ring_rx", "neigh", "neigh_sync", "no_buffer"]
        .into_iter()
        .chain(["outcome", "device", "address_expired", "iftraf"])
        .chain(["qsch_queued", "qsch_sent", "tc_changed", "tc_refused", "qsch_shown"])
    {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn what_only_some_workers_were_told_is_undone_by_those() {
    for nth in 1..=3 {
        let mut plan = dut(3);
        let (to, via, dev) = ("10.0.0.0/8".parse().unwrap(), Some(GW.ip), None);
        let what = Order::RouteAdd { to, via, dev, mtu: None };
        plan.commands.push(crate::plan::Command { at: ms(1), what });
        plan.faults.push(format!("ring:{nth}").parse().unwrap());
        // The oracle `tables` holds it to that.
        let (outcome, _) = watch(&plan, Pace::Skip);
        assert_eq!(outcome.orders.len(), 1);
        assert!(outcome.orders[0].refused().is_some(), "{nth}");
    }
}

#[test]
fn an_hour_with_live_neighbours_is_a_few_steps() {
    let mut plan = dut(4);
    plan.frames(DUT_LAN, [(ms(0), udp(ALICE, BOB)), (ms(1), udp(ALICE, CAROL))]);
    plan.frames(DUT_WAN, [(ms(2), arp_reply(BOB, DUT_WAN)), (ms(3), arp_reply(GW, DUT_WAN))]);
    plan.until = Some(Nanos::from_secs(3600));
    let (outcome, _) = watch(&plan, Pace::Skip);
    assert!(outcome.steps < 5_000, "{}", outcome.steps);
    assert_eq!(outcome.ledger.out, 2 + outcome.ledger.made.arp_requests);
    // 36 million turns of 100 ns, and of 40 ns more each hundredth.
    let worker = &outcome.lcores[1].counters;
    assert_eq!(worker.lcore_loop / 1_000_000, 35_856);
}

#[test]
fn a_run_without_a_time_to_stop_ends_when_nothing_is_to_come() {
    let (outcome, _) = watch(&dut(2), Pace::Skip);
    assert_eq!((outcome.end.as_nanos(), outcome.ended), (1, Ended::Quiet));

    // BOB never answers, so that the packet waits for three seconds; nor does ALICE, to be told.
    let mut plan = dut(2);
    plan.frames(DUT_LAN, [(ms(5), udp(ALICE, BOB))]);
    let (outcome, _) = watch(&plan, Pace::Skip);
    assert_eq!(outcome.ended, Ended::Quiet);
    assert_eq!(outcome.ledger.dropped[DropReason::NeighUnreachable], 2);
    assert_eq!(outcome.ledger.held, 0);
    assert!(outcome.end > Instant::EPOCH + Nanos::from_secs(3));
}

#[test]
fn what_is_held_at_the_end_is_counted_and_given_back() {
    let mut plan = dut(1);
    plan.frames(DUT_LAN, [(ms(5), udp(ALICE, BOB))]);
    plan.until = Some(Nanos::from_millis(6));
    let (outcome, _) = watch(&plan, Pace::Skip);
    assert_eq!(outcome.ended, Ended::Until);
    assert_eq!(
        outcome.ledger.to_string(),
        "in 1 + made 1 = out 1 + consumed 0 + dropped 0 + held 1"
    );
}

#[test]
fn an_overloaded_lcore_misses_frames() {
    let mut plan = dut(1);
    // 1 µs a packet, and a packet each 500 ns; the queue holds 4.
    plan.costs.0[JobKind::RecvFwd.index()] = Cost { idle: 60, per_item: 1_000 };
    plan.config.limits.rx_descriptors = 4;
    let frames = (0..1_000).map(|n| (Instant::from_nanos(n * 500), icmp_echo(ALICE, DUT_LAN)));
    plan.frames(DUT_LAN, frames);
    plan.until = Some(Nanos::from_millis(2));
    let (outcome, _) = watch(&plan, Pace::Skip);
    let missed = outcome.ledger.dropped[DropReason::RxMissed];
    assert!((450..650).contains(&missed), "{missed}");
    assert_eq!(outcome.ledger.came, 1_000);
}

#[test]
fn a_slow_wire_takes_frames_one_at_a_time() {
    let mut plan = dut(1);
    plan.static_neighbour(BOB);
    // A frame of 1000 bytes takes 8 µs.
    plan.ports[1] = PortPlan::Ring(WirePlan { rate: Some(1_000_000_000), ..WirePlan::default() });
    let frame = || udp(ALICE, BOB).len(1000 - 42);
    plan.frames(DUT_LAN, (0..3).map(|_| (us(1), frame())));
    let (outcome, witness) = watch(&plan, Pace::Skip);
    let departs = witness.records.iter().filter(|record| record.what.name() == "depart");
    let times: Vec<_> = departs.map(|record| record.at.as_nanos()).collect();
    assert_eq!(times.len(), 3);
    assert_eq!((times[1] - times[0], times[2] - times[1]), (8_000, 8_000));
    assert_eq!(outcome.end.as_nanos(), times[2] + 1);
}

#[test]
fn a_frame_longer_than_a_segment_is_charged_for_each() {
    let mut plan = dut(1);
    plan.config.limits.pool = 64;
    for port in &mut plan.config.ports {
        port.mtu = 9000;
    }
    // Nobody answers: the packets wait. Each takes 5 segments; 64 hold 12 of them, and ARP needs 1.
    let frames = (0..20).map(|n| (ms(n), udp(ALICE, BOB).len(8_900)));
    plan.frames(DUT_LAN, frames);
    plan.until = Some(Nanos::from_millis(500));
    let (outcome, _) = watch(&plan, Pace::Skip);
    assert_eq!(outcome.ledger.dropped[DropReason::RxNoBuffer], 8);
    assert_eq!(outcome.ledger.held, 12);
}

#[test]
fn an_interrupted_run_is_whole_up_to_its_last_event() {
    struct Stopper<'a>(&'a AtomicBool, u64);
    impl Observer for Stopper<'_> {
        fn event(&mut self, record: &Record) {
            if record.n == self.1 {
                self.0.store(true, Ordering::Relaxed);
            }
        }
    }
    let mut plan = dut(2);
    plan.frames(DUT_LAN, (0..100).map(|n| (ms(n), icmp_echo(ALICE, DUT_LAN))));
    let flag = AtomicBool::new(false);
    let conduct = Conduct { interrupted: Some(&flag), ..Conduct::default() };
    let (outcome, _) = run(&plan, conduct, &mut HeapFabric::new(), Stopper(&flag, 50)).unwrap();
    assert_eq!(outcome.ended, Ended::Interrupted);
    assert_eq!(outcome.broken, []);
    assert!(outcome.end < ms(20), "{}", outcome.end);
}

#[test]
fn a_plan_that_cannot_be_run_is_refused() {
    let refused = |plan: &Plan| run(plan, Conduct::default(), &mut HeapFabric::new(), ()).err();
    let mut endless = dut(1);
    endless.ports[0] = PortPlan::Null { rx_frame_len: Some(60) };
    let message = refused(&endless).unwrap().to_string();
    assert_eq!(message, "port lan receives without end: the run needs a time to stop (`until`)");

    let mut wireless = dut(1);
    wireless.frames(DUT_LAN, [(ms(0), udp(ALICE, BOB))]);
    wireless.ports[0] = PortPlan::Null { rx_frame_len: None };
    let message = refused(&wireless).unwrap().to_string();
    assert_eq!(
        message,
        "port lan has no wire, so nothing can come to it: only a ring port takes input"
    );

    let mut free = dut(1);
    free.costs = Costs([Cost { idle: 0, per_item: 1 }; JobKind::ALL.len()]);
    let message = refused(&free).unwrap().to_string();
    assert_eq!(
        message,
        "lcore 0: an idle turn of its loop costs nothing, so that time would stand still"
    );

    let mut backwards = dut(1);
    backwards.frames(DUT_LAN, [(ms(1), udp(ALICE, BOB)), (ms(0), udp(ALICE, BOB))]);
    let message = refused(&backwards).unwrap().to_string();
    assert_eq!(message, "the frames of an input are not in order of time");
}

#[test]
fn a_null_port_is_polled_without_end() {
    for how in [Pace::Skip, Pace::Step] {
        let mut plan = dut(1);
        plan.ports[0] = PortPlan::Null { rx_frame_len: Some(60) };
        plan.until = Some(Nanos::from_micros(100));
        let (outcome, witness) = watch(&plan, how);
        // 32 frames a turn, 60 + 32·150 + 40 ns each turn.
        assert_eq!(outcome.ledger.came, 21 * 32);
        assert_eq!(outcome.ledger.dropped[DropReason::EtherTypeUnknown], 21 * 32);
        let rx =
            |record: &&Record| matches!(record.what, crate::trace::What::Lcore(Event::Rx { .. }));
        assert_eq!(witness.records.iter().filter(rx).count(), 21 * 32);
    }
}
