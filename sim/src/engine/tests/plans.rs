//! Plans for tests: the box between two wires, and boxes of which everything is random.

use crate::control::{self, Names, parse};
use crate::plan::{Command, Cost, Costs, Input, Plan, PortPlan, Snapped, Source, WirePlan};
use dataplane::config::{LcoreConfig, NeighConfig, PortConfig, PortQueues, RouteConfig};
use dataplane::control::{Hello, NeighOrder, Order, Switch, Target};
use dataplane::job::{JobKind, Role};
use dataplane::msg::Call;
use dataplane::rng::Rng;
use dataplane::tc::{
    ClsConfig, Handle, Kind, Match, QschConfig, Tbf, TcChange, TokenRate, Verb, Verdict,
};
use dataplane::types::DeviceName;
use dataplane::{Config, Instant, LcoreId, Mac, Nanos, PortId, QueueId};
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, Frame, GW, Host};
use fixtures::{arp_announce, arp_reply, arp_request, icmp_echo, raw, tcp, udp};

pub fn ms(n: u64) -> Instant {
    Instant::from_nanos(n * 1_000_000)
}

pub fn us(n: u64) -> Instant {
    Instant::from_nanos(n * 1_000)
}

/// The box with a LAN and a WAN port, a master and so many workers with a queue each.
pub fn dut(workers: u16) -> Plan {
    let port = |name: &str, host: Host| PortConfig {
        name: name.to_owned(),
        mac: Mac(host.mac),
        mtu: 1500,
        addresses: vec![format!("{}/24", host.ip).parse().unwrap()],
        rx_queues: workers,
        tx_queues: workers,
        vlans: Vec::new(),
    };
    let mut config =
        Config { ports: vec![port("lan", DUT_LAN), port("wan", DUT_WAN)], ..Config::default() };
    config.lcores.push(LcoreConfig { id: LcoreId(0), role: Role::Master, queues: Vec::new() });
    for worker in 0..workers {
        let queue = || vec![QueueId(worker)];
        let queues = |port| PortQueues { port, rx: queue(), tx: queue() };
        config.lcores.push(LcoreConfig {
            id: LcoreId(u8::try_from(worker + 1).unwrap()),
            role: Role::Worker,
            queues: vec![queues(PortId(0)), queues(PortId(1))],
        });
    }
    config.routes.push(RouteConfig {
        to: "0.0.0.0/0".parse().unwrap(),
        via: Some(GW.ip),
        dev: PortId(1),
        mtu: None,
    });
    Plan {
        config,
        ports: vec![PortPlan::Ring(WirePlan::default()); 2],
        costs: Costs::default(),
        until: None,
        inputs: Vec::new(),
        peers: Vec::new(),
        commands: Vec::new(),
        reloads: Vec::new(),
        snapped: Snapped::Pad,
        faults: vec![],
        asked: vec![],
    }
}

impl Plan {
    /// Frames that come to a port of the box.
    pub fn frames(&mut self, to: Host, frames: impl IntoIterator<Item = (Instant, Frame)>) {
        let port = PortId(u16::from(to == DUT_WAN));
        let frames = frames.into_iter().map(|(at, frame)| (at, frame.build())).collect();
        self.inputs.push(Input { port, source: Source::Frames(frames) });
    }

    /// A neighbour on the WAN that is known from the start.
    pub fn static_neighbour(&mut self, host: Host) {
        let (dev, address, mac) = (PortId(1), host.ip, Mac(host.mac));
        self.config.neighbours.push(NeighConfig { dev, address, mac });
    }
}

fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[usize::try_from(rng.below(from.len() as u64)).unwrap()].clone()
}

fn number(rng: &mut Rng, from: u64, to: u64) -> u32 {
    u32::try_from(from + rng.below(to - from + 1)).unwrap()
}

