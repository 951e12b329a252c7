//! Where frames come from: captures and scripts, merged in order of time, onto their wires.
//!
//! A capture is read twice at once: its fabric brings the frames, net_pcap's on DPDK; our own reader
//! says when each comes, from which interface, and how long it was. They must agree.
//!
//! Invariant: of each input at most one frame is at hand, and at one instant inputs come in the
//! order of the plan. Not here: receive queues (`world.rs`).

mod feed;
mod line;
mod memory;
mod pacer;
mod select;
mod setback;

pub use feed::InputTotals;
pub use memory::in_memory;
pub(crate) use memory::{Frames, Spelled, spell_out};
pub(crate) use pacer::Pacer;
pub(crate) use select::selects as selected;

use crate::capture::CaptureError;
use crate::fabric::{Disagreement, Fabric, FabricError, MAX_FRAME};
use crate::fault::{Fault, Harm, Harms, Outages};
use crate::plan::{Input, Plan, PortPlan};
use crate::trace::{Observer, Outside};
use crate::wire::Inward;
use crate::world::{SimWorld, in_a_row};
use dataplane::world::BURST;
use dataplane::{Buf, DropReason, Instant, Nanos, PortId};
use feed::{Feed, Offer};
use setback::SetBack;
use std::collections::VecDeque;
use std::path::PathBuf;

/// All inputs of a run, and the wires that they come over.
pub(crate) struct Inputs<'p, F: Fabric> {
    feeds: Vec<Feed<'p, F>>,
    /// Of each port: its wire, if that has a finite rate, and its delay.
    wires: Vec<(Option<Inward<Carried>>, Nanos)>,
    /// Of each port, if its wire is infinitely fast: what peers sent and when each frame arrives.
    flying: Vec<VecDeque<(Instant, Carried)>>,
    /// Frames that come to their wire later than they should, in the order in which they should have.
    late: Vec<(Instant, PortId, Carried)>,
    /// What happens to the frames of each port.
    harms: Vec<Harms>,
    outages: Vec<Outages>,
    next: Instant,
    spare: Vec<Vec<u8>>,
}

/// A frame on its way: in nobody's buffer.
#[derive(Clone)]
struct Carried {
    bytes: Vec<u8>,
    /// Whether it finds the receive queue full, whatever is in it.
    misses: bool,
    /// The bytes in front of it in its buffer, if it has not all that there can be.
    room: Option<usize>,
}

/// An input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The capture is broken.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The fabric cannot open it.
    #[error(transparent)]
    Fabric(#[from] FabricError),
    /// Two readers read different frames.
    #[error("{}: packet {index} {source}; please report it, with the file", path.display())]
    Disagreement {
        /// The file.
        path: PathBuf,
        /// Number of the packet, from 1.
        index: u64,
        /// What they read.
        source: Disagreement,
    },
}

impl<'p, F: Fabric> Inputs<'p, F> {
    /// Opens all inputs of a plan.
    pub fn open(plan: &'p Plan, fabric: &mut F) -> Result<Inputs<'p, F>, SourceError> {
        let wires = plan.ports.iter().map(|port| match port {
            PortPlan::Ring(wire) => (Inward::new(wire), wire.delay),
            PortPlan::Pcap { .. } | PortPlan::Null { .. } => (None, Nanos::ZERO),
        });
        let feed = |input: &'p Input| {
            let port = &plan.config.ports[input.port.index()].name;
            Feed::open(input, plan.snapped, SetBack::of(&plan.faults, port), fabric)
        };
        let feeds = plan.inputs.iter().map(feed).collect::<Result<_, _>>()?;
        let next = Instant::EPOCH;
        let mut inputs = Inputs {
            feeds,
            wires: wires.collect(),
            flying: plan.ports.iter().map(|_| VecDeque::new()).collect(),
            late: Vec::new(),
            harms: Harms::of(plan),
            outages: Outages::of(plan),
            next,
            spare: Vec::new(),
        };
        inputs.find_next();
        Ok(inputs)
    }

    /// When the next frame comes; the end of time when there is none any more.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// What has been read of each input.
    pub fn totals(&self) -> impl Iterator<Item = &InputTotals> {
        self.feeds.iter().map(|feed| &feed.totals)
    }

    /// What comes next happens, which is at `at`. Returns the lcore that a frame waits for now.
    pub fn happen<O: Observer>(
        &mut self,
        at: Instant,
        world: &mut SimWorld<'_, F, O>,
    ) -> Result<Option<usize>, SourceError> {
        let arriving = (0..self.wires.len()).position(|index| self.arrival(index) == at);
        let woken = match (arriving, self.late.iter().position(|(due, ..)| *due == at)) {
            (Some(index), _) => self.arrive(at, index, world),
            (None, Some(index)) => {
                let (_, port, frame) = self.late.remove(index);
                self.carry(at, port, frame, world)
            }
            (None, None) => {
                let coming = |feed: &Feed<'_, F>| due(feed, &self.wires) == at;
                match self.feeds.iter().position(coming) {
                    Some(index) => self.offer(at, index, world)?,
                    None => unreachable!("the engine asked for the time before"),
                }
            }
        };
        self.find_next();
        Ok(woken)
    }

