//! A packet's bytes in DPDK's memory.
//!
//! Invariant: a [`Mbuf`] is the only owner of a whole chain (every `refcnt` is 1, `pkt_len` is the
//! sum of the segments, `nb_segs` their number), each segment's bytes lie within its buffer, and
//! its private area holds a [`Meta`]. All of a pool's memory was zeroed when the pool was made, so
//! that bytes opened by `prepend` and `append` are stale at worst, never uninitialised.
//! Not here: where buffers come from (`pool.rs`).

use crate::pool::{Pool, ROOM};
use dataplane::heap::NEXT_SEGMENT;
use dataplane::packet;
use dataplane::{Buf, Meta, NoRoom, PacketId};
use dpdk_sys::rte_mbuf;
use std::fmt;
use std::iter;
use std::mem;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::slice;

const _: () = assert!(NEXT_SEGMENT == ROOM as usize);
// A burst is handed to C as an array of pointers.
const _: () = assert!(size_of::<Mbuf>() == size_of::<*mut rte_mbuf>());
const _: () = assert!(size_of::<Option<Mbuf>>() == size_of::<*mut rte_mbuf>());

/// A buffer and whoever's it is: dropping it frees the whole chain to its pool.
#[repr(transparent)]
#[must_use = "dropping a buffer frees it"]
pub struct Mbuf(NonNull<rte_mbuf>);

impl Mbuf {
    /// Takes the buffer over.
    ///
    /// # Safety
    /// It is the head of a whole chain from a [`Pool`], and nobody else's.
    pub(crate) unsafe fn from_raw(head: NonNull<rte_mbuf>) -> Mbuf {
        Mbuf(head)
    }

    /// Gives the buffer up without freeing it.
    pub(crate) fn into_raw(self) -> NonNull<rte_mbuf> {
        mem::ManuallyDrop::new(self).0
    }

    /// Appends bytes, opening further segments from `pool` as needed.
    ///
    /// # Errors
    /// The pool has not enough buffers, or the chain would be longer than 65,535 segments; nothing
    /// has changed.
    pub fn extend(&mut self, bytes: &[u8], pool: &Pool) -> Result<(), NoRoom> {
        let mut rest = bytes;
        self.grow(bytes.len(), pool, |room| {
            let (now, later) = rest.split_at(room.len());
            room.copy_from_slice(now);
            rest = later;
        })
    }

    /// Appends zeros until there are `len` bytes; a longer packet is left as it is.
    ///
    /// # Errors
    /// As [`Mbuf::extend`].
    pub fn pad_to(&mut self, len: usize, pool: &Pool) -> Result<(), NoRoom> {
        self.grow(len.saturating_sub(self.len()), pool, |room| room.fill(0))
    }

    /// A copy of `bytes` of this packet in as few segments as they take, with full headroom. Its
    /// [`Meta`] is the same but for the identity, which is 0. Nothing when the pool has not enough
    /// buffers.
    ///
    /// # Panics
    /// The packet ends before.
    pub fn copy(&self, bytes: Range<usize>, pool: &Pool) -> Option<Mbuf> {
        let mut copy = pool.alloc()?;
        for part in packet::parts(self, bytes) {
            copy.extend(part, pool).ok()?;
        }
        *copy.meta_mut() = Meta { id: PacketId(0), ..*self.meta() };
        Some(copy)
    }

    /// Appends the segments of another packet, whose [`Meta`] is lost. No byte is moved. What
    /// `rte_pktmbuf_chain` does, but that the other packet is given up for good.
    ///
    /// # Errors
    /// The chain would be longer than 65,535 segments or 4 GiB: the other packet comes back.
    pub fn chain(&mut self, tail: Mbuf) -> Result<(), Mbuf> {
        let (head, other) = (self.head_segment(), tail.head_segment());
        let segments = head.nb_segs.checked_add(other.nb_segs);
        let len = head.pkt_len.checked_add(other.pkt_len);
        let (Some(segments), Some(len)) = (segments, len) else { return Err(tail) };
        self.last_mut().next = tail.into_raw().as_ptr();
        let head = self.head_segment_mut();
        head.nb_segs = segments;
        head.pkt_len = len;
        Ok(())
    }

    /// Sets the [`Meta`] to zeros: a buffer that C allocated holds its last owner's.
    pub(crate) fn reset_meta(&mut self) {
        // SAFETY: the private area is this buffer's own, has room for a Meta (`META` in pool.rs)
        // and is aligned to 8.
        unsafe { self.meta_ptr().write(Meta::default()) };
    }

