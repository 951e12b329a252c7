//! What happens to frames on their way to a port: by the number of the frame, or while its link is
//! down.
//!
//! Invariant: frames are counted as they come to the wire, whatever becomes of them. Not here: lost
//! and late frames themselves (`source.rs`), full receive queues (`world.rs`).

use super::{Fault, Harm};
use crate::plan::Plan;
use dataplane::Instant;

/// What happens to the frames that come to one port's wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Harms {
    came: u64,
    /// The frames that are lost, first and last, and those that are harmed, and how.
    faults: Vec<Fault>,
}

/// When the link of one port is down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outages(Vec<Outage>);

#[derive(Clone, Debug)]
struct Outage {
    fault: Fault,
    from: Instant,
    to: Instant,
    told: bool,
}

impl Harms {
    /// What happens on the way to each port of a plan.
    pub fn of(plan: &Plan) -> Vec<Harms> {
        let each = plan.config.ports.iter().map(|config| {
            let about = |fault: &&Fault| match fault {
                Fault::Lose { port, .. } | Fault::Frame { port, .. } => *port == config.name,
                Fault::Call(_)
                | Fault::Calls { .. }
                | Fault::Short { .. }
                | Fault::Back { .. }
                | Fault::Down { .. }
                | Fault::Stall { .. }
                | Fault::Peer { .. }
                | Fault::Ahead { .. }
                | Fault::Drift { .. }
                | Fault::Cost { .. }
                | Fault::Order { .. } => false,
            };
            Harms { came: 0, faults: plan.faults.iter().filter(about).cloned().collect() }
        });
        each.collect()
    }

    /// One more frame comes to the wire. What happens to it, in the order of the plan, each fault as
    /// of this one frame.
    pub fn next(&mut self) -> Vec<Fault> {
        self.came += 1;
        if self.faults.is_empty() {
            return Vec::new();
        }
        let came = self.came;
        let here = |fault: &Fault| match fault {
            Fault::Lose { port, first, last } if (*first..=*last).contains(&came) => {
                Some(Fault::Lose { port: port.clone(), first: came, last: came })
            }
            Fault::Frame { nth, .. } if *nth == came => Some(fault.clone()),
            _ => None,
        };
        self.faults.iter().filter_map(here).collect()
    }
}

impl Outages {
    /// When the link of each port of a plan is down.
    pub fn of(plan: &Plan) -> Vec<Outages> {
        let each = plan.config.ports.iter().map(|config| {
            let outage = |fault: &Fault| match fault {
                Fault::Down { port, at, lasts } if *port == config.name => {
                    let (from, to) = (*at, at.saturating_add(*lasts));
                    Some(Outage { fault: fault.clone(), from, to, told: false })
                }
                _ => None,
            };
            Outages(plan.faults.iter().filter_map(outage).collect())
        });
        each.collect()
    }

    /// Whether the link is down at `at`. The first frame that is lost in an outage is told the fault.
    pub fn strike(&mut self, at: Instant) -> Option<Option<Fault>> {
        let outage = self.0.iter_mut().find(|outage| (outage.from..outage.to).contains(&at))?;
        let told = std::mem::replace(&mut outage.told, true);
        Some((!told).then(|| outage.fault.clone()))
    }
}

impl Harm {
    /// Turns a bit of a frame over, or cuts it short. Whether the frame has what this is about: other
    /// harms are about every frame.
    pub(crate) fn done_to(self, bytes: &mut Vec<u8>) -> bool {
        match self {
            Harm::Flip(bit) => {
                let place = usize::try_from(bit / 8).unwrap_or(usize::MAX);
                let Some(byte) = bytes.get_mut(place) else { return false };
                *byte ^= 0x80 >> (bit % 8);
                true
            }
            Harm::Cut(len) => {
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                let longer = bytes.len() > len;
                bytes.truncate(len);
                longer
            }
            Harm::Twice | Harm::Late(_) | Harm::Full | Harm::Room(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_is_the_highest_of_the_first_byte() {
        let mut bytes = vec![0; 2];
        assert!(Harm::Flip(0).done_to(&mut bytes) && Harm::Flip(15).done_to(&mut bytes));
        assert_eq!(bytes, [0x80, 0x01]);
        assert!(!Harm::Flip(16).done_to(&mut bytes), "there is no such bit");
        assert_eq!(bytes, [0x80, 0x01]);
    }

    #[test]
    fn only_what_is_longer_is_cut() {
        let mut bytes = vec![0; 60];
        assert!(!Harm::Cut(60).done_to(&mut bytes));
        assert!(Harm::Cut(59).done_to(&mut bytes));
        assert_eq!(bytes.len(), 59);
    }
}
