//! The datagrams of which an lcore holds fragments: by their key, and in the order of their beginning.
//!
//! Invariant: each has a place of its own for as long as it is held; the totals are those of all.
//! Not here: what fits together (`queue.rs`), and what is done about it (`reassembly.rs`).

use super::Key;
use super::index::Index;
use super::queue::{Held, Part, Queue};
use crate::ipv4::Datagram;
use crate::packet::{Buf, PacketId};
use crate::time::Instant;
use crate::world::World;
use std::collections::VecDeque;

/// No place: before the oldest datagram, and behind the youngest.
const NONE: u32 = u32::MAX;

/// A datagram at its place, between the one that was begun before it and the one behind.
#[derive(Debug)]
struct Place<B> {
    key: Key,
    expires: Instant,
    before: u32,
    behind: u32,
    queue: Queue<B>,
}

/// The datagrams of which an lcore holds fragments.
#[derive(Debug)]
pub struct Reassembler<B> {
    /// Those where nothing is are in `free`.
    places: Vec<Option<Place<B>>>,
    free: Vec<u32>,
    index: Index,
    /// In the order in which they were begun, which is that in which they expire.
    oldest: u32,
    youngest: u32,
    /// What the fragments of a datagram that became whole lay in: the next one's go there.
    spare: VecDeque<Held<B>>,
    /// The same, of what is behind the first fragment.
    pub(super) rest: Vec<B>,
    /// Fragments in all of them.
    fragments: u32,
    /// Bytes of payload in all of them.
    bytes: u32,
}

impl<B> Default for Reassembler<B> {
    fn default() -> Reassembler<B> {
        Reassembler {
            places: Vec::new(),
            free: Vec::new(),
            index: Index::default(),
            oldest: NONE,
            youngest: NONE,
            spare: VecDeque::new(),
            rest: Vec::new(),
            fragments: 0,
            bytes: 0,
        }
    }
}

impl<B: Buf> Reassembler<B> {
    /// Fragments that wait for others.
    pub fn held(&self) -> u64 {
        self.fragments.into()
    }

    /// When the oldest datagram is to be given up; nothing when none is held.
    pub fn next_due(&self) -> Option<Instant> {
        self.place(self.oldest).map(|place| place.expires)
    }

    /// Gives every held fragment back: the end of the run.
    pub fn release<W: World<Buf = B>>(&mut self, world: &mut W) {
        let mut places: Vec<_> = std::mem::take(self).places.into_iter().flatten().collect();
        places.sort_unstable_by_key(|place| place.key);
        let held = places.into_iter().flat_map(|place| place.queue.held);
        held.for_each(|held| world.free(held.packet.buf));
    }

    /// Datagrams, fragments in all of them, and bytes of payload in all of those.
    pub(super) fn totals(&self) -> (usize, u32, u32) {
        (self.places.len() - self.free.len(), self.fragments, self.bytes)
    }

    /// The place of a datagram of which fragments are held.
    #[inline]
    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        self.index.find(key, |at| self.place(at).is_some_and(|place| place.key == *key))
    }

    /// The datagram at a place that [`Reassembler::find`] told.
    #[inline]
    pub(super) fn queue(&self, at: u32) -> &Queue<B> {
        match self.place(at) {
            Some(place) => &place.queue,
            None => unreachable!("a place that is told is taken"),
        }
    }

    /// The keys of datagrams of which `is_one` is true, in their order.
    pub(super) fn keys(&self, is_one: impl Fn(&Queue<B>) -> bool) -> Vec<Key> {
        let ones = self.places.iter().flatten().filter(|place| is_one(&place.queue));
        let mut keys: Vec<_> = ones.map(|place| place.key).collect();
        keys.sort_unstable();
        keys
    }

    /// Begins a datagram of which nothing is held, with the fragment `began`.
    pub(super) fn begin(&mut self, key: Key, expires: Instant, began: PacketId) -> u32 {
        let queue = Queue::new(began, std::mem::take(&mut self.spare));
        let new = Place { key, expires, before: self.youngest, behind: NONE, queue };
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).unwrap_or(NONE)
        });
        self.places[at as usize] = Some(new);
        self.index.insert(&key, at);
        match self.place_mut(self.youngest) {
            Some(place) => place.behind = at,
            None => self.oldest = at,
        }
        self.youngest = at;
        at
    }

    /// Holds a fragment that fits, as number `nth` of its datagram.
    pub(super) fn hold(&mut self, at: u32, nth: usize, part: &Part, packet: Datagram<B>) {
        self.fragments += 1;
        self.bytes += u32::from(part.len());
        if let Some(place) = self.place_mut(at) {
            place.queue.add(nth, part, packet);
        }
    }

    /// Takes a datagram out.
    pub(super) fn take(&mut self, at: u32) -> Option<(Key, Queue<B>)> {
        let Place { key, before, behind, queue, .. } = self.places.get_mut(at as usize)?.take()?;
        self.free.push(at);
        self.index.remove(&key, at);
        match self.place_mut(before) {
            Some(place) => place.behind = behind,
            None => self.oldest = behind,
        }
        match self.place_mut(behind) {
            Some(place) => place.before = before,
            None => self.youngest = before,
        }
        self.fragments -= queue.len();
        self.bytes -= queue.bytes;
        Some((key, queue))
    }

    /// The place of the datagram that was begun first.
    pub(super) fn oldest(&self) -> u32 {
        self.oldest
    }

    /// Keeps the memory of a datagram that became whole.
    pub(super) fn keep(&mut self, held: VecDeque<Held<B>>, rest: Vec<B>) {
        (self.spare, self.rest) = (held, rest);
    }

    fn place(&self, at: u32) -> Option<&Place<B>> {
        self.places.get(at as usize)?.as_ref()
    }

    fn place_mut(&mut self, at: u32) -> Option<&mut Place<B>> {
        self.places.get_mut(at as usize)?.as_mut()
    }
}
