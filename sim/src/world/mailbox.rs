//! What waits outside the lcores, and for whom: counts, not the things themselves.

use dataplane::LcoreId;
use dataplane::job::{JobKind, Role};
use dataplane::world::Ring;

/// What waits outside an lcore for it.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub id: LcoreId,
    pub role: Role,
    /// Frames in its receive queues.
    pub frames: u32,
    /// Its rings. Few, so searched in a row.
    pub rings: Vec<RingBox>,
    /// What waits in all of them together.
    pub parcels: u32,
    /// Its receive queues that always have something: of pcap and null ports.
    pub endless: u32,
}

/// What waits for an lcore in one of its rings.
#[derive(Debug)]
pub(super) struct RingBox {
    pub ring: Ring,
    /// Its index in the fabric.
    pub index: usize,
    pub room: u32,
    pub parcels: u32,
    /// Of these, those with a frame in them.
    pub frames: u32,
}

impl Mailbox {
    /// The jobs for which something waits. One of several rings may come twice.
    pub fn waiting_for(&self) -> impl Iterator<Item = JobKind> + '_ {
        let frames = self.frames > 0 || self.endless > 0;
        let rings = if self.parcels > 0 { &self.rings[..] } else { &[] };
        let rings = rings.iter().filter(|ring| ring.parcels > 0);
        let rings = rings.map(|ring| ring.ring.drained_by(self.role));
        self.role.receives().filter(|_| frames).into_iter().chain(rings)
    }

    /// One of its rings, if it has that.
    pub fn ring(&mut self, ring: Ring) -> Option<&mut RingBox> {
        self.rings.iter_mut().find(|other| other.ring == ring)
    }

    /// Frames in its receive queues and rings.
    pub fn held(&self) -> u64 {
        let in_rings = self.rings.iter().map(|ring| u64::from(ring.frames));
        u64::from(self.frames) + in_rings.sum::<u64>()
    }
}
