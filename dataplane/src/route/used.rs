//! The routes that packets take: of each prefix the first, of all that cover an address the longest.
//!
//! Nearly always there are a handful, which are looked through; more are in a trie (`trie.rs`).
//!
//! Invariant: both find the same. Not here: which routes there are (`route.rs`).

use super::Hop;
use super::trie::Trie;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// So many prefixes are looked through: that takes no longer than the trie does.
const FEW: usize = 8;

/// The way of each prefix.
#[derive(Clone, Debug)]
pub(super) enum Used {
    /// The longest prefix first.
    Few(Vec<Way>),
    /// There are more, or once were.
    Many(Box<Trie>),
}

/// The way of a prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    bits: u32,
    mask: u32,
    to: Ipv4Net,
    hop: Hop,
}

impl Default for Used {
    fn default() -> Used {
        Used::Few(Vec::new())
    }
}

impl Used {
    /// The way of the longest prefix that covers an address.
    #[inline]
    pub fn longest(&self, address: Ipv4Addr) -> Option<Hop> {
        match self {
            Used::Few(ways) => {
                let bits = address.to_bits();
                ways.iter().find(|way| bits & way.mask == way.bits).map(|way| way.hop)
            }
            Used::Many(trie) => trie.longest(address),
        }
    }

    /// The way of the prefix `to` came, went or is another one. `hop` tells of a prefix its way, if
    /// there is one.
    pub fn renew(&mut self, to: Ipv4Net, hop: impl Fn(u32, u8) -> Option<Hop>) {
        let ways = match self {
            Used::Few(ways) => ways,
            Used::Many(trie) => return trie.renew(to, hop),
        };
        let (bits, mask) = (to.network().to_bits(), to.netmask().to_bits());
        ways.retain(|way| (way.bits, way.mask) != (bits, mask));
        if let Some(hop) = hop(bits, to.prefix_len()) {
            let at = ways.partition_point(|way| way.mask > mask);
            ways.insert(at, Way { bits, mask, to, hop });
        }
        if ways.len() > FEW {
            let mut trie = Box::<Trie>::default();
            ways.iter().for_each(|way| trie.renew(way.to, &hop));
            *self = Used::Many(trie);
        }
    }

    /// Whether it holds as little as if there had never been a route.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        match self {
            Used::Few(ways) => ways.is_empty(),
            Used::Many(trie) => trie.nodes() == 1,
        }
    }
}
