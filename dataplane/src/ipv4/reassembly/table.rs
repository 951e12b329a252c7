//! The datagrams of which an lcore holds fragments: by their key, and in the order of their beginning.
//!
//! Invariant: each has a place of its own for as long as it is held; the totals are those of all. A
//! place where none is has an empty queue, whose memory the next one takes over.
//! Not here: what fits together (`queue.rs`), and what is done about it (`reassembly.rs`).

use super::Key;
use super::queue::{Part, Queue};
use crate::index::Index;
use crate::ipv4::Datagram;
use crate::packet::{Buf, PacketId};
use crate::time::Instant;
use crate::world::World;

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
    places: Vec<Place<B>>,
    free: Vec<u32>,
    index: Index,
    /// In the order in which they were begun, which is that in which they expire.
    oldest: u32,
    youngest: u32,
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
        self.places.get(self.oldest as usize).map(|place| place.expires)
    }

    /// Gives every held fragment back: the end of the run.
    pub fn release<W: World<Buf = B>>(&mut self, world: &mut W) {
        let mut places = std::mem::take(self).places;
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
        let is_it = |at: u32| self.places.get(at as usize).is_some_and(|place| place.key == *key);
        // Fragments mostly come one behind the other.
        match is_it(self.youngest) {
            true => Some(self.youngest),
            false => self.index.find(key.hash(), is_it),
        }
    }

    /// The datagram at a place that [`Reassembler::find`] told.
    #[inline]
    pub(super) fn queue(&self, at: u32) -> &Queue<B> {
        &self.places[at as usize].queue
    }

    /// The keys of datagrams of which `is_one` is true, in their order.
    pub(super) fn keys(&self, is_one: impl Fn(&Queue<B>) -> bool) -> Vec<Key> {
        let held = |place: &&Place<B>| !place.queue.held.is_empty();
        let ones = self.places.iter().filter(held).filter(|place| is_one(&place.queue));
        let mut keys: Vec<_> = ones.map(|place| place.key).collect();
        keys.sort_unstable();
        keys
    }

    /// Begins a datagram of which nothing is held, with the fragment `began`.
    pub(super) fn begin(&mut self, key: Key, expires: Instant, began: PacketId) -> u32 {
        let (before, behind) = (self.youngest, NONE);
        let at = match self.free.pop() {
            Some(at) => {
                let place = &mut self.places[at as usize];
                (place.key, place.expires) = (key, expires);
                (place.before, place.behind) = (before, behind);
                place.queue.begin(began);
                at
            }
            None => {
                let queue = Queue::new(began);
                self.places.push(Place { key, expires, before, behind, queue });
                u32::try_from(self.places.len() - 1).unwrap_or(NONE)
            }
        };
        self.index.insert(key.hash(), at);
        match self.places.get_mut(before as usize) {
            Some(place) => place.behind = at,
            None => self.oldest = at,
        }
        self.youngest = at;
        at
    }

    /// Holds a fragment that fits, as number `nth` of its datagram. Returns the datagram.
    #[inline]
    pub(super) fn hold(
        &mut self,
        at: u32,
        nth: usize,
        part: &Part,
        packet: Datagram<B>,
    ) -> &Queue<B> {
        self.fragments += 1;
        self.bytes += u32::from(part.len());
        let queue = &mut self.places[at as usize].queue;
        queue.add(nth, part, packet);
        queue
    }

    /// Forgets a datagram. Whoever does so empties its queue.
    pub(super) fn end(&mut self, at: u32) -> (Key, &mut Queue<B>) {
        let Place { key, before, behind, .. } = self.places[at as usize];
        self.index.remove(key.hash(), at);
        match self.places.get_mut(before as usize) {
            Some(place) => place.behind = behind,
            None => self.oldest = behind,
        }
        match self.places.get_mut(behind as usize) {
            Some(place) => place.before = before,
            None => self.youngest = before,
        }
        self.free.push(at);
        let queue = &mut self.places[at as usize].queue;
        self.fragments -= queue.len();
        self.bytes -= queue.bytes;
        (key, queue)
    }

    /// The place of the datagram that was begun first, if there is one.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }
}
