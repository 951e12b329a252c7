//! A Qsch lets go in order: what came first leaves first. In a pfifo_fast that holds for each band, and no
//! packet leaves one while another of a better band waits there. Only a tbf has anything to wait for: when
//! another Qsch takes a packet, none waits in it.
//!
//! The band is that of the type of service, as Linux has it (`classes.rs` reads it). It is known of what
//! came and of what is forwarded, whole or cut, and of ARP requests. Of what we answer, and of ICMP errors,
//! it is not, and nothing is said of their bands.
//!
//! Invariant: what is kept is what waits. A Qsch of which two kinds were told, or a kind for a name that
//! the control plane chooses, may be of any: then only a packet is told that leaves and does not wait.
//! Not here: when a tbf may let go (`shaping.rs`), and how much may wait (`trees.rs`).

use super::super::Findings;
use crate::trace::Run;
use dataplane::tc::{Handle, Kind, QschConfig};
use dataplane::{Instant, LcoreId, PacketId, PortId};
use std::collections::{BTreeMap, VecDeque};

/// The name of the oracle.
const NAME: &str = "bands";

/// In what order a Qsch lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// The first that came, at once.
    Fifo,
    /// The first of the best band, at once.
    Bands,
    /// The first that came, when there are tokens.
    Tbf,
}

impl Sort {
    fn of(kind: &Kind) -> Sort {
        match kind {
            Kind::Pfifo { .. } | Kind::Bfifo { .. } => Sort::Fifo,
            Kind::PfifoFast { .. } => Sort::Bands,
            Kind::Tbf(_) => Sort::Tbf,
        }
    }
}

/// A packet that waits, and its band, if that is known.
type Waits = (PacketId, Option<u8>);

/// What waits in all Qschs.
#[derive(Debug, Default)]
pub(super) struct Bands {
    /// Nothing: it may be of any sort.
    sorts: BTreeMap<(PortId, Handle), Option<Sort>>,
    /// In the order in which it came.
    waiting: BTreeMap<(LcoreId, PortId, Handle), VecDeque<Waits>>,
}

impl Bands {
    /// The control plane is told of a Qsch.
    pub fn told(&mut self, qsch: &QschConfig) {
        let sort = Some(Sort::of(&qsch.kind));
        let told = self.sorts.entry((qsch.dev, qsch.handle)).or_insert(sort);
        *told = told.filter(|told| Some(*told) == sort);
    }

    /// A Qsch took a packet: so many wait in it now.
    pub fn queued(
        &mut self,
        (at, run): (Instant, Run),
        (packet, band): Waits,
        (dev, handle): (PortId, Handle),
        qlen: u32,
        found: &mut Findings,
    ) {
        let sort = self.sorts.get(&(dev, handle)).copied().flatten();
        let waiting = self.waiting.entry((run.lcore, dev, handle)).or_default();
        let first = waiting.front().copied();
        waiting.push_back((packet, band));
        let n = waiting.len();
        let wrong = match (first, sort) {
            _ if u32::try_from(n) != Ok(qlen) => {
                format!("with packet {} wait {n} packets, and {qlen} are told", packet.0)
            }
            (Some((first, _)), Some(Sort::Fifo | Sort::Bands)) => {
                format!("packet {} finds packet {}, which nothing holds back", packet.0, first.0)
            }
            _ => return,
        };
        found.say(NAME, || {
            format!("{wrong}, in Qsch {handle} of device {}, at {at} s ({run})", dev.0)
        });
    }

    /// A Qsch let a packet go.
    pub fn sent(
        &mut self,
        (at, run): (Instant, Run),
        packet: PacketId,
        (dev, handle): (PortId, Handle),
        found: &mut Findings,
    ) {
        let sort = self.sorts.get(&(dev, handle)).copied().flatten();
        let waiting = self.waiting.entry((run.lcore, dev, handle)).or_default();
        let place = waiting.iter().position(|(other, _)| *other == packet);
        let wrong = match place.and_then(|place| waiting.remove(place).zip(Some(place))) {
            None => "and did not wait there".to_owned(),
            Some(((_, band), place)) => match before(sort, waiting, band, place) {
                None => return,
                Some(wrong) => wrong,
            },
        };
        found.say(NAME, || {
            format!(
                "packet {} leaves Qsch {handle} of device {} {wrong}, at {at} s ({run})",
                packet.0, dev.0
            )
        });
    }

    /// A packet is dropped that may have waited in a Qsch of this lcore.
    pub fn dropped(&mut self, lcore: LcoreId, packet: PacketId) {
        let its = self.waiting.iter_mut().filter(|((of, ..), _)| *of == lcore);
        for (_, waiting) in its {
            if let Some(place) = waiting.iter().position(|(other, _)| *other == packet) {
                waiting.remove(place);
                return;
            }
        }
    }
}

/// What should have left before a packet of this band that was so far behind the first.
fn before(
    sort: Option<Sort>,
    waiting: &VecDeque<Waits>,
    band: Option<u8>,
    place: usize,
) -> Option<String> {
    let older = |wanted: Option<u8>| {
        let mut older = waiting.iter().take(place);
        older.find(|(_, band)| wanted.is_none() || *band == wanted)
    };
    if sort? != Sort::Bands {
        return older(None)
            .map(|(first, _)| format!("before packet {}, which came first", first.0));
    }
    let band = band?;
    let better = waiting.iter().find(|(_, other)| other.is_some_and(|other| other < band));
    let better = better.map(|(other, its)| {
        let its = its.unwrap_or_default();
        format!("in band {band} before packet {} in band {its}", other.0)
    });
    let older = older(Some(band))
        .map(|(first, _)| format!("before packet {}, which came first to band {band}", first.0));
    better.or(older)
}

#[cfg(test)]
mod tests;
