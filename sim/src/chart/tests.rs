//! Charts of lines that were written by hand, and of any lines at all.

use super::*;
use crate::trace::Run;
use dataplane::job::{JobKind, Role};
use dataplane::msg::{Call, Code, Mode, MsgDrop, MsgNote, MsgType, Stage};
use dataplane::{Instant, LcoreId, Nanos};
use insta::assert_snapshot;
use proptest::prelude::*;

/// Says what happens to messages, a step at a time.
struct Tale {
    lines: Vec<Noted>,
    at: Instant,
    lcore: u8,
    tick: u64,
    mode: Mode,
}

impl Tale {
    fn new() -> Tale {
        let (lines, at) = (Vec::new(), Instant::from_nanos(1_000_000));
        Tale { lines, at, lcore: 0, tick: 0, mode: Mode::Unicast }
    }

    /// An lcore's next tick, so many nanoseconds later.
    fn step(&mut self, ns: u64, lcore: u8) -> &mut Tale {
        self.at += Nanos::new(ns);
        (self.lcore, self.tick) = (lcore, self.tick + 1);
        self
    }

    fn say(&mut self, stage: Stage, seq: u64, from: u8, to: Option<u8>) -> &mut Tale {
        let run = Run { lcore: LcoreId(self.lcore), tick: self.tick, job: JobKind::MsgSlave };
        let note = MsgNote {
            stage,
            kind: MsgType::Hello,
            seq,
            mode: self.mode,
            call: Call::Sync,
            from: LcoreId(from),
            to: to.map(LcoreId),
            deadline: Some(Instant::from_nanos(3_000_000)),
            packet: None,
        };
        self.lines.push(Noted { at: self.at, run, note });
        self
    }

    /// The chart, for lcores of these roles, numbered from 0.
    fn chart(&self, roles: &[Role]) -> String {
        let roles: Vec<_> = (0..).map(LcoreId).zip(roles.iter().copied()).collect();
        let (chart, more) = messages(&self.lines, &roles, usize::MAX);
        assert_eq!(more, 0);
        chart
    }
}

const MASTER_FIRST: [Role; 3] = [Role::Master, Role::Worker, Role::Worker];

