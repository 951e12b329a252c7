//! Where buffers come from and go home to.
//!
//! Invariant: the memory of a pool is given back only when all its buffers are in it and no port
//! fills from it, so that no [`Mbuf`] can outlive its memory.

use crate::eal::Eal;
use crate::error::{Attempt, PoolError};
use crate::mbuf::Mbuf;
use dataplane::Meta;
use dataplane::packet::{HEADROOM, SEGMENT};
use dpdk_sys::rte_mempool;
use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;
#[expect(
    clippy::disallowed_types,
    reason = "ports share a pool; a packet is still never shared"
)]
use std::rc::Rc;

/// Bytes of a segment, headroom included.
pub(crate) const ROOM: u16 = 2176;
/// Buffers that the lcore keeps at hand. Without them the pool is first in, first out, and walks
/// through all its memory: 5 times slower with large frames.
const CACHE: u32 = 256;

const _: () = assert!(HEADROOM + SEGMENT == ROOM as usize);
const _: () = assert!(HEADROOM == dpdk_sys::RTE_PKTMBUF_HEADROOM as usize);
const _: () = assert!(CACHE <= dpdk_sys::RTE_MEMPOOL_CACHE_MAX_SIZE);
// The private area begins at a multiple of 8 and must be one of 8 long (RTE_MBUF_PRIV_ALIGN).
const _: () = assert!(size_of::<Meta>() == 16 && align_of::<Meta>() <= 8);
const META: u16 = 16;

/// A fixed number of buffers.
///
/// A pool may be dropped while buffers are out: they stay valid, and its memory is given back when
/// they are home, at the next [`Pool::new`]. So the order in which a pool, its ports and its
/// buffers are dropped does not matter. [`Pool::is_full`] tells whether any is missing.
#[derive(Debug)]
pub struct Pool {
    handle: Handle,
    /// What is written over the room of a buffer when it is allocated, if anything is.
    fill: Cell<Option<u8>>,
}

/// The pool's memory, shared by the pool and the ports that fill from it.
#[expect(clippy::disallowed_types, reason = "ports share a pool; a packet is still never shared")]
pub(crate) type Handle = Rc<Memory>;

pub(crate) struct Memory {
    pool: NonNull<rte_mempool>,
    count: u32,
}

impl Pool {
    /// Makes a pool of exactly `count` buffers, each of 128 bytes of headroom and 2048 of room.
    /// Everything in a fresh pool is zero.
    ///
    /// # Errors
    /// `count` is 0, or DPDK has not enough memory left.
    pub fn new(eal: Eal, count: u32) -> Result<Pool, PoolError> {
        free_orphans();
        if count == 0 {
            return Err(PoolError::Empty);
        }
        let name = eal.unique_name("pool");
        // DPDK wants one and a half caches to fit in the pool.
        let cache = CACHE.min(count / 3 * 2);
        let attempt = Attempt::new("rte_mempool_create_empty");
        // SAFETY: `name` is a text that the call copies; the sizes are checked by the call.
        let pool =
            unsafe { dpdk_sys::dpdk_shim_pool_create(name.as_ptr(), count, cache, META, ROOM) };
        let pool = attempt.pointer(pool).map_err(|cause| PoolError::Dpdk { count, cause })?;
        Ok(Pool { handle: Handle::new(Memory { pool, count }), fill: Cell::new(None) })
    }

    /// An empty buffer with full headroom and a [`Meta`] of zeros; nothing when the pool is empty.
    /// Its room holds what the last owner left there.
    pub fn alloc(&self) -> Option<Mbuf> {
        // SAFETY: the pool is alive as long as the handle, and this is its thread.
        let buffer = unsafe { dpdk_sys::rte_pktmbuf_alloc(self.handle.pool.as_ptr()) };
        let buffer = NonNull::new(buffer)?;
        // SAFETY: just allocated, so it is whole and has no other owner; its private area has room
        // for a Meta, as every pool's of this crate.
        let mut buffer = unsafe { Mbuf::from_raw(buffer) };
        buffer.reset_meta();
        if let Some(fill) = self.fill.get() {
            buffer.fill_room(fill);
        }
        Some(buffer)
    }

    /// Writes this byte over the room of every buffer that is home, and from now on over that of each
    /// that is allocated here; with nothing it leaves them as they are again. A driver that allocates for
    /// itself gets what is home.
    ///
    /// It is for tests: whoever reads a byte that nobody wrote reads another one with another fill.
    pub fn poison(&self, fill: Option<u8>) {
        self.fill.set(fill);
        if fill.is_some() {
            // All of them at once: the cache hands out again what came back last.
            let all: Vec<Mbuf> = std::iter::from_fn(|| self.alloc()).collect();
            drop(all);
        }
    }

    /// Buffers that can be allocated.
    pub fn available(&self) -> u32 {
        self.handle.available()
    }

    /// Buffers that are out: held by somebody, in a ring or in a queue.
    pub fn in_use(&self) -> u32 {
        self.handle.count - self.handle.available()
    }

    /// Buffers that there are.
    pub fn size(&self) -> u32 {
        self.handle.count
    }

    /// Whether every buffer is home.
    pub fn is_full(&self) -> bool {
        self.in_use() == 0
    }

    /// A share of the pool's memory, for a port that fills from it.
    pub(crate) fn share(&self) -> Handle {
        Handle::clone(&self.handle)
    }
}

impl Memory {
    pub(crate) fn as_ptr(&self) -> *mut rte_mempool {
        self.pool.as_ptr()
    }

    fn available(&self) -> u32 {
        // SAFETY: the pool is alive, and this is its thread, so no other lcore has a cache of it.
        unsafe { dpdk_sys::dpdk_shim_pool_available(self.pool.as_ptr()) }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("count", &self.count).finish_non_exhaustive()
    }
}

thread_local! {
    /// Pools that were dropped while buffers of theirs were out. DPDK has one thread, so this is
    /// one list.
    static ORPHANS: Cell<Vec<Orphan>> = const { Cell::new(Vec::new()) };
}

struct Orphan(NonNull<rte_mempool>, u32);

impl Drop for Memory {
    fn drop(&mut self) {
        if self.available() == self.count {
            // SAFETY: all buffers are home and the last handle is gone: nobody knows the pool.
            unsafe { dpdk_sys::rte_mempool_free(self.pool.as_ptr()) };
            return;
        }
        let orphan = Orphan(self.pool, self.count);
        // When the thread is ending the list is gone, and the pool stays until the process ends.
        let _ = ORPHANS.try_with(|list| {
            let mut orphans = list.take();
            orphans.push(orphan);
            list.set(orphans);
        });
    }
}

/// Gives back the pools whose last buffer has come home since they were dropped.
fn free_orphans() {
    ORPHANS.with(|list| {
        for Orphan(pool, count) in list.take() {
            // From here on it is owned, and freed or listed again, as any other pool.
            drop(Memory { pool, count });
        }
    });
}
