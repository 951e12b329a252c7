//! Ports: what a dataplane receives from and transmits to, by one of DPDK's own drivers.
//!
//! | | receives | transmits |
//! |---|---|---|
//! | [`Port::ring`] | what was injected | to where it can be collected |
//! | [`Port::pcap`] | the frames of captures | into nothing |
//! | [`Port::null`] | frames of zeros without end, or nothing | into nothing |
//!
//! Invariant: a port owns a pool's share, its files and its rings, and lets go of them only after
//! DPDK's device is closed (the order of the fields in [`Port`]).
//! Not here: time. A port is as fast as it is polled; when a frame is there to be received is the
//! business of who injects it.

use crate::device::{self, Device};
use crate::eal::Eal;
use crate::error::{Attempt, PortError, RingError};
use crate::mbuf::Mbuf;
use crate::pool::{Handle, Pool};
use crate::ring::{Ring, forget_front};
use dataplane::packet::SEGMENT;
use dataplane::{Buf, QueueId};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Queues that a port can have in each direction (`RTE_PMD_RING_MAX_RX_RINGS`, and net_pcap's).
pub const MAX_QUEUES: u16 = 16;
/// Ports that a process can have at a time (`RTE_MAX_ETHPORTS`).
pub const MAX_PORTS: u16 = 32;

const _: () = assert!(MAX_QUEUES as u32 == dpdk_sys::RTE_PMD_RING_MAX_RX_RINGS);
const _: () = assert!(MAX_QUEUES as u32 == dpdk_sys::RTE_PMD_RING_MAX_TX_RINGS);
const _: () = assert!(MAX_PORTS as u32 == dpdk_sys::RTE_MAX_ETHPORTS);

/// A started port. Dropping it closes it and frees what is left in its rings.
#[derive(Debug)]
pub struct Port {
    device: Device,
    rx_queues: u16,
    tx_queues: u16,
    /// Frames that were received but are no packets.
    malformed: u64,
    source: Source,
    /// The device fills from it.
    _pool: Handle,
}

/// What is behind the device.
#[derive(Debug)]
enum Source {
    Ring {
        rx: Vec<Ring<Mbuf>>,
        tx: Vec<Ring<Mbuf>>,
    },
    /// The driver knows the captures by the numbers of these files, so they stay open.
    Pcap {
        _files: Vec<File>,
    },
    Null,
}

/// What a port's driver counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Packets received.
    pub ipackets: u64,
    /// Packets transmitted.
    pub opackets: u64,
    /// Packets lost because a queue was full. A ring port loses none: who injects keeps them.
    pub imissed: u64,
    /// Packets that could not be received: the capture is broken there, or the frame has more than
    /// 65,535 bytes.
    pub ierrors: u64,
    /// Packets that could not be transmitted.
    pub oerrors: u64,
    /// Packets lost because the pool was empty.
    pub rx_nombuf: u64,
}

impl Port {
    /// A port whose wire is in this program's hands: what is [injected](Port::inject) can be
    /// received, what is transmitted can be [collected](Port::collect), and a full ring refuses.
    /// Each of its queues holds exactly so many frames. [`Meta`](dataplane::Meta) goes through
    /// unchanged. One of the two numbers of queues may be 0, the numbers of descriptors may not.
    ///
    /// # Errors
    /// Too many or no queues, too many ports, or no memory.
    pub fn ring(
        eal: Eal,
        pool: &Pool,
        rx_queues: u16,
        tx_queues: u16,
        rx_descriptors: u32,
        tx_descriptors: u32,
    ) -> Result<Port, PortError> {
        check(rx_queues.into(), tx_queues.into())?;
        // DPDK wants a ring in each direction, even one that no queue is made of.
        let rx = rings(eal, rx_queues.max(1), rx_descriptors)?;
        let tx = rings(eal, tx_queues.max(1), tx_descriptors)?;
        let name = eal.unique_name("r");
        let device = ring_device(&name, &rx, &tx)?;
        device.start(rx_queues, tx_queues, &pool.share())?;
        Ok(Port::new(device, rx_queues, tx_queues, Source::Ring { rx, tx }, pool))
    }