    /// A frame has come to the end of a wire of a finite rate, or was sent by a peer.
    fn arrive<O: Observer>(
        &mut self,
        at: Instant,
        index: usize,
        world: &mut SimWorld<'_, F, O>,
    ) -> Option<usize> {
        let carried = match &mut self.wires[index].0 {
            Some(wire) => wire.arrive()?,
            None => self.flying[index].pop_front()?.1,
        };
        let (frame, misses) = (put(world.fabric, &carried), carried.misses);
        // What peers send comes in memory of its own.
        if self.spare.len() < BURST {
            self.spare.push(carried.bytes);
        }
        self.deliver(at, PortId(u16::try_from(index).unwrap_or(u16::MAX)), frame, misses, world)
    }

    /// A frame of an input comes to the wire; to the port, if the wire takes no time to send it.
    fn offer<O: Observer>(
        &mut self,
        at: Instant,
        index: usize,
        world: &mut SimWorld<'_, F, O>,
    ) -> Result<Option<usize>, SourceError> {
        let feed = &mut self.feeds[index];
        let port = feed.port;
        let Some(Offer { frame, refused, stepped, .. }) = feed.take(world.fabric)? else {
            return Ok(None);
        };
        if let Some(fault) = stepped {
            world.trace.outside(at, Outside::Fault(fault));
        }
        let faults = self.harms[port.index()].next();
        if let Some(reason) = refused {
            world.turn_away(at, port, &frame, reason);
            return Ok(None);
        }
        if !faults.is_empty() {
            return Ok(self.harm(at, port, frame, faults, world));
        }
        let Some(wire) = &mut self.wires[port.index()].0 else {
            return Ok(self.deliver(at, port, frame, false, world));
        };
        if wire.has_room(at) {
            let mut bytes = self.spare.pop().unwrap_or_default();
            bytes.clear();
            let mut scratch = Vec::new();
            bytes.extend_from_slice(in_a_row(&frame, &mut scratch));
            wire.send(at, frame.len(), Carried { bytes, misses: false, room: None });
        } else {
            world.turn_away(at, port, &frame, DropReason::WireQueueFull);
        }
        Ok(None)
    }

    /// A frame comes to the wire to which something happens on purpose.
    fn harm<O: Observer>(
        &mut self,
        at: Instant,
        port: PortId,
        frame: F::Buf,
        faults: Vec<Fault>,
        world: &mut SimWorld<'_, F, O>,
    ) -> Option<usize> {
        let bytes = in_a_row(&frame, &mut Vec::new()).to_vec();
        // Its buffer is free again before another one is made.
        drop(frame);
        let Harmed { carried, copies, late } = harmed(at, port, bytes, faults, world)?;
        let mut woken = None;
        for carried in std::iter::repeat_n(carried, copies) {
            match late {
                Nanos::ZERO => woken = self.carry(at, port, carried, world).or(woken),
                late => self.late.push((at.saturating_add(late), port, carried)),
            }
        }
        woken
    }

    /// A peer sends a frame: it comes to the port's wire as any input.
    pub fn sent<O: Observer>(
        &mut self,
        at: Instant,
        port: PortId,
        bytes: Vec<u8>,
        world: &mut SimWorld<'_, F, O>,
    ) {
        let faults = self.harms[port.index()].next();
        if bytes.len() > MAX_FRAME {
            let frame = made(world.fabric.make(&bytes[..MAX_FRAME]));
            world.turn_away(at, port, &frame, DropReason::RxOversize);
        } else if let Some(Harmed { carried, copies, late }) =
            harmed(at, port, bytes, faults, world)
        {
            for carried in std::iter::repeat_n(carried, copies) {
                self.set_out(at, port, carried, late, world);
            }
        }
        self.find_next();
    }

    /// What a peer sent sets out, so much too late.
    fn set_out<O: Observer>(
        &mut self,
        at: Instant,
        port: PortId,
        carried: Carried,
        late: Nanos,
        world: &mut SimWorld<'_, F, O>,
    ) {
        let then = at.saturating_add(late);
        match (&self.wires[port.index()], late) {
            ((Some(_), _), Nanos::ZERO) => {
                self.carry(at, port, carried, world);
            }
            ((Some(_), _), _) => self.late.push((then, port, carried)),
            ((None, delay), Nanos::ZERO) => {
                self.flying[port.index()].push_back((then.saturating_add(*delay), carried));
            }
            ((None, delay), _) => self.late.push((then.saturating_add(*delay), port, carried)),
        }
    }

