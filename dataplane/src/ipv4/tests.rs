//! A reassembler and a cutter by themselves: what their tests share.

use super::reassembly::{self, Reassembler};
use super::{Datagram, Outbound, fragment};
use crate::config::{Config, PortConfig};
use crate::counters::Counters;
use crate::device::Devices;
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::{Event, Reassembly};
use crate::heap::{HeapBuf, HeapWorld};
use crate::icmp::ErrorLimit;
use crate::netif::{Class, Origin};
use crate::packet::Buf;
use crate::path::{Next, Step};
use crate::planted::Planted;
use crate::rng::Rng;
use crate::route::Hop;
use crate::time::{Instant, Nanos};
use crate::timer::TimerWheel;
use crate::types::{LcoreId, Mac, PortId, QueueId};
use crate::wire::ethernet;
use crate::wire::ipv4::View;
use crate::world::World;
use fixtures::{ALICE, DUT_LAN, Frame, ipv4};

/// All that a stage is given, and the tables of two.
pub(super) struct Rig {
    pub world: HeapWorld,
    pub config: Config,
    pub counters: Counters,
    pub table: Reassembler<HeapBuf>,
    /// ICMP errors that were to be sent: type and code.
    pub errors: Vec<(u8, u8)>,
    devices: Devices,
    limit: ErrorLimit,
    now: Instant,
}

impl Rig {
    pub fn new() -> Rig {
        let port = PortConfig {
            name: "lan".into(),
            mac: Mac(DUT_LAN.mac),
            mtu: 1500,
            addresses: vec![format!("{}/24", DUT_LAN.ip).parse().unwrap()],
            rx_queues: 1,
            tx_queues: 1,
            vlans: vec![],
        };
        let config = Config { ports: vec![port], ..Config::default() };
        Rig {
            world: HeapWorld::new(&config),
            counters: Counters::default(),
            table: Reassembler::default(),
            errors: Vec::new(),
            devices: Devices::new(&config),
            limit: ErrorLimit::default(),
            now: Instant::EPOCH,
            config,
        }
    }

    /// What follows happens at this time.
    pub fn at(&mut self, now: Nanos) {
        self.now = Instant::EPOCH + now;
        self.world.set(self.now, LcoreId(1));
    }

    /// A packet that was received and checked.
    pub fn receive(&mut self, frame: &[u8]) -> Datagram<HeapBuf> {
        let (port, queue) = (PortId(0), QueueId(0));
        self.world.receive(port, queue, frame).unwrap();
        let mut burst = Vec::new();
        self.world.rx_burst(port, queue, &mut burst, 1);
        let mut buf = burst.pop().unwrap();
        buf.strip_front(ethernet::HEADER_LEN).unwrap();
        let total_len = View::new(buf.head()).unwrap().total_len();
        buf.truncate(total_len.into()).unwrap();
        Datagram { buf, from: Origin::new(port, Class::Host) }
    }

    /// Gives a fragment to the reassembler. Returns the datagram that became whole.
    pub fn fragment(&mut self, frame: &Frame) -> Option<Datagram<HeapBuf>> {
        self.join(&frame.build())
    }

    /// The same, as bytes.
    pub fn join(&mut self, frame: &[u8]) -> Option<Datagram<HeapBuf>> {
        let packet = self.receive(frame);
        self.run(|table, limit, env, next| reassembly::reassemble(table, limit, packet, env, next))
            .pop()
    }

    /// Gives up what is due, as the job does. Returns how many datagrams.
    pub fn expire(&mut self) -> usize {
        let mut expired = 0;
        self.run(|table, limit, env, next| {
            while reassembly::expire(table, limit, env, next) {
                expired += 1;
            }
        });
        expired
    }

