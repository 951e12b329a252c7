//! Traffic statistics by samples: who talks most. Spec 9.
//!
//! A worker samples every n-th packet with ports, in and out, and puts what it saw into an
//! iftraf_ring of its own; job iftraf_ring_proc of the master sums the rings up in two tables, one
//! of flows and one of hosts (`iftraf/collector.rs`, `iftraf/talkers.rs`).
//!
//! Called from ranks 1 and 6 of the path, behind the checks of the header (DPVS reads the header
//! first and checks it then: defect B50).
//!
//! Invariant: sampling changes nothing else. A sample is summed up, or counted as lost or late.
//! Not here: switching it on and off (`lcore/iftraf.rs`).

mod collector;
mod talkers;

pub use collector::{Collector, Show, State};
pub use talkers::{SLOTS, TOP, Talker, Talkers};

use crate::config::Config;
use crate::env::Env;
use crate::event::Event;
use crate::ipv4::Ip;
use crate::job::Role;
use crate::packet::Buf;
use crate::planted::Defect;
use crate::types::{LcoreId, PortId};
use crate::wire::l4::{self, Protocol};
use crate::world::{Parcel, Ring, World};
use std::fmt;
use std::net::Ipv4Addr;

/// Which way a packet goes, as its device sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// It came in.
    In,
    /// It goes out.
    Out,
}

/// A flow, as one device sees it: `src` is on the link of the device or behind it, whichever way
/// the sampled packet went, so that both directions are one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The physical port. A VLAN device's traffic is its port's.
    pub device: PortId,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The address on the device's side.
    pub src: Ipv4Addr,
    /// The other one.
    pub dst: Ipv4Addr,
    /// The port of `src`.
    pub src_port: u16,
    /// The port of `dst`.
    pub dst_port: u16,
}

/// As `udp 198.51.100.7:4000 > 192.0.2.9:53`, without the device.
impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Flow { src, dst, src_port, dst_port, .. } = self;
        match self.protocol {
            Protocol::TCP => f.write_str("tcp"),
            Protocol::UDP => f.write_str("udp"),
            Protocol::SCTP => f.write_str("sctp"),
            Protocol(other) => write!(f, "protocol {other}"),
        }?;
        write!(f, " {src}:{src_port} > {dst}:{dst_port}")
    }
}

/// A host on the side of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    /// The physical port.
    pub device: PortId,
    /// Its address.
    pub address: Ipv4Addr,
}

/// What a worker saw of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Of which time that sampling was switched on.
    pub generation: u32,
    /// Which way it went.
    pub direction: Direction,
    /// Its flow.
    pub flow: Flow,
    /// Its length in bytes, from the IPv4 header on.
    pub bytes: u16,
}

/// What workers are told when sampling is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// The how manieth time it is that sampling is switched on: what is left of the time before is
    /// not mixed up with it.
    pub generation: u32,
    /// Every so manieth packet of each direction, 1 or more.
    pub every: u32,
}

/// A worker's part: which packet is sampled next.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    me: LcoreId,
    master: LcoreId,
    sampling: Option<Sampling>,
    /// Packets since the last sample, by direction.
    seen: [u32; 2],
}

impl Sampler {
    /// The sampler of the lcore `me`.
    pub fn new(config: &Config, me: LcoreId) -> Sampler {
        let mine = config.lcores.iter().find(|l| l.id == me);
        let samples = config.iftraf.on && mine.is_some_and(|l| l.role == Role::Worker);
        let master = config.lcores.iter().find(|l| l.role == Role::Master).map_or(me, |l| l.id);
        let sampling = Sampling { generation: FIRST, every: config.iftraf.every };
        Sampler { me, master, sampling: samples.then_some(sampling), seen: [0; 2] }
    }

    /// Begins to sample, or stops.
    pub fn set(&mut self, sampling: Option<Sampling>) {
        (self.sampling, self.seen) = (sampling, [0; 2]);
    }
}

/// The generation of a run that samples from its start.
const FIRST: u32 = 1;

/// Counts a checked packet, from its IPv4 header on, and samples it if it is its turn.
#[inline]
pub fn watch<W: World>(
    sampler: &mut Sampler,
    buf: &W::Buf,
    way: (PortId, Direction),
    env: &mut Env<'_, W>,
) {
    if let Some(sampling) = sampler.sampling {
        count(sampler, sampling, buf, way, env);
    }
}

fn count<W: World>(
    sampler: &mut Sampler,
    Sampling { generation, every }: Sampling,
    buf: &W::Buf,
    (device, direction): (PortId, Direction),
    env: &mut Env<'_, W>,
) {
    let ip = Ip::of(buf);
    // A later fragment begins with what its sender chose, not with ports.
    let l4 = buf.head().get(usize::from(ip.header_len)..).filter(|_| ip.is_first());
    let Some((src_port, dst_port)) = l4.and_then(|l4| l4::ports(ip.protocol, l4)) else { return };
    let seen = match direction {
        Direction::In => &mut sampler.seen[0],
        Direction::Out => &mut sampler.seen[1],
    };
    *seen += 1;
    if *seen < every {
        return;
    }
    *seen = 0;
    let device = env.devices.get(device).vlan.map_or(device, |(port, _)| port);
    let (protocol, bytes) = (ip.protocol, ip.total_len);
    let flow = Flow { device, protocol, src: ip.src, dst: ip.dst, src_port, dst_port };
    let flow = match direction {
        Direction::In => flow,
        Direction::Out => Flow {
            src: flow.dst,
            dst: flow.src,
            src_port: flow.dst_port,
            dst_port: flow.src_port,
            ..flow
        },
    };
    let sample = Parcel::Sample(Sample { generation, direction, flow, bytes });
    // DPVS frees a sample that does not fit, and nobody hears of it.
    let sent = env.world.send(sampler.master, Ring::Iftraf(sampler.me), sample).is_ok();
    if sent || env.planted.is(Defect::SampleUncounted) {
        env.counters.iftraf_samples += 1;
    } else {
        env.counters.iftraf_lost += 1;
        env.world.observe(Event::SampleLost { packet: buf.meta().id });
    }
}
