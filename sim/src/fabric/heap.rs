//! Plain memory as a fabric.

use super::{Disagreement, Fabric, FabricError, Look};
use crate::capture::{CaptureInfo, CaptureReader};
use crate::plan::{Plan, PortPlan};
use dataplane::heap::{Fresh, HeapBuf};
use dataplane::packet::SEGMENT;
use dataplane::world::{BURST, Parcel};
use dataplane::{Buf, Meta, PortId, QueueId};
use std::collections::VecDeque;
use std::ops::Range;

/// Packets on the heap, in queues that end where DPDK's would.
#[derive(Default)]
pub struct HeapFabric {
    look: Look,
    ports: Vec<Port>,
    rings: Vec<Queue<Parcel<HeapBuf>>>,
}

struct Port {
    rx: Rx,
    tx: Option<Vec<Queue<HeapBuf>>>,
}

enum Rx {
    Ring(Vec<Queue<HeapBuf>>),
    Pcap(Box<CaptureReader>),
    Zeros(u16),
    Nothing,
}

/// A queue that holds no more than so many.
struct Queue<T> {
    items: VecDeque<T>,
    capacity: usize,
}

impl<T> Queue<T> {
    fn new(capacity: u32) -> Queue<T> {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Queue { items: VecDeque::new(), capacity }
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        if self.items.len() == self.capacity {
            return Err(item);
        }
        self.items.push_back(item);
        Ok(())
    }

    fn pop_burst(&mut self, into: &mut Vec<T>, max: usize) {
        let n = self.items.len().min(max);
        into.extend(self.items.drain(..n));
    }
}

impl HeapFabric {
    /// A fabric without ports.
    pub fn new() -> HeapFabric {
        HeapFabric::default()
    }

    fn fresh(&self) -> Fresh {
        fresh(self.look)
    }

    fn rx_ring(&mut self, port: PortId, queue: QueueId) -> &mut Queue<HeapBuf> {
        match &mut self.ports[port.index()].rx {
            Rx::Ring(queues) => &mut queues[queue.index()],
            Rx::Pcap(_) | Rx::Zeros(_) | Rx::Nothing => {
                unreachable!("the wire ends at ring ports only")
            }
        }
    }
}

impl Fabric for HeapFabric {
    type Buf = HeapBuf;
    type Capture = ();

    fn name(&self) -> String {
        "heap".to_owned()
    }

    fn look(&mut self, look: Look) {
        self.look = look;
    }

    fn begin(&mut self, plan: &Plan) -> Result<(), FabricError> {
        let limits = &plan.config.limits;
        self.ports.clear();
        for (config, what) in plan.config.ports.iter().zip(&plan.ports) {
            let queues = |n: u16, room| (0..n).map(|_| Queue::new(room)).collect();
            let (rx, tx) = match what {
                PortPlan::Ring(_) => (
                    Rx::Ring(queues(config.rx_queues, limits.rx_descriptors)),
                    Some(queues(config.tx_queues, limits.tx_descriptors)),
                ),
                PortPlan::Pcap { rx: Some(path) } => {
                    (Rx::Pcap(Box::new(CaptureReader::open(path)?)), None)
                }
                PortPlan::Null { rx_frame_len: Some(len) } => {
                    super::check_null(&config.name, *len)?;
                    (Rx::Zeros(*len), None)
                }
                PortPlan::Pcap { rx: None } | PortPlan::Null { rx_frame_len: None } => {
                    (Rx::Nothing, None)
                }
            };
            self.ports.push(Port { rx, tx });
        }
        self.rings = plan.config.rings().iter().map(|ring| Queue::new(ring.room)).collect();
        Ok(())
    }

    fn finish(&mut self) -> u64 {
        self.ports.clear();
        self.rings.clear();
        0
    }

    fn alloc(&mut self) -> Option<HeapBuf> {
        Some(HeapBuf::fresh(Meta::default(), self.fresh()))
    }

    fn make(&mut self, frame: &[u8]) -> Option<HeapBuf> {
        Some(holding(self.look, frame))
    }

    fn make_tight(&mut self, frame: &[u8], room: usize) -> Option<HeapBuf> {
        let mut buf = HeapBuf::tight(Meta::default(), self.fresh(), room);
        buf.extend(frame);
        Some(buf)
    }

    fn copy(&mut self, of: &HeapBuf, bytes: Range<usize>) -> Option<HeapBuf> {
        Some(of.copy(*of.meta(), bytes))
    }

    fn chain(&mut self, head: &mut HeapBuf, tail: HeapBuf) -> Result<(), HeapBuf> {
        head.chain(tail)
    }

    fn inject(&mut self, port: PortId, queue: QueueId, frame: HeapBuf) -> Result<(), HeapBuf> {
        self.rx_ring(port, queue).push(frame)
    }

    fn rx_burst(&mut self, port: PortId, queue: QueueId, into: &mut Vec<HeapBuf>, most: usize) {
        let (look, most) = (self.look, most.min(BURST));
        match &mut self.ports[port.index()].rx {
            Rx::Ring(queues) => queues[queue.index()].pop_burst(into, most),
            Rx::Pcap(reader) if queue == QueueId(0) => {
                // `begin` walked through the whole file: there is no error left to come.
                for _ in 0..most {
                    let Ok(Some(record)) = reader.next_record() else { break };
                    into.push(holding(look, record.data));
                }
            }
            Rx::Zeros(len) => {
                let zeros = [0; SEGMENT];
                let frame = &zeros[..usize::from(*len)];
                into.extend((0..most).map(|_| holding(look, frame)));
            }
            Rx::Pcap(_) | Rx::Nothing => {}
        }
    }

    fn tx_burst(&mut self, port: PortId, queue: QueueId, from: &mut Vec<HeapBuf>) {
        let Some(queues) = &mut self.ports[port.index()].tx else {
            from.clear();
            return;
        };
        let queue = &mut queues[queue.index()];
        let n = from.len().min(queue.capacity - queue.items.len());
        queue.items.extend(from.drain(..n));
    }

    fn collect(&mut self, port: PortId, queue: QueueId, into: &mut Vec<HeapBuf>, max: usize) {
        if let Some(queues) = &mut self.ports[port.index()].tx {
            queues[queue.index()].pop_burst(into, max);
        }
    }

    fn send(&mut self, ring: usize, parcel: Parcel<HeapBuf>) -> Result<(), Parcel<HeapBuf>> {
        self.rings[ring].push(parcel)
    }

    fn recv(&mut self, ring: usize) -> Option<Parcel<HeapBuf>> {
        self.rings[ring].items.pop_front()
    }

    fn open(&mut self, _: &CaptureInfo) -> Result<(), FabricError> {
        Ok(())
    }

    fn next_frame(&mut self, (): &mut (), data: &[u8]) -> Result<HeapBuf, Disagreement> {
        Ok(holding(self.look, data))
    }
}

fn fresh(look: Look) -> Fresh {
    Fresh { fill: look.fill.unwrap_or(0), headroom: look.headroom }
}

/// A buffer that holds a frame, laid out as it should be.
fn holding(look: Look, frame: &[u8]) -> HeapBuf {
    let laid = |bytes: &[u8]| {
        let mut buf = HeapBuf::fresh(Meta::default(), fresh(look));
        buf.extend(bytes);
        Some(buf)
    };
    let buf = look.lay(frame, laid, HeapBuf::chain);
    buf.unwrap_or_else(|| unreachable!("there is memory, and there are few segments"))
}