    /// A port that receives the frames of captures, one receive queue for each file, and drops what
    /// is transmitted. The files may be pcap or pcapng, of either byte order, by any path.
    ///
    /// Of a frame only its captured bytes come through: neither its time (DPDK has microseconds
    /// only) nor its original length. A burst of 0 means the end of the file, or an error in it:
    /// [`PortStats::ierrors`] tells them apart. A frame for which the pool has no buffers is lost.
    ///
    /// # Errors
    /// A file cannot be opened or is no capture, too many or no queues, too many ports.
    pub fn pcap(
        eal: Eal,
        pool: &Pool,
        captures: &[&Path],
        tx_queues: u16,
    ) -> Result<Port, PortError> {
        check(captures.len(), tx_queues.into())?;
        if captures.is_empty() {
            return Err(PortError::Queues { rx: 0, tx: tx_queues.into() });
        }
        let files = captures.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
        // The driver splits its arguments at ',' and '=', so it gets a path without any.
        let paths: Vec<String> =
            files.iter().map(|file| format!("/proc/self/fd/{}", file.as_raw_fd())).collect();
        let args: Vec<String> = paths.iter().map(|path| format!("rx_pcap={path}")).collect();
        let args = CString::new(args.join(",")).unwrap_or_default();
        let device = Device::new(eal.unique_name("net_pcap"), &args).map_err(|mut cause| {
            for (path, capture) in paths.iter().zip(captures) {
                cause.rename(&format!("{path}:"), &format!("{}:", capture.display()));
            }
            PortError::Capture(cause)
        })?;
        // The driver drops what is transmitted on as many queues as it receives on.
        let rx_queues = u16::try_from(files.len()).unwrap_or(MAX_QUEUES);
        device.start(rx_queues, rx_queues, &pool.share())?;
        Ok(Port::new(device, rx_queues, tx_queues, Source::Pcap { _files: files }, pool))
    }

    /// A port that drops what is transmitted, and receives nothing, or as many frames as are asked
    /// for, each of `rx_frame_len` zeros.
    ///
    /// DPDK's driver leaks 384 bytes each time such a port is made and dropped.
    ///
    /// # Errors
    /// Frames of 0 or more than 2048 bytes, too many or no queues, too many ports.
    pub fn null(
        eal: Eal,
        pool: &Pool,
        rx_frame_len: Option<u16>,
        rx_queues: u16,
        tx_queues: u16,
    ) -> Result<Port, PortError> {
        check(rx_queues.into(), tx_queues.into())?;
        let args = match rx_frame_len {
            Some(len) if len == 0 || usize::from(len) > SEGMENT => {
                return Err(PortError::FrameLen(len));
            }
            // Not copy=1: it reads `len` bytes of each transmitted frame, even of a shorter one.
            Some(len) => format!("size={len},copy=0,no-rx=0"),
            None => "no-rx=1".to_owned(),
        };
        let args = CString::new(args).unwrap_or_default();
        let device = Device::new(eal.unique_name("net_null"), &args)?;
        device.start(rx_queues, tx_queues, &pool.share())?;
        Ok(Port::new(device, rx_queues, tx_queues, Source::Null, pool))
    }

    fn new(device: Device, rx_queues: u16, tx_queues: u16, source: Source, pool: &Pool) -> Port {
        Port { device, rx_queues, tx_queues, malformed: 0, source, _pool: pool.share() }
    }

    /// Receive queues.
    pub fn rx_queues(&self) -> u16 {
        self.rx_queues
    }

    /// Transmit queues.
    pub fn tx_queues(&self) -> u16 {
        self.tx_queues
    }

    /// Takes up to `max` frames from a receive queue, appends them to `into` and returns how many.
    /// A frame from a capture or from null has a [`Meta`](dataplane::Meta) of zeros.
    ///
    /// # Panics
    /// There is no such queue.
    pub fn rx_burst(&mut self, queue: QueueId, into: &mut Vec<Mbuf>, max: usize) -> usize {
        assert!(queue.0 < self.rx_queues, "there are {} receive queues", self.rx_queues);
        let before = into.len();
        self.device.rx_burst(queue.0, into, max);
        match self.source {
            Source::Ring { .. } => {}
            Source::Pcap { .. } => self.malformed += keep_whole(into, before),
            Source::Null => {
                for buffer in &mut into[before..] {
                    buffer.reset_meta();
                    buffer.head_mut().fill(0);
                }
            }
        }
        into.len() - before
    }

    /// Offers all of `from` to a transmit queue, front first, and returns how many were accepted.
    /// Those are gone from `from`; what was refused is still there, in order.
    ///
    /// # Panics
    /// There is no such queue.
    pub fn tx_burst(&mut self, queue: QueueId, from: &mut Vec<Mbuf>) -> usize {
        assert!(queue.0 < self.tx_queues, "there are {} transmit queues", self.tx_queues);
        let queue = match self.source {
            Source::Pcap { .. } => queue.0 % self.rx_queues,
            _ => queue.0,
        };
        let taken = self.device.tx_burst(queue, from);
        forget_front(from, taken);
        taken
    }

    /// What the driver counted since the port was made.
    pub fn stats(&self) -> PortStats {
        let stats = self.device.stats();
        PortStats {
            ipackets: stats.ipackets - self.malformed,
            opackets: stats.opackets,
            imissed: stats.imissed,
            ierrors: stats.ierrors + self.malformed,
            oerrors: stats.oerrors,
            rx_nombuf: stats.rx_nombuf,
        }
    }

