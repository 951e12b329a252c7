//! The dataplane's only view of a packet's bytes.
//!
//! Invariant: a buffer has exactly one owner. It leaves by four doors: transmitted, sent to another
//! lcore, consumed, or dropped by name; each takes it by value and ends in [`World`](crate::World).
//! Not here: where buffers come from and go to (`world.rs`), and what their bytes mean (`wire/`).

use crate::types::PortId;
use crate::wire::checksum::Sum;
use std::ops::Range;

/// The identity of a packet within a run: 1, 2, 3 … in the order in which frames arrive from the
/// wires and packets are made. Never an address, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct PacketId(pub u64);

/// What is known of a packet beside its bytes. It travels with the buffer through every ring.
///
/// Plain integers only, and valid when all zero: a DPDK buffer keeps it in its private area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Meta {
    /// Who this packet is.
    pub id: PacketId,
    /// The device that it came in on, or will leave by.
    pub port: PortId,
    /// [`Meta::SOLICITED`], [`Meta::COPIED`], both or neither.
    pub flags: u16,
    /// Padding, always zero, so that the whole is 16 bytes and has no hidden ones.
    pub reserved: [u16; 2],
}

impl Meta {
    /// An ARP packet in a ring: the lcore that received it has learnt from it.
    pub const SOLICITED: u16 = 1;
    /// The kernel has a copy of this frame already.
    pub const COPIED: u16 = 2;
}

const _: () = assert!(size_of::<Meta>() == 16);

/// The buffer has not enough room, or not enough bytes, for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room in the buffer")]
pub struct NoRoom;

/// Adds bytes of a packet to a checksum, across segments. What would be beyond its end is not there.
pub fn add(sum: &mut Sum, buf: &impl Buf, bytes: Range<usize>) {
    let end = bytes.end.min(buf.len());
    parts(buf, bytes.start.min(end)..end).for_each(|part| sum.add(part));
}

/// Bytes of one frame, with room to grow in front.
///
/// A buffer is a chain of one or more segments. The first is the *head*: headers are read and
/// written there. A fresh buffer has [`HEADROOM`] bytes in front and room for [`SEGMENT`] behind.
pub trait Buf {
    /// What is known of the packet beside its bytes.
    fn meta(&self) -> &Meta;
    /// The same, to write.
    fn meta_mut(&mut self) -> &mut Meta;

    /// Bytes in all segments together.
    fn len(&self) -> usize;
    /// Whether there is no byte at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The bytes of the first segment.
    fn head(&self) -> &[u8];
    /// The same, to write.
    fn head_mut(&mut self) -> &mut [u8];
    /// How many segments there are, at least one.
    fn segments(&self) -> usize;
    /// The bytes of each segment in turn. Some may be empty.
    fn slices(&self) -> impl Iterator<Item = &[u8]>;
    /// The bytes of segment `index`, counted from 0; empty beyond the last. It walks the chain.
    fn segment(&self, index: usize) -> &[u8] {
        self.slices().nth(index).unwrap_or_default()
    }

    /// Opens `n` bytes in front and returns them, to be written in full.
    ///
    /// # Errors
    /// The headroom is smaller than `n`; nothing has changed.
    fn prepend(&mut self, n: usize) -> Result<&mut [u8], NoRoom>;
    /// Takes back `n` bytes that [`Buf::strip_front`] took off and nobody has written since.
    ///
    /// # Errors
    /// The headroom is smaller than `n`; nothing has changed.
    fn unstrip(&mut self, n: usize) -> Result<(), NoRoom> {
        self.prepend(n).map(|_| ())
    }
    /// Opens `n` bytes at the end of the last segment and returns them, to be written in full.
    ///
    /// # Errors
    /// The last segment has less than `n` bytes of tailroom; nothing has changed.
    fn append(&mut self, n: usize) -> Result<&mut [u8], NoRoom>;
    /// Takes `n` bytes off the front of the first segment.
    ///
    /// # Errors
    /// The first segment is shorter than `n`; nothing has changed.
    fn strip_front(&mut self, n: usize) -> Result<(), NoRoom>;
    /// Takes bytes off the end, across segments, until `len` are left.
    ///
    /// # Errors
    /// The packet is shorter than `len`; nothing has changed.
    fn truncate(&mut self, len: usize) -> Result<(), NoRoom>;

    /// Copies `out.len()` bytes from `offset` on, across segments.
    ///
    /// # Errors
    /// The packet ends before; `out` is then in no defined state.
    fn read(&self, offset: usize, out: &mut [u8]) -> Result<(), NoRoom> {
        let mut skip = offset;
        let mut done = 0;
        for segment in self.slices() {
            let from = skip.min(segment.len());
            skip -= from;
            let n = (segment.len() - from).min(out.len() - done);
            out[done..done + n].copy_from_slice(&segment[from..from + n]);
            done += n;
        }
        if done == out.len() { Ok(()) } else { Err(NoRoom) }
    }
}

/// The slices that `bytes` of a packet lie in.
///
/// # Panics
/// The packet ends before.
pub fn parts<B: Buf>(of: &B, bytes: Range<usize>) -> impl Iterator<Item = &[u8]> {
    assert!(bytes.end <= of.len(), "only what is there can be copied");
    let (mut skip, mut left) = (bytes.start, bytes.len());
    of.slices().map(move |slice| {
        let from = skip.min(slice.len());
        skip -= from;
        let n = (slice.len() - from).min(left);
        left -= n;
        &slice[from..from + n]
    })
}

/// Segments that one packet may have (`RTE_MBUF_MAX_NB_SEGS`).
pub const SEGMENTS_MAX: usize = 65_535;
/// Bytes in front of a fresh buffer (`RTE_PKTMBUF_HEADROOM`).
pub const HEADROOM: usize = 128;
/// Bytes that the first segment of a fresh buffer holds behind its headroom.
pub const SEGMENT: usize = 2048;
