//! The queues of one port, and what is behind them: how much each holds, and whose it is.

use crate::fabric::Fabric;
use crate::plan::{Plan, PortPlan};
use crate::trace::Run;
use crate::wire::Outward;
use dataplane::world::BURST;
use dataplane::{Buf, Instant, PortId, QueueId};
use std::collections::VecDeque;

/// One port.
pub(super) struct Lines<B> {
    rx: Vec<RxQueue>,
    tx: Vec<TxQueue>,
    rx_room: u32,
    tx_room: usize,
    behind: Behind<B>,
    /// Whether somebody at the far end of the wire hears what leaves.
    peers: bool,
}

enum Behind<B> {
    /// A wire; of a finite rate, or nothing.
    Wire(Option<Outward<Departing<B>>>),
    /// What is transmitted is gone.
    Nothing,
}

struct RxQueue {
    owner: usize,
    waiting: u32,
    /// Always has frames when it is polled, as far as is known.
    endless: bool,
}

/// The frames in a transmit queue of a wire of a finite rate: who transmitted each.
#[derive(Default)]
struct TxQueue(VecDeque<Run>);

/// A frame that a wire is sending.
pub(super) struct Departing<B> {
    pub frame: B,
    pub queue: QueueId,
    pub run: Run,
}

impl<B: Buf> Lines<B> {
    pub fn new(plan: &Plan, index: usize) -> Lines<B> {
        let (config, limits) = (&plan.config.ports[index], &plan.config.limits);
        let (behind, endless) = match &plan.ports[index] {
            PortPlan::Ring(wire) => (Behind::Wire(Outward::new(wire)), 0),
            // A capture is behind the first queue only.
            PortPlan::Pcap { rx } => (Behind::Nothing, u16::from(rx.is_some())),
            PortPlan::Null { rx_frame_len: Some(_) } => (Behind::Nothing, config.rx_queues),
            PortPlan::Null { rx_frame_len: None } => (Behind::Nothing, 0),
        };
        let rx =
            (0..config.rx_queues).map(|n| RxQueue { owner: 0, waiting: 0, endless: n < endless });
        Lines {
            rx: rx.collect(),
            tx: (0..config.tx_queues).map(|_| TxQueue::default()).collect(),
            rx_room: limits.rx_descriptors,
            tx_room: usize::try_from(limits.tx_descriptors).unwrap_or(usize::MAX),
            behind,
            peers: plan.peers.iter().any(|peer| peer.port.index() == index),
        }
    }

    pub fn has_peers(&self) -> bool {
        self.peers
    }

    /// Says which lcore polls a queue. Returns whether that always has frames.
    pub fn own(&mut self, queue: QueueId, lcore: usize) -> bool {
        let queue = &mut self.rx[queue.index()];
        queue.owner = lcore;
        queue.endless
    }

    pub fn rx_queues(&self) -> u16 {
        u16::try_from(self.rx.len()).unwrap_or(u16::MAX)
    }

    pub fn is_wire(&self) -> bool {
        matches!(self.behind, Behind::Wire(_))
    }

    pub fn is_endless(&self, queue: QueueId) -> bool {
        self.rx[queue.index()].endless
    }

    pub fn ran_dry(&mut self, queue: QueueId) {
        self.rx[queue.index()].endless = false;
    }

    /// A place in a receive queue, and the lcore that polls it; nothing when the queue is full.
    pub fn reserve(&mut self, queue: QueueId) -> Option<usize> {
        let queue = self.rx.get_mut(queue.index())?;
        if queue.waiting >= self.rx_room {
            return None;
        }
        queue.waiting += 1;
        Some(queue.owner)
    }

    pub fn holds(&self, queue: QueueId) -> bool {
        self.rx[queue.index()].waiting > 0
    }

    /// Places in a receive queue are free again.
    pub fn taken(&mut self, queue: QueueId, n: u32) {
        self.rx[queue.index()].waiting -= n;
    }

    /// Frames that a transmit queue has room for.
    pub fn room(&self, queue: QueueId) -> usize {
        match self.behind {
            Behind::Wire(_) => self.tx_room - self.tx[queue.index()].0.len(),
            Behind::Nothing => usize::MAX,
        }
    }

    /// Whether a frame has left as soon as it is transmitted.
    pub fn sends_at_once(&self) -> bool {
        !matches!(self.behind, Behind::Wire(Some(_)))
    }

    /// A frame waits in a transmit queue for the wire.
    pub fn accept(&mut self, queue: QueueId, run: Run) {
        self.tx[queue.index()].0.push_back(run);
    }

    /// The queue that the wire takes its next frame from, and who transmitted that.
    pub fn pick(&mut self) -> Option<(QueueId, Run)> {
        let Behind::Wire(Some(wire)) = &mut self.behind else { return None };
        let tx = &mut self.tx;
        let index = wire.pick(tx.len(), |queue| !tx[queue].0.is_empty())?;
        let run = tx[index].0.pop_front()?;
        Some((QueueId(u16::try_from(index).unwrap_or(u16::MAX)), run))
    }

    pub fn send(&mut self, at: Instant, departing: Departing<B>) {
        if let Behind::Wire(Some(wire)) = &mut self.behind {
            wire.send(at, departing.frame.len(), departing);
        }
    }

    /// When the wire is through with its frame; the end of time when it sends none.
    pub fn next_departure(&self) -> Instant {
        match &self.behind {
            Behind::Wire(Some(wire)) => wire.free_at().unwrap_or(Instant::MAX),
            Behind::Wire(None) | Behind::Nothing => Instant::MAX,
        }
    }

    pub fn sent(&mut self) -> Option<Departing<B>> {
        match &mut self.behind {
            Behind::Wire(Some(wire)) => wire.sent(),
            Behind::Wire(None) | Behind::Nothing => None,
        }
    }

    /// Whether nothing waits for the wire and nothing is on it.
    pub fn is_quiet(&self) -> bool {
        self.next_departure() == Instant::MAX
    }

    /// Frames that have been transmitted and not yet left. (Those received are their lcore's.)
    pub fn held(&self) -> u64 {
        let waiting: usize = self.tx.iter().map(|queue| queue.0.len()).sum();
        waiting as u64 + u64::from(!self.is_quiet())
    }

    /// Takes all frames out of the queues.
    pub fn drain<F: Fabric<Buf = B>>(&mut self, fabric: &mut F, port: PortId, into: &mut Vec<B>) {
        for (index, queue) in (0..).zip(&mut self.rx) {
            while queue.waiting > 0 {
                let before = into.len();
                fabric.rx_burst(port, QueueId(index), into, BURST);
                let n = u32::try_from(into.len() - before).unwrap_or(u32::MAX);
                assert!(n > 0 && n <= queue.waiting, "a receive queue holds what came to it");
                queue.waiting -= n;
            }
        }
        for (index, queue) in (0..).zip(&mut self.tx) {
            while !queue.0.is_empty() {
                let before = into.len();
                fabric.collect(port, QueueId(index), into, BURST);
                let n = into.len() - before;
                assert!(n > 0, "a transmit queue holds what it accepted");
                queue.0.drain(..n);
            }
        }
    }
}
