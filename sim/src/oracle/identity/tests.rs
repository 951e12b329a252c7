use super::*;
use dataplane::event::Consumer;
use dataplane::job::JobKind;
use dataplane::{DropReason, LcoreId};

const LAN: Birth = Birth::Wire(PortId(0), QueueId(1));

fn at(nanos: u64, what: &'static str) -> Moment {
    let run = Run { lcore: LcoreId(1), tick: nanos / 10, job: JobKind::RecvFwd };
    Moment { at: Instant::from_nanos(nanos), run: (what != "arrive").then_some(run), what }
}

/// A life, as told in events, calls and times; and what is wrong with it.
fn told(tell: impl FnOnce(&mut Lives, &mut Findings)) -> String {
    let (mut lives, mut found) = (Lives::new(vec!["lan".to_owned()]), Findings::default());
    tell(&mut lives, &mut found);
    lives.closing();
    lives.finish(&mut found);
    let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
    list.join("\n")
}

fn event(lives: &mut Lives, nanos: u64, event: Event, found: &mut Findings) {
    let Some(packet) = event.packet() else { panic!("it is about a packet") };
    lives.event(packet, at(nanos, event.name()), &event, found);
}

fn rx(packet: u64) -> Event {
    Event::Rx { packet: PacketId(packet), port: PortId(0), queue: QueueId(1), len: 60 }
}

fn tx(packet: u64) -> Event {
    Event::Tx { packet: PacketId(packet), port: PortId(0), queue: QueueId(0), len: 60 }
}

fn dropped(packet: u64) -> Event {
    Event::Dropped { packet: PacketId(packet), reason: DropReason::IpNoRoute }
}

#[test]
fn lives_that_end_as_they_should_are_no_breach() {
    let (one, two, three) = (PacketId(1), PacketId(2), PacketId(3));
    let told = told(|lives, found| {
        (1..4).for_each(|n| lives.born(PacketId(n), LAN, at(n, "arrive"), found));
        // One leaves at once, one by a slow wire, one is dropped.
        (1..4).for_each(|n| event(lives, 10, rx(n), found));
        lives.transmitted(one, at(20, "transmit"), true, found);
        event(lives, 20, tx(1), found);
        lives.transmitted(two, at(20, "transmit"), false, found);
        event(lives, 20, tx(2), found);
        lives.departed(two, at(30, "depart"), found);
        lives.freed(two, Instant::from_nanos(30), found);
        event(lives, 40, dropped(3), found);
        lives.freed(three, Instant::from_nanos(40), found);
        // What is made for a packet goes back to the packet from the wire.
        lives.born(PacketId(4), LAN, at(50, "arrive"), found);
        lives.born(PacketId(5), Birth::Unnamed, at(50, "alloc"), found);
        let cause = Some(PacketId(4));
        let what = Made::ArpRequest;
        event(lives, 50, Event::Made { packet: PacketId(5), cause, what }, found);
        assert_eq!(lives.get(PacketId(5)).map(|life| life.root), cause);
        // What is held in the end is given back without a word.
        lives.closing();
        lives.freed(PacketId(5), Instant::from_nanos(60), found);
        lives.freed(PacketId(4), Instant::from_nanos(60), found);
        assert!(lives.row.is_empty() && lives.old.is_empty());
    });
    assert_eq!(told, "");
}

