use super::*;

const MEGABIT: u64 = 1_000_000;

fn at(us: u64) -> Instant {
    Instant::from_nanos(us * 1000)
}

fn wire(queue: u32, delay_us: u64) -> Inward<u32> {
    let delay = Nanos::from_micros(delay_us);
    Inward::new(&WirePlan { rate: Some(MEGABIT), delay, queue }).unwrap()
}

#[test]
fn serialisation_is_rounded_up() {
    assert_eq!(serialisation(125, MEGABIT), Nanos::from_millis(1));
    assert_eq!(serialisation(1, 3), Nanos::new(2_666_666_667));
    assert_eq!(serialisation(0, 3), Nanos::ZERO);
    assert_eq!(serialisation(usize::MAX, 1), Nanos::new(u64::MAX));
}

#[test]
fn frames_arrive_one_after_the_other() {
    // 125 bytes take 1 ms.
    let mut wire = wire(2, 5);
    for frame in 0..3 {
        assert!(wire.has_room(at(0)));
        wire.send(at(0), 125, frame);
    }
    let mut arrivals = Vec::new();
    while let Some(when) = wire.next_arrival() {
        arrivals.push((when, wire.arrive().unwrap()));
    }
    assert_eq!(arrivals, [(at(1005), 0), (at(2005), 1), (at(3005), 2)]);
}

#[test]
fn as_many_wait_as_may_and_one_more_does_not() {
    let mut wire = wire(2, 0);
    for frame in 0..3 {
        assert!(wire.has_room(at(0)));
        wire.send(at(0), 125, frame);
    }
    assert!(!wire.has_room(at(0)));
    assert!(!wire.has_room(at(999)));
    // The second frame begins, so that one place is free; at the end all are.
    assert!(wire.has_room(at(1000)));
    wire.send(at(1000), 125, 3);
    assert!(!wire.has_room(at(1000)));
    assert!(wire.has_room(at(5000)));
}

#[test]
fn a_wire_without_a_queue_carries_what_comes_when_it_is_free() {
    let mut wire = wire(0, 0);
    assert!(wire.has_room(at(0)));
    wire.send(at(0), 125, 0);
    assert!(!wire.has_room(at(999)));
    assert!(wire.has_room(at(1000)));
}

#[test]
fn queues_take_turns() {
    let plan = WirePlan { rate: Some(MEGABIT), ..WirePlan::default() };
    let mut wire: Outward<()> = Outward::new(&plan).unwrap();
    let picks: Vec<_> = (0..5).map(|_| wire.pick(3, |queue| queue != 1).unwrap()).collect();
    assert_eq!(picks, [0, 2, 0, 2, 0]);
    assert_eq!(wire.pick(3, |_| false), None);
    assert_eq!(wire.pick(3, |_| true), Some(1));
}
