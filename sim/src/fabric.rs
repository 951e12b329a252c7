//! What carries the packets: buffers, ports, rings between lcores, captures.
//!
//! There are two of them. [`HeapFabric`] is plain memory; [`DpdkFabric`] is DPDK: mbufs, rings and
//! the net_ring, net_pcap and net_null drivers. The same plan through both gives the same trace,
//! because all that is limited or counted is limited and counted above them, in `world.rs`; a
//! fabric only keeps the limits too.
//!
//! Invariant: nothing that a fabric hands out depends on where a buffer lies or what it held before.
//! Not here: time, identities, accounting.

mod dpdk;
mod heap;
mod look;

pub use self::dpdk::DpdkFabric;
pub use self::heap::HeapFabric;
pub use self::look::{Laid, Look};

use crate::capture::CaptureInfo;
use crate::plan::Plan;
use ::dpdk::{EalError, PoolError, PortError, RingError};
use dataplane::world::Parcel;
use dataplane::{Buf, PortId, QueueId};
use std::ops::Range;
use std::path::PathBuf;

/// Frames of more bytes than this are received nowhere: an mbuf's lengths have 16 bits.
pub const MAX_FRAME: usize = 65_535;

/// What carries the packets of a run. A fabric can carry one run after the other.
pub trait Fabric {
    /// Its buffers.
    type Buf: Buf;
    /// A capture that is being read.
    type Capture;

    /// What it is, such as `heap` or `DPDK 22.11.11`.
    fn name(&self) -> String;

    /// How buffers look from the next run on. It makes no difference to what happens in a run.
    fn look(&mut self, look: Look);

    /// Makes the ports and rings of a run, all empty.
    ///
    /// # Errors
    /// There is not enough memory, or a capture that a port reads itself cannot be opened.
    fn begin(&mut self, plan: &Plan) -> Result<(), FabricError>;
    /// Frees what is left in ports and rings, and returns how many buffers are still missing.
    fn finish(&mut self) -> u64;

    /// An empty buffer with full headroom; nothing when there is no more memory.
    fn alloc(&mut self) -> Option<Self::Buf>;
    /// A buffer that holds a frame; nothing when there is no more memory.
    fn make(&mut self, frame: &[u8]) -> Option<Self::Buf>;
    /// The same with only `room` bytes in front of the frame, at most
    /// [`HEADROOM`](dataplane::packet::HEADROOM).
    fn make_tight(&mut self, frame: &[u8], room: usize) -> Option<Self::Buf>;
    /// A copy of these bytes; nothing when there is no more memory.
    fn copy(&mut self, of: &Self::Buf, bytes: Range<usize>) -> Option<Self::Buf>;
    /// Appends the segments of one packet to another.
    ///
    /// # Errors
    /// The chain would be too long: the packet comes back.
    fn chain(&mut self, head: &mut Self::Buf, tail: Self::Buf) -> Result<(), Self::Buf>;

    /// Puts a frame into a receive queue of a ring port.
    ///
    /// # Errors
    /// The queue is full: the frame comes back.
    fn inject(&mut self, port: PortId, queue: QueueId, frame: Self::Buf) -> Result<(), Self::Buf>;
    /// Takes up to `most` frames from a receive queue.
    fn rx_burst(&mut self, port: PortId, queue: QueueId, into: &mut Vec<Self::Buf>, most: usize);
    /// Offers frames to a transmit queue, front first. What was refused stays, in order.
    fn tx_burst(&mut self, port: PortId, queue: QueueId, from: &mut Vec<Self::Buf>);
    /// Takes up to `max` frames from a transmit queue of a ring port.
    fn collect(&mut self, port: PortId, queue: QueueId, into: &mut Vec<Self::Buf>, max: usize);

    /// Puts a parcel into the ring with this index in [`Config::rings`](dataplane::Config::rings).
    ///
    /// # Errors
    /// The ring is full: the parcel comes back.
    fn send(&mut self, ring: usize, parcel: Parcel<Self::Buf>) -> Result<(), Parcel<Self::Buf>>;
    /// Takes the oldest parcel from a ring.
    fn recv(&mut self, ring: usize) -> Option<Parcel<Self::Buf>>;

    /// Opens a capture, to be read frame by frame.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&mut self, info: &CaptureInfo) -> Result<Self::Capture, FabricError>;
    /// The next frame of a capture, of which the capture's reader says that it holds `data`.
    ///
    /// # Errors
    /// The fabric read something else.
    fn next_frame(
        &mut self,
        capture: &mut Self::Capture,
        data: &[u8],
    ) -> Result<Self::Buf, Disagreement>;
}

/// A fabric cannot do what the plan says.
#[derive(Debug, thiserror::Error)]
pub enum FabricError {
    /// DPDK cannot be used.
    #[error(transparent)]
    Eal(#[from] EalError),
    /// The pool cannot be made.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A ring between lcores cannot be made.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A port cannot be made.
    #[error("port {name}: {source}")]
    Port {
        /// Its name in the scenario.
        name: String,
        /// What is wrong.
        source: PortError,
    },
    /// A capture cannot be opened.
    #[error("{}: {source}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PortError,
    },
    /// A null port's frame has to fit the first segment of a buffer.
    #[error("port {name}: a null port makes frames of up to {max} bytes, not {len}")]
    NullFrame {
        /// The port's name in the scenario.
        name: String,
        /// The length that it was to have.
        len: u16,
        /// The most there is room for.
        max: usize,
    },
    /// A port polls a capture that cannot be read.
    #[error(transparent)]
    Unreadable(#[from] crate::capture::CaptureError),
    /// A port polls a capture that the pcap driver does not read.
    #[error("{}: a pcap port cannot poll it, because {why}; use it as an input instead", path.display())]
    NotPollable {
        /// The file.
        path: PathBuf,
        /// What libpcap minds.
        why: &'static str,
    },
}

/// Two readers of one capture read different frames. A bug, of libpcap or of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("holds {expected} bytes, but net_pcap read {}", match got { Some(n) => format!("{n}"), None => "nothing".to_owned() })]
pub struct Disagreement {
    /// What our reader read.
    pub expected: usize,
    /// What the driver read; nothing when it had reached the end, or an error.
    pub got: Option<usize>,
}

/// Whether a null port can make frames of `len` bytes.
fn check_null(name: &str, len: u16) -> Result<(), FabricError> {
    let max = dataplane::packet::SEGMENT;
    if usize::from(len) > max {
        return Err(FabricError::NullFrame { name: name.to_owned(), len, max });
    }
    Ok(())
}