/// A box of which everything is random: its lcores, costs, limits and wires, and what comes in.
pub fn random(seed: u64) -> Plan {
    let rng = &mut Rng::new(seed);
    let mut plan = dut(u16::try_from(1 + rng.below(4)).unwrap());
    // The master may come first or last: ties are between lcores, by number.
    plan.config.lcores[0].id = pick(rng, &[LcoreId(0), LcoreId(9)]);
    // Long enough for three seconds to be stepped in a moment.
    for cost in &mut plan.costs.0 {
        *cost = Cost { idle: 1_000 + rng.below(20_000), per_item: rng.below(20_000) };
    }
    plan.costs.0[JobKind::TimerManage.index()].idle = pick(rng, &[0, 700, 10_000]);
    let limits = &mut plan.config.limits;
    limits.pool = pick(rng, &[64, 80, 200, 16_383]);
    limits.rx_descriptors = pick(rng, &[1, 4, 256]);
    limits.tx_descriptors = pick(rng, &[1, 3, 512]);
    limits.tx_burst = pick(rng, &[1, 8, 32]);
    limits.arp_ring = pick(rng, &[1, 2047]);
    limits.neigh_ring = pick(rng, &[1, 2047]);
    limits.neigh_queue = pick(rng, &[1, 128]);
    limits.reasm_datagrams = pick(rng, &[1, 3, 4096]);
    limits.reasm_fragments = pick(rng, &[1, 4, 8192]);
    limits.msg_ring = pick(rng, &[1, 2, 4095]);
    limits.msg_open = pick(rng, &[1, 1024]);
    limits.icmp_redirect_ring = pick(rng, &[1, 2047]);
    limits.iftraf_ring = pick(rng, &[1, 1023]);
    limits.iftraf_flows = pick(rng, &[1, 4096]);
    let workers = plan.config.workers().count() as u64;
    let core = LcoreId(u8::try_from(1 + rng.below(workers)).unwrap());
    plan.config.icmp_redirect_core = pick(rng, &[None, Some(core)]);
    let iftraf = &mut plan.config.iftraf;
    iftraf.on = rng.below(2) == 0;
    iftraf.every = pick(rng, &[1, 7]);
    iftraf.slot = Nanos::from_millis(pick(rng, &[1, 1_000]));
    let policy = &mut plan.config.policy;
    policy.timer_interval = Nanos::from_micros(pick(rng, &[10, 333, 5_000]));
    policy.reassembly_timeout = Nanos::from_millis(pick(rng, &[1, 50, 700]));
    policy.reassembly_sweep = rng.below(3) > 0;
    policy.ipv4_frag_skip = pick(rng, &[1, 7, 100]);
    policy.neigh_sync_skip = pick(rng, &[1, 3, 100]);
    policy.timer_catch_up = rng.below(2) == 0;
    policy.neigh_retransmit = rng.below(3) > 0;
    policy.neigh_reachable = Nanos::from_secs(1);
    policy.msg_late_execution = rng.below(2) == 0;
    policy.msg_partial_multicast = rng.below(2) == 0;
    for port in &mut plan.ports {
        *port = PortPlan::Ring(WirePlan {
            rate: pick(rng, &[None, None, Some(10_000_000), Some(1_000_000_000)]),
            delay: Nanos::new(rng.below(2_000_000)),
            queue: pick(rng, &[0, 2, 1024]),
        });
    }
    for port in &mut plan.config.ports {
        port.mtu = pick(rng, &[1500, 9000]);
    }
    for _ in 0..1 + rng.below(3) {
        let frames = burst(rng);
        let to = pick(rng, &[DUT_LAN, DUT_WAN]);
        plan.frames(to, frames);
    }
    let mut commands: Vec<_> = (0..rng.below(8)).map(|_| command(rng)).collect();
    shape(&mut plan, &mut commands, rng);
    commands.sort_by_key(|command| command.at);
    plan.commands = commands;
    plan.until = pick(rng, &[None, Some(Nanos::from_millis(1_500))]);
    if !plan.config.policy.neigh_retransmit {
        // A packet may wait for a minute, and somebody has to step through it.
        plan.until = Some(Nanos::from_millis(800));
    }
    plan
}

/// Traffic control in half of the plans, and changes of it, right and wrong ones.
fn shape(plan: &mut Plan, commands: &mut Vec<Command>, rng: &mut Rng) {
    if rng.below(2) == 0 {
        return;
    }
    plan.config.policy.tbf_quantum = pick(rng, &[Nanos::ZERO, Nanos::from_millis(4)]);
    let child = Handle::new(1, 0);
    for dev in [PortId(0), PortId(1)] {
        for top in [Handle::ROOT, Handle::INGRESS] {
            if rng.below(2) == 0 {
                continue;
            }
            let qsch = |handle, parent, kind| QschConfig { dev, handle, parent, kind };
            plan.config.qschs.push(qsch(top, Handle::NONE, kind(rng)));
            // A name is for one Qsch of a device, in whichever tree.
            if rng.below(2) == 0
                && plan.config.qschs.iter().all(|q| (q.dev, q.handle) != (dev, child))
            {
                plan.config.qschs.push(qsch(child, top, kind(rng)));
                let pattern = Match { protocol: Some(17), ..Match::default() };
                let verdict = pick(rng, &[Verdict::To(child), Verdict::Drop]);
                let (qsch, handle, prio) = (top, Handle::NONE, 0);
                let cls = ClsConfig { dev, qsch, handle, prio, pattern, verdict };
                plan.config.classes.push(cls);
            }
        }
    }
    for _ in 0..rng.below(9) {
        let dev = pick(rng, &[PortId(0), PortId(1)]);
        let handle = pick(rng, &[Handle::ROOT, Handle::INGRESS, child]);
        let parent = if handle == child { Handle::ROOT } else { Handle::NONE };
        let verb = pick(rng, &[Verb::Add, Verb::Change, Verb::Replace]);
        let config = QschConfig { dev, handle, parent, kind: kind(rng) };
        let change =
            pick(rng, &[TcChange::Qsch(verb, config), TcChange::DeleteQsch { dev, handle }]);
        let what = pick(rng, &[Order::Tc(change), Order::Tc(change), Order::ShowTc]);
        // Early, when packets still wait.
        commands.push(Command { at: us(rng.below(60_000)), what });
    }
}