    /// A frame that was harmed comes to the wire.
    fn carry<O: Observer>(
        &mut self,
        at: Instant,
        port: PortId,
        carried: Carried,
        world: &mut SimWorld<'_, F, O>,
    ) -> Option<usize> {
        let Some(wire) = &mut self.wires[port.index()].0 else {
            let frame = put(world.fabric, &carried);
            return self.deliver(at, port, frame, carried.misses, world);
        };
        if wire.has_room(at) {
            wire.send(at, carried.bytes.len(), carried);
        } else {
            let frame = put(world.fabric, &carried);
            world.turn_away(at, port, &frame, DropReason::WireQueueFull);
        }
        None
    }

    /// A frame comes to the port. Returns the lcore that it waits for now.
    fn deliver<O: Observer>(
        &mut self,
        at: Instant,
        port: PortId,
        frame: F::Buf,
        misses: bool,
        world: &mut SimWorld<'_, F, O>,
    ) -> Option<usize> {
        if let Some(told) = self.outages[port.index()].strike(at) {
            if let Some(fault) = told {
                world.trace.outside(at, Outside::Fault(fault));
            }
            world.turn_away(at, port, &frame, DropReason::LinkDown);
            return None;
        }
        if misses {
            world.miss(at, port, &frame);
            return None;
        }
        world.arrive(at, port, frame)
    }

    /// When the next frame arrives that is on the wire of this port.
    fn arrival(&self, index: usize) -> Instant {
        let arrival = match &self.wires[index].0 {
            Some(wire) => wire.next_arrival(),
            None => self.flying[index].front().map(|(at, _)| *at),
        };
        arrival.unwrap_or(Instant::MAX)
    }

    fn find_next(&mut self) {
        self.next = Instant::MAX;
        for index in 0..self.wires.len() {
            self.next = self.next.min(self.arrival(index));
        }
        for (at, ..) in &self.late {
            self.next = self.next.min(*at);
        }
        for feed in &self.feeds {
            self.next = self.next.min(due(feed, &self.wires));
        }
    }
}

fn made<B>(frame: Option<B>) -> B {
    match frame {
        Some(frame) => frame,
        None => unreachable!("the fabric has buffers for what is on its way to a queue"),
    }
}

/// A buffer with a frame that was on its way.
fn put<F: Fabric>(fabric: &mut F, Carried { bytes, room, .. }: &Carried) -> F::Buf {
    made(match room {
        None => fabric.make(bytes),
        Some(room) => fabric.make_tight(bytes, *room),
    })
}

/// What becomes of a frame to which something happens.
struct Harmed {
    carried: Carried,
    copies: usize,
    late: Nanos,
}

/// What these faults do to a frame; nothing: it is lost.
fn harmed<F: Fabric, O: Observer>(
    at: Instant,
    port: PortId,
    mut bytes: Vec<u8>,
    faults: Vec<Fault>,
    world: &mut SimWorld<'_, F, O>,
) -> Option<Harmed> {
    let (mut misses, mut copies, mut late, mut room) = (false, 1, Nanos::ZERO, None);
    for fault in faults {
        match fault {
            Fault::Lose { .. } => {
                let frame = made(world.fabric.make(&bytes));
                world.trace.outside(at, Outside::Fault(fault));
                world.turn_away(at, port, &frame, DropReason::WireLost);
                return None;
            }
            Fault::Frame { harm, .. } => {
                if harm.done_to(&mut bytes) {
                    world.trace.outside(at, Outside::Fault(fault));
                }
                match harm {
                    Harm::Full => misses = true,
                    Harm::Twice => copies = 2,
                    Harm::Late(by) => late = late.max(by),
                    Harm::Room(left) => {
                        let left = usize::try_from(left).unwrap_or(usize::MAX);
                        room = Some(room.map_or(left, |room: usize| room.min(left)));
                    }
                    Harm::Flip(_) | Harm::Cut(_) => {}
                }
            }
            Fault::Call(_)
            | Fault::Calls { .. }
            | Fault::Short { .. }
            | Fault::Back { .. }
            | Fault::Down { .. }
            | Fault::Stall { .. }
            | Fault::Peer { .. }
            | Fault::Ahead { .. }
            | Fault::Drift { .. }
            | Fault::Cost { .. }
            | Fault::Order { .. } => unreachable!("{fault} is not about a frame"),
        }
    }
    Some(Harmed { carried: Carried { bytes, misses, room }, copies, late })
}

/// When the next frame of an input comes to the wire, or to the port if the wire only takes time.
fn due<F: Fabric>(feed: &Feed<'_, F>, wires: &[(Option<Inward<Carried>>, Nanos)]) -> Instant {
    match (feed.next_at(), &wires[feed.port.index()]) {
        (None, _) => Instant::MAX,
        (Some(at), (Some(_), _)) => at,
        (Some(at), (None, delay)) => at.saturating_add(*delay),
    }
}
