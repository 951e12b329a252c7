//! DPDK as a fabric.
//!
//! The pool is larger than the plan's: what a capture's reader has ahead of its time lies outside
//! the limit, which `world.rs` keeps. Pool, ports and rings of one run serve the next one, if they
//! fit: making them takes longer than a short run.

use super::{Disagreement, Fabric, FabricError, Look};
use crate::capture::CaptureInfo;
use crate::plan::{Plan, PortPlan, Source};
use ::dpdk::{Eal, Mbuf, Pool, Port, PortError, Ring as DpdkRing};
use dataplane::heap::HeapBuf;
use dataplane::packet::HEADROOM;
use dataplane::world::{BURST, Parcel, RingPlan};
use dataplane::{Buf, PortId, QueueId};
use std::ops::Range;
use std::path::PathBuf;

/// Buffers that the longest frame takes.
const LONGEST: usize = HeapBuf::segments_for(super::MAX_FRAME);

/// DPDK's mbufs, rings and ports.
pub struct DpdkFabric {
    ports: Vec<(Shape, Port)>,
    rings: Vec<(Carries, Between)>,
    /// Buffers beside the plan's that captures may have read ahead, and how many they have.
    reserve: usize,
    ahead: usize,
    pool: Option<Pool>,
    look: Look,
    eal: Eal,
}

/// What distinguishes one port from another.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Ring { rx: u16, tx: u16, rx_room: u32, tx_room: u32 },
    Null { rx: u16, tx: u16, rx_frame_len: Option<u16> },
    Pcap { path: PathBuf, tx: u16 },
}

/// What distinguishes one ring from another: whether it carries frames, and its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Carries {
    frames: bool,
    room: u32,
}

/// A ring between lcores.
enum Between {
    /// Frames, as they are.
    Frames(DpdkRing<Mbuf>),
    /// Anything else, in a box.
    Parcels(DpdkRing<Box<Parcel<Mbuf>>>),
}

impl Between {
    fn new(eal: Eal, carries: Carries) -> Result<Between, FabricError> {
        let room = carries.room;
        Ok(match carries.frames {
            true => Between::Frames(DpdkRing::new(eal, room)?),
            false => Between::Parcels(DpdkRing::new(eal, room)?),
        })
    }
}

/// A capture that is read through net_pcap, in bursts, ahead of its time.
pub struct Capture {
    /// Nothing for a capture that libpcap does not read although we do.
    port: Option<Port>,
    /// What was read and not yet asked for, last first.
    burst: Vec<Mbuf>,
}

impl DpdkFabric {
    /// A fabric without ports, on DPDK's thread.
    pub fn new(eal: Eal) -> DpdkFabric {
        let (ports, rings) = (Vec::new(), Vec::new());
        let look = Look::default();
        DpdkFabric { ports, rings, reserve: 0, ahead: 0, pool: None, look, eal }
    }

    fn begin_pool(&mut self, plan: &Plan) -> Result<(), FabricError> {
        let captures =
            plan.inputs.iter().filter(|i| matches!(i.source, Source::Capture(_))).count();
        let polled = plan.ports.iter().filter(|p| matches!(p, PortPlan::Pcap { .. })).count();
        // Each input has one frame at hand, and one is on its way to a queue; captures read a burst
        // ahead, or one frame if that gets too much; a pcap port reads a burst at once, of which the
        // plan's pool may have no room for any.
        self.reserve = (BURST + 2 * captures) * LONGEST;
        self.ahead = 0;
        let beside =
            self.reserve + (plan.inputs.len() + 1) * LONGEST + polled.min(1) * BURST * LONGEST;
        let size =
            plan.config.limits.pool.saturating_add(u32::try_from(beside).unwrap_or(u32::MAX));
        if self.pool.as_ref().is_none_or(|pool| pool.size() < size) {
            // The old one's memory first: both may not fit. Ports and rings hold on to it.
            self.ports.clear();
            self.rings.clear();
            self.pool = None;
            self.pool = Some(Pool::new(self.eal, size)?);
        }
        Ok(())
    }