#[test]
fn a_master_between_its_workers_sends_both_ways() {
    let mut tale = Tale::new();
    tale.mode = Mode::Multicast;
    let sent = tale.step(0, 2);
    for to in [0, 1, 3] {
        sent.say(Stage::Sent, 7, 2, Some(to));
    }
    for (from, code) in [(3, Code::Ok), (0, Code::Failed), (1, Code::Ok)] {
        tale.step(100, from).say(Stage::Delivered, 7, 2, Some(from));
        tale.say(Stage::Handled(code), 7, 2, Some(from));
        tale.say(Stage::Replied(code), 7, from, Some(2));
    }
    tale.step(100, 2).say(Stage::Answered(Code::Ok), 7, 3, Some(2));
    tale.say(Stage::Answered(Code::Failed), 7, 0, Some(2));
    tale.step(50, 2).say(Stage::Answered(Code::Ok), 7, 1, Some(2));
    tale.say(Stage::Done(Code::Failed), 7, 2, None);
    let roles = [Role::Worker, Role::Worker, Role::Master, Role::Worker];
    assert_snapshot!(tale.chart(&roles), @"
          ms  lcore 0        lcore 1        lcore 2        lcore 3
              worker         worker         master         worker
    1.000000  ┃◀─────────────┃◀─────────────┼── HELLO #7 ─▶┃  tick 1: sync to all, within 2 ms
    1.000100  ┃              ┃              ┃◀── ok #7 ────●  tick 2: #7 waited 100 ns
    1.000200  ○─ failed #7 ──╂─────────────▶┃              │  tick 3: #7 waited 200 ns
    1.000300  │              ●─── ok #7 ───▶┃              │  tick 4: #7 waited 300 ns
    1.000400  │              │              +              │  tick 5: #7 answered by 3, 0 (failed)
    1.000450  │              │              ◇              │  tick 6: #7 answered by 1: failed
    ");
}

#[test]
fn what_is_not_sent_says_why() {
    let mut tale = Tale::new();
    tale.step(0, 0).say(Stage::Refused(Code::Full), 1, 0, Some(2));
    tale.step(0, 0).say(Stage::Refused(Code::Disabled), 2, 0, Some(1));
    tale.step(0, 0).say(Stage::Refused(Code::Busy), 3, 0, None);
    tale.step(0, 0).say(Stage::Refused(Code::Invalid), 4, 0, Some(9));
    tale.mode = Mode::Multicast;
    tale.step(0, 0).say(Stage::Refused(Code::Full), 5, 0, Some(1));
    tale.step(0, 0).say(Stage::Sent, 6, 0, Some(1));
    tale.say(Stage::Refused(Code::Full), 6, 0, Some(2));
    assert_snapshot!(tale.chart(&MASTER_FIRST), @"
          ms  lcore 0       lcore 1       lcore 2
              master        worker        worker
    1.000000  ├─ HELLO #1 ──┼────────────×│  tick 1: the ring of lcore 2 is full
              ×             │             │  tick 2: HELLO #2 not sent: of low priority
              ×             │             │  tick 3: HELLO #3 not sent: too many conversations are open
              ×             │             │  tick 4: HELLO #4 not sent: lcore 9 takes no messages
              ├─ HELLO #5 ─×│             │  tick 5: the ring of lcore 1 is full: to none
              ├─ HELLO #6 ─▶┃             │  tick 6: sync to all, within 2 ms
              ├─ HELLO #6 ──╂────────────×│  the ring of lcore 2 is full: to no more
    ");
}

#[test]
fn what_is_dropped_says_why() {
    let mut tale = Tale::new();
    tale.step(0, 0).say(Stage::Sent, 1, 0, Some(1)).say(Stage::Sent, 2, 0, Some(2));
    tale.step(500, 1).say(Stage::Delivered, 1, 0, Some(1));
    tale.say(Stage::Dropped(MsgDrop::Unregistered), 1, 0, Some(1));
    tale.say(Stage::Replied(Code::Unregistered), 1, 1, Some(0));
    tale.step(2_500_000, 2).say(Stage::Delivered, 2, 0, Some(2));
    tale.say(Stage::Dropped(MsgDrop::Expired), 2, 0, Some(2));
    tale.step(500, 0).say(Stage::TimedOut, 2, 0, Some(2));
    tale.say(Stage::Done(Code::TimedOut), 2, 0, None);
    tale.say(Stage::Dropped(MsgDrop::Late), 1, 1, Some(0));
    tale.say(Stage::Dropped(MsgDrop::Late), 9, 1, Some(0));
    assert_snapshot!(tale.chart(&MASTER_FIRST), @"
          ms  lcore 0              lcore 1              lcore 2
              master               worker               worker
    1.000000  ├───── HELLO #1 ────▶┃                    │  tick 1: sync, within 2 ms
              ├───── HELLO #2 ─────╂───────────────────▶┃  sync, within 2 ms
    1.000500  ┃◀ unregistered #1 ──×                    ┃  tick 2: #1 dropped: no handler for HELLO
           ⋮  ┇                    ┊                    ┇  (2.5 ms)
    3.500500  ┃                    │                    ×  tick 3: #2 waited 2.5005 ms, 500.5 us too
              ┃                    │                    │  late: dropped
    3.501000  ◇                    │                    │  tick 4: #2 not answered by 2: timed out
              ×                    │                    │  reply to #1 waited 2.5005 ms, 501 us too
              │                    │                    │  late: dropped
              ×                    │                    │  reply to #9 at once, nobody waits for it:
              │                    │                    │  dropped
    ");
}

#[test]
fn who_talks_to_itself_has_a_round_arrow_and_time_may_be_long() {
    let mut tale = Tale::new();
    let hours = 1_000 * 3_600 * 1_000_000_000;
    tale.step(hours, 1).say(Stage::Sent, 1, 1, Some(1));
    tale.step(70, 1).say(Stage::Delivered, 1, 1, Some(1));
    tale.say(Stage::Handled(Code::Ok), 1, 1, Some(1));
    assert_snapshot!(tale.chart(&MASTER_FIRST), @"
                   ms  lcore 0       lcore 1       lcore 2
                       master        worker        worker
    3600000001.000000  │             ↻             │  HELLO #1, tick 1: sync to itself, within 0 ns
    3600000001.000070  │             ●             │  tick 2: #1 waited 70 ns, 3599999.99800007 s too
                       │             │             │  late
    ");
}

#[test]
fn of_many_lcores_those_have_a_column_that_take_part_and_have_room() {
    let mut tale = Tale::new();
    tale.mode = Mode::Multicast;
    tale.step(0, 0);
    for to in (2..30).filter(|to| to % 3 > 0) {
        tale.say(Stage::Sent, 1, 0, Some(to));
    }
    for from in [2, 29] {
        tale.step(100, from).say(Stage::Delivered, 1, 0, Some(from));
        tale.say(Stage::Handled(Code::Ok), 1, 0, Some(from));
        tale.say(Stage::Replied(Code::Ok), 1, from, Some(0));
    }
    let mut roles = vec![Role::Worker; 30];
    roles[0] = Role::Master;
    assert_snapshot!(tale.chart(&roles), @"
           ms  0    2    4    5    7    8    10   11   13   14   16   17   19   20   22   23   25
               mast work work work work work work work work work work work work work work work work
     1.000000  ├───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃───▶┃
               HELLO #1, tick 1: sync to all, within 2 ms
     1.000100  ┃◀───●    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃
               ok #1, tick 2: #1 waited 100 ns
     1.000200  ┃    │    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃    ┃
               ok #1, lcore 29, tick 3: #1 waited 200 ns
    no column for lcore 26 and 2 more
    ");
}

#[test]
fn as_many_rows_are_drawn_as_are_wanted() {
    let mut tale = Tale::new();
    for seq in 1..=5 {
        tale.step(10, 0).say(Stage::Refused(Code::Disabled), seq, 0, Some(1));
    }
    let roles = [(LcoreId(0), Role::Master), (LcoreId(1), Role::Worker)];
    for (most, drawn, left) in [(4, 4, 1), (5, 5, 0), (6, 5, 0)] {
        let (chart, more) = messages(&tale.lines, &roles, most);
        assert_eq!((chart.lines().count() - 2, more), (drawn, left));
    }
}

#[test]
fn a_log_keeps_the_first_thousand_lines() {
    let mut tale = Tale::new();
    tale.step(0, 0).say(Stage::Delivered, 1, 0, Some(1));
    let mut log = MessageLog::default();
    (0..1000).for_each(|_| log.add(tale.lines[0]));
    assert_eq!((log.lines().len(), log.has_more()), (1000, false), "at the limit");
    log.add(tale.lines[0]);
    assert_eq!((log.lines().len(), log.has_more()), (1000, true), "one over");
}

fn any_stage() -> impl Strategy<Value = Stage> {
    let code = prop::sample::select(vec![Code::Ok, Code::Failed, Code::Full, Code::TimedOut]);
    let drop = prop::sample::select(vec![
        MsgDrop::Expired,
        MsgDrop::Unregistered,
        MsgDrop::Late,
        MsgDrop::ReplyLost,
    ]);
    prop_oneof![
        Just(Stage::Sent),
        code.clone().prop_map(Stage::Refused),
        Just(Stage::Delivered),
        code.clone().prop_map(Stage::Handled),
        code.clone().prop_map(Stage::Replied),
        code.clone().prop_map(Stage::Answered),
        Just(Stage::TimedOut),
        drop.prop_map(Stage::Dropped),
        code.prop_map(Stage::Done),
    ]
}

proptest! {
    /// Whatever happens, in whatever order, on however many lcores: a page is wide enough.
    #[test]
    fn no_line_is_wider_than_a_page(
        lcores in 1u8..40,
        steps in prop::collection::vec(
            (any_stage(), 0u64..4, any::<u8>(), any::<u8>(), any::<u8>(), 0u64..300_000),
            0..60,
        ),
        hours in prop::sample::select(vec![0u64, 5, 5_000_000]),
    ) {
        let mut tale = Tale::new();
        tale.step(hours * 3_600_000_000_000, 0);
        for (stage, seq, me, from, to, ns) in steps {
            let to = Some(to % 42).filter(|to| *to < 41);
            tale.step(ns / 100_000 * ns, me % lcores).say(stage, seq, from % lcores, to);
        }
        let mut roles = vec![Role::Worker; usize::from(lcores)];
        roles[0] = Role::Master;
        for line in tale.chart(&roles).lines() {
            prop_assert!(line.chars().count() <= WIDTH, "{}", line);
        }
    }
}
