//! The neighbours of an lcore, each at its place, found by its key.
//!
//! Invariant: a key has one place at most, and keeps it for as long as it is there. Not here: what a
//! neighbour does (`neigh.rs`).

use super::Entry;
use super::key::Key;
use crate::index::Index;

/// Neighbours by device and address.
#[derive(Debug)]
pub(super) struct Entries<B> {
    /// Those where nobody is are in `free`.
    places: Vec<Option<(Key, Entry<B>)>>,
    free: Vec<u32>,
    index: Index,
}

impl<B> Default for Entries<B> {
    fn default() -> Entries<B> {
        Entries { places: Vec::new(), free: Vec::new(), index: Index::default() }
    }
}

impl<B> Entries<B> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// The place of a neighbour.
    #[inline]
    pub fn find(&self, key: Key) -> Option<u32> {
        self.index.find(
            key.hash(),
            |at| matches!(self.places.get(at as usize), Some(Some((there, _))) if *there == key),
        )
    }

    /// Who is at a place that [`Entries::find`] told.
    #[inline]
    pub fn at(&mut self, place: u32) -> &mut Entry<B> {
        match &mut self.places[place as usize] {
            Some((_, entry)) => entry,
            None => unreachable!("somebody is at a place that was told"),
        }
    }

    /// A neighbour.
    pub fn get(&self, key: Key) -> Option<&Entry<B>> {
        self.places.get(self.find(key)? as usize)?.as_ref().map(|(_, entry)| entry)
    }

    /// Adds a neighbour that is not there. Returns its place.
    pub fn insert(&mut self, key: Key, entry: Entry<B>) -> u32 {
        let new = Some((key, entry));
        let at = match self.free.pop() {
            Some(at) => {
                self.places[at as usize] = new;
                at
            }
            None => {
                self.places.push(new);
                u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.index.insert(key.hash(), at);
        at
    }

    /// Takes a neighbour out.
    pub fn remove(&mut self, key: Key) -> Option<Entry<B>> {
        let at = self.find(key)?;
        let (_, entry) = self.places[at as usize].take()?;
        self.index.remove(key.hash(), at);
        self.free.push(at);
        Some(entry)
    }

    /// All of them, in the order of device and address.
    pub fn in_order(&self) -> Vec<(Key, &Entry<B>)> {
        let mut all: Vec<_> = self.places.iter().flatten().map(|(key, e)| (*key, e)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// All of them, to be emptied.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Entry<B>> {
        self.places.iter_mut().flatten().map(|(_, entry)| entry)
    }
}
