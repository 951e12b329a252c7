//! Messages between four lcores and one that has no ring, taken one at a time.

mod model;

use super::*;
use crate::Config;
use crate::config::{LcoreConfig, Limits, Policy, PortConfig, PortQueues};
use crate::counters::Counters;
use crate::device::Devices;
use crate::drop::DropReason;
use crate::env::{Env, TimerKey};
use crate::event::Event;
use crate::heap::HeapWorld;
use crate::job::Role;
use crate::rng::Rng;
use crate::time::Nanos;
use crate::timer::TimerWheel;
use crate::types::{Mac, QueueId};
use crate::world::{Parcel, Ring, World};

const MASTER: LcoreId = LcoreId(0);
const W1: LcoreId = LcoreId(1);
const W2: LcoreId = LcoreId(2);
const W3: LcoreId = LcoreId(3);
const KNI: LcoreId = LcoreId(9);
const US: Nanos = Nanos::from_micros(1);

/// A master, three workers, and a KNI lcore, on one port.
fn config() -> Config {
    let lcore = |id: LcoreId, role, queue: Option<u16>| {
        let queue = queue.map(QueueId);
        let rx = queue.filter(|_| role == Role::Worker).into_iter().collect();
        let on = PortQueues { port: PortId(0), rx, tx: queue.into_iter().collect() };
        LcoreConfig { id, role, queues: if queue.is_some() { vec![on] } else { vec![] } }
    };
    Config {
        ports: vec![PortConfig {
            name: "lan".into(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            addresses: vec![],
            rx_queues: 3,
            tx_queues: 4,
            vlans: vec![],
        }],
        lcores: vec![
            lcore(MASTER, Role::Master, None),
            lcore(W1, Role::Worker, Some(0)),
            lcore(W2, Role::Worker, Some(1)),
            lcore(W3, Role::Worker, Some(2)),
            lcore(KNI, Role::Kni, Some(3)),
        ],
        ..Config::default()
    }
}

/// The messages of every lcore of a configuration, and the rings between them.
struct Net {
    config: Config,
    world: HeapWorld,
    now: Instant,
    nodes: Vec<Node>,
}

struct Node {
    id: LcoreId,
    peers: Vec<LcoreId>,
    messages: Messages,
    counters: Counters,
}

impl Net {
    fn new(config: Config) -> Net {
        config.check().unwrap();
        let node = |id: LcoreId| Node {
            id,
            peers: config.workers().filter(|worker| *worker != id).collect(),
            messages: Messages::new(&config, &config.rings(), id),
            counters: Counters::default(),
        };
        let nodes = config.lcores.iter().map(|lcore| node(lcore.id)).collect();
        let world = HeapWorld::new(&config);
        Net { world, nodes, now: Instant::EPOCH, config }
    }

    fn node(&self, id: LcoreId) -> &Node {
        self.nodes.iter().find(|node| node.id == id).unwrap()
    }

    fn on<T>(
        &mut self,
        id: LcoreId,
        run: impl FnOnce(&mut Messages, &mut Env<'_, HeapWorld>) -> T,
    ) -> T {
        let (mut timers, mut rng) = (TimerWheel::<TimerKey>::new(), Rng::new(0));
        let devices = Devices::new(&self.config);
        self.world.set(self.now, id);
        let node = self.nodes.iter_mut().find(|node| node.id == id).unwrap();
        let mut env = Env {
            icmp_redirect_core: None,
            planted: self.config.planted,
            world: &mut self.world,
            counters: &mut node.counters,
            timers: &mut timers,
            rng: &mut rng,
            devices: &devices,
            policy: &self.config.policy,
            limits: &self.config.limits,
            peers: &node.peers,
            now: self.now,
        };
        run(&mut node.messages, &mut env)
    }

    /// A HELLO from one to another.
    fn hello(&mut self, from: LcoreId, to: LcoreId, call: Call) -> Result<u64, Code> {
        self.on(from, |messages, env| {
            messages.unicast(to, hello(call), env).map_err(|unsent| unsent.code)
        })
    }

    /// A HELLO from the master to all workers.
    fn hello_all(&mut self, call: Call) -> Result<u64, (Code, Option<LcoreId>)> {
        self.on(MASTER, |messages, env| {
            messages.multicast(hello(call), env).map_err(|unsent| (unsent.code, unsent.at))
        })
    }

    /// One run of the messages job, in which every request gets `answer`: what is over.
    fn run(&mut self, id: LcoreId, answer: &Answer) -> Vec<Done> {
        let mut over = Vec::new();
        while let Some(done) = self.on(id, |messages, env| messages.overdue(env)) {
            over.push(done);
        }
        while self.take(id, answer, &mut over) {}
        over
    }

    /// Takes one message; false when the ring is empty.
    fn take(&mut self, id: LcoreId, answer: &Answer, over: &mut Vec<Done>) -> bool {
        self.world.set(self.now, id);
        let Some(Parcel::Msg(message)) = self.world.recv(Ring::Msg) else { return false };
        match self.on(id, |messages, env| messages.take(*message, env)) {
            Taken::Request(ticket, payload) => {
                if let Some(frame) = payload.into_frame() {
                    self.world.free(frame);
                }
                self.on(id, |messages, env| messages.settle(ticket, answer.clone(), env));
            }
            Taken::Done(done) => over.push(done),
            Taken::Nothing => {}
        }
        true
    }

    fn later(&mut self, span: Nanos) {
        self.now += span;
    }

    /// What happened, a line each: on which lcore, what, to which request, from whom to whom.
    fn story(&self) -> String {
        let lines = self.world.events.iter().filter_map(|(at, lcore, event)| {
            let Event::Msg(note) = event else { return None };
            let to = note.to.map_or("-".to_owned(), |to| to.to_string());
            let name = format!("{:?}", note.stage);
            let us = at.as_nanos() / 1000;
            Some(format!("{us:>5} {lcore} #{} {}>{to} {name}", note.seq, note.from))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn hello<B>(call: Call) -> Request<B> {
    Request { payload: Payload::Hello, call, timeout: None, then: Then::Nothing }
}

fn ok() -> Answer {
    Ok(Reply::Done)
}

fn codes(over: &[Done]) -> Vec<(u64, Code)> {
    over.iter().map(|done| (done.seq, done.code)).collect()
}

#[test]
fn a_synchronous_caller_goes_on_with_the_answer() {
    let mut net = Net::new(config());
    let seq = net.hello(MASTER, W1, Call::Sync);
    net.later(US);
    assert_eq!(net.run(W1, &Ok(Reply::Hello { tick: 7 })), []);
    net.later(US);
    let over = net.run(MASTER, &ok());
    assert_eq!((seq, over.len()), (Ok(1), 1));
    assert_eq!(over[0].answers, [(W1, Ok(Reply::Hello { tick: 7 }))]);
    assert_eq!((over[0].code, over[0].missing.len()), (Code::Ok, 0));
    assert!(!net.node(MASTER).messages.is_waiting());
    insta::assert_snapshot!(net.story(), @"
    0 0 #1 0>1 Sent
    1 1 #1 0>1 Delivered
    1 1 #1 0>1 Handled(Ok)
    1 1 #1 1>0 Replied(Ok)
    2 0 #1 1>0 Answered(Ok)
    2 0 #1 0>- Done(Ok)
    ");
}

#[test]
fn an_asynchronous_request_is_not_answered() {
    let mut net = Net::new(config());
    net.hello(W3, MASTER, Call::Async).unwrap();
    assert!(!net.node(W3).messages.is_waiting());
    net.run(MASTER, &ok());
    assert_eq!(net.run(W3, &ok()), []);
    insta::assert_snapshot!(net.story(), @"
    0 3 #1 3>0 Sent
    0 0 #1 3>0 Delivered
    0 0 #1 3>0 Handled(Ok)
    ");
}

#[test]
fn whoever_has_a_ring_may_ask_whoever_has_one_itself_included() {
    for from in [MASTER, W1, W3] {
        for to in [MASTER, W1, W3] {
            let mut net = Net::new(config());
            net.hello(from, to, Call::Sync).unwrap();
            let mut over = net.run(to, &ok());
            over.extend(net.run(from, &ok()));
            assert_eq!(codes(&over), [(1, Code::Ok)], "{from} to {to}");
        }
    }
}

// Past fault fa735d39: what is sent to an lcore that never drains its ring fills it for ever.
#[test]
fn an_lcore_that_takes_no_messages_gets_none() {
    let mut net = Net::new(config());
    assert_eq!(net.hello(MASTER, KNI, Call::Async), Err(Code::Invalid));
    assert_eq!(net.hello(MASTER, LcoreId(63), Call::Async), Err(Code::Invalid));
    net.hello_all(Call::Async).unwrap();
    let sent = net.world.events.iter().filter_map(|(.., event)| match event {
        Event::Msg(note) if note.stage == Stage::Sent => note.to,
        _ => None,
    });
    assert_eq!(sent.collect::<Vec<_>>(), [W1, W2, W3]);
}

#[test]
fn a_multicast_is_over_when_the_last_worker_has_answered() {
    let mut net = Net::new(config());
    net.hello_all(Call::Sync).unwrap();
    net.run(W3, &ok());
    net.run(W1, &Err(Refusal::Failed));
    assert_eq!(net.run(MASTER, &ok()), []);
    net.later(US);
    net.run(W2, &ok());
    let over = net.run(MASTER, &ok());
    assert_eq!(codes(&over), [(1, Code::Failed)]);
    let answers = [(W3, ok()), (W1, Err(Refusal::Failed)), (W2, ok())];
    assert_eq!(over[0].answers, answers, "in the order in which they came");
}

#[test]
fn only_the_master_can_multicast_and_no_frame() {
    let mut net = Net::new(config());
    let by_worker = net.on(W1, |m, env| m.multicast(hello(Call::Sync), env).map_err(|u| u.code));
    assert_eq!(by_worker, Err(Code::Invalid));
    let by_master = net.on(MASTER, |messages, env| {
        let frame = env.world.alloc().unwrap();
        let payload = Payload::MasterXmit { frame, device: PortId(0) };
        let request = Request { payload, ..hello(Call::Async) };
        let unsent = messages.multicast(request, env).unwrap_err();
        let code = unsent.code;
        unsent.discard(env);
        code
    });
    assert_eq!(by_master, Code::Invalid);
    assert_eq!(net.node(MASTER).counters.drops[DropReason::MsgRefused], 1);
    assert_eq!(net.world.in_use(), 0);
}

// B79, c1478816
#[test]
fn a_reply_that_comes_too_late_does_not_pass_for_that_of_the_next_request() {
    let mut net = Net::new(config());
    net.hello(MASTER, W1, Call::Sync).unwrap();
    net.run(W1, &Err(Refusal::Failed));
    net.later(Nanos::from_millis(2) + Nanos::new(1));
    let first = net.on(MASTER, |messages, env| messages.overdue(env)).unwrap();
    assert_eq!((first.seq, first.code, first.missing), (1, Code::TimedOut, vec![W1]));
    net.hello(MASTER, W1, Call::Sync).unwrap();
    assert_eq!(net.run(MASTER, &ok()), [], "the reply to the first is late");
    net.run(W1, &ok());
    assert_eq!(codes(&net.run(MASTER, &ok())), [(2, Code::Ok)]);
    insta::assert_snapshot!(net.story(), @"
       0 0 #1 0>1 Sent
       0 1 #1 0>1 Delivered
       0 1 #1 0>1 Handled(Failed)
       0 1 #1 1>0 Replied(Failed)
    2000 0 #1 0>1 TimedOut
    2000 0 #1 0>- Done(TimedOut)
    2000 0 #2 0>1 Sent
    2000 0 #1 1>0 Dropped(Late)
    2000 1 #2 0>1 Delivered
    2000 1 #2 0>1 Handled(Ok)
    2000 1 #2 1>0 Replied(Ok)
    2000 0 #2 1>0 Answered(Ok)
    2000 0 #2 0>- Done(Ok)
    ");
}

// B78
#[test]
fn a_request_that_was_given_up_is_not_carried_out() {
    for (late, policy, handled) in [
        (Nanos::ZERO, Policy::default(), 1),
        (Nanos::new(1), Policy::default(), 0),
        (Nanos::new(1), Policy::dpvs(), 1),
    ] {
        let timeout = policy.msg_timeout;
        let mut net = Net::new(Config { policy, ..config() });
        net.hello(MASTER, W1, Call::Sync).unwrap();
        net.hello(MASTER, W1, Call::Async).unwrap();
        net.later(timeout + late);
        net.run(W1, &ok());
        let counters = &net.node(W1).counters;
        assert_eq!(counters.msg_handled, 1 + handled, "an asynchronous one always is");
        assert_eq!((counters.msg_requests_in, counters.msg_expired), (2, 1 - handled));
    }
}

#[test]
fn at_the_deadline_it_is_not_too_late_and_a_nanosecond_behind_it_is() {
    let mut net = Net::new(config());
    let timeout = Nanos::from_micros(100);
    net.on(MASTER, |messages, env| {
        let request = Request { timeout: Some(timeout), ..hello(Call::Sync) };
        messages.unicast(W1, request, env).unwrap()
    });
    let due = net.node(MASTER).messages.next_due().unwrap();
    assert_eq!(due, Instant::EPOCH + timeout + Nanos::new(1));
    net.later(timeout);
    assert_eq!(net.run(MASTER, &ok()), []);
    net.later(Nanos::new(1));
    assert_eq!(codes(&net.run(MASTER, &ok())), [(1, Code::TimedOut)]);
    assert_eq!(net.node(MASTER).messages.next_due(), None);
}

// B77
#[test]
fn a_reply_that_is_lost_does_not_keep_a_multicast_open_for_ever() {
    for call in [Call::Async, Call::Sync] {
        let mut config = config();
        config.limits.msg_ring = 2;
        let mut net = Net::new(config);
        net.hello_all(call).unwrap();
        for worker in [W1, W2, W3] {
            net.run(worker, &ok());
        }
        assert_eq!(net.node(W3).counters.msg_replies_lost, 1, "the master's ring holds two");
        assert_eq!(net.run(MASTER, &ok()), []);
        net.later(Nanos::from_millis(3));
        let over = net.run(MASTER, &ok());
        assert_eq!((codes(&over), &over[0].missing), (vec![(1, Code::TimedOut)], &vec![W3]));
        assert!(!net.node(MASTER).messages.is_waiting());
    }
}

// Past fault 86cccb8e: a pointer into the record of a multicast that was over.
#[test]
fn answers_to_a_multicast_that_is_over_change_nothing() {
    let mut net = Net::new(config());
    net.hello_all(Call::Async).unwrap();
    net.run(W1, &ok());
    net.later(Nanos::from_millis(3));
    assert_eq!(codes(&net.run(MASTER, &ok())), [(1, Code::TimedOut)]);
    net.hello_all(Call::Async).unwrap();
    for worker in [W2, W3] {
        net.run(worker, &ok());
    }
    assert_eq!(net.run(MASTER, &ok()), [], "the first worker has the second request yet to take");
    let counters = &net.node(MASTER).counters;
    assert_eq!((counters.msg_replies_in, counters.msg_replies_late), (5, 3));
}

// B76
#[test]
fn a_level_keeps_requests_back_and_never_replies() {
    for (level, hello, xmit) in [
        (Priority::Low, Ok(()), 0),
        (Priority::Norm, Err(Code::Disabled), 0),
        (Priority::High, Err(Code::Disabled), 0),
        (Priority::Ign, Err(Code::Disabled), 1),
    ] {
        let mut net = Net::new(config());
        net.hello_all(Call::Sync).unwrap();
        net.config.policy.msg_priority_level = level;
        for worker in [W1, W2, W3] {
            net.run(worker, &ok());
        }
        assert_eq!(codes(&net.run(MASTER, &ok())), [(1, Code::Ok)], "the replies");
        assert_eq!(net.hello(MASTER, W1, Call::Async).map(drop), hello, "{level:?}");
        send_for_master(&mut net);
        let refused = net.node(MASTER).counters.drops[DropReason::MsgRefused];
        assert_eq!(refused, xmit, "MASTER_XMIT is of high priority, {level:?}");
    }
}

// B80, and past fault 65f8d7ec: the k-th of several does not go.
#[test]
fn a_multicast_goes_to_all_workers_or_to_none_and_names_the_first_that_is_full() {
    for full in [W1, W2, W3] {
        let mut config = config();
        config.limits.msg_ring = 1;
        let mut net = Net::new(config);
        net.hello(MASTER, full, Call::Async).unwrap();
        assert_eq!(net.hello_all(Call::Sync), Err((Code::Full, Some(full))));
        let before = net.node(MASTER).counters.msg_requests_out;
        assert_eq!(before, 1, "none of the three");
        assert!(!net.node(MASTER).messages.is_waiting(), "no record is left");

        net.config.policy = Policy::dpvs();
        assert_eq!(net.hello_all(Call::Sync), Err((Code::Full, Some(full))));
        let sent = net.node(MASTER).counters.msg_requests_out - before;
        assert_eq!(sent, u64::from(full.0 - 1), "DPVS: those before it have theirs");
        assert!(!net.node(MASTER).messages.is_waiting(), "no record is left");
        for worker in [W1, W2, W3] {
            net.run(worker, &ok());
            assert_eq!(net.run(MASTER, &ok()), []);
        }
        assert_eq!(net.node(MASTER).counters.msg_replies_late, sent, "nobody waits for them");
    }
}

/// The master has a frame to send.
fn send_for_master(net: &mut Net) {
    net.on(MASTER, |messages, env| {
        let frame = env.world.alloc().unwrap();
        master_xmit(messages, frame, PortId(0), env);
    });
}

// Past fault 8d7f05c5: both the sender and its caller freed what could not be sent.
#[test]
fn what_a_full_ring_does_not_take_is_the_callers_again() {
    let mut config = config();
    config.limits.msg_ring = 2;
    let mut net = Net::new(config);
    for _ in 0..6 {
        send_for_master(&mut net);
    }
    assert_eq!(net.node(MASTER).counters.drops.total(), 0, "at the limit");
    send_for_master(&mut net);
    let counters = &net.node(MASTER).counters;
    assert_eq!(counters.drops[DropReason::MsgRingFull], 1, "one over");
    assert_eq!((counters.msg_requests_out, counters.msg_refused), (6, 1));
    assert_eq!(net.world.in_use(), 6);
    for worker in [W1, W2, W3] {
        net.run(worker, &ok());
    }
    assert_eq!(net.world.in_use(), 0);
}

// B82
#[test]
fn a_message_that_nobody_handles_gives_back_what_it_carries_and_its_caller_is_told() {
    let mut net = Net::new(config());
    net.on(W1, |messages, env| {
        let frame = env.world.alloc().unwrap();
        let payload = Payload::MasterXmit { frame, device: PortId(0) };
        messages.unicast(MASTER, Request { payload, ..hello(Call::Sync) }, env).unwrap()
    });
    net.run(MASTER, &ok());
    let counters = &net.node(MASTER).counters;
    assert_eq!((counters.msg_unregistered, counters.drops[DropReason::MsgDropped]), (1, 1));
    assert_eq!(net.world.in_use(), 0);
    assert_eq!(codes(&net.run(W1, &ok())), [(1, Code::Unregistered)]);
}

#[test]
fn as_many_conversations_are_open_as_may_be() {
    let mut config = config();
    config.limits.msg_open = 2;
    let mut net = Net::new(config);
    assert_eq!(net.hello(MASTER, W1, Call::Sync), Ok(1));
    assert_eq!(net.hello_all(Call::Async), Ok(2), "at the limit");
    assert_eq!(net.hello(MASTER, W1, Call::Sync), Err(Code::Busy), "one over");
    assert_eq!(net.hello(MASTER, W1, Call::Async), Ok(4), "this one opens none");
    net.run(W1, &ok());
    assert_eq!(codes(&net.run(MASTER, &ok())), [(1, Code::Ok)]);
    assert_eq!(net.hello(MASTER, W1, Call::Sync), Ok(5));
}

// B12
#[test]
fn the_workers_take_turns_to_send_for_the_master_whoever_has_the_lowest_number() {
    for (roles, expected) in [
        ([Role::Kni, Role::Master, Role::Worker, Role::Worker], [2, 3, 2, 3, 2]),
        ([Role::Master, Role::Worker, Role::Kni, Role::Worker], [1, 3, 1, 3, 1]),
        ([Role::Worker, Role::Worker, Role::Master, Role::Kni], [0, 1, 0, 1, 0]),
        ([Role::Master, Role::Idle, Role::Idle, Role::Worker], [3, 3, 3, 3, 3]),
    ] {
        let mut config = config();
        config.lcores.truncate(4);
        let (mut rx, mut tx) = (0, 0);
        for (lcore, role) in config.lcores.iter_mut().zip(roles) {
            lcore.role = role;
            lcore.queues.clear();
            if matches!(role, Role::Worker | Role::Kni) {
                let own = |next: &mut u16| {
                    *next += 1;
                    vec![QueueId(*next - 1)]
                };
                let rx = if role == Role::Worker { own(&mut rx) } else { vec![] };
                lcore.queues = vec![PortQueues { port: PortId(0), rx, tx: own(&mut tx) }];
            }
        }
        (config.ports[0].rx_queues, config.ports[0].tx_queues) = (rx, tx);
        let mut net = Net::new(config);
        let master = net.config.lcores.iter().find(|l| l.role == Role::Master).unwrap().id;
        for _ in 0..5 {
            net.on(master, |messages, env| {
                let frame = env.world.alloc().unwrap();
                master_xmit(messages, frame, PortId(0), env);
            });
        }
        let to = net.world.events.iter().filter_map(|(.., event)| match event {
            Event::Msg(note) => note.to,
            _ => None,
        });
        assert_eq!(to.map(|to| to.0).collect::<Vec<_>>(), expected, "{roles:?}");
    }
}

#[test]
fn types_and_results_have_the_names_and_numbers_of_dpvs() {
    let types = MsgType::ALL.map(|kind| {
        let roles = Role::ALL.into_iter().filter(|role| kind.is_handled_by(*role));
        let roles: Vec<_> = roles.map(Role::name).collect();
        format!("{:>4} {kind:<17} {:<5} {}", kind.number(), kind.priority().name(), roles.join(" "))
    });
    insta::assert_snapshot!(types.join("\n"), @"
       3 HELLO             low   master worker
       5 MASTER_XMIT       high  worker
       6 ROUTE_ADD         norm  worker
       7 ROUTE_DEL         norm  worker
       8 NETIF_LCORE_STATS low   worker
      18 NEIGH_GET         low   worker
      22 IFA_GET           low   worker
      23 IFA_SET           norm  worker
      27 TC_QSCH_GET       low   worker
      28 TC_QSCH_SET       norm  worker
      29 TC_CLS_GET        low   worker
      30 TC_CLS_SET        low   worker
      44 ROUTE_FLUSH       norm  worker
      60 VLAN_SET          norm  worker
      61 LINK_SET          norm  worker
      62 CONFIG_SET        norm  worker
      63 UNDO              high  worker
    1000 IFTRAF_SET        norm  worker
    ");
    let codes = [
        Code::Ok,
        Code::Invalid,
        Code::Unregistered,
        Code::Full,
        Code::Busy,
        Code::Disabled,
        Code::Failed,
        Code::TimedOut,
    ];
    let codes = codes.map(|code| format!("{:>4} {code}", code.number()));
    insta::assert_snapshot!(codes.join("\n"), @"
      0 ok
     -1 invalid
     -4 unregistered
    -11 full
    -13 busy
    -18 disabled
    -23 failed
    -24 timed_out
    ");
    assert!(MsgType::ALL.is_sorted_by_key(|kind| kind.number()));
    assert_eq!(Limits::default().msg_ring, 4095);
}
