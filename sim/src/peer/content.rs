//! What hosts send: bytes that the seed says, so that a receiver's can be told from all others.
//!
//! Invariant: the bytes of a stream depend on its name and the seed alone; nobody has to keep them to
//! know them again. Not here: sending them.

use crate::trace::Digest;
use dataplane::rng::Rng;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Bytes without end, of one name.
#[derive(Clone, Debug)]
pub(super) struct Content {
    rng: Rng,
    word: [u8; 8],
    /// Bytes of `word` that are used.
    used: usize,
}

impl Content {
    /// The stream `name` of a peer whose own randomness is `peer`.
    pub fn new(peer: &Rng, name: &str) -> Content {
        Content { rng: peer.fork(name), word: [0; 8], used: 8 }
    }

    /// The next bytes.
    pub fn fill(&mut self, into: &mut [u8]) {
        for byte in into {
            if self.used == self.word.len() {
                (self.word, self.used) = (self.rng.next_u64().to_le_bytes(), 0);
            }
            *byte = self.word[self.used];
            self.used += 1;
        }
    }

    /// The first `len` bytes of a stream that has not been read yet.
    pub fn take(mut self, len: u16) -> Vec<u8> {
        let mut bytes = vec![0; usize::from(len)];
        self.fill(&mut bytes);
        bytes
    }
}

/// A digest of bytes that come one after the other, and how many there were.
#[derive(Clone)]
pub(super) struct Tally {
    hash: Xxh3Default,
    /// Bytes so far.
    pub bytes: u64,
}

impl Tally {
    /// Of no bytes.
    pub fn new() -> Tally {
        Tally { hash: Xxh3Default::new(), bytes: 0 }
    }

    /// More bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The digest of all so far.
    pub fn digest(&self) -> Digest {
        Digest(self.hash.digest())
    }

    /// The digest of the first `len` bytes of a stream.
    pub fn of(mut content: Content, mut len: u64) -> Digest {
        let mut tally = Tally::new();
        let mut bytes = [0; 4096];
        while len > 0 {
            let n = usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len());
            content.fill(&mut bytes[..n]);
            tally.add(&bytes[..n]);
            len -= n as u64;
        }
        tally.digest()
    }
}

/// The digest of one datagram.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    Digest(xxh3_64(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_a_stream_is_read_its_bytes_are_the_same() {
        let peer = Rng::new(7).fork("peer.alice");
        let whole = Content::new(&peer, "tcp.0").take(10_000);
        let mut content = Content::new(&peer, "tcp.0");
        let mut tally = Tally::new();
        for piece in whole.chunks(13) {
            let mut bytes = vec![0; piece.len()];
            content.fill(&mut bytes);
            assert_eq!(bytes, piece);
            tally.add(&bytes);
        }
        assert_eq!(tally.digest(), digest(&whole));
        assert_eq!(tally.digest(), Tally::of(Content::new(&peer, "tcp.0"), 10_000));
        assert_ne!(whole[..64], Content::new(&peer, "tcp.1").take(64));
    }
}
