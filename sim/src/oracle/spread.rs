//! What one lcore learns of a neighbour, all hear: each other worker gets a copy of the ARP packet that
//! a worker learnt from, or it is told why not; and each worker is told of each change of a static
//! neighbour.
//!
//! Which packet a worker learns from is the one whose end it tells next: ARP is taken one packet at a
//! time, and the copies are made before.
//!
//! Invariant: what is kept is a count for each lcore, and the orders that are under way. Not here:
//! whether a copy or a change arrives (`ledger.rs`, `rings.rs`).

use super::Findings;
use super::identity::{Birth, Life};
use crate::trace::Run;
use dataplane::config::Config;
use dataplane::control::{Order, Outcome, Refused};
use dataplane::event::{Consumer, Made, NeighMove};
use dataplane::world::Ring;
use dataplane::{DropReason, Event, Instant, LcoreId, PacketId};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the oracle.
const NAME: &str = "spread";

/// What a worker does with the ARP packet that it looks at.
#[derive(Clone, Copy, Debug, Default)]
struct Learning {
    /// The packet of which it made copies last, and how many it made or could not make.
    copied: (PacketId, usize),
    /// Whether it learnt, and has not told the end of the packet that it learnt from.
    learnt: bool,
}

/// What all lcores tell each other.
#[derive(Debug)]
pub(super) struct Spread {
    workers: usize,
    learning: BTreeMap<LcoreId, Learning>,
    /// Orders about static neighbours that are not over.
    orders: BTreeSet<u64>,
    /// Workers that were told since the last one was over.
    told: usize,
}

impl Spread {
    /// Nothing was learnt yet.
    pub fn new(config: &Config) -> Spread {
        let (learning, orders) = Default::default();
        Spread { workers: config.workers().count(), learning, orders, told: 0 }
    }

    /// The control plane was told something.
    pub fn told(&mut self, number: u64, order: &Order) {
        if matches!(order, Order::Neigh(_)) {
            self.orders.insert(number);
        }
    }

    /// Something happened on an lcore; to this packet, if it is about one.
    pub fn event(
        &mut self,
        (at, run): (Instant, Run),
        life: Option<&Life>,
        event: &Event,
        found: &mut Findings,
    ) {
        let end = match *event {
            Event::Made { what: Made::ArpCopy, cause: Some(cause), .. }
            | Event::NoBuffer { what: Made::ArpCopy, cause: Some(cause) } => {
                let Learning { copied: (of, n), .. } = self.learning.entry(run.lcore).or_default();
                (*of, *n) = (cause, if *of == cause { *n + 1 } else { 1 });
                return;
            }
            Event::Neigh(NeighMove { why: "reply", .. }) => {
                self.learning.entry(run.lcore).or_default().learnt = true;
                return;
            }
            Event::NeighSync { .. } => {
                self.told += 1;
                return;
            }
            Event::Outcome(Outcome { order, refused, .. }) => {
                return self.over((at, run), order, refused, found);
            }
            Event::Consumed { packet, by: Consumer::Arp | Consumer::Kni }
            | Event::Answered { packet, what: "arp_reply" }
            | Event::RingTx { packet, ring: Ring::Kni(_), .. }
            | Event::Dropped { packet, reason: DropReason::KniRingFull } => packet,
            _ => return,
        };
        let Some(learning) = self.learning.get_mut(&run.lcore).filter(|one| one.learnt) else {
            return;
        };
        learning.learnt = false;
        let (of, n) = learning.copied;
        let n = if of == end { n } else { 0 };
        let others = self.workers.saturating_sub(1);
        let from_wire = life.is_some_and(|life| matches!(life.birth, Birth::Wire(..)));
        if from_wire && n != others {
            let Run { lcore, tick, job } = run;
            found.say(NAME, || {
                format!(
                    "packet {} taught lcore {lcore} a neighbour, and {n} of {others} other workers hear of \
                     it: at {at} s (tick {tick}, {job})",
                    end.0
                )
            });
        }
    }

