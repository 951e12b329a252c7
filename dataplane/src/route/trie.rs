//! The longest prefix of an address: a trie that is read eight bits at a time, and four further down.
//!
//! A node has a slot for each value of its bits, and in it the way of the longest prefix that ends
//! within these bits and covers the slot. So a lookup reads one slot a node, at most six of them, and
//! remembers the last way that it met. What a prefix changes lies in one node: its slots there are
//! looked up anew, whether it comes or goes. Nodes of 4 KiB are where few can be, at most 257 of them;
//! below they have 256 bytes.
//!
//! Invariant: but for the first, a node is not empty; so there are at most six for each prefix.
//! Not here: which routes there are, and which of those to one prefix is used (`route.rs`).
//!
//! DPVS walks a list. librte_lpm reads 24 bits at once, from a table of 64 MiB; ours are made anew for each
//! lcore of each run.

use super::Hop;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::ops::Range;

/// Nodes on the longest way down.
const DEPTH: usize = 6;
/// How many bits of an address have been read behind a node, by its depth.
const READ: [u8; DEPTH] = [8, 16, 20, 24, 28, 32];
/// No node is below: the first one is below none.
const NONE: u32 = 0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    /// Where the node for the bits behind begins, or [`NONE`].
    below: u32,
    hop: Option<Hop>,
}

const EMPTY: Slot = Slot { below: NONE, hop: None };

/// The ways of all prefixes.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    /// The way of the prefix of no bits.
    default: Option<Hop>,
    /// Those of all nodes, one node behind the other. The first one is where every lookup begins.
    slots: Vec<Slot>,
    /// Where nodes of each depth begin that hold nothing and may be taken again.
    free: [Vec<u32>; DEPTH],
}

impl Default for Trie {
    fn default() -> Trie {
        Trie { default: None, slots: vec![EMPTY; slots(0)], free: Default::default() }
    }
}

impl Trie {
    /// The way of the longest prefix that covers an address.
    #[inline]
    pub fn longest(&self, address: Ipv4Addr) -> Option<Hop> {
        let (mut best, mut node) = (&self.default, 0);
        for depth in 0..DEPTH {
            let slot = &self.slots[node + slot_of(address.to_bits(), depth)];
            if slot.hop.is_some() {
                best = &slot.hop;
            }
            if slot.below == NONE {
                break;
            }
            node = slot.below as usize;
        }
        *best
    }

    /// The way of the prefix `net` came, went or is another one. `way` tells of a prefix its way, if
    /// there is one.
    pub fn renew(&mut self, net: Ipv4Net, way: impl Fn(u32, u8) -> Option<Hop>) {
        let (bits, length) = (net.network().to_bits(), net.prefix_len());
        if length == 0 {
            self.default = way(0, 0);
            return;
        }
        let last = READ.partition_point(|read| *read < length);
        let (mut node, mut above) = (0, [0; DEPTH]);
        for (depth, passed) in above.iter_mut().enumerate().take(last) {
            *passed = node;
            node = self.below(node + slot_of(bits, depth), depth + 1);
        }
        let Range { start, end: longest } = read_at(last);
        let first = node + slot_of(bits, last);
        for (at, open) in (first..).zip(0..1_u32 << (longest - length)) {
            let covered = bits | open << (32 - longest);
            let mut lengths = (start + 1..=longest).rev();
            let hop = lengths.find_map(|length| way(masked(covered, length), length));
            self.slots[at].hop = hop;
        }
        self.prune(bits, (node, last), &above);
    }

    /// The node of this depth below a slot: a new one, if there was none.
    fn below(&mut self, slot: usize, depth: usize) -> usize {
        if self.slots[slot].below == NONE {
            let new = self.free[depth].pop().unwrap_or_else(|| {
                let new = self.slots.len();
                self.slots.resize(new + slots(depth), EMPTY);
                u32::try_from(new).unwrap_or(NONE)
            });
            self.slots[slot].below = new;
        }
        self.slots[slot].below as usize
    }

    /// Takes out a node at this depth if it is empty, and those `above` it that are then.
    fn prune(&mut self, bits: u32, (mut node, depth): (usize, usize), above: &[usize; DEPTH]) {
        for depth in (0..depth).rev() {
            let below = depth + 1;
            if self.slots[node..node + slots(below)].iter().any(|slot| *slot != EMPTY) {
                return;
            }
            self.free[below].push(u32::try_from(node).unwrap_or(NONE));
            node = above[depth];
            self.slots[node + slot_of(bits, depth)].below = NONE;
        }
    }

    /// Nodes that are in use, the first one included.
    #[cfg(test)]
    pub fn nodes(&self) -> usize {
        1 + self.slots.iter().filter(|slot| slot.below != NONE).count()
    }
}

/// Which bits of an address are read at a node of this depth.
const fn read_at(depth: usize) -> Range<u8> {
    let start = if depth == 0 { 0 } else { READ[depth - 1] };
    start..READ[depth]
}

/// Slots of a node of this depth.
const fn slots(depth: usize) -> usize {
    let Range { start, end } = read_at(depth);
    1 << (end - start)
}

/// The slot of an address in a node of this depth.
const fn slot_of(bits: u32, depth: usize) -> usize {
    (bits >> (32 - READ[depth])) as usize % slots(depth)
}

/// The first `length` bits, at least one.
fn masked(bits: u32, length: u8) -> u32 {
    bits & (u32::MAX << (32 - length))
}
