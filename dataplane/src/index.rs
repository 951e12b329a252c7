//! Where in a table the one with a key is: a hash table with open addressing.
//!
//! It is only asked for single keys, whose answer does not depend on how it is laid out: nobody walks it.
//! The hash is a fixed one, so that a run costs the same wherever it runs. Whoever forges keys that
//! collide makes a lookup as long as there are keys, of which [`Limits`](crate::config::Limits) says how
//! many.
//!
//! Invariant: no more than half of the entries are taken, and none is empty between where a key's hash
//! points and where the key is. Not here: the tables, which have the keys themselves (datagrams, in
//! `ipv4/reassembly/table.rs`; neighbours, in `neigh/entries.rs`).

/// An entry: the hash of a key, and its place in the table.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    place: u32,
}

const EMPTY: Entry = Entry { hash: 0, place: u32::MAX };

impl Entry {
    fn is_empty(self) -> bool {
        self.place == EMPTY.place
    }
}

/// The places of a table, by the hashes of their keys.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// As many as a power of two, or none yet.
    entries: Vec<Entry>,
    taken: usize,
}

/// Entries that an index begins with.
const ROOM: usize = 16;

impl Index {
    /// The place of a key with this hash: the one that `has_it`.
    #[inline]
    pub fn find(&self, hash: u32, has_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.ideal(hash)?;
        loop {
            let entry = self.entries[at];
            if entry.is_empty() {
                return None;
            }
            if entry.hash == hash && has_it(entry.place) {
                return Some(entry.place);
            }
            at = self.behind(at);
        }
    }

    /// Notes the place of a key that has none.
    pub fn insert(&mut self, hash: u32, place: u32) {
        if self.entries.len() < (self.taken + 1) * 2 {
            let room = (self.entries.len() * 2).max(ROOM);
            let old = std::mem::replace(&mut self.entries, vec![EMPTY; room]);
            old.into_iter().filter(|entry| !entry.is_empty()).for_each(|entry| self.put(entry));
        }
        self.taken += 1;
        self.put(Entry { hash, place });
    }

    fn put(&mut self, entry: Entry) {
        let Some(mut at) = self.ideal(entry.hash) else { unreachable!("there is room") };
        while !self.entries[at].is_empty() {
            at = self.behind(at);
        }
        self.entries[at] = entry;
    }

    /// Forgets a key that has this place. What was pushed behind it moves up.
    pub fn remove(&mut self, hash: u32, place: u32) {
        let Some(mut gap) = self.ideal(hash) else { return };
        while self.entries[gap].place != place {
            if self.entries[gap].is_empty() {
                return;
            }
            gap = self.behind(gap);
        }
        self.taken -= 1;
        let mut at = self.behind(gap);
        while !self.entries[at].is_empty() {
            let entry = self.entries[at];
            // It may move if the gap is not before where its hash points.
            let far = |to: usize| self.ideal(entry.hash).map_or(0, |ideal| self.steps(ideal, to));
            if far(gap) <= far(at) {
                self.entries[gap] = entry;
                gap = at;
            }
            at = self.behind(at);
        }
        self.entries[gap] = EMPTY;
    }

    /// Where a hash points; nothing while there is no entry at all.
    fn ideal(&self, hash: u32) -> Option<usize> {
        let mask = self.entries.len().checked_sub(1)?;
        Some(hash as usize & mask)
    }

    fn behind(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }

    /// Entries on the way from one to another.
    fn steps(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.entries.len() - 1)
    }
}

/// A hash of a key in one word or two, of which each bit depends on all bits of the key: multiplied by
/// the golden ratio, twice.
#[inline]
pub(crate) fn hash(key: u64, more: u64) -> u32 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (key ^ more.wrapping_mul(GOLDEN)).wrapping_mul(GOLDEN);
    let [.., a, b, c, d] = (mixed ^ mixed >> 32).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Few keys, of which some have one hash modulo the size; in the first word or the second.
    fn key(n: u16) -> u32 {
        match n % 2 {
            0 => hash(0x0a00_0001_0a00_0002, u64::from(n) << 8 | 17),
            _ => hash(0x0a00_0000 + u64::from(n), 0),
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_is_there_and_nothing_else(
            changes in prop::collection::vec((any::<bool>(), 0..40_u16), 1..200),
        ) {
            let (mut index, mut there) = (Index::default(), [false; 40]);
            for (comes, n) in changes {
                let is_there = &mut there[usize::from(n)];
                match comes {
                    true if !*is_there => index.insert(key(n), n.into()),
                    false if *is_there => index.remove(key(n), n.into()),
                    _ => continue,
                }
                *is_there = comes;
                for (n, is_there) in (0..).zip(there) {
                    let found = index.find(key(n), |place| place == u32::from(n));
                    prop_assert_eq!(found, is_there.then_some(n.into()));
                }
                prop_assert_eq!(index.taken, there.iter().filter(|there| **there).count());
            }
        }
    }

    #[test]
    fn keys_in_a_row_are_spread() {
        let mut index = Index::default();
        (0..4096).for_each(|n| index.insert(key(n), n.into()));
        let far =
            |(at, entry): (usize, &Entry)| index.ideal(entry.hash).map(|i| index.steps(i, at));
        let taken = index.entries.iter().enumerate().filter(|(_, entry)| !entry.is_empty());
        let furthest = taken.filter_map(far).max();
        assert!(furthest < Some(32), "{furthest:?} steps from where the hash points");
    }
}