    fn run(
        &mut self,
        stage: impl FnOnce(
            &mut Reassembler<HeapBuf>,
            &mut ErrorLimit,
            &mut Env<'_, HeapWorld>,
            &mut Next<HeapBuf>,
        ),
    ) -> Vec<Datagram<HeapBuf>> {
        let mut next = Next::default();
        let Rig { world, config, counters, table, devices, limit, now, .. } = self;
        let (mut timers, mut rng) = (TimerWheel::new(), Rng::new(0));
        let mut env = Env {
            icmp_redirect_core: None,
            planted: Planted::default(),
            world,
            counters,
            timers: &mut timers,
            rng: &mut rng,
            devices,
            policy: &config.policy,
            limits: &config.limits,
            peers: &[],
            now: *now,
        };
        stage(table, limit, &mut env, &mut next);
        let mut whole = Vec::new();
        while let Some(step) = next.pop() {
            match step {
                Step::LocalIn(packet) => whole.push(packet),
                Step::LocalOut(error) => {
                    self.errors.push((error.buf.head()[0], error.buf.head()[1]));
                    self.world.free(error.buf);
                }
                other => panic!("a reassembler does not push {other:?}"),
            }
        }
        whole
    }

    /// Cuts a packet for a link of this MTU. Returns the pieces, from their IPv4 headers on.
    pub fn cut(&mut self, packet: Datagram<HeapBuf>, mtu: u16) -> Vec<Vec<u8>> {
        let Datagram { buf, from } = packet;
        let hop = Hop::new(PortId(0), None, mtu);
        let packet = Outbound { buf, hop, from: Some(from) };
        let mut next = Next::default();
        let Rig { world, config, counters, devices, now, .. } = self;
        let (mut timers, mut rng) = (TimerWheel::new(), Rng::new(0));
        let mut env = Env {
            icmp_redirect_core: None,
            planted: Planted::default(),
            world,
            counters,
            timers: &mut timers,
            rng: &mut rng,
            devices,
            policy: &config.policy,
            limits: &config.limits,
            peers: &[],
            now: *now,
        };
        fragment::cut(packet, &mut env, &mut next);
        let mut pieces = Vec::new();
        while let Some(step) = next.pop() {
            let Step::Resolve(piece) = step else { panic!("a cutter does not push {step:?}") };
            let bytes = bytes(&piece.buf);
            pieces.push(bytes);
            self.world.free(piece.buf);
        }
        pieces
    }

    /// The reasons for which packets were dropped, and how many.
    pub fn drops(&self) -> Vec<(DropReason, u64)> {
        self.counters.drops.iter().collect()
    }

    /// What became of datagrams, in order.
    pub fn told(&self) -> Vec<Reassembly> {
        let notes = self.world.events.iter().filter_map(|(_, _, event)| match event {
            Event::Reassembly(note) => Some(note.what),
            _ => None,
        });
        notes.collect()
    }

    /// No buffer is out, but for so many that are held.
    pub fn assert_held(&self, held: u64) {
        assert_eq!(self.table.held(), held);
        if held == 0 {
            assert_eq!(self.world.in_use(), 0, "every buffer is back");
        }
    }
}

/// All bytes of a packet.
pub(super) fn bytes(buf: &HeapBuf) -> Vec<u8> {
    buf.slices().flatten().copied().collect()
}

/// The payload that tests cut up: byte `n` says where it belongs, within 251 bytes.
pub(super) fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

/// Part of a datagram of protocol 253 to us: `800+400M` is offset 800, 400 bytes, more fragments;
/// `L` is the last.
pub(super) fn part(what: &str) -> Frame {
    let (offset, rest) = what.split_once('+').unwrap();
    let (len, flag) = rest.split_at(rest.len() - 1);
    let (offset, len): (u16, usize) = (offset.parse().unwrap(), len.parse().unwrap());
    let start = usize::from(offset);
    let frame = ipv4(ALICE, DUT_LAN, 253, &payload(start + len)[start..]).offset(offset);
    match flag {
        "M" => frame.mf(),
        "L" => frame,
        other => panic!("{other} is no flag"),
    }
}

#[test]
fn no_two_lcores_ever_give_the_same_identification() {
    for of in [1, 2, 3, 7, 32] {
        let mut givers = vec![None; 1 << 16];
        for index in 0..of {
            let mut ids = super::IpIds::new(index, of);
            for _ in 0..(1 << 16) + 5 {
                let id = usize::from(ids.take());
                assert_eq!(*givers[id].get_or_insert(index), index, "{id} of {of} lcores");
            }
        }
        assert!(givers.iter().all(Option::is_some), "and between them they give them all");
    }
}
