//! A box under test, a script of what arrives at its ports, and the story of what came of it.
//!
//! ```
//! use fixtures::{ALICE, BOB, DUT_WAN, arp_reply, udp};
//! use tests::{dut, ms};
//!
//! let mut net = dut();
//! net.at(ms(0)).lan(&udp(ALICE, BOB));
//! net.at(ms(3)).wan(&arp_reply(BOB, DUT_WAN));
//! let story = net.run_until(ms(10));
//! assert!(story.contains("neigh wan 192.0.2.9 send -> reachable"));
//! ```
//!
//! Every story is told four times: on DPDK and on the heap, with idle ticks skipped and stepped. A
//! story is returned only if all four are the same, and their digests, counters and ends too.

#![forbid(unsafe_code)]

mod story;

pub use story::{Told, frames_out, tell};

use dataplane::config::{
    KniConfig, LcoreConfig, NeighConfig, PortConfig, PortQueues, RouteConfig, VlanConfig,
};
use dataplane::control::{Hello, NeighOrder, Order};
use dataplane::device::Devices;
use dataplane::job::Role;
use dataplane::tc::{ClsConfig, Handle, Kind, Match, QschConfig, Tbf, TokenRate, Verdict};
use dataplane::types::DeviceName;
use dataplane::{Config, Instant, LcoreId, Mac, Nanos, PortId, QueueId, VlanId};
use fixtures::{DUT_LAN, DUT_WAN, Frame, Host};
use sim::control::{Names, Verb, parse};
use sim::plan::{Command, Cost, Costs, Input, Plan, PortPlan, Snapped, Source, WirePlan};

/// The port of ALICE's side.
pub const LAN: PortId = PortId(0);
/// The port of BOB's side.
pub const WAN: PortId = PortId(1);

/// `n` milliseconds.
pub const fn ms(n: u64) -> Nanos {
    Nanos::from_millis(n)
}

/// `n` microseconds.
pub const fn us(n: u64) -> Nanos {
    Nanos::from_micros(n)
}

/// `n` seconds.
pub const fn secs(n: u64) -> Nanos {
    Nanos::from_secs(n)
}

/// A box with two ports, and a script of what arrives at them.
#[derive(Clone, Debug)]
pub struct Dut {
    /// All that decides the run. A test changes what it is about.
    pub plan: Plan,
    now: Nanos,
}

/// A router between ALICE's LAN and BOB's WAN: a master and one worker.
pub fn dut() -> Dut {
    dut_with_workers(1)
}

/// The same with several workers; worker `n` owns queue `n - 1` of both ports.
pub fn dut_with_workers(workers: u8) -> Dut {
    let port = |name: &str, host: Host| PortConfig {
        name: name.into(),
        mac: Mac(host.mac),
        mtu: 1500,
        addresses: vec![net(host)],
        rx_queues: u16::from(workers),
        tx_queues: u16::from(workers),
        vlans: vec![],
    };
    let worker = |id: u8| {
        let queue = vec![QueueId(u16::from(id - 1))];
        let on = |port| PortQueues { port, rx: queue.clone(), tx: queue.clone() };
        LcoreConfig { id: LcoreId(id), role: Role::Worker, queues: vec![on(LAN), on(WAN)] }
    };
    let master = LcoreConfig { id: LcoreId(0), role: Role::Master, queues: vec![] };
    let config = Config {
        ports: vec![port("lan", DUT_LAN), port("wan", DUT_WAN)],
        lcores: std::iter::once(master).chain((1..=workers).map(worker)).collect(),
        ..Config::default()
    };
    // An idle tick of a worker takes 8 µs here, a hundred times what it takes a real core: stepping
    // every idle tick of some virtual seconds has to be cheap.
    let costs = Costs([Cost { idle: 2_000, per_item: 1_000 }; dataplane::job::JobKind::ALL.len()]);
    let plan = Plan {
        config,
        ports: vec![PortPlan::Ring(WirePlan::default()); 2],
        costs,
        until: None,
        inputs: vec![],
        peers: vec![],
        commands: vec![],
        reloads: vec![],
        snapped: Snapped::Pad,
        faults: vec![],
        asked: vec![],
    };
    Dut { plan, now: Nanos::ZERO }
}

