//! Reassembly alone: fragments are made in mbufs, put together and freed. No lcore, no simulator.
//!
//! The peer, librte_ip_frag, does the same (`dataplane/dpdk/bench/ip_frag.c`): like it, this begins
//! with a fragment whose IPv4 header is in its buffer, and ends with a datagram that is a chain.

use crate::Failure;
use crate::tick::{LAN, Ports, router};
use crate::watch::Took;
use dataplane::counters::Counters;
use dataplane::device::Devices;
use dataplane::env::{Env, TimerKey};
use dataplane::icmp::ErrorLimit;
use dataplane::ipv4::Datagram;
use dataplane::ipv4::reassembly::{Reassembler, reassemble};
use dataplane::netif::{Class, Origin};
use dataplane::path::{Next, Step};
use dataplane::rng::Rng;
use dataplane::timer::TimerWheel;
use dataplane::wire::ipv4::{FragOffset, Header, Protocol};
use dataplane::world::World;
use dataplane::{Buf, Config};
use dpdk::{Eal, Mbuf};
use fixtures::{ALICE, BOB, DUT_LAN};
use std::net::Ipv4Addr;
use std::ops::Range;

/// Fragments that are measured, in whole datagrams; a tenth as many before are not.
const FRAGMENTS: u32 = 1_600_000;

/// Bytes of an IPv4 header without options.
const HEADER_LEN: u16 = 20;
/// The longest payload of a datagram.
const PAYLOAD_MAX: u16 = 65_535 - HEADER_LEN;
/// Where in the header the identification is.
const ID: Range<usize> = 4..6;

/// The fragments of a datagram, in the order in which they come. Each is copied into a buffer and
/// gets the identification of its datagram there; like the peer, nobody makes or looks at checksums.
fn fragments(src: Ipv4Addr, count: u16, bytes: u16, order: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let fragment = |index: u16| {
        let offset = index * bytes;
        let header = Header {
            tos: 0,
            total_len: bytes.min(PAYLOAD_MAX - offset) + HEADER_LEN,
            id: 0,
            dont_fragment: false,
            more_fragments: index + 1 < count,
            fragment_offset: FragOffset::from_bytes(offset).ok_or("not in eights")?,
            ttl: 64,
            protocol: Protocol::UDP,
            src,
            dst: DUT_LAN.ip,
        };
        let mut fragment = vec![0xa5; header.total_len.into()];
        header.emit(&mut fragment);
        Ok(fragment)
    };
    match order {
        "order" => (0..count).map(fragment).collect(),
        "reversed" => (0..count).rev().map(fragment).collect(),
        _ => Err("fragments come in order or reversed".into()),
    }
}

/// Datagrams of `count` fragments with `bytes` of payload each, one after the other. The last one
/// is shorter if the datagram would be too long.
pub(crate) fn run(eal: Eal, count: u32, bytes: u32, order: &str) -> Result<Took, Failure> {
    let fragments = fragments(ALICE.ip, u16::try_from(count)?, u16::try_from(bytes)?, order)?;
    Bench::new(eal, router()?)?.measure(&fragments)
}

/// Datagrams of two fragments, while of `size` others only one is there.
pub(crate) fn grow(eal: Eal, size: u32) -> Result<Took, Failure> {
    let mut config = router()?;
    config.limits.reasm_datagrams = size + 1;
    config.limits.reasm_fragments = size + 2;
    config.limits.reasm_bytes = config.limits.reasm_bytes.max((size + 2) * 64);
    let mut bench = Bench::new(eal, config)?;
    let others = fragments(BOB.ip, 2, 64, "order")?;
    for n in 0..size {
        if bench.take(n, &others[0])? {
            return Err("a half datagram was whole".into());
        }
    }
    bench.measure(&fragments(ALICE.ip, 2, 64, "order")?)
}

/// What one lcore has, as far as reassembly looks at it.
struct Bench {
    world: Ports,
    table: Reassembler<Mbuf>,
    limit: ErrorLimit,
    next: Next<Mbuf>,
    counters: Counters,
    timers: TimerWheel<TimerKey>,
    rng: Rng,
    devices: Devices,
    config: Config,
}

impl Bench {
    fn new(eal: Eal, config: Config) -> Result<Bench, Failure> {
        Ok(Bench {
            world: Ports::new(eal, config.limits.reasm_fragments.max(8191))?,
            table: Reassembler::default(),
            limit: ErrorLimit::default(),
            next: Next::default(),
            counters: Counters::default(),
            timers: TimerWheel::new(),
            rng: Rng::new(0),
            devices: Devices::new(&config),
            config,
        })
    }

    /// Puts datagrams together, and says what a fragment took.
    fn measure(&mut self, fragments: &[Vec<u8>]) -> Result<Took, Failure> {
        let count = u32::try_from(fragments.len())?;
        let datagrams = FRAGMENTS / count;
        (0..datagrams / 10).try_for_each(|n| self.datagram(n, fragments))?;
        let items = u64::from(datagrams) * u64::from(count);
        Took::by(items, || (0..datagrams).try_for_each(|n| self.datagram(n, fragments)))
    }

    /// All fragments of a datagram, of which the last to come makes it whole.
    fn datagram(&mut self, n: u32, fragments: &[Vec<u8>]) -> Result<(), Failure> {
        for (nth, fragment) in (1..).zip(fragments) {
            if self.take(n, fragment)? != (nth == fragments.len()) {
                return Err(format!("datagram {n} was whole at the wrong fragment").into());
            }
        }
        Ok(())
    }

    /// A fragment of datagram number `n` comes. Returns whether the datagram is whole.
    fn take(&mut self, n: u32, fragment: &[u8]) -> Result<bool, Failure> {
        let Bench { world, table, limit, next, counters, timers, rng, devices, config } = self;
        let mut buf = world.alloc().ok_or("the pool is empty")?;
        let bytes = buf.append(fragment.len())?;
        bytes.copy_from_slice(fragment);
        // Only as many are held at once as there are identifications.
        let [.., high, low] = n.to_be_bytes();
        bytes[ID].copy_from_slice(&[high, low]);
        let from = Origin::new(LAN, Class::Host);
        let now = world.now();
        let mut env = Env {
            world,
            counters,
            timers,
            rng,
            devices,
            policy: &config.policy,
            limits: &config.limits,
            peers: &[],
            icmp_redirect_core: None,
            planted: config.planted,
            now,
        };
        reassemble(table, limit, Datagram { buf, from }, &mut env, next);
        match next.pop() {
            Some(Step::LocalIn(datagram)) => {
                env.world.free(datagram.buf);
                Ok(true)
            }
            Some(other) => Err(format!("reassembly pushed {other:?}").into()),
            None => Ok(false),
        }
    }
}
