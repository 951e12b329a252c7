//! Traffic samples through the jobs that take and sum them up.

use super::*;
use crate::control::Switch;
use crate::iftraf::State;
use crate::msg::Priority;

/// A router that knows BOB and samples every packet.
fn sampled(workers: u8, on: bool) -> Config {
    let mut config = router(workers);
    config.neighbours = vec![NeighConfig { dev: WAN, address: BOB.ip, mac: Mac(BOB.mac) }];
    (config.iftraf.on, config.iftraf.every) = (on, 1);
    config
}

fn states(dut: &Box) -> Vec<&'static str> {
    let states = dut.world.events.iter().filter_map(|(.., event)| match event {
        Event::Iftraf { state } => Some(*state),
        _ => None,
    });
    states.collect()
}

/// What lcores 0 and 1 counted: sampled, lost, summed up, late.
fn counted(dut: &Box) -> [u64; 4] {
    let [master, worker] = [0, 1].map(|lcore| dut.lcores[lcore].counters());
    [worker.iftraf_samples, worker.iftraf_lost, master.iftraf_summed, master.iftraf_late]
}

#[test]
fn a_ring_takes_as_many_samples_as_it_holds_and_the_next_is_counted_and_told() {
    let mut config = sampled(1, true);
    config.limits.iftraf_ring = 4;
    let mut dut = Box::new(&config);
    // Each packet is sampled twice: as it comes in, and as it goes out.
    (0..2).for_each(|_| dut.receive(LAN, &udp(ALICE, BOB)));
    dut.tick(0);
    assert_eq!(counted(&dut), [4, 0, 0, 0], "at the limit");
    dut.tick(1);
    (0..3).for_each(|_| dut.receive(LAN, &udp(ALICE, BOB)));
    dut.tick(2);
    assert_eq!(counted(&dut), [8, 2, 4, 0], "two over");
    let lost = |event: &Event| matches!(event, Event::SampleLost { .. });
    assert_eq!(dut.world.events.iter().filter(|(.., event)| lost(event)).count(), 2);
}

#[test]
fn the_master_takes_a_burst_of_each_worker_a_run() {
    let mut dut = Box::new(&sampled(1, true));
    (0..20).for_each(|_| dut.receive(LAN, &udp(ALICE, BOB)));
    dut.tick(0);
    dut.tick(1);
    assert_eq!(counted(&dut), [40, 0, 32, 0]);
    dut.tick(2);
    assert_eq!(counted(&dut), [40, 0, 40, 0]);
}

// B86
#[test]
fn tables_are_given_back_when_every_worker_has_stopped_and_what_comes_later_is_late() {
    let mut dut = Box::new(&sampled(2, true));
    (0..20).for_each(|_| dut.receive(LAN, &udp(ALICE, BOB)));
    dut.tick(0);
    dut.lcores[0].order(Order::Iftraf(Switch::Disable));
    dut.tick(1);
    assert_eq!(dut.lcores[0].iftraf().state(), State::Stopping);
    assert_eq!(dut.lcores[0].iftraf().flows(Instant::EPOCH).len(), 2, "it is still summed up");
    dut.receive(LAN, &udp(ALICE, BOB));
    dut.tick(2);
    assert_eq!(dut.lcores[0].iftraf().state(), State::Off);
    assert_eq!(dut.lcores[0].iftraf().show(Instant::EPOCH), None);
    assert_eq!(counted(&dut), [40, 0, 32, 8], "what was left in the ring");
    assert_eq!(states(&dut), ["disabling", "disabled"]);
}

#[test]
fn switched_on_again_before_all_have_stopped_nothing_of_before_is_mixed_in() {
    let mut dut = Box::new(&sampled(1, true));
    (0..20).for_each(|_| dut.receive(LAN, &udp(ALICE, BOB)));
    dut.tick(0);
    dut.lcores[0].order(Order::Iftraf(Switch::Disable));
    dut.lcores[0].order(Order::Iftraf(Switch::Enable));
    dut.receive(LAN, &udp(ALICE, BOB));
    dut.tick(1);
    dut.receive(LAN, &udp(ALICE, BOB));
    dut.tick(2);
    (3..6).for_each(|ms| dut.tick(ms));
    assert_eq!(states(&dut), ["disabling", "enabled"], "the first end is no end of the second");
    assert_eq!(dut.lcores[0].iftraf().state(), State::On);
    assert_eq!(counted(&dut), [44, 0, 2, 42]);
}

#[test]
fn what_is_on_or_off_already_stays_so_and_so_does_what_the_workers_cannot_be_told() {
    let mut config = sampled(2, false);
    let mut dut = Box::new(&config);
    dut.lcores[0].order(Order::Iftraf(Switch::Disable));
    assert!(dut.wants(0, JobKind::Sockopt));
    dut.lcores[0].order(Order::Iftraf(Switch::Enable));
    dut.lcores[0].order(Order::Iftraf(Switch::Enable));
    dut.tick(0);
    assert_eq!(states(&dut), ["disabled_already", "enabled", "enabled_already"]);
    config.policy.msg_priority_level = Priority::High;
    let mut dut = Box::new(&config);
    dut.lcores[0].order(Order::Iftraf(Switch::Enable));
    dut.tick(0);
    assert_eq!((states(&dut), dut.lcores[0].iftraf().state()), (vec![], State::Off));
    assert_eq!(dut.lcores[0].counters().msg_refused, 1);
}
