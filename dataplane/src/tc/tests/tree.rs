//! Any packets, turns and changes of a tree of Qschs, against a model that keeps it all in lists.

use super::tokens;
use crate::drop::DropReason;
use crate::event::Event;
use crate::heap::HeapBuf;
use crate::packet::{Buf, PacketId};
use crate::path::Step;
use crate::rig::{NONE, Rig, finds_what_is_planted, planted};
use crate::tc::{
    ClsConfig, ClsEdit, Edit, Handle, Hook, Kind, Match, PlannedQsch, QUOTA, QschConfig, QschEdit,
    QschStats, Range, Tbf, Tc, TcPlan, TokenRate, Verdict, hook,
};
use crate::time::{Instant, Nanos};
use crate::types::{PortId, QueueId};
use crate::world::World;
use fixtures::{ALICE, BOB, udp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

const DEV: PortId = PortId(1);

#[derive(Clone, Debug)]
enum Act {
    /// A packet: its bytes of data, its destination port, its type of service.
    Packet {
        len: usize,
        port: u16,
        tos: u8,
    },
    /// One run of job qsch_sched.
    Turn,
    Pass(u64),
    /// A Qsch is there from now on: number, parent, and what it does.
    Put(u16, u16, Kind),
    Delete(u16),
    /// A classifier: of which Qsch, its name, priority, port, and the Qsch that gets the packets.
    PutClass {
        of: u16,
        name: u16,
        prio: u16,
        port: Option<u16>,
        to: Option<u16>,
    },
    DeleteClass {
        of: u16,
        name: u16,
    },
}

/// Qsch number 0 is the root.
fn handle(number: u16) -> Handle {
    if number == 0 { Handle::ROOT } else { Handle::new(number, 0) }
}

fn tos_band(tos: u8) -> usize {
    match tos {
        0x10 => 0,
        0x08 => 2,
        _ => 1,
    }
}

#[derive(Clone, Debug)]
struct Class {
    name: u16,
    prio: u16,
    port: Option<u16>,
    to: Option<u16>,
    hits: u64,
}

#[derive(Clone, Debug)]
struct Node {
    number: u16,
    parent: Option<u16>,
    kind: Kind,
    tokens: Option<tokens::Model>,
    classes: Vec<Class>,
    /// Identity, length, band, in the order in which they came.
    waiting: Vec<(u64, usize, usize)>,
    stats: QschStats,
}

impl Node {
    fn new(number: u16, parent: Option<u16>, kind: Kind) -> Node {
        let (classes, waiting, stats) = (vec![], vec![], QschStats::default());
        Node { number, parent, kind, tokens: fresh(&kind), classes, waiting, stats }
    }

    fn bytes(&self) -> u64 {
        self.waiting.iter().map(|(_, len, _)| *len as u64).sum()
    }

    /// The place of the packet that goes first.
    fn head(&self) -> Option<usize> {
        let bands = matches!(self.kind, Kind::PfifoFast { .. });
        let band = |at: &usize| if bands { self.waiting[*at].2 } else { 0 };
        (0..self.waiting.len()).min_by_key(band)
    }

    fn refuses(&self, len: u64) -> Option<DropReason> {
        let there = self.waiting.len() as u64;
        let fits = match self.kind {
            Kind::Pfifo { limit } | Kind::PfifoFast { limit } => there < u64::from(limit),
            Kind::Bfifo { limit } => self.bytes() + len <= limit,
            Kind::Tbf(tbf) if len > tbf.max_frame() => return Some(DropReason::QschTooLong),
            Kind::Tbf(tbf) => self.bytes() + len <= tbf.limit,
        };
        (!fits).then_some(DropReason::QschFull)
    }
}

fn fresh(kind: &Kind) -> Option<tokens::Model> {
    if let Kind::Tbf(tbf) = kind { Some(tokens::Model::new(tbf)) } else { None }
}

#[derive(Clone, Debug)]
struct Model {
    now: u64,
    /// A tbf looks at multiples of so many ns only.
    quantum: u64,
    packets: u64,
    /// In the order of their creation.
    nodes: Vec<Node>,
    sent: Vec<u64>,
    dropped: Vec<(u64, DropReason)>,
}

impl Model {
    fn find(&self, number: u16) -> Option<usize> {
        self.nodes.iter().position(|node| node.number == number)
    }

    fn let_go(&mut self, at: usize) -> bool {
        let now = self.now - self.now % self.quantum;
        let node = &mut self.nodes[at];
        let Some(head) = node.head() else { return false };
        let (id, len, _) = node.waiting[head];
        if node.tokens.as_mut().is_some_and(|tokens| tokens.draw(len, now).is_err()) {
            node.stats.overlimits += 1;
            return false;
        }
        node.waiting.remove(head);
        node.stats.packets += 1;
        node.stats.bytes += len as u64;
        self.sent.push(id);
        true
    }

    fn packet(&mut self, len: usize, port: u16, tos: u8) {
        self.packets += 1;
        let (id, len) = (self.packets, len + 42);
        let Some(mut at) = self.find(0) else { return self.sent.push(id) };
        let refused = loop {
            let number = self.nodes[at].number;
            let child = |to: u16| self.find(to).filter(|at| self.nodes[*at].parent == Some(number));
            let says = self.nodes[at].classes.iter().position(|class| {
                class.port.is_none_or(|of| of == port)
                    && class.to.is_none_or(|to| child(to).is_some())
            });
            let Some(class) = says else { break self.nodes[at].refuses(len as u64) };
            let to = self.nodes[at].classes[class].to.map(child);
            self.nodes[at].classes[class].hits += 1;
            match to.flatten() {
                Some(child) => at = child,
                None => break Some(DropReason::TcDropped),
            }
        };
        if let Some(reason) = refused {
            self.nodes[at].stats.drops += 1;
            return self.dropped.push((id, reason));
        }
        self.nodes[at].waiting.push((id, len, tos_band(tos)));
        for _ in 0..QUOTA {
            if !self.let_go(at) {
                break;
            }
        }
    }

    fn put(&mut self, number: u16, parent: u16, kind: Kind) {
        let Some(at) = self.find(number) else {
            let parent = (number != 0).then_some(parent);
            return self.nodes.push(Node::new(number, parent, kind));
        };
        let node = &mut self.nodes[at];
        (node.kind, node.tokens) = (kind, fresh(&kind));
        let Kind::Tbf(tbf) = kind else { return };
        let short = |(_, len, _): &(u64, usize, usize)| *len as u64 <= tbf.max_frame();
        let (kept, long): (Vec<_>, Vec<_>) = node.waiting.drain(..).partition(short);
        node.waiting = kept;
        node.stats.drops += long.len() as u64;
        self.dropped.extend(long.into_iter().map(|(id, ..)| (id, DropReason::QschTooLong)));
    }

    /// Whether `number` is `top`, or below it.
    fn below(&self, number: u16, top: u16) -> bool {
        let parent = self.find(number).and_then(|at| self.nodes[at].parent);
        number == top || parent.is_some_and(|parent| self.below(parent, top))
    }

    fn delete(&mut self, number: u16) {
        let gone: Vec<u16> =
            self.nodes.iter().map(|n| n.number).filter(|n| self.below(*n, number)).collect();
        for node in self.nodes.iter_mut().filter(|node| gone.contains(&node.number)) {
            while let Some(head) = node.head() {
                let (id, ..) = node.waiting.remove(head);
                self.dropped.push((id, DropReason::QschDeleted));
            }
        }
        self.nodes.retain(|node| !gone.contains(&node.number));
    }

    /// When the first of the packets that wait may go, now or later.
    fn ready(&self) -> Option<u64> {
        let ready = |node: &Node| {
            let (_, len, _) = node.waiting[node.head()?];
            let Some(tokens) = &node.tokens else { return Some(self.now) };
            let at = tokens.ready(len, self.now - self.now % self.quantum);
            Some(at.next_multiple_of(self.quantum).max(self.now))
        };
        self.nodes.iter().filter_map(ready).min()
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    let peak = prop::option::weighted(0.3, (2_000_000..8_000_000_u64, 100..1500_u64));
    // Often just what some packets take, or a byte less.
    let bytes = (0..4_u64, 0..3_u64, 0..3_u64, 0..2_u64)
        .prop_map(|(a, b, c, less)| (42 * a + 142 * b + 642 * c).saturating_sub(less));
    let limits = || prop_oneof![3 => bytes.clone(), 1 => 0..4000_u64];
    let tbf = (400_000..2_000_000_u64, 100..1500_u64, peak, limits()).prop_map(
        |(bits, burst, peak, limit)| {
            let peak = peak.map(|(bits, burst)| TokenRate { bits, burst });
            Kind::Tbf(Tbf { rate: TokenRate { bits, burst }, peak, limit })
        },
    );
    prop_oneof![
        4 => tbf,
        1 => (1..4_u32).prop_map(|limit| Kind::Pfifo { limit }),
        1 => limits().prop_map(|limit| Kind::Bfifo { limit }),
        1 => (1..4_u32).prop_map(|limit| Kind::PfifoFast { limit }),
    ]
}

impl ReferenceStateMachine for Model {
    type State = Model;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Model> {
        (select(vec![1, 1, 4_000_000]), prop::option::weighted(0.9, kinds()))
            .prop_map(|(quantum, root)| {
                let nodes = root.map(|kind| Node::new(0, None, kind)).into_iter().collect();
                let (now, packets, sent, dropped) = (0, 0, vec![], vec![]);
                Model { now, quantum, packets, nodes, sent, dropped }
            })
            .boxed()
    }

    fn transitions(state: &Model) -> BoxedStrategy<Act> {
        let packet = (select(vec![0, 100, 600, 1400]), 1..4_u16, select(vec![0, 8, 16]));
        let packet = packet.prop_map(|(len, port, tos)| Act::Packet { len, port, tos });
        let wait = state.ready().map_or(1_000, |ready| ready - state.now);
        let waits = select(vec![wait, wait.saturating_sub(1), 1_000_000]).prop_map(Act::Pass);
        let always = prop_oneof![2 => packet, 1 => Just(Act::Turn), 1 => waits];
        let numbers: Vec<u16> = state.nodes.iter().map(|node| node.number).collect();
        if numbers.is_empty() {
            return prop_oneof![4 => always, 1 => kinds().prop_map(|kind| Act::Put(0, 0, kind))]
                .boxed();
        }
        let there = || select(numbers.clone());
        let model = state.clone();
        let put = (0..5_u16, there(), kinds()).prop_map(move |(number, parent, kind)| {
            // What is there keeps its parent.
            let old = model.find(number).and_then(|at| model.nodes[at].parent);
            Act::Put(number, old.unwrap_or(parent), kind)
        });
        let class = (there(), 1..4_u16, 0..2_u16, prop::option::weighted(0.8, 1..4_u16));
        let to = prop::option::weighted(0.85, select(vec![1, 2, 3, 4]));
        let class = (class, to).prop_map(|((of, name, prio, port), to)| Act::PutClass {
            of,
            name,
            prio,
            port,
            to,
        });
        let delete = (there(), 1..4_u16).prop_map(|(of, name)| Act::DeleteClass { of, name });
        prop_oneof![
            16 => always,
            3 => put,
            1 => there().prop_map(Act::Delete),
            4 => class,
            1 => delete,
        ]
        .boxed()
    }

    /// The control plane has looked before a change comes here.
    fn preconditions(state: &Model, act: &Act) -> bool {
        match act {
            Act::Packet { .. } | Act::Turn | Act::Pass(_) => true,
            Act::Put(number, parent, kind) => match state.find(*number) {
                Some(at) => {
                    let node = &state.nodes[at];
                    let same = [&node.kind, kind].map(std::mem::discriminant);
                    same[0] == same[1] && node.parent.is_none_or(|of| of == *parent)
                }
                None => *number == 0 || state.find(*parent).is_some(),
            },
            Act::Delete(number) => state.find(*number).is_some(),
            Act::PutClass { of, .. } => state.find(*of).is_some(),
            Act::DeleteClass { of, name } => state
                .find(*of)
                .is_some_and(|at| state.nodes[at].classes.iter().any(|c| c.name == *name)),
        }
    }

    fn apply(mut state: Model, act: &Act) -> Model {
        state.sent.clear();
        state.dropped.clear();
        match *act {
            Act::Packet { len, port, tos } => state.packet(len, port, tos),
            Act::Turn => {
                for at in 0..state.nodes.len() {
                    let _ = (0..QUOTA).all(|_| state.let_go(at));
                }
            }
            Act::Pass(ns) => state.now += ns,
            Act::Put(number, parent, kind) => state.put(number, parent, kind),
            Act::Delete(number) => state.delete(number),
            Act::PutClass { of, name, prio, port, to } => {
                let at = state.find(of).unwrap();
                let classes = &mut state.nodes[at].classes;
                let old = classes.iter().find(|class| class.name == name);
                let hits = old.map_or(0, |old| old.hits);
                classes.retain(|class| class.name != name);
                classes.push(Class { name, prio, port, to, hits });
                // Higher ones first; of equal ones, the older.
                classes.sort_by_key(|class| std::cmp::Reverse(class.prio));
            }
            Act::DeleteClass { of, name } => {
                let at = state.find(of).unwrap();
                state.nodes[at].classes.retain(|class| class.name != name);
            }
        }
        state
    }
}

/// The Qschs of an lcore, with the defect of this number in them.
struct Tree<const PLANTED: usize> {
    rig: Rig,
    tc: Tc<HeapBuf>,
    made: u32,
    sent: Vec<u64>,
}

impl<const PLANTED: usize> Tree<PLANTED> {
    fn put(&mut self, number: u16, parent: Option<u16>, kind: Kind) {
        self.made += 1;
        let parent = parent.filter(|_| number != 0).map_or(Handle::NONE, handle);
        let config = QschConfig { dev: DEV, handle: handle(number), parent, kind };
        let planned = PlannedQsch { config, hook: Hook::Egress, made: self.made };
        self.edit(Edit::Qsch(QschEdit::Put(planned)));
    }

    fn edit(&mut self, edit: Edit) {
        let Tree { rig, tc, .. } = self;
        rig.run(|env, _| tc.edit(edit, env)).0.unwrap();
    }

    fn note(&mut self, steps: Vec<Step<HeapBuf>>) {
        for step in steps {
            let Step::Transmit(buf, DEV) = step else { panic!("no Qsch pushes {step:?}") };
            self.sent.push(buf.meta().id.0);
            self.rig.world.free(buf);
        }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Packet { len, port, tos } => {
                let frame = udp(ALICE, BOB).len(len).ports(9, port).tos(tos).build();
                self.rig.world.receive(DEV, QueueId(0), &frame).unwrap();
                let mut burst = Vec::new();
                self.rig.world.rx_burst(DEV, QueueId(0), &mut burst, 1);
                let buf = burst.pop().unwrap();
                let Tree { rig, tc, .. } = self;
                let at = (Hook::Egress, DEV);
                let ((), steps) = rig.run(|env, next| hook(tc, at, buf, env, next));
                self.note(steps);
            }
            Act::Turn => {
                for at in 0..self.tc.qschs().len() {
                    for _ in 0..QUOTA {
                        let Tree { rig, tc, .. } = self;
                        let (went, steps) = rig.run(|env, next| tc.let_go(at, env, next));
                        if !went {
                            break;
                        }
                        self.note(steps);
                    }
                }
            }
            Act::Pass(ns) => self.rig.now += Nanos::new(ns),
            Act::Put(number, parent, kind) => self.put(number, Some(parent), kind),
            Act::Delete(number) => self.edit(Edit::Qsch(QschEdit::Delete(DEV, handle(number)))),
            Act::PutClass { of, name, prio, port, to } => {
                let pattern = Match { dport: port.map(|n| Range(n, n)), ..Match::default() };
                let verdict = to.map_or(Verdict::Drop, |to| Verdict::To(handle(to)));
                let (qsch, name) = (handle(of), Handle::new(name, 1));
                let cls = ClsConfig { dev: DEV, qsch, handle: name, prio, pattern, verdict };
                self.edit(Edit::Cls(ClsEdit::Put(cls)));
            }
            Act::DeleteClass { of, name } => {
                let edit = ClsEdit::Delete(DEV, handle(of), Handle::new(name, 1));
                self.edit(Edit::Cls(edit));
            }
        }
    }
}

impl<const PLANTED: usize> StateMachineTest for Tree<PLANTED> {
    type SystemUnderTest = Tree<PLANTED>;
    type Reference = Model;

    fn init_test(model: &Model) -> Tree<PLANTED> {
        let rig = Rig::new(|config| {
            let quantum = Nanos::new(model.quantum);
            config.policy.tbf_quantum = if model.quantum == 1 { Nanos::ZERO } else { quantum };
            config.planted = planted(PLANTED);
        });
        let tc = Tc::new(&TcPlan::default(), &rig.devices);
        let mut tree = Tree { rig, tc, made: 0, sent: vec![] };
        model.nodes.iter().for_each(|node| tree.put(node.number, node.parent, node.kind));
        tree
    }

    fn apply(mut tree: Tree<PLANTED>, model: &Model, act: Act) -> Tree<PLANTED> {
        tree.sent.clear();
        tree.act(&act);
        assert_eq!(tree.sent, model.sent, "what leaves at {act:?}");
        let dropped = tree.rig.world.events.drain(..).filter_map(|(.., event)| match event {
            Event::Dropped { packet: PacketId(id), reason } => Some((id, reason)),
            _ => None,
        });
        assert_eq!(dropped.collect::<Vec<_>>(), model.dropped, "what is dropped at {act:?}");
        let ready = model.ready().map(Instant::from_nanos);
        let next = tree.tc.next_ready();
        assert!(next.is_some() == ready.is_some() && next <= ready, "nobody sleeps too long");
        if matches!(act, Act::Turn) {
            assert_eq!(next, ready, "what may go has gone, and the rest is awaited exactly");
        }
        tree
    }

    fn check_invariants(tree: &Tree<PLANTED>, model: &Model) {
        let stats = model.nodes.iter().map(|node| {
            let qlen = u32::try_from(node.waiting.len()).unwrap();
            let stats = QschStats { qlen, backlog: node.bytes(), ..node.stats };
            ((DEV, handle(node.number)), stats)
        });
        assert_eq!(tree.tc.stats(), stats.collect::<Vec<_>>());
        let hits = model.nodes.iter().flat_map(|node| {
            node.classes
                .iter()
                .map(|c| ((DEV, handle(node.number), Handle::new(c.name, 1)), c.hits))
        });
        assert_eq!(tree.tc.hits(), hits.collect::<Vec<_>>());
        let waiting: usize = model.nodes.iter().map(|node| node.waiting.len()).sum();
        assert_eq!(tree.tc.held(), waiting as u64);
        assert_eq!(tree.rig.world.in_use(), waiting, "what waits is all that is out");
    }
}

prop_state_machine! {
    #[test]
    fn the_tree_does_what_lists_do(sequential 1..60 => Tree<NONE>);
}

finds_what_is_planted!(
    Tree: TbfBurst, TbfOneOver, QschReversed, BandsReversed, ClsLowestFirst, QschDeletedLeaks
);