    fn begin_rings(&mut self, plan: &Plan) -> Result<(), FabricError> {
        let carries =
            |ring: &RingPlan| Carries { frames: ring.ring.carries_frames(), room: ring.room };
        let wanted: Vec<_> = plan.config.rings().iter().map(carries).collect();
        let mut spare = std::mem::take(&mut self.rings);
        // What does not fit goes first: memory is bounded.
        spare.retain(|(other, _)| wanted.contains(other));
        for carries in wanted {
            let ring = match spare.iter().position(|(other, _)| *other == carries) {
                Some(at) => spare.swap_remove(at).1,
                None => Between::new(self.eal, carries)?,
            };
            self.rings.push((carries, ring));
        }
        Ok(())
    }

    fn pool(&self) -> &Pool {
        match &self.pool {
            Some(pool) => pool,
            None => unreachable!("begin() makes the pool"),
        }
    }

    fn make_port(&self, shape: &Shape) -> Result<Port, PortError> {
        let (eal, pool) = (self.eal, self.pool());
        match shape {
            Shape::Ring { rx, tx, rx_room, tx_room } => {
                Port::ring(eal, pool, *rx, *tx, *rx_room, *tx_room)
            }
            Shape::Null { rx, tx, rx_frame_len } => Port::null(eal, pool, *rx_frame_len, *rx, *tx),
            Shape::Pcap { path, tx } => Port::pcap(eal, pool, &[path], *tx),
        }
    }

    fn port(&mut self, port: PortId) -> &mut Port {
        &mut self.ports[port.index()].1
    }
}

impl Shape {
    fn of(plan: &Plan, index: usize) -> Shape {
        let (config, limits) = (&plan.config.ports[index], &plan.config.limits);
        let (rx, tx) = (config.rx_queues, config.tx_queues);
        match &plan.ports[index] {
            PortPlan::Ring(_) => Shape::Ring {
                rx,
                tx,
                rx_room: limits.rx_descriptors,
                tx_room: limits.tx_descriptors,
            },
            PortPlan::Pcap { rx: Some(path) } => Shape::Pcap { path: path.clone(), tx },
            PortPlan::Pcap { rx: None } => Shape::Null { rx, tx, rx_frame_len: None },
            PortPlan::Null { rx_frame_len } => Shape::Null { rx, tx, rx_frame_len: *rx_frame_len },
        }
    }
}

impl Fabric for DpdkFabric {
    type Buf = Mbuf;
    type Capture = Capture;

    fn name(&self) -> String {
        self.eal.version().to_owned()
    }

    fn look(&mut self, look: Look) {
        self.look = look;
    }

    fn begin(&mut self, plan: &Plan) -> Result<(), FabricError> {
        self.begin_pool(plan)?;
        self.pool().poison(self.look.fill);
        self.begin_rings(plan)?;
        let mut spare = std::mem::take(&mut self.ports);
        let shapes: Vec<_> = (0..plan.ports.len()).map(|index| Shape::of(plan, index)).collect();
        // What does not fit goes first: a process has 32 ports at most.
        spare.retain(|(shape, _)| shapes.contains(shape));
        for (shape, config) in shapes.into_iter().zip(&plan.config.ports) {
            // A capture starts over in a new port only.
            let reusable = !matches!(shape, Shape::Pcap { .. });
            let port = match spare.iter().position(|(other, _)| reusable && *other == shape) {
                Some(at) => spare.swap_remove(at).1,
                None => {
                    let name = config.name.clone();
                    self.make_port(&shape).map_err(|source| FabricError::Port { name, source })?
                }
            };
            self.ports.push((shape, port));
        }
        Ok(())
    }

    fn finish(&mut self) -> u64 {
        let mut left = Vec::new();
        for (shape, port) in &mut self.ports {
            if let Shape::Ring { rx, tx, .. } = shape {
                (0..*rx).for_each(
                    |queue| {
                        while port.rx_burst(QueueId(queue), &mut left, BURST) > 0 {}
                    },
                );
                (0..*tx).for_each(
                    |queue| {
                        while port.collect(QueueId(queue), &mut left, BURST) > 0 {}
                    },
                );
            }
        }
        for (_, ring) in &self.rings {
            match ring {
                Between::Frames(ring) => while ring.pop_burst(&mut left, BURST) > 0 {},
                Between::Parcels(ring) => while ring.pop().is_some() {},
            }
        }
        drop(left);
        self.ports.retain(|(shape, _)| !matches!(shape, Shape::Pcap { .. }));
        self.pool.as_ref().map_or(0, |pool| u64::from(pool.in_use()))
    }

    fn alloc(&mut self) -> Option<Mbuf> {
        self.pool().alloc()
    }

