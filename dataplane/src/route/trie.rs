//! The longest prefix of an address: a trie that is read four bits at a time.
//!
//! A node has a slot for each value of its four bits, and in it the way of the longest prefix that ends
//! within these bits and covers the slot. So a lookup reads one slot a node, at most eight of them, and
//! remembers the last way that it met. What a prefix changes lies in one node: its slots there are
//! looked up anew, whether it comes or goes.
//!
//! Invariant: but for the first, a node is not empty; so there are at most eight for each prefix.
//! Not here: which routes there are, and which of those to one prefix is used (`route.rs`).
//!
//! DPVS walks a list. librte_lpm reads 24 bits at once, from a table of 64 MiB; ours are made anew for each
//! lcore of each run.

use super::Hop;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// Bits that are read at a node.
const STRIDE: u8 = 4;
/// Slots of a node.
const SLOTS: usize = 1 << STRIDE;
/// Nodes on the longest way down.
const DEPTH: usize = (32 / STRIDE) as usize;
/// No node is below: the first one is below none.
const NONE: u32 = 0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    /// The node for the bits behind, or [`NONE`].
    below: u32,
    hop: Option<Hop>,
}

type Node = [Slot; SLOTS];

const EMPTY: Node = [Slot { below: NONE, hop: None }; SLOTS];

/// The ways of all prefixes.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    /// The way of the prefix of no bits.
    default: Option<Hop>,
    /// The first one is where every lookup begins.
    nodes: Vec<Node>,
    /// Nodes that hold nothing and may be taken again.
    free: Vec<u32>,
}

impl Default for Trie {
    fn default() -> Trie {
        Trie { default: None, nodes: vec![EMPTY], free: Vec::new() }
    }
}

impl Trie {
    /// The way of the longest prefix that covers an address.
    #[inline]
    pub fn longest(&self, address: Ipv4Addr) -> Option<Hop> {
        let (mut best, mut node) = (&self.default, 0);
        let mut bits = address.to_bits();
        loop {
            bits = bits.rotate_left(STRIDE.into());
            let slot = &self.nodes[node][bits as usize % SLOTS];
            if slot.hop.is_some() {
                best = &slot.hop;
            }
            if slot.below == NONE {
                return *best;
            }
            node = slot.below as usize;
        }
    }

    /// The way of the prefix `net` came, went or is another one. `way` tells of a prefix its way, if
    /// there is one.
    pub fn renew(&mut self, net: Ipv4Net, way: impl Fn(u32, u8) -> Option<Hop>) {
        let (bits, length) = (net.network().to_bits(), net.prefix_len());
        if length == 0 {
            self.default = way(0, 0);
            return;
        }
        let last = (length - 1) / STRIDE;
        let (mut node, mut above) = (0, [0; DEPTH]);
        for depth in 0..last {
            above[usize::from(depth)] = node;
            node = self.below(node, slot_of(bits, depth));
        }
        let longest = (last + 1) * STRIDE;
        let first = slot_of(bits, last);
        for (at, open) in (first..).zip(0..1_u32 << (longest - length)) {
            let covered = bits | open << (32 - longest);
            let mut lengths = (last * STRIDE + 1..=longest).rev();
            let hop = lengths.find_map(|length| way(masked(covered, length), length));
            self.nodes[node][at].hop = hop;
        }
        self.prune(bits, (node, last), &above);
    }

    /// The node below a slot: a new one, if there was none.
    fn below(&mut self, node: usize, at: usize) -> usize {
        if self.nodes[node][at].below == NONE {
            let new = self.free.pop().unwrap_or_else(|| {
                self.nodes.push(EMPTY);
                u32::try_from(self.nodes.len() - 1).unwrap_or(NONE)
            });
            self.nodes[node][at].below = new;
        }
        self.nodes[node][at].below as usize
    }

    /// Takes out a node at this depth if it is empty, and those `above` it that are then.
    fn prune(&mut self, bits: u32, (mut node, depth): (usize, u8), above: &[usize; DEPTH]) {
        for depth in (0..depth).rev() {
            if self.nodes[node] != EMPTY {
                return;
            }
            self.free.push(u32::try_from(node).unwrap_or(NONE));
            node = above[usize::from(depth)];
            self.nodes[node][slot_of(bits, depth)].below = NONE;
        }
    }

    /// Nodes that are in use, the first one included.
    #[cfg(test)]
    pub fn nodes(&self) -> usize {
        self.nodes.len() - self.free.len()
    }
}

/// The slot of an address in a node of this depth.
fn slot_of(bits: u32, depth: u8) -> usize {
    (bits >> (32 - STRIDE * (depth + 1))) as usize % SLOTS
}

/// The first `length` bits, at least one.
fn masked(bits: u32, length: u8) -> u32 {
    bits & (u32::MAX << (32 - length))
}
