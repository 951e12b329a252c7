//! Queues of DPDK (`rte_ring`), for one thread.
//!
//! Invariant: what is in a ring belongs to the ring, and each item is in it once.

use crate::eal::Eal;
use crate::error::{Attempt, RingError};
use crate::mbuf::Mbuf;
use dpdk_sys::rte_ring;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};

/// What a ring can carry: an owning pointer.
///
/// # Safety
/// The type has the size, the alignment and the bits of a pointer that is never null, and moving
/// its bits elsewhere moves the value.
pub unsafe trait Item: Sized {}

// SAFETY: it is `repr(transparent)` over a `NonNull`.
unsafe impl Item for Mbuf {}
// SAFETY: a Box of a sized type is a pointer that is never null, and moves as one.
unsafe impl<T> Item for Box<T> {}

/// A ring of owned items, first in, first out, that holds exactly so many as it was made for.
///
/// Dropping it drops what is in it.
pub struct Ring<T: Item> {
    ring: NonNull<rte_ring>,
    capacity: usize,
    items: PhantomData<T>,
}

impl<T: Item> Ring<T> {
    /// Makes a ring with room for exactly `capacity` items.
    ///
    /// # Errors
    /// `capacity` is 0, or DPDK has not enough memory left.
    pub fn new(eal: Eal, capacity: u32) -> Result<Ring<T>, RingError> {
        const { assert!(size_of::<T>() == size_of::<*mut ()>()) };
        const { assert!(align_of::<T>() == align_of::<*mut ()>()) };
        if capacity == 0 {
            return Err(RingError::Empty);
        }
        let name = eal.unique_name("ring");
        let flags = dpdk_sys::RING_F_SP_ENQ | dpdk_sys::RING_F_SC_DEQ | dpdk_sys::RING_F_EXACT_SZ;
        let attempt = Attempt::new("rte_ring_create");
        // SAFETY: `name` is a text that the call copies. Socket -1 is any.
        let ring = unsafe { dpdk_sys::rte_ring_create(name.as_ptr(), capacity, -1, flags) };
        let ring = attempt.pointer(ring).map_err(|cause| RingError::Dpdk { capacity, cause })?;
        // SAFETY: the ring was just made.
        let capacity = unsafe { dpdk_sys::rte_ring_get_capacity(ring.as_ptr()) } as usize;
        Ok(Ring { ring, capacity, items: PhantomData })
    }

    /// Puts an item in.
    ///
    /// # Errors
    /// The ring is full: the item comes back.
    pub fn push(&self, item: T) -> Result<(), T> {
        let item = ManuallyDrop::new(item);
        if self.enqueue((&raw const item).cast(), 1) == 1 {
            Ok(())
        } else {
            Err(ManuallyDrop::into_inner(item))
        }
    }

    /// Takes the oldest item out.
    pub fn pop(&self) -> Option<T> {
        let mut slot = MaybeUninit::<T>::uninit();
        if self.dequeue(slot.as_mut_ptr(), 1) == 0 {
            return None;
        }
        // SAFETY: the ring wrote one item, which is ours now.
        Some(unsafe { slot.assume_init() })
    }

    /// Puts items in from the front of `from`, as many as there is room for, and returns how many.
    /// What has no room stays in `from`, in order.
    pub fn push_burst(&self, from: &mut Vec<T>) -> usize {
        let taken = self.enqueue(from.as_ptr(), from.len());
        forget_front(from, taken);
        taken
    }

    /// Takes up to `max` items out, oldest first, appends them to `into` and returns how many.
    pub fn pop_burst(&self, into: &mut Vec<T>, max: usize) -> usize {
        let max = max.min(self.capacity);
        into.reserve(max);
        let got = self.dequeue(into.spare_capacity_mut().as_mut_ptr().cast(), max);
        // SAFETY: the ring wrote `got` items behind the last, where room was reserved.
        unsafe { into.set_len(into.len() + got) };
        got
    }

    /// Items in the ring.
    pub fn len(&self) -> usize {
        // SAFETY: the ring is alive.
        (unsafe { dpdk_sys::rte_ring_count(self.ring.as_ptr()) }) as usize
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items that it has room for when it is empty.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn as_ptr(&self) -> *mut rte_ring {
        self.ring.as_ptr()
    }

    /// What was taken belongs to the ring from here on: the caller must forget it.
    fn enqueue(&self, items: *const T, count: usize) -> usize {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // SAFETY: `items` are `count` non-null pointers (`Item`), read and not written; this is the
        // ring's only thread.
        let taken = unsafe {
            dpdk_sys::rte_ring_sp_enqueue_burst(
                self.ring.as_ptr(),
                items.cast(),
                count,
                ptr::null_mut(),
            )
        };
        taken as usize
    }

    /// What was written is the caller's.
    fn dequeue(&self, room: *mut T, count: usize) -> usize {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // SAFETY: `room` has room for `count` pointers, and what is in the ring is of type T;
        // this is the ring's only thread.
        let got = unsafe {
            dpdk_sys::rte_ring_sc_dequeue_burst(
                self.ring.as_ptr(),
                room.cast(),
                count,
                ptr::null_mut(),
            )
        };
        got as usize
    }
}

impl<T: Item> Drop for Ring<T> {
    fn drop(&mut self) {
        while let Some(item) = self.pop() {
            drop(item);
        }
        // SAFETY: the ring is empty and nobody else knows it: a port that uses it is closed first.
        unsafe { dpdk_sys::rte_ring_free(self.ring.as_ptr()) };
    }
}

impl<T: Item> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// Removes the first `n` items without dropping them: somebody took them.
pub(crate) fn forget_front<T>(items: &mut Vec<T>, n: usize) {
    items.drain(..n).for_each(mem::forget);
}