    fn make(&mut self, frame: &[u8]) -> Option<Mbuf> {
        let pool = self.pool();
        let laid = |bytes: &[u8]| {
            let mut buf = pool.alloc()?;
            buf.extend(bytes, pool).ok()?;
            Some(buf)
        };
        self.look.lay(frame, laid, Mbuf::chain)
    }

    fn make_tight(&mut self, frame: &[u8], room: usize) -> Option<Mbuf> {
        let pool = self.pool();
        let mut buf = pool.alloc()?;
        // What is not to be in front of the frame lies behind it.
        buf.prepend(HEADROOM - room.min(HEADROOM)).ok()?;
        buf.truncate(0).ok()?;
        buf.extend(frame, pool).ok()?;
        Some(buf)
    }

    fn copy(&mut self, of: &Mbuf, bytes: Range<usize>) -> Option<Mbuf> {
        of.copy(bytes, self.pool())
    }

    fn chain(&mut self, head: &mut Mbuf, tail: Mbuf) -> Result<(), Mbuf> {
        head.chain(tail)
    }

    fn inject(&mut self, port: PortId, queue: QueueId, frame: Mbuf) -> Result<(), Mbuf> {
        self.port(port).inject(queue, frame)
    }

    fn rx_burst(&mut self, port: PortId, queue: QueueId, into: &mut Vec<Mbuf>, most: usize) {
        let port = self.port(port);
        if queue.0 < port.rx_queues() {
            port.rx_burst(queue, into, most.min(BURST));
        }
    }

    fn tx_burst(&mut self, port: PortId, queue: QueueId, from: &mut Vec<Mbuf>) {
        self.port(port).tx_burst(queue, from);
    }

    fn collect(&mut self, port: PortId, queue: QueueId, into: &mut Vec<Mbuf>, max: usize) {
        let (shape, port) = &mut self.ports[port.index()];
        if matches!(shape, Shape::Ring { .. }) {
            port.collect(queue, into, max);
        }
    }

    fn send(&mut self, ring: usize, parcel: Parcel<Mbuf>) -> Result<(), Parcel<Mbuf>> {
        match (&self.rings[ring].1, parcel) {
            (Between::Frames(ring), Parcel::Frame(buf)) => ring.push(buf).map_err(Parcel::Frame),
            (Between::Frames(_), parcel) => Err(parcel),
            (Between::Parcels(ring), parcel) => {
                ring.push(Box::new(parcel)).map_err(|parcel| *parcel)
            }
        }
    }

    fn recv(&mut self, ring: usize) -> Option<Parcel<Mbuf>> {
        match &self.rings[ring].1 {
            Between::Frames(ring) => ring.pop().map(Parcel::Frame),
            Between::Parcels(ring) => ring.pop().map(|parcel| *parcel),
        }
    }

    fn open(&mut self, info: &CaptureInfo) -> Result<Capture, FabricError> {
        let port = match info.libpcap {
            Some(_) => None,
            None => {
                let port = Port::pcap(self.eal, self.pool(), &[&info.path], 1);
                let path = info.path.clone();
                Some(port.map_err(|source| FabricError::Capture { path, source })?)
            }
        };
        Ok(Capture { port, burst: Vec::new() })
    }

    fn next_frame(&mut self, capture: &mut Capture, data: &[u8]) -> Result<Mbuf, Disagreement> {
        let expected = data.len();
        let Some(port) = &mut capture.port else {
            return self.make(data).ok_or(Disagreement { expected, got: None });
        };
        if capture.burst.is_empty() {
            let room = (self.reserve - self.ahead) / LONGEST;
            port.rx_burst(QueueId(0), &mut capture.burst, room.clamp(1, BURST));
            self.ahead += segments(&capture.burst);
            capture.burst.reverse();
        }
        let Some(frame) = capture.burst.pop() else {
            return Err(Disagreement { expected, got: None });
        };
        self.ahead -= frame.segments();
        if frame.len() != expected {
            return Err(Disagreement { expected, got: Some(frame.len()) });
        }
        // The driver lays a frame out as it will; another way takes other buffers.
        match self.look.cuts(expected).next() {
            None => Ok(frame),
            Some(_) => self.make(data).ok_or(Disagreement { expected, got: None }),
        }
    }
}

fn segments(burst: &[Mbuf]) -> usize {
    burst.iter().map(Mbuf::segments).sum()
}
