//! The outside of every lcore, simulated: queues, rings and pool, with their limits and counts.
//!
//! There is one [`SimWorld`]; before a step it is told whose step it is. It knows what waits for
//! whom without asking the fabric, so that an idle lcore costs nothing.
//!
//! Invariant: what a queue, a ring or the pool holds is counted here, and decided here when it is
//! full: so a run does not depend on the fabric. The fabric has the same limits, and must agree.
//! Not here: when something happens (`engine.rs`).

mod account;
mod arrivals;
mod lines;
mod mailbox;

use crate::fabric::Fabric;
use crate::fault::{Fault, FaultKind, Injector, Skews};
use crate::oracle::Breach;
use crate::plan::Plan;
use crate::schedule::Shared;
use crate::trace::{Observer, Outside, Passing, Run, Trace, Way};
use account::PoolAccount;
use dataplane::config::Checked;
use dataplane::heap::HeapBuf;
use dataplane::job::JobKind;
use dataplane::tc::{BucketId, Buckets, Tbf};
use dataplane::world::{Parcel, Ring, RingPlan, World};
use dataplane::{Buf, Event, Instant, LcoreId, Nanos, PacketId, PortId, QueueId};
use lines::{Departing, Lines};
use mailbox::{Mailbox, RingBox};
use std::ops::Range;

/// All that is outside the lcores.
pub(crate) struct SimWorld<'f, F: Fabric, O> {
    /// What carries the packets.
    pub fabric: &'f mut F,
    /// What happened.
    pub trace: Trace<O>,
    /// Lcores, by index, to which the running step gave something: bit `i` is lcore `i`.
    pub woken: u64,
    /// Whether it is of interest what a step touches that several lcores share, and what that is.
    pub touching: bool,
    pub touched: Vec<Shared>,
    /// Whether the running step found that a capture has come to its end.
    pub ran_dry: bool,
    /// What has left ports that have peers behind them, when and by which port.
    pub left: Vec<(Instant, PortId, Vec<u8>)>,
    now: Instant,
    /// What the clock says of the lcore whose step it is.
    local: Instant,
    skews: Skews,
    index: usize,
    run: Run,
    pool: PoolAccount,
    injector: Injector,
    ports: Vec<Lines<F::Buf>>,
    lcores: Vec<Mailbox>,
    /// The tokens of all tbfs, which the lcores share.
    buckets: Buckets,
    packets: u64,
    scratch: Vec<u8>,
    burst: Vec<F::Buf>,
    /// When the next frame has left by a wire of a finite rate.
    departure: Instant,
}