    /// Writes a byte over all the room of an empty buffer of one segment, in front and behind.
    pub(crate) fn fill_room(&mut self, fill: u8) {
        let head = self.head_segment_mut();
        assert!(head.data_len == 0 && head.next.is_null(), "no packet is written over");
        // SAFETY: `buf_addr` is the start of this buffer's own room, of `buf_len` bytes, and it is borrowed
        // by nobody.
        unsafe { ptr::write_bytes(head.buf_addr.cast::<u8>(), fill, head.buf_len.into()) };
    }

    /// Whether lengths and segments agree. What a driver received may not: see `port.rs`.
    pub(crate) fn is_whole(&self) -> bool {
        let mut count = 0_usize;
        let mut sum = 0_usize;
        let mut at = Some(self.head_segment());
        while let Some(segment) = at {
            count += 1;
            sum += usize::from(segment.data_len);
            at = next(segment);
        }
        count == self.segments() && sum == self.len()
    }

    /// Opens `n` bytes at the end, in existing room first and in new segments then, and lets
    /// `fill` write each stretch. All or nothing.
    fn grow(
        &mut self,
        n: usize,
        pool: &Pool,
        mut fill: impl FnMut(&mut [u8]),
    ) -> Result<(), NoRoom> {
        let more = n.saturating_sub(tailroom(self.last())).div_ceil(NEXT_SEGMENT);
        let segments = u16::try_from(self.segments() + more).map_err(|_| NoRoom)?;
        let len = u32::try_from(self.len() + n).map_err(|_| NoRoom)?;

        let chain = take_segments(more, pool)?;
        let mut at = ptr::from_mut(self.last_mut());
        // SAFETY: the last segment is ours, and no reference to it is alive.
        unsafe { (*at).next = chain.map_or(ptr::null_mut(), |head| head.into_raw().as_ptr()) };
        let mut left = n;
        // SAFETY: from the last segment on, all of the chain is ours and borrowed by nobody.
        while let Some(segment) = unsafe { at.as_mut() } {
            let here = left.min(tailroom(segment));
            fill(open(segment, here));
            left -= here;
            at = segment.next;
        }
        assert!(left == 0, "there were segments taken for all bytes");
        let head = self.head_segment_mut();
        head.pkt_len = len;
        head.nb_segs = segments;
        Ok(())
    }

    fn head_segment(&self) -> &rte_mbuf {
        // SAFETY: the buffer is ours, and borrowed by nobody who writes.
        unsafe { self.0.as_ref() }
    }

    fn head_segment_mut(&mut self) -> &mut rte_mbuf {
        // SAFETY: the buffer is ours, and borrowed by nobody.
        let head = unsafe { self.0.as_mut() };
        assert!(head.refcnt == 1, "a buffer that is written to has one owner");
        head
    }

    fn last(&self) -> &rte_mbuf {
        let mut last = self.head_segment();
        while let Some(segment) = next(last) {
            last = segment;
        }
        last
    }

    fn last_mut(&mut self) -> &mut rte_mbuf {
        let mut at = self.0;
        // SAFETY: each segment of the chain is ours and borrowed by nobody.
        while let Some(segment) = NonNull::new(unsafe { at.as_ref() }.next) {
            at = segment;
        }
        // SAFETY: as above.
        let last = unsafe { at.as_mut() };
        assert!(last.refcnt == 1, "a buffer that is written to has one owner");
        last
    }

    /// The private area, right behind the header.
    fn meta_ptr(&self) -> *mut Meta {
        self.0.as_ptr().wrapping_add(1).cast()
    }
}

impl Buf for Mbuf {
    fn meta(&self) -> &Meta {
        // SAFETY: the private area holds a Meta, any bytes are one, and nobody writes to it.
        unsafe { &*self.meta_ptr() }
    }

    fn meta_mut(&mut self) -> &mut Meta {
        // SAFETY: as in `meta`, and the buffer is borrowed by nobody else.
        unsafe { &mut *self.meta_ptr() }
    }

    fn len(&self) -> usize {
        self.head_segment().pkt_len as usize
    }

    fn head(&self) -> &[u8] {
        bytes(self.head_segment())
    }

    fn head_mut(&mut self) -> &mut [u8] {
        let head = self.head_segment_mut();
        // SAFETY: the bytes lie within the buffer (the invariant), and it is borrowed by nobody.
        unsafe { slice::from_raw_parts_mut(start(head), head.data_len.into()) }
    }