#[test]
fn a_leak_is_told_with_where_the_packet_was_seen_last() {
    let told = told(|lives, found| {
        lives.born(PacketId(1), LAN, at(1, "arrive"), found);
        event(lives, 10, rx(1), found);
        lives.born(PacketId(2), Birth::Unnamed, at(20, "alloc"), found);
        let what = Made::IcmpError(3, 1);
        let (packet, cause) = (PacketId(2), Some(PacketId(1)));
        event(lives, 20, Event::Made { packet, cause, what }, found);
    });
    insta::assert_snapshot!(told, @r"
    identity: packet 1, which came to queue 1 of lan, last seen as rx at 0.000000010 s (lcore 1, tick 1, recv_fwd), was never given back
    identity: packet 2, made as icmp_error for packet 1, last seen as made at 0.000000020 s (lcore 1, tick 2, recv_fwd), was never given back
    ");
}

#[test]
fn two_ends_and_what_comes_behind_one_are_told_with_the_path() {
    let told = told(|lives, found| {
        lives.born(PacketId(1), LAN, at(1, "arrive"), found);
        event(lives, 10, rx(1), found);
        event(lives, 10, dropped(1), found);
        event(lives, 10, dropped(1), found);
        lives.freed(PacketId(1), Instant::from_nanos(10), found);
        lives.freed(PacketId(1), Instant::from_nanos(20), found);
        lives.transmitted(PacketId(1), at(30, "transmit"), true, found);
    });
    insta::assert_snapshot!(told, @r"
    identity: packet 1 is spoken of, though it was said to end: dropped at 0.000000010 s (lcore 1, tick 1, recv_fwd); before that: arrive at 0.000000001 s, rx at 0.000000010 s (lcore 1, tick 1, recv_fwd), dropped at 0.000000010 s (lcore 1, tick 1, recv_fwd)
    identity: packet 1 is given back, though it is over: given back at 0.000000020 s; before that: arrive at 0.000000001 s, rx at 0.000000010 s (lcore 1, tick 1, recv_fwd), dropped at 0.000000010 s (lcore 1, tick 1, recv_fwd), dropped at 0.000000010 s (lcore 1, tick 1, recv_fwd)
    identity: packet 1 is transmitted, though it was said to end: transmit at 0.000000030 s (lcore 1, tick 3, recv_fwd); before that: arrive at 0.000000001 s, rx at 0.000000010 s (lcore 1, tick 1, recv_fwd), dropped at 0.000000010 s (lcore 1, tick 1, recv_fwd), dropped at 0.000000010 s (lcore 1, tick 1, recv_fwd)
    ");
}

#[test]
fn nobody_ends_without_a_word_and_nobody_leaves_without_a_queue() {
    let told = told(|lives, found| {
        lives.born(PacketId(1), LAN, at(1, "arrive"), found);
        lives.freed(PacketId(1), Instant::from_nanos(10), found);
        event(lives, 20, tx(1), found);
        lives.departed(PacketId(1), at(30, "depart"), found);
    });
    insta::assert_snapshot!(told, @r"
    identity: packet 1 is given back, and nobody said that it was dropped or consumed: given back at 0.000000010 s; before that: arrive at 0.000000001 s
    identity: packet 1 is spoken of, though it is over: tx at 0.000000020 s (lcore 1, tick 2, recv_fwd); before that: arrive at 0.000000001 s
    identity: packet 1 departs, though no transmit queue has it: depart at 0.000000030 s (lcore 1, tick 3, recv_fwd); before that: arrive at 0.000000001 s, tx at 0.000000020 s (lcore 1, tick 2, recv_fwd)
    ");
}

#[test]
fn numbers_are_given_in_turn_and_a_join_is_told_before() {
    let told = told(|lives, found| {
        lives.born(PacketId(2), LAN, at(1, "arrive"), found);
        lives.born(PacketId(1), LAN, at(1, "arrive"), found);
        lives.born(PacketId(2), LAN, at(1, "arrive"), found);
        lives.joined(PacketId(1), PacketId(2), found);
        let by = Consumer::Reassembly(PacketId(1));
        event(lives, 10, Event::Consumed { packet: PacketId(2), by }, found);
        lives.joined(PacketId(1), PacketId(2), found);
        event(lives, 20, dropped(1), found);
        lives.freed(PacketId(1), Instant::from_nanos(20), found);
    });
    insta::assert_snapshot!(told, @r"
    identity: packet 2 is born out of turn: arrive at 0.000000001 s
    identity: packet 2 is joined with another, against what was said: joined at 0.000000001 s; before that: arrive at 0.000000001 s
    ");
}

#[test]
fn however_many_live_longer_than_others_each_is_known() {
    let last = 3 * WINDOW as u64;
    let told = told(|lives, found| {
        (1..=last).for_each(|n| lives.born(PacketId(n), LAN, at(n, "arrive"), found));
        assert_eq!(lives.row.len(), WINDOW);
        for n in (1..=last).rev() {
            event(lives, 10_000, dropped(n), found);
            lives.freed(PacketId(n), Instant::from_nanos(10_000), found);
        }
        assert!(lives.row.is_empty() && lives.old.is_empty());
        lives.born(PacketId(last + 1), LAN, at(20_000, "arrive"), found);
        event(lives, 20_000, dropped(last + 1), found);
        lives.freed(PacketId(last + 1), Instant::from_nanos(20_000), found);
    });
    assert_eq!(told, "");
}