fn kind(rng: &mut Rng) -> Kind {
    let bits = pick(rng, &[50_000, 800_000, 1_234_567, 100_000_000]);
    let rate = TokenRate { bits, burst: pick(rng, &[200, 1_600, 20_000]) };
    let peak = TokenRate { bits: bits * 2, burst: 9_014 };
    let limit = pick(rng, &[100, 3_000, 100_000]);
    let tbf = |peak| Kind::Tbf(Tbf { rate, peak, limit });
    let few = u32::try_from(limit).unwrap();
    let fifos = [Kind::Pfifo { limit: few }, Kind::Bfifo { limit }, Kind::PfifoFast { limit: few }];
    pick(rng, &[tbf(None), tbf(None), tbf(Some(peak)), fifos[0], fifos[1], fifos[2]])
}

fn command(rng: &mut Rng) -> Command {
    let mac = pick(rng, &[Some(Mac(BOB.mac)), None]);
    let dev = DeviceName::try_new("wan").unwrap();
    let neigh = NeighOrder { dev, address: pick(rng, &[BOB, GW]).ip, mac };
    let hello = Hello {
        to: pick(rng, &[Target::Workers, Target::Lcore(LcoreId(1)), Target::Lcore(LcoreId(0))]),
        call: pick(rng, &[Call::Sync, Call::Async]),
        timeout: pick(rng, &[None, Some(Nanos::new(100)), Some(Nanos::from_micros(50))]),
        count: pick(rng, &[1, 3, 30]),
    };
    let switch = Order::Iftraf(pick(rng, &[Switch::Enable, Switch::Disable]));
    let what = match rng.below(5) {
        0 => Order::Neigh(neigh),
        1 => Order::Hello(hello),
        2 => switch,
        _ => in_words(rng),
    };
    Command { at: us(rng.below(400_000)), what }
}

/// Orders that meet each other: some are refused, some change what the next one finds.
fn in_words(rng: &mut Rng) -> Order {
    let names = ["lan", "wan", "wan.7"].map(str::to_owned).to_vec();
    let shaped = vec![("wan".to_owned(), PortId(1))];
    let names = Names { devices: names, shaped, lcores: vec![LcoreId(0), LcoreId(1)] };
    let words = [
        "addr add 198.51.100.7/24 dev lan valid_lft 1s",
        "addr del 198.51.100.1 dev lan",
        "addr flush dev wan",
        "addr add 10.7.0.1/16 dev wan.7",
        "addr show",
        "route add 203.0.113.0/24 via 192.0.2.254",
        "route add default via 192.0.2.254 mtu 900",
        "route del default",
        "route flush",
        "route show",
        "neigh show",
        "qsch show",
        "cls show dev wan",
        "vlan add dev wan id 7",
        "vlan del wan.7",
        "link set wan mtu 600",
        "link show",
        "stats show",
    ];
    match parse(pick(rng, &words), &names) {
        Ok(control::Verb::Order(order)) => order,
        other => panic!("{other:?}"),
    }
}

fn burst(rng: &mut Rng) -> Vec<(Instant, Frame)> {
    let many = number(rng, 1, 120);
    let width = pick(rng, &[1, 1_000, 300_000]);
    let mut frames: Vec<_> = (0..many).map(|_| (us(rng.below(width)), frame(rng))).collect();
    frames.sort_by_key(|(at, _)| *at);
    frames
}

fn frame(rng: &mut Rng) -> Frame {
    let port = u16::try_from(1_000 + rng.below(8)).unwrap();
    let len = usize::try_from(pick(rng, &[0, 18, 600, 1_400, 4_000])).unwrap();
    match rng.below(14) {
        0 => arp_reply(BOB, DUT_WAN),
        1 => arp_reply(GW, DUT_WAN),
        2 => arp_request(ALICE, DUT_LAN),
        3 => arp_announce(BOB),
        4 => icmp_echo(ALICE, DUT_LAN).len(len),
        5 => icmp_echo(ALICE, DUT_LAN).ttl(1),
        6 => udp(ALICE, BOB).ttl(1),
        7 => raw(ALICE, DUT_LAN, 0x88b5, &[0; 50]),
        8 => tcp(ALICE, BOB).ports(port, 53),
        12 | 13 => {
            let whole = icmp_echo(ALICE, DUT_LAN).len(2_000).id(port);
            whole.fragment(pick(rng, &[0, 0, 800, 1_600, 792]), 800)
        }
        9 => udp(ALICE, CAROL).ports(port, 53).len(len),
        _ => udp(ALICE, BOB).ports(port, 53).len(len),
    }
}
