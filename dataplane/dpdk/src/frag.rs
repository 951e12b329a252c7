//! librte_ip_frag: DPDK's own reassembly of IPv4, to compare ours with. Nothing that runs uses it.
//!
//! Invariant: a fragment that was given to the table is the table's; what comes out, a datagram that
//! has become whole, is the caller's; what the library gave up has gone home when a call returns.
//! Time is a number of the caller's: the library reads no clock here.
//! Not here: what is a fragment, and whether its header can be trusted (the library trusts it).

use crate::eal::Eal;
use crate::error::{Attempt, FragTableError};
use crate::mbuf::Mbuf;
use dataplane::Buf;
use dpdk_sys::{rte_ip_frag_death_row, rte_ip_frag_tbl, rte_ipv4_hdr};
use std::fmt;
use std::ptr::NonNull;

/// Fragments of which the library can make a datagram, at most (`RTE_LIBRTE_IP_FRAG_MAX_FRAG`).
pub const MAX_FRAGMENTS: usize = dpdk_sys::RTE_LIBRTE_IP_FRAG_MAX_FRAG as usize;

/// Datagrams of which some fragments are here (`rte_ip_frag_tbl`).
///
/// Dropping it frees the fragments in it.
pub struct FragTable {
    table: NonNull<rte_ip_frag_tbl>,
    /// What the library gave up in a call: it leaves the freeing to others.
    dead: Box<rte_ip_frag_death_row>,
}

impl FragTable {
    /// Makes a table for the fragments of at most `datagrams` datagrams. A fragment begins a new one
    /// when it comes more than `age` after the first of its datagram, in the caller's unit of time.
    ///
    /// Which datagrams there is room for depends on their number alone, and on no hash of theirs:
    /// there are two buckets, and each has room for all.
    ///
    /// # Errors
    /// `datagrams` is 0 or more than 2^30, or DPDK has not enough memory left.
    pub fn new(_: Eal, datagrams: u32, age: u64) -> Result<FragTable, FragTableError> {
        if !(1..=1 << 30).contains(&datagrams) {
            return Err(FragTableError::Datagrams(datagrams));
        }
        let bucket = datagrams.next_power_of_two();
        let attempt = Attempt::new("rte_ip_frag_table_create");
        // SAFETY: takes numbers only, and checks them. Socket -1 is any.
        let table = unsafe { dpdk_sys::rte_ip_frag_table_create(1, bucket, datagrams, age, -1) };
        let table =
            attempt.pointer(table).map_err(|cause| FragTableError::Dpdk { datagrams, cause })?;
        Ok(FragTable { table, dead: Box::default() })
    }

    /// Takes a fragment of IPv4 at the time `now`, which is not before that of the last call; its
    /// header begins at byte `l2` and is `l3` bytes long. Returns the datagram if it is whole: the
    /// chain of its fragments, the first in front, with a header checksum of 0.
    ///
    /// # Panics
    /// The header is longer than an IPv4 header can be, or not whole in the first segment; or `l2`
    /// is more than 127.
    pub fn join(&mut self, fragment: Mbuf, l2: u8, l3: u16, now: u64) -> Option<Mbuf> {
        assert!(l2 < 1 << 7, "DPDK has 7 bits for the length of an Ethernet header");
        assert!((20..=60).contains(&l3), "an IPv4 header has 20 to 60 bytes");
        let (begin, end) = (usize::from(l2), usize::from(l2) + usize::from(l3));
        assert!(end <= fragment.head().len(), "the header is in the first segment");
        let head = fragment.head()[begin..].as_ptr();
        let fragment = fragment.into_raw();
        // SAFETY: the buffer is whole and ours; the call writes two numbers that are its own.
        unsafe { dpdk_sys::dpdk_shim_header_lens(fragment.as_ptr(), l2, l3) };
        let header = head.cast_mut().cast::<rte_ipv4_hdr>();
        // SAFETY: the table is alive; the buffer is a whole chain that is nobody else's, and from
        // here on the table's; the header lies in its first segment (asserted above) and is read
        // as packed; the row is empty, and has room for what one call gives up.
        let whole = unsafe {
            dpdk_sys::rte_ipv4_frag_reassemble_packet(
                self.table.as_ptr(),
                &raw mut *self.dead,
                fragment.as_ptr(),
                now,
                header,
            )
        };
        // SAFETY: what is in the row was given up: each buffer is whole, and nobody else's.
        unsafe { dpdk_sys::rte_ip_frag_free_death_row(&raw mut *self.dead, 0) };
        // SAFETY: what comes out is a whole chain from buffers of this crate, and the table has
        // forgotten it.
        NonNull::new(whole).map(|whole| unsafe { Mbuf::from_raw(whole) })
    }
}

impl Drop for FragTable {
    fn drop(&mut self) {
        // SAFETY: the table is alive and nobody else's; the buffers in it are its own, this is
        // DPDK's thread (a pointer cannot be sent), and a pool lives as long as a buffer of it is
        // out.
        unsafe { dpdk_sys::rte_ip_frag_table_destroy(self.table.as_ptr()) };
    }
}

impl fmt::Debug for FragTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FragTable").finish_non_exhaustive()
    }
}