fn net(host: Host) -> ipnet::Ipv4Net {
    match ipnet::Ipv4Net::new(host.ip, 24) {
        Ok(net) => net,
        Err(_) => unreachable!("24 bits are a prefix"),
    }
}

/// The handle with this name.
///
/// # Panics
/// There is no such handle.
pub fn named(text: &str) -> Handle {
    match text.parse() {
        Ok(handle) => handle,
        Err(why) => unreachable!("{text}: {why}"),
    }
}

/// A tbf of so many bits a second and bytes of burst and limit.
pub const fn tbf(bits: u64, burst: u64, limit: u64) -> Kind {
    Kind::Tbf(Tbf { rate: TokenRate { bits, burst }, peak: None, limit })
}

impl Dut {
    /// What follows arrives at this time.
    pub fn at(&mut self, time: Nanos) -> &mut Dut {
        self.now = time;
        self
    }

    /// A frame arrives at the LAN port.
    pub fn lan(&mut self, frame: &Frame) -> &mut Dut {
        self.bytes(LAN, frame.build())
    }

    /// A frame arrives at the WAN port.
    pub fn wan(&mut self, frame: &Frame) -> &mut Dut {
        self.bytes(WAN, frame.build())
    }

    /// Any bytes arrive at a port.
    pub fn bytes(&mut self, port: PortId, frame: Vec<u8>) -> &mut Dut {
        let at = Instant::EPOCH + self.now;
        let source = Source::Frames(vec![(at, frame)]);
        match self.plan.inputs.last_mut() {
            Some(Input { port: last, source: Source::Frames(frames) }) if *last == port => {
                if let Source::Frames(mut more) = source {
                    frames.append(&mut more);
                }
            }
            _ => self.plan.inputs.push(Input { port, source }),
        }
        self
    }

    /// The master is told of a static neighbour.
    pub fn command(&mut self, port: PortId, host: Host, add: bool) -> &mut Dut {
        let mac = add.then_some(Mac(host.mac));
        let dev = Devices::new(&self.plan.config).get(port).name.clone();
        let Some(dev) = DeviceName::try_new(&dev) else { unreachable!("{dev} is a name") };
        self.order(Order::Neigh(NeighOrder { dev, address: host.ip, mac }))
    }

    /// The control plane is told, in words.
    ///
    /// # Panics
    /// They are no order, or name a device that is not there and that no earlier one adds.
    pub fn told(&mut self, words: &str) -> &mut Dut {
        let config = &self.plan.config;
        let mut names = Names {
            devices: Devices::new(config).iter().map(|device| device.name.clone()).collect(),
            shaped: sim::control::numbered(config),
            lcores: config.lcores.iter().map(|lcore| lcore.id).collect(),
        };
        names.devices.extend(self.plan.commands.iter().filter_map(|command| match &command.what {
            Order::VlanAdd { name, .. } => Some(name.to_string()),
            _ => None,
        }));
        match parse(words, &names) {
            Ok(Verb::Order(order)) => self.order(order),
            other => panic!("{words}: {other:?}"),
        }
    }

    /// The master is told to do something.
    pub fn order(&mut self, what: Order) -> &mut Dut {
        self.plan.commands.push(Command { at: Instant::EPOCH + self.now, what });
        self
    }

    /// The master greets other lcores.
    pub fn hello(&mut self, hello: Hello) -> &mut Dut {
        self.order(Order::Hello(hello))
    }

    /// Something goes wrong on purpose, in the words of `--fault`.
    ///
    /// # Panics
    /// They are no fault.
    #[must_use]
    pub fn fails(mut self, fault: &str) -> Dut {
        match fault.parse() {
            Ok(fault) => self.plan.faults.push(fault),
            Err(why) => panic!("{why}"),
        }
        self
    }

    /// A host whose MAC is known from the start.
    #[must_use]
    pub fn knows(mut self, dev: PortId, host: Host) -> Dut {
        let mac = Mac(host.mac);
        self.plan.config.neighbours.push(NeighConfig { dev, address: host.ip, mac });
        self
    }

    /// A route.
    #[must_use]
    pub fn route(mut self, to: &str, via: Option<Host>, dev: PortId) -> Dut {
        let Ok(to) = to.parse() else { unreachable!("{to} is no prefix") };
        let via = via.map(|host| host.ip);
        self.plan.config.routes.push(RouteConfig { to, via, dev, mtu: None });
        self
    }

