//! Where frames come from: captures and scripts, merged in order of time, onto their wires.
//!
//! A capture is read twice at once: its fabric brings the frames, net_pcap's on DPDK; our own reader
//! says when each comes, from which interface, and how long it was. They must agree.
//!
//! Invariant: of each input at most one frame is at hand, and at one instant inputs come in the
//! order of the plan. Not here: receive queues (`world.rs`).

mod feed;
mod pacer;
mod select;

pub use feed::InputTotals;

use crate::capture::CaptureError;
use crate::fabric::{Disagreement, Fabric, FabricError, MAX_FRAME};
use crate::plan::{Input, Plan, PortPlan};
use crate::trace::Observer;
use crate::wire::Inward;
use crate::world::{SimWorld, in_a_row};
use dataplane::world::BURST;
use dataplane::{Buf, DropReason, Instant, Nanos, PortId};
use feed::{Feed, Offer};
use std::collections::VecDeque;
use std::path::PathBuf;

/// All inputs of a run, and the wires that they come over.
pub(crate) struct Inputs<'p, F: Fabric> {
    feeds: Vec<Feed<'p, F>>,
    /// Of each port: its wire, if that has a finite rate, and its delay.
    wires: Vec<(Option<Inward<Vec<u8>>>, Nanos)>,
    /// Of each port, if its wire is infinitely fast: what peers sent and when each frame arrives.
    flying: Vec<VecDeque<(Instant, Vec<u8>)>>,
    next: Instant,
    spare: Vec<Vec<u8>>,
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
        let feed = |input: &'p Input| Feed::open(input, plan.snapped, fabric);
        let feeds = plan.inputs.iter().map(feed).collect::<Result<_, _>>()?;
        let (wires, next) = (wires.collect(), Instant::EPOCH);
        let flying = plan.ports.iter().map(|_| VecDeque::new()).collect();
        let mut inputs = Inputs { feeds, wires, flying, next, spare: Vec::new() };
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
        let woken = match arriving {
            Some(index) => self.arrive(at, index, world),
            None => {
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
        let bytes = match &mut self.wires[index].0 {
            Some(wire) => wire.arrive()?,
            None => self.flying[index].pop_front()?.1,
        };
        let Some(frame) = world.fabric.make(&bytes) else {
            unreachable!("the fabric has buffers for what is on its way to a queue")
        };
        // What peers send comes in memory of its own.
        if self.spare.len() < BURST {
            self.spare.push(bytes);
        }
        world.arrive(at, PortId(u16::try_from(index).unwrap_or(u16::MAX)), frame)
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
        let Some(Offer { frame, refused, .. }) = feed.take(world.fabric)? else {
            return Ok(None);
        };
        if let Some(reason) = refused {
            world.turn_away(at, port, &frame, reason);
            return Ok(None);
        }
        let Some(wire) = &mut self.wires[port.index()].0 else {
            return Ok(world.arrive(at, port, frame));
        };
        if wire.has_room(at) {
            // On the wire a frame is in nobody's buffer.
            let mut bytes = self.spare.pop().unwrap_or_default();
            bytes.clear();
            let mut scratch = Vec::new();
            bytes.extend_from_slice(in_a_row(&frame, &mut scratch));
            wire.send(at, frame.len(), bytes);
        } else {
            world.turn_away(at, port, &frame, DropReason::WireQueueFull);
        }
        Ok(None)
    }

    /// A peer sends a frame: it comes to the port's wire as any input.
    pub fn sent<O: Observer>(
        &mut self,
        at: Instant,
        port: PortId,
        frame: Vec<u8>,
        world: &mut SimWorld<'_, F, O>,
    ) {
        let wire = &mut self.wires[port.index()].0;
        let full = wire.as_mut().is_some_and(|wire| !wire.has_room(at));
        let refused = match frame.len() > MAX_FRAME {
            true => Some(DropReason::RxOversize),
            false => full.then_some(DropReason::WireQueueFull),
        };
        if let Some(reason) = refused {
            let Some(frame) = world.fabric.make(&frame[..frame.len().min(MAX_FRAME)]) else {
                unreachable!("the fabric has buffers for what is on its way to a queue")
            };
            world.turn_away(at, port, &frame, reason);
        } else {
            match &mut self.wires[port.index()] {
                (Some(wire), _) => wire.send(at, frame.len(), frame),
                (None, delay) => {
                    self.flying[port.index()].push_back((at.saturating_add(*delay), frame));
                }
            }
        }
        self.find_next();
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
        for feed in &self.feeds {
            self.next = self.next.min(due(feed, &self.wires));
        }
    }
}

/// When the next frame of an input comes to the wire, or to the port if the wire only takes time.
fn due<F: Fabric>(feed: &Feed<'_, F>, wires: &[(Option<Inward<Vec<u8>>>, Nanos)]) -> Instant {
    match (feed.next_at(), &wires[feed.port.index()]) {
        (None, _) => Instant::MAX,
        (Some(at), (Some(_), _)) => at,
        (Some(at), (None, delay)) => at.saturating_add(*delay),
    }
}