impl<'f, F: Fabric, O: Observer> SimWorld<'f, F, O> {
    /// The world of a plan in which nothing has happened yet. The fabric has begun.
    pub fn new(
        plan: &Plan,
        config: &Checked<'_>,
        fabric: &'f mut F,
        observer: O,
    ) -> SimWorld<'f, F, O> {
        let mut lcores: Vec<_> = plan.config.lcores.iter().collect();
        lcores.sort_by_key(|lcore| lcore.id);
        let boxes = lcores.iter().map(|lcore| Mailbox {
            id: lcore.id,
            role: lcore.role,
            frames: 0,
            rings: Vec::new(),
            parcels: 0,
            endless: 0,
        });
        let mut boxes: Vec<_> = boxes.collect();
        for (index, plan) in config.rings().iter().enumerate() {
            let owner = boxes.iter_mut().filter(|mailbox: &&mut Mailbox| mailbox.id == plan.owner);
            let RingPlan { ring, room, .. } = *plan;
            owner.for_each(|mailbox| {
                mailbox.rings.push(RingBox { ring, index, room, parcels: 0, frames: 0 });
            });
        }
        let mut ports: Vec<_> = (0..plan.ports.len()).map(|at| Lines::new(plan, at)).collect();
        for (index, lcore) in lcores.iter().enumerate() {
            for (port, queue) in plan.config.polled(lcore.id) {
                let endless = ports[port.index()].own(queue, index);
                boxes[index].endless += u32::from(endless);
            }
        }
        let id = lcores.first().map_or(LcoreId(0), |lcore| lcore.id);
        let mut trace = Trace::new(config, plan, observer);
        let skews = Skews::of(&plan.faults);
        trace.oracles.set_clocks(skews.clone());
        SimWorld {
            fabric,
            trace,
            woken: 0,
            touching: false,
            touched: Vec::new(),
            ran_dry: false,
            left: Vec::new(),
            now: Instant::EPOCH,
            local: Instant::EPOCH,
            skews,
            index: 0,
            run: Run { lcore: id, tick: 0, job: JobKind::RecvFwd },
            pool: PoolAccount::new(plan.config.limits.pool),
            injector: Injector::new(&plan.faults),
            ports,
            lcores: boxes,
            buckets: Buckets::default(),
            packets: 0,
            scratch: Vec::new(),
            burst: Vec::new(),
            departure: Instant::MAX,
        }
    }

    /// A step begins: of which lcore, and when.
    pub fn enter(&mut self, at: Instant, index: usize, tick: u64, job: JobKind) {
        self.now = at;
        self.index = index;
        self.run = Run { lcore: self.lcores[index].id, tick, job };
        self.local = self.skews.get(self.run.lcore).local(at);
        self.woken = 0;
        self.touched.clear();
    }

    /// The running step touches something that several lcores share.
    fn touch(&mut self, what: Shared) {
        if self.touching && !self.touched.contains(&what) {
            self.touched.push(what);
        }
    }

    /// The step that began last.
    pub fn run(&self) -> Run {
        self.run
    }

    /// The jobs of an lcore for which something waits outside, or always would if they looked.
    pub fn waiting_for(&self, index: usize) -> impl Iterator<Item = JobKind> + '_ {
        self.lcores[index].waiting_for()
    }

    /// Whether nothing waits outside for any lcore, and no wire is sending.
    pub fn is_quiet(&self) -> bool {
        self.lcores.iter().all(|mailbox| mailbox.waiting_for().next().is_none())
            && self.ports.iter().all(Lines::is_quiet)
    }

    /// Packets in receive queues, transmit queues and rings.
    pub fn held(&self) -> u64 {
        self.lcores.iter().map(Mailbox::held).sum::<u64>()
            + self.ports.iter().map(Lines::held).sum::<u64>()
    }

    /// Parcels in all rings of some kinds.
    pub fn waiting(&self, which: impl Fn(Ring) -> bool) -> u64 {
        let rings = self.lcores.iter().flat_map(|mailbox| &mailbox.rings);
        rings.filter(|other| which(other.ring)).map(|other| u64::from(other.parcels)).sum()
    }

    /// Charges the pool for a packet, if it has so many buffers and no fault strikes.
    fn take(&mut self, at: Instant, packet: PacketId, segments: usize) -> bool {
        !self.strikes(at, FaultKind::Alloc) && self.pool.take(packet, segments)
    }

    /// Whether the call that is being made is one that fails on purpose.
    fn strikes(&mut self, at: Instant, kind: FaultKind) -> bool {
        let Some(strike) = self.injector.call(kind) else { return false };
        self.trace.outside(at, Outside::Fault(Fault::Call(strike)));
        true
    }

    /// How many packets of a burst of so many a port is offered: all, but for a fault.
    fn takes(&mut self, offered: usize) -> usize {
        let Some(takes) = self.injector.short() else { return offered };
        let takes_at_most = usize::try_from(takes).unwrap_or(usize::MAX);
        if takes_at_most >= offered {
            return offered;
        }
        let nth = self.injector.calls()[FaultKind::Tx.index()];
        self.trace.outside(self.now, Outside::Fault(Fault::Short { nth, takes }));
        takes_at_most
    }

    /// How often each kind of fault could have struck, by [`FaultKind::index`].
    pub fn chances(&self) -> [u64; FaultKind::ALL.len()] {
        self.injector.calls()
    }

    fn next_packet(&mut self) -> PacketId {
        self.packets += 1;
        PacketId(self.packets)
    }

    /// When the next frame has left by a wire of a finite rate.
    pub fn next_departure(&self) -> Instant {
        self.departure
    }

    /// The first wire that is through with its frame at `at` goes on to the next one.
    pub fn depart(&mut self, at: Instant) {
        let Some(index) = self.ports.iter().position(|lines| lines.next_departure() == at) else {
            unreachable!("the engine asked for the time before")
        };
        let port = PortId(u16::try_from(index).unwrap_or(u16::MAX));
        let Some(Departing { frame, queue, run }) = self.ports[index].sent() else {
            unreachable!("a wire with a departure has a frame")
        };
        let (packet, len) = (frame.meta().id, frame.len());
        self.trace.outside(at, Outside::Depart { packet, port, queue, len: length(&frame) });
        self.trace.left(port, queue, len);
        if self.ports[index].has_peers() {
            let bytes = in_a_row(&frame, &mut self.scratch).to_vec();
            self.left.push((at, port, bytes));
        }
        if O::FRAMES {
            let bytes = in_a_row(&frame, &mut self.scratch);
            let (run, way) = (Some(run), Way::Out);
            self.trace.frame(&Passing { at, packet, port, way, run, refused: None, bytes });
        }
        self.free(frame);
        self.start_sending(at, port);
    }

    /// A wire of a finite rate that is free takes the next frame from the transmit queues.
    fn start_sending(&mut self, at: Instant, port: PortId) {
        if let Some((queue, run)) = self.ports[port.index()].pick() {
            self.fabric.collect(port, queue, &mut self.burst, 1);
            match self.burst.pop() {
                Some(frame) => self.ports[port.index()].send(at, Departing { frame, queue, run }),
                None => unreachable!("a transmit queue holds what it accepted"),
            }
        }
        let departures = self.ports.iter().map(Lines::next_departure);
        self.departure = departures.min().unwrap_or(Instant::MAX);
    }

    /// The end of the run: frees what is left in queues and rings, and says what is missing.
    pub fn drain(&mut self) -> Option<Breach> {
        let rings = self.lcores.iter().flat_map(|mailbox| &mailbox.rings);
        let rings: Vec<usize> = rings.map(|ring| ring.index).collect();
        for index in rings {
            while let Some(parcel) = self.fabric.recv(index) {
                if let Some(buf) = parcel.into_frame() {
                    self.free(buf);
                }
            }
        }
        let mut left = std::mem::take(&mut self.burst);
        for (at, lines) in (0..).zip(&mut self.ports) {
            left.extend(lines.sent().map(|departing| departing.frame));
            lines.drain(self.fabric, PortId(at), &mut left);
        }
        left.into_iter().for_each(|buf| self.free(buf));
        let (used, missing) = (self.pool.used(), self.fabric.finish());
        (used > 0 || missing > 0).then(|| {
            let why = format!("not full again: {used} buffers not given back, {missing} not home");
            Breach::new("pool", why)
        })
    }
}

