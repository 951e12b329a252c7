//! Messages through the jobs that send and take them.

use super::*;
use crate::config::KniConfig;
use crate::control::{Hello, Order, Target};
use crate::msg::{Call, Code, Stage};
use crate::world::{Parcel, Ring};

const ONCE: Hello = Hello { to: Target::Workers, call: Call::Sync, timeout: None, count: 1 };

/// What happened to messages: when in ms, on which lcore, and what.
fn stages(dut: &Box) -> Vec<(u64, u8, u64, Stage)> {
    let notes = dut.world.events.iter().filter_map(|(at, lcore, event)| match event {
        Event::Msg(note) => Some((at.as_nanos() / 1_000_000, lcore.0, note.seq, note.stage)),
        _ => None,
    });
    notes.collect()
}

#[test]
fn a_greeting_is_sent_by_the_master_and_answered_in_the_workers_next_tick() {
    let mut dut = Box::new(&router(2));
    dut.lcores[0].order(Order::Hello(ONCE));
    assert!(dut.wants(0, JobKind::Sockopt));
    dut.tick(0);
    assert!(!dut.wants(0, JobKind::Sockopt) && dut.lcores[0].waits_for_answers());
    dut.tick(1);
    assert!(!dut.lcores[0].waits_for_answers());
    let ok = Code::Ok;
    let expected = [
        (0, 0, 1, Stage::Sent),
        (0, 0, 1, Stage::Sent),
        (0, 1, 1, Stage::Delivered),
        (0, 1, 1, Stage::Handled(ok)),
        (0, 1, 1, Stage::Replied(ok)),
        (0, 2, 1, Stage::Delivered),
        (0, 2, 1, Stage::Handled(ok)),
        (0, 2, 1, Stage::Replied(ok)),
        (1, 0, 1, Stage::Answered(ok)),
        (1, 0, 1, Stage::Answered(ok)),
        (1, 0, 1, Stage::Done(ok)),
    ];
    assert_eq!(stages(&dut), expected);
}

#[test]
fn synchronous_greetings_follow_each_other_and_asynchronous_ones_leave_together() {
    for (call, sent) in [(Call::Sync, [0, 1, 2]), (Call::Async, [0, 0, 0])] {
        let mut dut = Box::new(&router(1));
        let to = Target::Lcore(LcoreId(1));
        dut.lcores[0].order(Order::Hello(Hello { to, call, count: 3, ..ONCE }));
        (0..4).for_each(|ms| dut.tick(ms));
        let at = stages(&dut).into_iter().filter(|(.., stage)| *stage == Stage::Sent);
        assert_eq!(at.map(|(at, ..)| at).collect::<Vec<_>>(), sent, "{call:?}");
        assert_eq!(dut.lcores[1].counters().msg_handled, 3);
    }
}

#[test]
fn a_caller_whose_request_cannot_be_sent_goes_on_with_the_next() {
    let mut config = router(1);
    config.limits.msg_ring = 1;
    let mut dut = Box::new(&config);
    let to = Target::Lcore(LcoreId(1));
    dut.lcores[0].order(Order::Hello(Hello { to, call: Call::Async, ..ONCE }));
    dut.lcores[0].order(Order::Hello(Hello { to, count: 2, ..ONCE }));
    dut.tick(0);
    let full = Stage::Refused(Code::Full);
    let refused = stages(&dut).into_iter().filter(|(.., stage)| *stage == full);
    assert_eq!(refused.map(|(.., seq, _)| seq).collect::<Vec<_>>(), [2, 3]);
    assert!(!dut.lcores[0].waits_for_answers());
}

#[test]
fn an_lcore_that_waits_for_answers_wakes_at_the_deadline_and_gives_up() {
    let mut dut = Box::new(&router(1));
    let timeout = Some(Nanos::from_micros(70));
    let to = Target::Lcore(LcoreId(1));
    dut.lcores[0].order(Order::Hello(Hello { to, timeout, ..ONCE }));
    // The worker does not run.
    let mut run = |ns: u64| {
        dut.world.set(Instant::from_nanos(ns), LcoreId(0));
        let tick = dut.lcores[0].position().tick;
        let mut items = 0;
        while dut.lcores[0].position().tick == tick {
            items += dut.lcores[0].step(&mut dut.world).work.items;
        }
        let mut due = None;
        dut.lcores[0].wants(|kind, from| due = (kind == JobKind::MsgMaster).then_some(from));
        (items, due)
    };
    let due = Instant::from_nanos(70_001);
    assert_eq!(run(0), (1, Some(due)), "the greeting");
    assert_eq!(run(70_000), (0, Some(due)), "an idle run changes nothing");
    assert_eq!(run(70_001), (1, None), "it is given up");
    let counters = dut.lcores[0].counters();
    assert_eq!((counters.msg_requests_out, counters.msg_timeouts), (1, 1));
}

