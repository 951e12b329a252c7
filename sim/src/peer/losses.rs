//! Which frames between a peer and its port are lost: by chance, as its `loss` says, or because a fault
//! names them.
//!
//! Invariant: what is lost by chance is told as the fault that would lose it. Not here: what happens to
//! a frame on the port's wire (`source.rs`).

use super::MILLION;
use crate::fault::Fault;
use crate::trace::Way;
use dataplane::rng::Rng;

/// The frames that pass the wire of one peer, and those of them that are lost.
#[derive(Debug)]
pub(super) struct Losses {
    peer: String,
    /// Of a million frames so many are lost by chance.
    loss: u32,
    chance: Rng,
    /// The faults about this peer.
    faults: Vec<Fault>,
    /// Frames that it sent, and frames that left the port for it.
    from: Passed,
    to: Passed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    frames: u64,
    lost: u64,
}

impl Losses {
    /// Nothing has passed yet.
    pub fn new(peer: &str, loss: u32, chance: Rng, faults: &[Fault]) -> Losses {
        let about = |fault: &&Fault| matches!(fault, Fault::Peer { peer: of, .. } if of == peer);
        Losses {
            peer: peer.to_owned(),
            loss,
            chance,
            faults: faults.iter().filter(about).cloned().collect(),
            from: Passed::default(),
            to: Passed::default(),
        }
    }

    /// A frame passes, from the peer towards the port or the other way. If it is lost: the fault that
    /// loses this one frame.
    pub fn pass(&mut self, way: Way) -> Option<Fault> {
        let by_chance = self.loss > 0 && self.chance.below(MILLION.into()) < self.loss.into();
        let passed = match way {
            Way::In => &mut self.from,
            Way::Out => &mut self.to,
        };
        passed.frames += 1;
        let nth = passed.frames;
        let named = |fault: &Fault| {
            matches!(fault,
            Fault::Peer { way: of, first, last, .. } if *of == way && (*first..=*last).contains(&nth))
        };
        if !by_chance && !self.faults.iter().any(named) {
            return None;
        }
        passed.lost += 1;
        Some(Fault::Peer { peer: self.peer.clone(), way, first: nth, last: nth })
    }

    /// Frames that it sent, those that were lost among them.
    pub fn sent(&self) -> u64 {
        self.from.frames
    }

    /// Frames that were lost from it, and to it.
    pub fn lost(&self) -> (u64, u64) {
        (self.from.lost, self.to.lost)
    }
}