impl<F: Fabric, O: Observer> World for SimWorld<'_, F, O> {
    type Buf = F::Buf;

    #[expect(clippy::misnamed_getters, reason = "what an lcore takes for now is its own clock's")]
    fn now(&self) -> Instant {
        self.local
    }

    fn alloc(&mut self) -> Option<F::Buf> {
        let packet = PacketId(self.packets + 1);
        if !self.take(self.now, packet, 1) {
            return None;
        }
        let mut buf = enough(self.fabric.alloc());
        self.packets += 1;
        self.trace.oracles.made(self.now, self.run, packet);
        buf.meta_mut().id = packet;
        Some(buf)
    }

    fn duplicate(&mut self, of: &F::Buf, bytes: Range<usize>) -> Option<F::Buf> {
        let packet = PacketId(self.packets + 1);
        if !self.take(self.now, packet, HeapBuf::segments_for(bytes.len())) {
            return None;
        }
        let mut buf = enough(self.fabric.copy(of, bytes));
        self.packets += 1;
        self.trace.oracles.made(self.now, self.run, packet);
        buf.meta_mut().id = packet;
        Some(buf)
    }

    fn chain(&mut self, head: &mut F::Buf, tail: F::Buf) -> Result<(), F::Buf> {
        let (into, from) = (head.meta().id, tail.meta().id);
        self.fabric.chain(head, tail)?;
        self.pool.join(into, from);
        self.trace.oracles.joined(into, from);
        Ok(())
    }

    fn free(&mut self, buf: F::Buf) {
        self.pool.give(buf.meta().id);
        self.trace.oracles.freed(self.now, buf.meta().id);
        drop(buf);
    }

    fn rx_burst(&mut self, port: PortId, queue: QueueId, into: &mut Vec<F::Buf>, most: usize) {
        let lines = &mut self.ports[port.index()];
        if lines.is_wire() {
            if lines.holds(queue) {
                let before = into.len();
                self.fabric.rx_burst(port, queue, into, most);
                let n = u32::try_from(into.len() - before).unwrap_or(u32::MAX);
                lines.taken(queue, n);
                self.lcores[self.index].frames -= n;
            }
        } else if lines.is_endless(queue) {
            self.poll(port, queue, into, most);
        }
    }

    fn tx_burst(&mut self, port: PortId, queue: QueueId, from: &mut Vec<F::Buf>) {
        if self.strikes(self.now, FaultKind::Tx) {
            return;
        }
        let takes = self.takes(from.len());
        // What the port is not even offered stays behind what it refuses.
        let mut kept = from.split_off(takes);
        let lines = &mut self.ports[port.index()];
        let accepted = lines.room(queue).min(from.len());
        let refused = from.len() - accepted;
        let at_once = lines.sends_at_once();
        let (at, run) = (self.now, self.run);
        for frame in &from[..accepted] {
            let packet = frame.meta().id;
            let bytes = in_a_row(frame, &mut self.scratch);
            self.trace.transmitted(self.index, packet, bytes);
            self.trace.oracles.transmitted((at, run), packet, port, bytes, at_once);
            if at_once {
                self.trace.left(port, queue, bytes.len());
                let (run, way) = (Some(run), Way::Out);
                self.trace.frame(&Passing { at, packet, port, way, run, refused: None, bytes });
                if lines.has_peers() {
                    self.left.push((at, port, bytes.to_vec()));
                }
                self.pool.give(packet);
            } else {
                lines.accept(queue, run);
            }
        }
        self.fabric.tx_burst(port, queue, from);
        assert_eq!(from.len(), refused, "a transmit queue takes as many as it has room for");
        from.append(&mut kept);
        if !at_once {
            if lines.next_departure() == Instant::MAX {
                self.start_sending(at, port);
            }
        } else if lines.is_wire() {
            self.fabric.collect(port, queue, &mut self.burst, accepted);
            assert_eq!(self.burst.len(), accepted, "a wire gets what was transmitted");
            self.burst.clear();
        }
        if accepted > 0 {
            self.touch(Shared::Port(port));
        }
    }

    fn send(
        &mut self,
        to: LcoreId,
        ring: Ring,
        parcel: Parcel<F::Buf>,
    ) -> Result<(), Parcel<F::Buf>> {
        if self.strikes(self.now, FaultKind::Ring) {
            return Err(parcel);
        }
        let Some(index) = self.lcores.iter().position(|m| m.id == to) else { return Err(parcel) };
        let mailbox = &mut self.lcores[index];
        let kind = ring;
        let Some(ring) = mailbox.ring(kind) else { return Err(parcel) };
        let (held, took) = (ring.parcels, ring.parcels < ring.room);
        self.trace.oracles.given((self.now, self.run), (to, kind), (held, took));
        if !took {
            return Err(parcel);
        }
        let frames = u32::from(parcel.has_frame());
        self.fabric.send(ring.index, parcel)?;
        ring.parcels += 1;
        ring.frames += frames;
        mailbox.parcels += 1;
        self.woken |= 1 << index;
        self.touch(Shared::Ring(to, kind));
        Ok(())
    }

    fn has_room(&self, to: LcoreId, ring: Ring) -> bool {
        let owner = self.lcores.iter().find(|mailbox| mailbox.id == to);
        let ring = owner.and_then(|owner| owner.rings.iter().find(|other| other.ring == ring));
        ring.is_some_and(|ring| ring.parcels < ring.room)
    }

    fn recv(&mut self, ring: Ring) -> Option<Parcel<F::Buf>> {
        let mailbox = &mut self.lcores[self.index];
        if mailbox.parcels == 0 {
            return None;
        }
        let (kind, id) = (ring, mailbox.id);
        let ring = mailbox.ring(kind)?;
        ring.parcels = ring.parcels.checked_sub(1)?;
        let parcel = self.fabric.recv(ring.index)?;
        ring.frames -= u32::from(parcel.has_frame());
        mailbox.parcels -= 1;
        self.touch(Shared::Ring(id, kind));
        Some(parcel)
    }

    fn draw(
        &mut self,
        bucket: BucketId,
        tbf: &Tbf,
        len: usize,
        step: Nanos,
    ) -> Result<(), Instant> {
        self.touch(Shared::Bucket(bucket));
        // By the clock of the run.
        let drawn = self.buckets.draw(bucket, tbf, len, (self.now, step));
        drawn.map_err(|at| self.skews.get(self.run.lcore).since(at))?;
        self.trace.oracles.drew(self.run.lcore, bucket, tbf);
        Ok(())
    }

    fn observe(&mut self, event: Event) {
        self.trace.lcore(self.now, self.index, self.run, event);
    }
}

/// A fabric has at least the buffers that a plan's pool has.
fn enough<B>(buf: Option<B>) -> B {
    match buf {
        Some(buf) => buf,
        None => unreachable!("the fabric's pool is at least as large as the plan's"),
    }
}

fn length(frame: &impl Buf) -> u32 {
    u32::try_from(frame.len()).unwrap_or(u32::MAX)
}

/// All bytes of a frame in a row: as they are, or copied if they are in several segments.
pub(crate) fn in_a_row<'a>(frame: &'a impl Buf, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if frame.segments() == 1 {
        return frame.head();
    }
    scratch.clear();
    frame.slices().for_each(|slice| scratch.extend_from_slice(slice));
    scratch
}
