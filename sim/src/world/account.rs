//! How many buffers of the plan's pool are in use.

use dataplane::PacketId;
use std::collections::BTreeMap;

/// The plan's pool, as a number of buffers.
///
/// A packet is charged for the segments it has when it comes into being, and until it is freed:
/// that a fabric may give a segment back when a packet is cut short makes no difference.
#[derive(Debug)]
pub(crate) struct PoolAccount {
    size: u64,
    used: u64,
    /// The charges that are not one.
    longer: BTreeMap<PacketId, u64>,
}

impl PoolAccount {
    /// A full pool.
    pub fn new(size: u32) -> PoolAccount {
        PoolAccount { size: size.into(), used: 0, longer: BTreeMap::new() }
    }

    /// Charges a packet, if there are so many buffers.
    pub fn take(&mut self, packet: PacketId, segments: usize) -> bool {
        let segments = segments as u64;
        if self.size - self.used < segments {
            return false;
        }
        self.used += segments;
        if segments != 1 {
            self.longer.insert(packet, segments);
        }
        true
    }

    /// Discharges a packet.
    pub fn give(&mut self, packet: PacketId) {
        let segments = if self.longer.is_empty() { None } else { self.longer.remove(&packet) };
        let segments = segments.unwrap_or(1);
        assert!(segments <= self.used, "nobody gives back what was not taken");
        self.used -= segments;
    }

    /// What `tail` was charged is charged to `head` from now on.
    pub fn join(&mut self, head: PacketId, tail: PacketId) {
        let tail = self.longer.remove(&tail).unwrap_or(1);
        *self.longer.entry(head).or_insert(1) += tail;
    }

    /// Buffers in use.
    pub fn used(&self) -> u64 {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_packet_is_charged_in_full_or_not_at_all() {
        let mut pool = PoolAccount::new(32);
        assert!(pool.take(PacketId(1), 31));
        assert!(!pool.take(PacketId(2), 2));
        assert!(pool.take(PacketId(2), 1));
        assert!(!pool.take(PacketId(3), 1));
        pool.give(PacketId(1));
        assert_eq!(pool.used(), 1);
        pool.give(PacketId(2));
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_packet_that_became_part_of_another_is_given_back_with_it() {
        let mut pool = PoolAccount::new(8);
        assert!(pool.take(PacketId(1), 1) && pool.take(PacketId(2), 3));
        assert!(pool.take(PacketId(3), 1));
        pool.join(PacketId(2), PacketId(3));
        pool.join(PacketId(1), PacketId(2));
        assert_eq!(pool.used(), 5);
        pool.give(PacketId(1));
        assert_eq!(pool.used(), 0);
    }
}
