//! Frames that come: from a wire, or as they are polled; and those that go no further.
//!
//! Invariant: a frame gets its identity here, and is told to the trace once. Not here: when it comes
//! (`source.rs`).

use super::{SimWorld, in_a_row, length};
use crate::fabric::Fabric;
use crate::rss;
use crate::trace::{Observer, Outside, Passing, Way};
use dataplane::{Buf, DropReason, Instant, PacketId, PortId, QueueId};

impl<F: Fabric, O: Observer> SimWorld<'_, F, O> {
    /// A frame comes to a port from its wire. Returns the lcore that it waits for now.
    pub fn arrive(&mut self, at: Instant, port: PortId, mut frame: F::Buf) -> Option<usize> {
        let lines = &self.ports[port.index()];
        let queue = rss::queue(frame.head(), lines.rx_queues());
        let packet = self.next_packet();
        let Some(owner) = self.ports[port.index()].reserve(queue) else {
            self.refuse(at, (port, Some(queue)), &frame, packet, DropReason::RxMissed);
            return None;
        };
        if !self.take(at, packet, frame.segments()) {
            self.ports[port.index()].taken(queue, 1);
            self.refuse(at, (port, Some(queue)), &frame, packet, DropReason::RxNoBuffer);
            return None;
        }
        self.lcores[owner].frames += 1;
        self.came_in(at, port, queue, packet, &mut frame);
        if self.fabric.inject(port, queue, frame).is_err() {
            unreachable!("a receive queue with room takes a frame");
        }
        Some(owner)
    }

    /// A frame comes to a port whose receive queue is full for once, whatever is in it.
    pub fn miss(&mut self, at: Instant, port: PortId, frame: &F::Buf) {
        let queue = rss::queue(frame.head(), self.ports[port.index()].rx_queues());
        let packet = self.next_packet();
        self.refuse(at, (port, Some(queue)), frame, packet, DropReason::RxMissed);
    }

    /// A frame comes to a port or its wire and goes no further.
    pub fn turn_away(&mut self, at: Instant, port: PortId, frame: &F::Buf, reason: DropReason) {
        let packet = self.next_packet();
        self.refuse(at, (port, None), frame, packet, reason);
    }

    fn refuse(
        &mut self,
        at: Instant,
        (port, queue): (PortId, Option<QueueId>),
        frame: &F::Buf,
        packet: PacketId,
        reason: DropReason,
    ) {
        let len = length(frame);
        self.trace.outside(at, Outside::Refused { packet, port, queue, reason, len });
        if O::FRAMES {
            let bytes = in_a_row(frame, &mut self.scratch);
            let refused = Some(reason);
            let way = Way::In;
            self.trace.frame(&Passing { at, packet, port, way, run: None, refused, bytes });
        }
    }

    fn came_in(
        &mut self,
        at: Instant,
        port: PortId,
        queue: QueueId,
        packet: PacketId,
        frame: &mut F::Buf,
    ) {
        let meta = frame.meta_mut();
        meta.id = packet;
        meta.port = port;
        self.trace.outside(at, Outside::Arrive { packet, port, queue, len: length(frame) });
        let bytes = in_a_row(frame, &mut self.scratch);
        self.trace.oracles.came(packet, bytes);
        if O::FRAMES {
            let way = Way::In;
            self.trace.frame(&Passing { at, packet, port, way, run: None, refused: None, bytes });
        }
    }

    /// Takes a burst from a pcap or null port: its frames come into being as they are polled.
    pub(super) fn poll(
        &mut self,
        port: PortId,
        queue: QueueId,
        into: &mut Vec<F::Buf>,
        most: usize,
    ) {
        let mut burst = std::mem::take(&mut self.burst);
        self.fabric.rx_burst(port, queue, &mut burst, most);
        if burst.is_empty() {
            self.ports[port.index()].ran_dry(queue);
            self.lcores[self.index].endless -= 1;
            self.ran_dry = true;
        }
        for mut frame in burst.drain(..) {
            let packet = self.next_packet();
            if self.take(self.now, packet, frame.segments()) {
                self.came_in(self.now, port, queue, packet, &mut frame);
                into.push(frame);
            } else {
                let reason = DropReason::RxNoBuffer;
                self.refuse(self.now, (port, Some(queue)), &frame, packet, reason);
            }
        }
        self.burst = burst;
    }
}