    fn over(
        &mut self,
        (at, run): (Instant, Run),
        order: u64,
        refused: Option<Refused>,
        found: &mut Findings,
    ) {
        let told = std::mem::take(&mut self.told);
        let sent = matches!(refused, None | Some(Refused::NeighRingFull));
        if self.orders.remove(&order) && sent && told != self.workers {
            found.say(NAME, || {
                format!(
                    "order {order} about a static neighbour went to {told} of {} workers: at {at} s ({run})",
                    self.workers
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::control::NeighOrder;
    use dataplane::job::JobKind;
    use dataplane::types::DeviceName;
    use dataplane::{PortId, QueueId};
    use fixtures::BOB;

    const PACKET: PacketId = PacketId(4);

    /// What is said of these events, about a packet from a wire.
    fn told(spread: &mut Spread, events: &[Event]) -> String {
        let life = Life::of(PACKET, Birth::Wire(PortId(1), QueueId(0)));
        let run = Run { lcore: LcoreId(1), tick: 3, job: JobKind::RecvFwd };
        let mut found = Findings::default();
        for event in events {
            spread.event((Instant::EPOCH, run), Some(&life), event, &mut found);
        }
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        list.join("\n")
    }

    #[test]
    fn a_worker_that_hears_nothing_of_what_another_learnt_is_told() {
        let copy = Event::Made { packet: PacketId(5), what: Made::ArpCopy, cause: Some(PACKET) };
        let short = Event::NoBuffer { what: Made::ArpCopy, cause: Some(PACKET) };
        let (port, address, waiting) = (PortId(1), BOB.ip, 0);
        let (from, to, why) = (Some("send"), Some("reachable"), "reply");
        let learnt = Event::Neigh(NeighMove { port, address, from, to, why, waiting });
        let end = Event::Consumed { packet: PACKET, by: Consumer::Arp };
        let spread = || Spread::new(&dut(3).config);
        assert_eq!(told(&mut spread(), &[copy, copy, learnt, end, end]), "");
        assert_eq!(told(&mut spread(), &[copy, short, learnt, end]), "", "it was tried");
        assert_eq!(told(&mut spread(), &[copy, end]), "", "it was known before");
        // The kernel, too, would have had the packet, but its ring was full.
        let lost = Event::Dropped { packet: PACKET, reason: DropReason::KniRingFull };
        let other = Event::Consumed { packet: PacketId(6), by: Consumer::Arp };
        assert_eq!(told(&mut spread(), &[copy, copy, learnt, lost, other]), "", "it had its end");
        insta::assert_snapshot!(told(&mut spread(), &[copy, learnt, end]), @"spread: packet 4 taught lcore 1 a neighbour, and 1 of 2 other workers hear of it: at 0.000000000 s (tick 3, recv_fwd)");
        insta::assert_snapshot!(told(&mut spread(), &[learnt, end]), @"spread: packet 4 taught lcore 1 a neighbour, and 0 of 2 other workers hear of it: at 0.000000000 s (tick 3, recv_fwd)");
    }

    #[test]
    fn a_worker_that_is_not_told_of_a_static_neighbour_is_told_of() {
        let dev = DeviceName::try_new("wan").unwrap();
        let order = Order::Neigh(NeighOrder { dev, address: BOB.ip, mac: None });
        let sync = |to| Event::NeighSync { to: LcoreId(to), address: BOB.ip, sent: true };
        let over = |refused| Event::Outcome(Outcome { order: 7, refused, at: None, entries: None });
        let said = |events: &[Event]| {
            let mut spread = Spread::new(&dut(2).config);
            spread.told(7, &order);
            told(&mut spread, events)
        };
        assert_eq!(said(&[sync(1), sync(2), over(None)]), "");
        assert_eq!(said(&[over(Some(Refused::NoDevice))]), "");
        let stops = said(&[sync(1), over(Some(Refused::NeighRingFull))]);
        insta::assert_snapshot!(stops, @"spread: order 7 about a static neighbour went to 1 of 2 workers: at 0.000000000 s (lcore 1, tick 3, recv_fwd)");
    }
}
