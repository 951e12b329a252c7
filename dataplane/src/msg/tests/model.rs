//! Any sends, delays, losses and deadlines, against a model that looks everything up in lists.

use super::*;
use crate::heap::HeapBuf;
use crate::rig::{NONE, finds_what_is_planted, planted};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::collections::{BTreeMap, VecDeque};

/// What may happen.
#[derive(Clone, Debug)]
enum Act {
    Unicast {
        from: usize,
        to: usize,
        sync: bool,
        timeout: u64,
    },
    Multicast {
        from: usize,
        sync: bool,
        timeout: u64,
    },
    Xmit,
    /// One run of a messages job that takes at most so many.
    Run {
        who: usize,
        most: usize,
        fails: bool,
    },
    /// The oldest message in a ring is gone, and nobody is told.
    Lose {
        who: usize,
    },
    /// So many nanoseconds.
    Pass(u64),
}

/// The lcores that have a ring, and at last one that has none.
const IDS: [LcoreId; 5] = [MASTER, W1, W2, W3, KNI];

/// What happened: on which lcore, what, to which request, from whom, to whom.
type Line = (LcoreId, Stage, u64, LcoreId, Option<LcoreId>);

/// A message, in the model.
#[derive(Clone, Debug)]
struct Paper {
    reply: Option<Code>,
    seq: u64,
    from: LcoreId,
    wants: bool,
    until: Option<u64>,
}

/// A conversation, in the model.
#[derive(Clone, Debug)]
struct Open {
    caller: LcoreId,
    seq: u64,
    until: u64,
    missing: Vec<LcoreId>,
    failed: bool,
}

/// What the layer should do, as plainly as it can be said.
#[derive(Clone, Debug)]
struct Model {
    room: usize,
    limit: usize,
    late_execution: bool,
    partial: bool,
    now: u64,
    rings: Vec<VecDeque<Paper>>,
    seqs: [u64; 5],
    open: Vec<Open>,
    turn: usize,
    lines: Vec<Line>,
}

impl Model {
    fn send(&mut self, from: usize, to: &[usize], many: bool, sync: bool, until: u64) {
        self.seqs[from] += 1;
        let (seq, caller) = (self.seqs[from], IDS[from]);
        let wants = sync || many;
        let one = if many { None } else { Some(IDS[to[0]]) };
        let mine = self.open.iter().filter(|open| open.caller == caller).count();
        let refused = if many && from != 0 || to.contains(&4) {
            Some((Code::Invalid, one))
        } else if wants && mine >= self.limit {
            Some((Code::Busy, one))
        } else {
            let full = to.iter().find(|to| self.rings[**to].len() >= self.room);
            full.filter(|_| !self.partial || !many).map(|full| (Code::Full, Some(IDS[*full])))
        };
        if let Some((code, at)) = refused {
            return self.lines.push((caller, Stage::Refused(code), seq, caller, at));
        }
        for to in to {
            if self.rings[*to].len() >= self.room {
                let refused = Stage::Refused(Code::Full);
                return self.lines.push((caller, refused, seq, caller, Some(IDS[*to])));
            }
            let until = sync.then_some(until);
            self.rings[*to].push_back(Paper { reply: None, seq, from: caller, wants, until });
            self.lines.push((caller, Stage::Sent, seq, caller, Some(IDS[*to])));
        }
        if wants {
            let missing = to.iter().map(|to| IDS[*to]).collect();
            self.open.push(Open { caller, seq, until, missing, failed: false });
        }
    }

