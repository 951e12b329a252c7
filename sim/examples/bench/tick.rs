//! A worker alone: ring port in, its whole tick, ring port out, in bursts of 32. No simulator.

use crate::Failure;
use crate::watch::Took;
use dataplane::lcore::Lcore;
use dataplane::tc::{BucketId, Buckets, Tbf};
use dataplane::world::{BURST, Parcel, Ring, World};
use dataplane::{Buf, Config, Event, Instant, LcoreId, Nanos, PacketId, PortId, QueueId};
use dpdk::{Eal, Mbuf, Pool, Port};
use fixtures::{ALICE, BOB, DUT_LAN, Host, arp_request, icmp_echo, udp};
use sim::scenario::{Overrides, Scenario};
use std::ops::Range;
use std::path::Path;

/// Bursts that are measured, after a tenth as many that are not.
const BURSTS: u32 = 50_000;
/// Buffers in the pool.
const BUFFERS: u32 = 8191;
/// Ticks in a virtual second.
const TICKS: u64 = 100_000;

/// A VLAN on each side.
const TRUNKS: &str = r#"
[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
[[port.vlan]]
vid = 100
addresses = ["198.51.100.1/24"]
[[port]]
name = "wan"
mac = "02:00:00:00:00:02"
[[port.vlan]]
vid = 200
addresses = ["192.0.2.1/24"]
[[neighbour]]
dev = "wan.200"
address = "192.0.2.9"
mac = "02:00:00:00:00:0b"
"#;

/// A tbf that lets all pass, but has to look at each.
const SHAPER: &str = r#"
[[qsch]]
dev = "wan"
kind = "tbf"
rate = "1T"
burst = 1000000
limit = 1000000
"#;

pub(crate) const LAN: PortId = PortId(0);
const WAN: PortId = PortId(1);

/// What the worker does with each packet, by name.
pub(crate) fn run(eal: Eal, what: &str) -> Result<Took, Failure> {
    let mut bench = new(eal, what)?;
    (0..BURSTS / 10).try_for_each(|_| bench.burst())?;
    let items = u64::from(BURSTS) * BURST as u64;
    Took::by(items, || (0..BURSTS).try_for_each(|_| bench.burst()))
}

/// A worker that does `what` with each packet.
pub(crate) fn new(eal: Eal, what: &str) -> Result<Worker, Failure> {
    let flow = |n: u16| udp(ALICE, BOB).ports(4000 + n, 53).len(18);
    let plain = config(crate::replay::ROUTER)?;
    match what {
        "forward" => Worker::new(eal, &plain, WAN, (0..256).map(|n| flow(n).build()).collect()),
        "echo" => {
            let ping = |n| icmp_echo(ALICE, DUT_LAN).echo_id_seq(7, n).len(18).build();
            Worker::new(eal, &with_alice(plain), LAN, (0..256).map(ping).collect())
        }
        "arp" => Worker::new(eal, &plain, LAN, vec![arp_request(ALICE, DUT_LAN).padded().build()]),
        "tbf" => {
            let shaped = config(&format!("{}{SHAPER}", crate::replay::ROUTER))?;
            Worker::new(eal, &shaped, WAN, (0..256).map(|n| flow(n).build()).collect())
        }
        "vlan" => {
            let tagged = |n| flow(n).vlan(100).build();
            Worker::new(eal, &config(TRUNKS)?, WAN, (0..256).map(tagged).collect())
        }
        _ => Err("no such work for a worker".into()),
    }
}

fn config(scenario: &str) -> Result<Config, Failure> {
    let scenario = Scenario::parse(scenario, "bench.toml", Path::new(""), &Overrides::default())?;
    Ok(scenario.plan.config)
}

/// An echo reply finds its way back without asking.
fn with_alice(mut config: Config) -> Config {
    let Host { mac, ip } = ALICE;
    let mac = dataplane::Mac(mac);
    config.neighbours.push(dataplane::config::NeighConfig { dev: LAN, address: ip, mac });
    config
}

/// A worker between two ring ports, and what it is given.
pub(crate) struct Worker {
    lcore: Lcore<Mbuf>,
    world: Ports,
    out: PortId,
    frames: Vec<Vec<u8>>,
    next: usize,
    burst: Vec<Mbuf>,
}

impl Worker {
    /// The first worker of a configuration, which gets `frames` on the LAN in turn, and of which
    /// each comes out at `out`.
    pub fn new(
        eal: Eal,
        config: &Config,
        out: PortId,
        frames: Vec<Vec<u8>>,
    ) -> Result<Worker, Failure> {
        Worker::with_pool(eal, config, out, frames, BUFFERS)
    }

    fn with_pool(
        eal: Eal,
        config: &Config,
        out: PortId,
        frames: Vec<Vec<u8>>,
        buffers: u32,
    ) -> Result<Worker, Failure> {
        let world = Ports::new(eal, buffers)?;
        let burst = (0..BURST).filter_map(|_| world.pool.alloc()).collect();
        let lcore = Lcore::new(config, LcoreId(1))?;
        Ok(Worker { lcore, world, out, frames, next: 0, burst })
    }

    /// The same with a tbf on the WAN that lets a burst go in each tick, of which `backlog` packets
    /// more have come already.
    pub fn behind(eal: Eal, backlog: u32) -> Result<Worker, Failure> {
        let frame = udp(ALICE, BOB).len(18).build();
        let bytes = BURST * frame.len();
        let (rate, limit) =
            (bytes as u64 * 8 * TICKS, (backlog as usize + 2 * BURST) * frame.len());
        let tbf = format!("kind = \"tbf\"\nrate = \"{rate}\"\nburst = {bytes}\nlimit = {limit}\n");
        let scenario = format!("{}[[qsch]]\ndev = \"wan\"\n{tbf}", crate::replay::ROUTER);
        let (config, buffers) = (config(&scenario)?, backlog + BUFFERS);
        let mut worker = Worker::with_pool(eal, &config, WAN, vec![frame], buffers)?;
        // The first burst takes all tokens; nothing of what follows leaves.
        worker.burst()?;
        for n in (0..backlog as usize).step_by(BURST) {
            let more = BURST.min(backlog as usize - n);
            let mut burst: Vec<Mbuf> =
                (0..more).filter_map(|_| worker.world.pool.alloc()).collect();
            worker.fill(&mut burst)?;
            worker.come(&mut burst);
            worker.tick();
        }
        match worker.lcore.held() {
            held if held == u64::from(backlog) => Ok(worker),
            held => Err(format!("{held} packets wait, and not {backlog}").into()),
        }
    }

    /// A burst comes, the worker does one tick, and a burst leaves.
    pub fn burst(&mut self) -> Result<(), Failure> {
        let mut burst = std::mem::take(&mut self.burst);
        self.fill(&mut burst)?;
        self.through(&mut burst);
        self.burst = burst;
        match self.burst.len() {
            BURST => Ok(()),
            left => Err(format!("{left} of {BURST} packets came out").into()),
        }
    }

    /// A burst of frames comes to the LAN, and what has left a tick later is in its place.
    pub fn through(&mut self, burst: &mut Vec<Mbuf>) {
        self.come(burst);
        self.world.now += Nanos::new(1_000_000_000 / TICKS);
        self.tick();
        self.world.ports[self.out.index()].collect(QueueId(0), burst, BURST);
    }

    /// A port of the same pool that receives the frames of a capture.
    pub fn capture(&self, eal: Eal, path: &Path) -> Result<Port, Failure> {
        Ok(Port::pcap(eal, &self.world.pool, &[path], 1)?)
    }

    /// These buffers hold the next frames.
    fn fill(&mut self, burst: &mut [Mbuf]) -> Result<(), Failure> {
        for buf in burst {
            let frame = &self.frames[self.next];
            self.next = (self.next + 1) % self.frames.len();
            fill(buf, frame)?;
        }
        Ok(())
    }

    /// Frames come to the LAN.
    fn come(&mut self, burst: &mut Vec<Mbuf>) {
        self.world.ports[LAN.index()].inject_burst(QueueId(0), burst);
    }

    /// The worker does one tick.
    fn tick(&mut self) {
        loop {
            self.lcore.step(&mut self.world);
            if self.lcore.position().slot == 0 {
                break;
            }
        }
    }
}

/// Makes a buffer hold a frame, whatever it held before.
fn fill(buf: &mut Mbuf, frame: &[u8]) -> Result<(), Failure> {
    if buf.len() > frame.len() {
        buf.truncate(frame.len())?;
    } else if buf.len() < frame.len() {
        buf.append(frame.len() - buf.len())?;
    }
    buf.head_mut().copy_from_slice(frame);
    Ok(())
}

/// DPDK's ports and nothing else.
pub(crate) struct Ports {
    now: Instant,
    packets: u64,
    ports: [Port; 2],
    buckets: Buckets,
    pool: Pool,
}

impl Ports {
    /// Two ring ports, and a pool of so many buffers.
    pub fn new(eal: Eal, buffers: u32) -> Result<Ports, Failure> {
        let pool = Pool::new(eal, buffers)?;
        let port = || Port::ring(eal, &pool, 1, 1, 256, 512);
        let (ports, buckets) = ([port()?, port()?], Buckets::default());
        Ok(Ports { now: Instant::EPOCH, packets: 0, ports, buckets, pool })
    }

    fn identify(&mut self, buf: Option<Mbuf>) -> Option<Mbuf> {
        let mut buf = buf?;
        self.packets += 1;
        buf.meta_mut().id = PacketId(self.packets);
        Some(buf)
    }
}

impl World for Ports {
    type Buf = Mbuf;

    fn now(&self) -> Instant {
        self.now
    }

    fn alloc(&mut self) -> Option<Mbuf> {
        let buf = self.pool.alloc();
        self.identify(buf)
    }

    fn duplicate(&mut self, of: &Mbuf, bytes: Range<usize>) -> Option<Mbuf> {
        let buf = of.copy(bytes, &self.pool);
        self.identify(buf)
    }

    fn chain(&mut self, head: &mut Mbuf, tail: Mbuf) -> Result<(), Mbuf> {
        head.chain(tail)
    }

    fn free(&mut self, buf: Mbuf) {
        drop(buf);
    }

    fn rx_burst(&mut self, port: PortId, queue: QueueId, into: &mut Vec<Mbuf>, most: usize) {
        self.ports[port.index()].rx_burst(queue, into, most);
    }

    fn tx_burst(&mut self, port: PortId, queue: QueueId, from: &mut Vec<Mbuf>) {
        self.ports[port.index()].tx_burst(queue, from);
    }

    fn send(&mut self, _: LcoreId, _: Ring, parcel: Parcel<Mbuf>) -> Result<(), Parcel<Mbuf>> {
        Err(parcel)
    }

    fn has_room(&self, _: LcoreId, _: Ring) -> bool {
        false
    }

    fn recv(&mut self, _: Ring) -> Option<Parcel<Mbuf>> {
        None
    }

    fn draw(
        &mut self,
        bucket: BucketId,
        tbf: &Tbf,
        len: usize,
        step: Nanos,
    ) -> Result<(), Instant> {
        self.buckets.draw(bucket, tbf, len, (self.now, step))
    }

    fn observe(&mut self, _: Event) {}
}

/// The router of the forwarding workload, to be given larger tables.
pub(crate) fn router() -> Result<Config, Failure> {
    config(crate::replay::ROUTER)
}
