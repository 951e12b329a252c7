//! A world in plain memory: ports are queues of bytes, rings are queues, the clock is a number.
//!
//! It has no wire, no cost and no clock of its own: whoever drives it says what time it is and
//! which lcore runs. The simulator has a fuller one.

use crate::config::Config;
use crate::event::Event;
use crate::heap::HeapBuf;
use crate::packet::{Buf, HEADROOM, Meta, PacketId};
use crate::tc::{BucketId, Buckets, Tbf};
use crate::time::{Instant, Nanos};
use crate::types::{LcoreId, PortId, QueueId};
use crate::world::{BURST, Parcel, Ring, World};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// A frame that left by a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// By which port.
    pub port: PortId,
    /// By which queue.
    pub queue: QueueId,
    /// The frame.
    pub frame: Vec<u8>,
}

/// A world in plain memory.
#[derive(Debug)]
pub struct HeapWorld {
    now: Instant,
    lcore: LcoreId,
    last_id: u64,
    /// Segments that the pool has left.
    pool: usize,
    pool_size: usize,
    rx: BTreeMap<(PortId, QueueId), VecDeque<HeapBuf>>,
    rings: BTreeMap<(LcoreId, Ring), RingQueue>,
    buckets: Buckets,
    /// Frames that the ports still take; nothing: as many as come.
    pub tx_room: Option<usize>,
    /// What left, in order.
    pub sent: Vec<Sent>,
    /// What happened, in order.
    pub events: Vec<(Instant, LcoreId, Event)>,
}

/// A ring between lcores.
#[derive(Debug)]
struct RingQueue {
    room: usize,
    parcels: VecDeque<Parcel<HeapBuf>>,
}

impl HeapWorld {
    /// The world around the lcores of a configuration.
    pub fn new(config: &Config) -> HeapWorld {
        let rings = config.rings().into_iter().map(|plan| {
            let queue = RingQueue { room: plan.room as usize, parcels: VecDeque::new() };
            ((plan.owner, plan.ring), queue)
        });
        let limits = &config.limits;
        HeapWorld {
            now: Instant::EPOCH,
            lcore: LcoreId(0),
            last_id: 0,
            pool: limits.pool as usize,
            pool_size: limits.pool as usize,
            rx: BTreeMap::new(),
            rings: rings.collect(),
            buckets: Buckets::default(),
            tx_room: None,
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Says what time it is and which lcore runs.
    pub fn set(&mut self, now: Instant, lcore: LcoreId) {
        (self.now, self.lcore) = (now, lcore);
    }

    /// Puts a frame into a receive queue. Returns its identity, or nothing when the pool is dry.
    pub fn receive(&mut self, port: PortId, queue: QueueId, frame: &[u8]) -> Option<PacketId> {
        self.receive_with_headroom(port, queue, frame, HEADROOM)
    }

    /// The same, with only so many bytes of room in front of the frame.
    pub fn receive_with_headroom(
        &mut self,
        port: PortId,
        queue: QueueId,
        frame: &[u8],
        headroom: usize,
    ) -> Option<PacketId> {
        self.take_segments(HeapBuf::segments_for(frame.len()))?;
        let meta = self.new_meta(port);
        let mut buf = HeapBuf::with_headroom(meta, headroom);
        buf.extend(frame);
        self.rx.entry((port, queue)).or_default().push_back(buf);
        Some(meta.id)
    }

    /// Segments that are out of the pool.
    pub fn in_use(&self) -> usize {
        self.pool_size - self.pool
    }

    fn new_meta(&mut self, port: PortId) -> Meta {
        self.last_id += 1;
        Meta { id: PacketId(self.last_id), port, ..Meta::default() }
    }

    fn take_segments(&mut self, n: usize) -> Option<()> {
        self.pool = self.pool.checked_sub(n)?;
        Some(())
    }
}

impl World for HeapWorld {
    type Buf = HeapBuf;

    fn now(&self) -> Instant {
        self.now
    }

    fn alloc(&mut self) -> Option<HeapBuf> {
        self.take_segments(1)?;
        Some(HeapBuf::new(self.new_meta(PortId::default())))
    }

    fn duplicate(&mut self, of: &HeapBuf, bytes: Range<usize>) -> Option<HeapBuf> {
        self.take_segments(HeapBuf::segments_for(bytes.len()))?;
        Some(of.copy(self.new_meta(of.meta().port), bytes))
    }

    fn chain(&mut self, head: &mut HeapBuf, tail: HeapBuf) -> Result<(), HeapBuf> {
        head.chain(tail)
    }

    fn free(&mut self, buf: HeapBuf) {
        self.pool += buf.opened;
        assert!(self.pool <= self.pool_size, "a buffer came back twice");
    }

    fn rx_burst(&mut self, port: PortId, queue: QueueId, into: &mut Vec<HeapBuf>, most: usize) {
        if let Some(frames) = self.rx.get_mut(&(port, queue)) {
            let n = frames.len().min(most.min(BURST));
            into.extend(frames.drain(..n));
        }
    }

    fn tx_burst(&mut self, port: PortId, queue: QueueId, from: &mut Vec<HeapBuf>) {
        let n = self.tx_room.map_or(from.len(), |room| room.min(from.len()));
        if let Some(room) = &mut self.tx_room {
            *room -= n;
        }
        for buf in from.drain(..n) {
            let frame = buf.slices().flatten().copied().collect();
            self.pool += buf.opened;
            self.sent.push(Sent { at: self.now, port, queue, frame });
        }
    }

    fn send(
        &mut self,
        to: LcoreId,
        ring: Ring,
        parcel: Parcel<HeapBuf>,
    ) -> Result<(), Parcel<HeapBuf>> {
        match self.rings.get_mut(&(to, ring)) {
            Some(queue) if queue.parcels.len() < queue.room => {
                queue.parcels.push_back(parcel);
                Ok(())
            }
            _ => Err(parcel),
        }
    }

    fn has_room(&self, to: LcoreId, ring: Ring) -> bool {
        self.rings.get(&(to, ring)).is_some_and(|queue| queue.parcels.len() < queue.room)
    }

    fn recv(&mut self, ring: Ring) -> Option<Parcel<HeapBuf>> {
        self.rings.get_mut(&(self.lcore, ring))?.parcels.pop_front()
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

    fn observe(&mut self, event: Event) {
        self.events.push((self.now, self.lcore, event));
    }
}
