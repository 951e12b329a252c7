//! Bytes by key and by time: the table behind the top talkers.
//!
//! A history has [`SLOTS`] slots of a fixed length of virtual time. A slot that is older than all
//! of them is forgotten when somebody looks, not when time passes: so an idle master has nothing to
//! do, and skipping idle time changes nothing.
//!
//! Invariant: a table never holds more keys than it has room for; which one goes depends on the
//! samples alone.
//!
//! DPVS: iftraf.c counts loops of the master instead of time (defect B86), sums 32 bits, and looks
//! for what to drop with the cursor of another loop (B85).

use super::Direction;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Slots of a history.
pub const SLOTS: u64 = LEN as u64;
/// The same, as the length of an array.
const LEN: usize = 30;
/// Talkers that are shown at most.
pub const TOP: usize = 20;

/// Somebody who talks, and how much: bytes of sampled packets within the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talker<K> {
    /// Who.
    pub key: K,
    /// Bytes of packets that came in.
    pub recv: u64,
    /// Bytes of packets that went out.
    pub sent: u64,
}

/// Bytes of each key, within the last [`SLOTS`] slots.
#[derive(Clone, Debug)]
pub struct Talkers<K> {
    room: usize,
    entries: BTreeMap<K, Entry>,
    /// The keys by when they were last sampled, the longest ago first.
    ages: BTreeSet<(u64, K)>,
    /// Samples so far: the age of the last one.
    samples: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    age: u64,
    /// The slot of the last sample.
    newest: u64,
    /// Received and sent bytes, by slot modulo their number. A slot is there if it is at most
    /// 29 before the newest.
    slots: [[u64; 2]; LEN],
}

impl Entry {
    fn new(slot: u64) -> Entry {
        Entry { age: 0, newest: slot, slots: [[0; 2]; LEN] }
    }

    fn place(slot: u64) -> usize {
        usize::try_from(slot % SLOTS).unwrap_or_default()
    }

    fn add(&mut self, slot: u64, direction: Direction, bytes: u64) {
        let passed = slot.saturating_sub(self.newest).min(SLOTS);
        for old in 0..passed {
            self.slots[Entry::place(slot - old)] = [0; 2];
        }
        self.newest = self.newest.max(slot);
        let [recv, sent] = &mut self.slots[Entry::place(slot)];
        match direction {
            Direction::In => *recv += bytes,
            Direction::Out => *sent += bytes,
        }
    }

    /// Whether all of it is too old at `slot`.
    fn is_over(&self, slot: u64) -> bool {
        self.newest + SLOTS <= slot
    }

    /// Received and sent bytes of the slots that are not too old at `slot`.
    fn total(&self, slot: u64) -> [u64; 2] {
        let oldest = (slot + 1).saturating_sub(SLOTS);
        let slots = (oldest..=self.newest).rev().take(LEN);
        let kept = slots.map(|slot| self.slots[Entry::place(slot)]);
        kept.fold([0; 2], |[recv, sent], [r, s]| [recv + r, sent + s])
    }
}

impl<K: Ord + Copy> Talkers<K> {
    /// An empty table for so many keys, 1 or more.
    pub fn new(room: u32) -> Talkers<K> {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        Talkers { room, entries: BTreeMap::new(), ages: BTreeSet::new(), samples: 0 }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a sample of `slot`, which is never before that of the last. When there is no room for
    /// a new key, the one that was sampled longest ago goes: true then.
    pub fn add(&mut self, key: K, direction: Direction, bytes: u64, slot: u64) -> bool {
        self.expire(slot);
        self.samples += 1;
        let full = self.entries.len() >= self.room && !self.entries.contains_key(&key);
        if full && let Some((_, oldest)) = self.ages.pop_first() {
            self.entries.remove(&oldest);
        }
        let entry = self.entries.entry(key).or_insert_with(|| Entry::new(slot));
        self.ages.remove(&(entry.age, key));
        entry.age = self.samples;
        self.ages.insert((entry.age, key));
        entry.add(slot, direction, bytes);
        full
    }

    /// Forgets the keys of which all slots are too old. They are the first by age.
    fn expire(&mut self, slot: u64) {
        while let Some((age, key)) = self.ages.first().copied() {
            if self.entries.get(&key).is_some_and(|entry| !entry.is_over(slot)) {
                break;
            }
            self.ages.remove(&(age, key));
            self.entries.remove(&key);
        }
    }

    /// Those that talk most at `slot`, among those that `wanted` takes: by received and sent bytes
    /// together, then by key; at most [`TOP`].
    pub fn top(&self, slot: u64, wanted: impl Fn(&K) -> bool) -> Vec<Talker<K>> {
        let live = self.entries.iter().filter(|(key, entry)| !entry.is_over(slot) && wanted(key));
        let mut talkers: Vec<_> = live
            .map(|(key, entry)| {
                let [recv, sent] = entry.total(slot);
                Talker { key: *key, recv, sent }
            })
            .collect();
        talkers.sort_by_key(|talker| (Reverse(talker.recv + talker.sent), talker.key));
        talkers.truncate(TOP);
        talkers
    }
}

#[cfg(test)]
mod tests;