#[test]
fn one_run_drains_the_ring() {
    let mut config = router(1);
    config.limits.msg_ring = 200;
    let mut dut = Box::new(&config);
    let to = Target::Lcore(LcoreId(1));
    let hello = Hello { to, call: Call::Async, count: 200, ..ONCE };
    dut.lcores[0].order(Order::Hello(hello));
    dut.tick(0);
    assert_eq!(dut.lcores[1].counters().msg_handled, 200, "at the limit");
    assert_eq!(dut.lcores[0].counters().msg_refused, 0);
    dut.lcores[0].order(Order::Hello(Hello { count: 201, ..hello }));
    dut.tick(1);
    assert_eq!(dut.lcores[1].counters().msg_handled, 400);
    assert_eq!(dut.lcores[0].counters().msg_refused, 1, "one over");
}

#[test]
fn a_message_to_oneself_is_taken_in_the_next_tick() {
    let mut dut = Box::new(&router(1));
    let to = Target::Lcore(LcoreId(0));
    dut.lcores[0].order(Order::Hello(Hello { to, ..ONCE }));
    dut.tick(0);
    assert_eq!(dut.lcores[0].counters().msg_handled, 0);
    dut.tick(1);
    let last = stages(&dut).pop().unwrap();
    assert_eq!(last, (1, 0, 1, Stage::Done(Code::Ok)));
}

/// A kernel side for a device, which the master serves.
fn with_kernel(workers: u8, device: PortId, vlan: Option<VlanConfig>) -> (Config, PortId) {
    let mut config = router(workers);
    let port = PortId(2);
    let kernel = PortConfig { addresses: vec![], ..config.ports[0].clone() };
    config.ports.push(PortConfig { name: "kernel".into(), rx_queues: 1, tx_queues: 1, ..kernel });
    config.ports[0].vlans.extend(vlan);
    config.kni.push(KniConfig { device, port, forward: false });
    (config, port)
}

#[test]
fn what_the_master_has_to_send_leaves_by_the_workers_in_turn() {
    let (config, kernel) = with_kernel(3, LAN, None);
    let mut dut = Box::new(&config);
    let frame = udp(DUT_LAN, ALICE).ports(179, 4000);
    for _ in 0..5 {
        dut.receive(kernel, &frame);
    }
    dut.tick(0);
    dut.tick(1);
    let queues: Vec<u16> = dut.world.sent.iter().map(|sent| sent.queue.0).collect();
    assert_eq!(queues, [0, 0, 1, 1, 2], "workers 1, 2, 3, 1, 2");
    assert!(dut.world.sent.iter().all(|sent| sent.frame == frame.build() && sent.port == LAN));
    assert_eq!(dut.lcores[0].counters().opackets, 0);
    assert_eq!(dut.world.in_use(), 0);
}

// B60
#[test]
fn what_a_worker_sends_for_the_master_goes_through_egress_once_and_there() {
    let vid = crate::types::VlanId::try_new(7).unwrap();
    let addresses = vec!["203.0.113.1/24".parse().unwrap()];
    let vlan = VlanConfig { name: "lan.7".into(), vid, mac: None, mtu: None, addresses };
    let (config, kernel) = with_kernel(1, PortId(3), Some(vlan));
    let mut dut = Box::new(&config);
    let frame = udp(DUT_LAN, CAROL);
    dut.receive(kernel, &frame);
    dut.tick(0);
    dut.tick(1);
    let sent: Vec<_> = dut.world.sent.iter().map(|sent| sent.frame.clone()).collect();
    assert_eq!(sent, [frame.vlan(7).build()], "one tag");
}

// B82
#[test]
fn a_frame_in_a_message_that_nobody_takes_is_the_worlds_again() {
    let (mut config, kernel) = with_kernel(1, LAN, None);
    config.limits.msg_ring = 2;
    let mut dut = Box::new(&config);
    for _ in 0..3 {
        dut.receive(kernel, &udp(DUT_LAN, ALICE));
    }
    // The master alone: two frames wait in the ring, and there is no room for the third.
    dut.world.set(Instant::EPOCH, LcoreId(0));
    while dut.lcores[0].step(&mut dut.world).kind != JobKind::KniMaster {}
    assert_eq!(dut.drops(0), [(DropReason::MsgRingFull, 1)]);
    assert_eq!(dut.world.in_use(), 2);
    dut.world.set(Instant::EPOCH, LcoreId(1));
    for _ in 0..2 {
        let parcel = dut.world.recv(Ring::Msg).unwrap();
        assert!(parcel.has_frame() && matches!(parcel, Parcel::Msg(_)));
        let frame = parcel.into_frame().unwrap();
        dut.world.free(frame);
    }
    assert_eq!(dut.world.in_use(), 0);
}