    fn run(&mut self, who: usize, most: usize, fails: bool) {
        let me = IDS[who];
        self.open.sort_by_key(|open| (open.until, open.seq));
        let (over, open): (Vec<_>, _) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|open| open.caller == me && open.until < self.now);
        self.open = open;
        for Open { seq, missing, .. } in over {
            for to in missing {
                self.lines.push((me, Stage::TimedOut, seq, me, Some(to)));
            }
            self.lines.push((me, Stage::Done(Code::TimedOut), seq, me, None));
        }
        for _ in 0..most {
            let Some(paper) = self.rings[who].pop_front() else { break };
            match paper.reply {
                Some(code) => self.reply(me, &paper, code),
                None => self.request(me, &paper, fails),
            }
        }
    }

    fn reply(&mut self, me: LcoreId, paper: &Paper, code: Code) {
        let (seq, from) = (paper.seq, paper.from);
        let found = self
            .open
            .iter()
            .position(|open| (open.caller, open.seq) == (me, seq) && open.missing.contains(&from));
        let Some(at) = found else {
            let late = Stage::Dropped(MsgDrop::Late);
            return self.lines.push((me, late, seq, from, Some(me)));
        };
        self.lines.push((me, Stage::Answered(code), seq, from, Some(me)));
        let open = &mut self.open[at];
        open.missing.retain(|missing| *missing != from);
        open.failed |= code != Code::Ok;
        if open.missing.is_empty() {
            let code = if open.failed { Code::Failed } else { Code::Ok };
            self.open.remove(at);
            self.lines.push((me, Stage::Done(code), seq, me, None));
        }
    }

    fn request(&mut self, me: LcoreId, paper: &Paper, fails: bool) {
        let (seq, from) = (paper.seq, paper.from);
        let mut line = |stage, from, to| self.lines.push((me, stage, seq, from, Some(to)));
        line(Stage::Delivered, from, me);
        if paper.until.is_some_and(|until| until < self.now) && !self.late_execution {
            return line(Stage::Dropped(MsgDrop::Expired), from, me);
        }
        let code = if fails { Code::Failed } else { Code::Ok };
        line(Stage::Handled(code), from, me);
        if !paper.wants {
            return;
        }
        let caller = IDS.iter().position(|id| *id == from).unwrap();
        if self.rings[caller].len() >= self.room {
            return line(Stage::Dropped(MsgDrop::ReplyLost), me, from);
        }
        line(Stage::Replied(code), me, from);
        let reply = Paper { reply: Some(code), from: me, ..paper.clone() };
        self.rings[caller].push_back(reply);
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Unicast { from, to, sync, timeout } => {
                self.send(from, &[to], false, sync, self.now + timeout);
            }
            Act::Multicast { from, sync, timeout } => {
                self.send(from, &[1, 2, 3], true, sync, self.now + timeout);
            }
            Act::Xmit => {
                let to = 1 + self.turn % 3;
                self.turn += 1;
                self.send(0, &[to], false, false, 0);
            }
            Act::Run { who, most, fails } => self.run(who, most, fails),
            Act::Lose { who } => drop(self.rings[who].pop_front()),
            Act::Pass(ns) => self.now += ns,
        }
    }
}

/// The same to the layer. Returns the end of the message that got lost, if one did.
fn act(net: &mut Net, act: &Act) -> Option<Line> {
    match *act {
        Act::Unicast { from, to, sync, timeout } => {
            let request = request(sync, timeout);
            net.on(IDS[from], |m, env| m.unicast(IDS[to], request, env).map_err(drop).ok());
        }
        Act::Multicast { from, sync, timeout } => {
            let request = request(sync, timeout);
            net.on(IDS[from], |m, env| m.multicast(request, env).map_err(drop).ok());
        }
        Act::Xmit => send_for_master(net),
        Act::Run { who, most, fails } => {
            let answer = if fails { Err(Refusal::Failed) } else { ok() };
            let mut over = Vec::new();
            while net.on(IDS[who], |messages, env| messages.overdue(env)).is_some() {}
            for _ in 0..most {
                net.take(IDS[who], &answer, &mut over);
            }
        }
        Act::Lose { who } => {
            net.world.set(net.now, IDS[who]);
            let Some(Parcel::Msg(message)) = net.world.recv(Ring::Msg) else { return None };
            let (head, reply) = (message.head, matches!(message.body, Body::Reply(_)));
            if let Some(frame) = message.into_frame() {
                net.world.free(frame);
            }
            let end = if reply { MsgDrop::Late } else { MsgDrop::Expired };
            return Some((IDS[who], Stage::Dropped(end), head.seq, head.from, Some(IDS[who])));
        }
        Act::Pass(ns) => net.later(Nanos::new(ns)),
    }
    None
}

fn request(sync: bool, timeout: u64) -> Request<HeapBuf> {
    let call = if sync { Call::Sync } else { Call::Async };
    Request { timeout: Some(Nanos::new(timeout)), ..hello(call) }
}

fn lines(net: &Net) -> Vec<Line> {
    let notes = net.world.events.iter().filter_map(|(_, lcore, event)| match event {
        Event::Msg(note) => Some((*lcore, note.stage, note.seq, note.from, note.to)),
        _ => None,
    });
    notes.collect()
}

/// How often each message began and ended. A message is known by its caller, its number, the
/// caller's opposite, and whether it is the reply.
fn ends(lines: &[Line]) -> BTreeMap<(LcoreId, u64, LcoreId, bool), (u32, u32)> {
    let mut counts: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for (_, stage, seq, from, to) in lines {
        let Some(to) = *to else { continue };
        let (request, reply) = ((*from, *seq, to, false), (to, *seq, *from, true));
        let (key, began, ended) = match stage {
            Stage::Sent => (request, 1, 0),
            Stage::Handled(_) | Stage::Dropped(MsgDrop::Expired | MsgDrop::Unregistered) => {
                (request, 0, 1)
            }
            Stage::Replied(_) => (reply, 1, 0),
            Stage::Dropped(MsgDrop::ReplyLost) => (reply, 1, 1),
            Stage::Answered(_) | Stage::Dropped(MsgDrop::Late) => (reply, 0, 1),
            Stage::Refused(_) | Stage::Delivered | Stage::TimedOut | Stage::Done(_) => continue,
        };
        let count = counts.entry(key).or_default();
        *count = (count.0 + began, count.1 + ended);
    }
    counts
}