    /// The wire delivers a frame to a receive queue of a ring port.
    ///
    /// # Errors
    /// The queue is full: the frame comes back.
    ///
    /// # Panics
    /// This is no ring port, or there is no such queue.
    pub fn inject(&mut self, queue: QueueId, frame: Mbuf) -> Result<(), Mbuf> {
        self.rx_ring(queue).push(frame)
    }

    /// The wire delivers frames to a receive queue of a ring port, front first, and returns how many
    /// were accepted. Those are gone from `frames`; what had no room is still there, in order.
    ///
    /// # Panics
    /// This is no ring port, or there is no such queue.
    pub fn inject_burst(&mut self, queue: QueueId, frames: &mut Vec<Mbuf>) -> usize {
        self.rx_ring(queue).push_burst(frames)
    }

    /// The wire takes up to `max` frames, oldest first, from a transmit queue of a ring port,
    /// appends them to `into`, and returns how many.
    ///
    /// # Panics
    /// This is no ring port, or there is no such queue.
    pub fn collect(&mut self, queue: QueueId, into: &mut Vec<Mbuf>, max: usize) -> usize {
        self.tx_ring(queue).pop_burst(into, max)
    }

    /// Frames that were injected into a ring port's receive queue, but not yet received.
    ///
    /// # Panics
    /// This is no ring port, or there is no such queue.
    pub fn rx_pending(&self, queue: QueueId) -> usize {
        self.rx_ring(queue).len()
    }

    /// Frames that were transmitted to a ring port's queue, but not yet collected.
    ///
    /// # Panics
    /// This is no ring port, or there is no such queue.
    pub fn tx_pending(&self, queue: QueueId) -> usize {
        self.tx_ring(queue).len()
    }

    fn rx_ring(&self, queue: QueueId) -> &Ring<Mbuf> {
        assert!(queue.0 < self.rx_queues, "there are {} receive queues", self.rx_queues);
        match &self.source {
            Source::Ring { rx, .. } => &rx[queue.index()],
            Source::Pcap { .. } | Source::Null => panic!("only a ring port has a wire's end"),
        }
    }

    fn tx_ring(&self, queue: QueueId) -> &Ring<Mbuf> {
        assert!(queue.0 < self.tx_queues, "there are {} transmit queues", self.tx_queues);
        match &self.source {
            Source::Ring { tx, .. } => &tx[queue.index()],
            Source::Pcap { .. } | Source::Null => panic!("only a ring port has a wire's end"),
        }
    }
}

fn check(rx: usize, tx: usize) -> Result<(), PortError> {
    let most = usize::from(MAX_QUEUES);
    if rx > most || tx > most || rx + tx == 0 {
        return Err(PortError::Queues { rx, tx });
    }
    if device::count() >= MAX_PORTS {
        return Err(PortError::Ports);
    }
    Ok(())
}

fn rings(eal: Eal, queues: u16, descriptors: u32) -> Result<Vec<Ring<Mbuf>>, RingError> {
    (0..queues).map(|_| Ring::new(eal, descriptors)).collect()
}

fn ring_device(name: &CString, rx: &[Ring<Mbuf>], tx: &[Ring<Mbuf>]) -> Result<Device, PortError> {
    let rx_rings: Vec<_> = rx.iter().map(Ring::as_ptr).collect();
    let tx_rings: Vec<_> = tx.iter().map(Ring::as_ptr).collect();
    let attempt = Attempt::new("rte_eth_from_rings");
    // SAFETY: the arrays have as many rings as they say, and are copied; the rings outlive the
    // device (see `Port`), and carry buffers only.
    let id = unsafe {
        dpdk_sys::rte_eth_from_rings(
            name.as_ptr(),
            rx_rings.as_ptr(),
            u32::try_from(rx_rings.len()).unwrap_or(0),
            tx_rings.as_ptr(),
            u32::try_from(tx_rings.len()).unwrap_or(0),
            0,
        )
    };
    let id = attempt.code_or_errno(id)?;
    let id = u16::try_from(id).map_err(|_| PortError::Ports)?;
    let device_name = [b"net_ring_", name.as_bytes()].concat();
    Ok(Device::of(id, CString::new(device_name).unwrap_or_default()))
}

fn open(path: &Path) -> Result<File, PortError> {
    File::open(path).map_err(|source| PortError::Open { path: path.to_owned(), source })
}

/// Resets the Meta of what was received from `before` on, and frees what is no packet: the driver
/// counts a frame's length in 16 bits as it copies, but in 32 where it says how long it is, so that
/// a frame of 70,000 bytes has 4,464. Returns how many were freed.
fn keep_whole(received: &mut Vec<Mbuf>, before: usize) -> u64 {
    let mut kept = before;
    for index in before..received.len() {
        if received[index].is_whole() {
            received[index].reset_meta();
            received.swap(kept, index);
            kept += 1;
        }
    }
    let malformed = received.len() - kept;
    received.truncate(kept);
    malformed as u64
}