    /// A VLAN device `<port>.<vid>` with an address.
    #[must_use]
    pub fn vlan(mut self, port: PortId, vid: u16, address: &str) -> Dut {
        let (Some(vid), Ok(address)) = (VlanId::try_new(vid), address.parse()) else {
            unreachable!("VLAN {vid} with {address}")
        };
        let port = &mut self.plan.config.ports[port.index()];
        let name = format!("{}.{vid}", port.name);
        port.vlans.push(VlanConfig { name, vid, mac: None, mtu: None, addresses: vec![address] });
        self
    }

    /// A kernel side for a device: the port `<device>.kni`. Before any VLAN, whose device number
    /// it moves, unless the device is one.
    #[must_use]
    pub fn kni(mut self, device: PortId, forward: bool) -> Dut {
        let of = dataplane::device::Devices::new(&self.plan.config).get(device).clone();
        let config = &mut self.plan.config;
        let port = PortId(u16::try_from(config.ports.len()).unwrap_or(u16::MAX));
        // VLAN devices come behind the ports, of which there is one more now.
        let moved = |device: PortId| PortId(device.0 + u16::from(device >= port));
        config.kni.iter_mut().for_each(|kni| kni.device = moved(kni.device));
        let device = moved(device);
        config.kni.push(KniConfig { device, port, forward });
        config.ports.push(PortConfig {
            name: format!("{}.kni", of.name),
            mac: of.mac,
            mtu: of.mtu,
            addresses: vec![],
            rx_queues: 1,
            tx_queues: 1,
            vlans: vec![],
        });
        self.plan.ports.push(PortPlan::Ring(WirePlan::default()));
        self
    }

    /// An lcore for the kernel sides, with a transmit queue of its own on LAN and WAN.
    #[must_use]
    pub fn kni_lcore(mut self, id: u8) -> Dut {
        let queues = [LAN, WAN].map(|port| {
            let queue = self.plan.config.ports[port.index()].tx_queues;
            self.plan.config.ports[port.index()].tx_queues += 1;
            PortQueues { port, rx: vec![], tx: vec![QueueId(queue)] }
        });
        let lcore = LcoreConfig { id: LcoreId(id), role: Role::Kni, queues: queues.to_vec() };
        self.plan.config.lcores.push(lcore);
        self
    }

    /// An lcore that polls queue 0 of a port for the worker that owns it.
    #[must_use]
    pub fn isolated(mut self, id: u8, port: PortId) -> Dut {
        let queues = vec![PortQueues { port, rx: vec![QueueId(0)], tx: vec![] }];
        self.plan.config.lcores.push(LcoreConfig { id: LcoreId(id), role: Role::IsolRx, queues });
        self
    }

    /// A Qsch that is there from the start: `root`, `ingress`, or a child of one that is.
    #[must_use]
    pub fn qsch(mut self, dev: PortId, handle: &str, parent: &str, kind: Kind) -> Dut {
        let named = |text: &str| if text.is_empty() { Handle::NONE } else { named(text) };
        let (handle, parent) = (named(handle), named(parent));
        self.plan.config.qschs.push(QschConfig { dev, handle, parent, kind });
        self
    }

    /// A classifier that is there from the start; an empty target is to drop.
    #[must_use]
    pub fn cls(mut self, dev: PortId, qsch: &str, pattern: Match, target: &str) -> Dut {
        let verdict = if target.is_empty() { Verdict::Drop } else { Verdict::To(named(target)) };
        let (qsch, handle) = (named(qsch), Handle::NONE);
        let cls = ClsConfig { dev, qsch, handle, prio: 0, pattern, verdict };
        self.plan.config.classes.push(cls);
        self
    }

    /// Changes whatever else the test is about.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Plan)) -> Dut {
        change(&mut self.plan);
        self
    }

    /// Runs until nothing is left to do, and tells the story.
    pub fn run(&self) -> String {
        tell(&self.plan).story
    }

    /// Runs until `end`, and tells the story.
    pub fn run_until(&mut self, end: Nanos) -> String {
        self.plan.until = Some(end);
        self.run()
    }
}