    fn segments(&self) -> usize {
        self.head_segment().nb_segs.into()
    }

    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        iter::successors(Some(self.head_segment()), |segment| next(segment)).map(bytes)
    }

    fn prepend(&mut self, n: usize) -> Result<&mut [u8], NoRoom> {
        let n = u16::try_from(n).map_err(|_| NoRoom)?;
        let head = self.head_segment_mut();
        head.data_off = head.data_off.checked_sub(n).ok_or(NoRoom)?;
        head.data_len += n;
        head.pkt_len += u32::from(n);
        // SAFETY: the `n` bytes were headroom, so they lie within the buffer; it is borrowed by
        // nobody.
        Ok(unsafe { slice::from_raw_parts_mut(start(head), n.into()) })
    }

    fn append(&mut self, n: usize) -> Result<&mut [u8], NoRoom> {
        let room = tailroom(self.last());
        let len = u32::try_from(n).ok().and_then(|n| self.head_segment().pkt_len.checked_add(n));
        match len {
            Some(len) if n <= room => {
                self.head_segment_mut().pkt_len = len;
                Ok(open(self.last_mut(), n))
            }
            _ => Err(NoRoom),
        }
    }

    fn strip_front(&mut self, n: usize) -> Result<(), NoRoom> {
        let n = u16::try_from(n).map_err(|_| NoRoom)?;
        let head = self.head_segment_mut();
        head.data_len = head.data_len.checked_sub(n).ok_or(NoRoom)?;
        head.data_off += n;
        head.pkt_len -= u32::from(n);
        Ok(())
    }

    /// Segments that become empty are freed, all but the head.
    fn truncate(&mut self, len: usize) -> Result<(), NoRoom> {
        let total = u32::try_from(len).map_err(|_| NoRoom)?;
        if total > self.head_segment().pkt_len {
            return Err(NoRoom);
        }
        let mut left = len;
        let mut kept = 1;
        let mut at = self.head_segment_mut();
        while left > usize::from(at.data_len) {
            left -= usize::from(at.data_len);
            kept += 1;
            // SAFETY: the chain is ours, and no other reference into it is alive.
            match unsafe { at.next.as_mut() } {
                Some(after) => at = after,
                None => unreachable!("the segments hold pkt_len bytes together"),
            }
        }
        at.data_len = u16::try_from(left).map_err(|_| NoRoom)?;
        let rest = mem::replace(&mut at.next, ptr::null_mut());
        let head = self.head_segment_mut();
        head.pkt_len = total;
        head.nb_segs = kept;
        // The lengths within do not matter any more: freeing follows `next` only.
        drop(NonNull::new(rest).map(Mbuf));
        Ok(())
    }
}

impl Drop for Mbuf {
    fn drop(&mut self) {
        // SAFETY: the chain is ours, this is DPDK's thread (a Mbuf cannot be sent), and a pool
        // lives as long as a buffer of it is out.
        unsafe { dpdk_sys::rte_pktmbuf_free(self.0.as_ptr()) };
    }
}

impl fmt::Debug for Mbuf {
    /// No address: what is printed must be the same in every run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf")
            .field("meta", self.meta())
            .field("len", &self.len())
            .field("segments", &self.segments())
            .finish()
    }
}

/// Where the bytes of a segment begin.
fn start(segment: &rte_mbuf) -> *mut u8 {
    segment.buf_addr.cast::<u8>().wrapping_add(segment.data_off.into())
}

fn bytes(segment: &rte_mbuf) -> &[u8] {
    // SAFETY: the bytes lie within the buffer (the invariant), which lives and is not written to
    // as long as its header is borrowed.
    unsafe { slice::from_raw_parts(start(segment), segment.data_len.into()) }
}

fn next(segment: &rte_mbuf) -> Option<&rte_mbuf> {
    // SAFETY: what `next` points to belongs to the same chain, so it is borrowed with it.
    unsafe { segment.next.as_ref() }
}

fn tailroom(segment: &rte_mbuf) -> usize {
    usize::from(segment.buf_len) - usize::from(segment.data_off) - usize::from(segment.data_len)
}

/// Opens `n` bytes at the end of a segment. Neither `pkt_len` nor other segments change.
fn open(segment: &mut rte_mbuf, n: usize) -> &mut [u8] {
    assert!(n <= tailroom(segment), "the caller looked for the room");
    let end = start(segment).wrapping_add(segment.data_len.into());
    // A segment has less than 65,536 bytes of room, and so n does.
    segment.data_len += u16::try_from(n).unwrap_or(0);
    // SAFETY: the `n` bytes were tailroom, so they lie within the buffer; it is borrowed by nobody.
    unsafe { slice::from_raw_parts_mut(end, n) }
}

/// `count` empty segments without headroom, chained, or none at all.
fn take_segments(count: usize, pool: &Pool) -> Result<Option<Mbuf>, NoRoom> {
    let mut chain: Option<Mbuf> = None;
    for _ in 0..count {
        // What was taken so far goes home when the pool runs dry.
        let mut segment = pool.alloc().ok_or(NoRoom)?;
        let head = segment.head_segment_mut();
        head.data_off = 0;
        head.next = chain.map_or(ptr::null_mut(), |chain| chain.into_raw().as_ptr());
        chain = Some(segment);
    }
    Ok(chain)
}