impl ReferenceStateMachine for Model {
    type State = Model;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Model> {
        (1..5_usize, 1..4_usize, any::<bool>(), any::<bool>())
            .prop_map(|(room, limit, late_execution, partial)| Model {
                room,
                limit,
                late_execution,
                partial,
                now: 0,
                rings: vec![VecDeque::new(); 4],
                seqs: [0; 5],
                open: Vec::new(),
                turn: 0,
                lines: Vec::new(),
            })
            .boxed()
    }

    fn transitions(state: &Model) -> BoxedStrategy<Act> {
        let timeout = || prop_oneof![Just(1_000_u64), 1_000..20_000_u64, Just(5_000_u64)];
        let weighted = prop::bool::weighted(0.2);
        // Up to a deadline of somebody's, and a nanosecond less or more.
        let papers = state.rings.iter().flatten().filter_map(|paper| paper.until);
        let deadlines = papers.chain(state.open.iter().map(|open| open.until));
        let waits: Vec<u64> = deadlines.map(|until| until.saturating_sub(state.now)).collect();
        let near = (select([waits, vec![1_000]].concat()), 0..3_u64);
        let near = near.prop_map(|(wait, more)| (wait + more).saturating_sub(1));
        prop_oneof![
            3 => (0..4_usize, 0..5_usize, any::<bool>(), timeout())
                .prop_map(|(from, to, sync, timeout)| Act::Unicast { from, to, sync, timeout }),
            3 => (prop_oneof![5 => Just(0), 1 => 1..4_usize], any::<bool>(), timeout())
                .prop_map(|(from, sync, timeout)| Act::Multicast { from, sync, timeout }),
            1 => Just(Act::Xmit),
            8 => (0..4_usize, 1..6_usize, weighted)
                .prop_map(|(who, most, fails)| Act::Run { who, most, fails }),
            1 => (0..4_usize).prop_map(|who| Act::Lose { who }),
            2 => near.prop_map(Act::Pass),
            2 => (0..7_000_u64).prop_map(Act::Pass),
        ]
        .boxed()
    }

    fn apply(mut state: Model, act: &Act) -> Model {
        state.act(act);
        state
    }
}

/// The layer, with the defect of this number in it, and the ends of the messages that got lost.
struct Layer<const PLANTED: usize> {
    net: Net,
    lost: Vec<Line>,
}

impl<const PLANTED: usize> StateMachineTest for Layer<PLANTED> {
    type SystemUnderTest = Layer<PLANTED>;
    type Reference = Model;

    fn init_test(model: &Model) -> Layer<PLANTED> {
        let mut config = config();
        config.limits.msg_ring = u32::try_from(model.room).unwrap();
        config.limits.msg_open = u32::try_from(model.limit).unwrap();
        config.policy.msg_late_execution = model.late_execution;
        config.policy.msg_partial_multicast = model.partial;
        config.planted = planted(PLANTED);
        Layer { net: Net::new(config), lost: vec![] }
    }

    fn apply(mut layer: Layer<PLANTED>, model: &Model, step: Act) -> Layer<PLANTED> {
        layer.lost.extend(act(&mut layer.net, &step));
        assert_eq!(lines(&layer.net), model.lines, "after {step:?}");
        layer
    }

    /// Every message ends exactly once, and every conversation too; nothing stays behind.
    fn teardown(layer: Layer<PLANTED>, _: Model) {
        let Layer { mut net, lost } = layer;
        for _ in 0..4 {
            for who in 0..4 {
                act(&mut net, &Act::Run { who, most: 100, fails: false });
            }
            net.later(Nanos::from_millis(1));
        }
        let mut all = lines(&net);
        all.extend(lost);
        for (message, count) in ends(&all) {
            assert_eq!(count, (1, 1), "{message:?} began and ended");
        }
        let waits = |caller| net.node(caller).messages.is_waiting();
        assert!(![MASTER, W1, W2, W3].into_iter().any(waits));
        let mut over: Vec<_> = all.iter().filter(|l| matches!(l.1, Stage::Done(_))).collect();
        let count = over.len();
        over.sort_by_key(|line| (line.0, line.2));
        over.dedup_by_key(|line| (line.0, line.2));
        assert_eq!(over.len(), count, "a conversation is over once");
        assert_eq!(net.world.in_use(), 0);
    }
}

prop_state_machine! {
    // 86cccb8e
    // c1478816
    #[test]
    fn every_message_ends_exactly_once(sequential 1..80 => Layer<NONE>);
}

finds_what_is_planted!(
    Layer: ReplyCountedTwice, TimeoutIgnored, LateExecuted, UnsentLeaked, PartialMulticast, TurnStuck
);
