//! A run that came to rest holds nothing and owes nobody an answer; what one that did not come to rest
//! still holds has a name.
//!
//! Fragments may stay for ever where the policy says so: without `reassembly_sweep` nobody gives them
//! up but the next fragment that comes (as DPVS, defect B47).
//!
//! Invariant: what is told is what is held before the end gives it back. Not here: when a run is at
//! rest (`engine.rs`).

use super::{Breach, Oracles};
use crate::engine::Ordered;
use dataplane::LcoreId;

/// The name of the oracle.
const NAME: &str = "liveness";
/// Things that are named; of more, only how many there are.
const NAMED: usize = 4;

/// What is under way, at one instant.
pub(crate) struct Pending<'a> {
    /// The lcores, in order: how many packets each holds, and whether it waits for answers.
    pub lcores: Vec<(LcoreId, u64, bool)>,
    /// What the control plane was told.
    pub orders: &'a [Ordered],
}

impl Pending<'_> {
    /// What holds the run up: a sentence each.
    pub fn told(&self, oracles: &Oracles) -> Vec<String> {
        let mut told = Vec::new();
        let mut packets = oracles.alive();
        for (packet, what) in packets.by_ref().take(NAMED) {
            told.push(format!("packet {}, {what}", packet.0));
        }
        let more = packets.count();
        if more > 0 {
            told.push(format!("{more} packets more"));
        }
        for (lcore, held, waits) in &self.lcores {
            if *held > 0 {
                told.push(format!("lcore {lcore} holds {held} packets"));
            }
            if *waits {
                told.push(format!("lcore {lcore} waits for answers to messages"));
            }
        }
        let open = self.orders.iter().filter(|order| order.answered.is_none());
        told.extend(open.map(|order| format!("order {}, {}", order.number, order.line())));
        told
    }

    /// What is wrong if the run is at rest.
    pub fn at_rest(&self, oracles: &Oracles, fragments_stay: bool) -> Vec<Breach> {
        let held = oracles.alive().filter(|(packet, _)| {
            let stays = fragments_stay && oracles.is_held_fragment(*packet);
            !stays
        });
        let waits = self.lcores.iter().any(|(_, _, waits)| *waits);
        let owes = self.orders.iter().any(|order| order.answered.is_none());
        if held.count() == 0 && !waits && !owes {
            return Vec::new();
        }
        let told = self.told(oracles).join("; ");
        vec![Breach::new(NAME, format!("at rest, and there is still: {told}"))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use crate::oracle::Slack;
    use crate::trace::{Outside, Run};
    use dataplane::event::{Reassembly, ReassemblyNote};
    use dataplane::job::JobKind;
    use dataplane::{Event, Instant, PacketId, PortId, QueueId};
    use std::net::Ipv4Addr;

    /// Packets 1 to `n` have come, and nothing became of them but that the first is a fragment.
    fn came(n: u64) -> Oracles {
        let mut oracles = Oracles::new(&dut(2).config, Slack::default());
        for packet in (1..=n).map(PacketId) {
            let (port, queue) = (PortId(0), QueueId(0));
            oracles.outside(Instant::EPOCH, &Outside::Arrive { packet, port, queue, len: 60 });
        }
        let (src, dst) = (Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
        let what = Reassembly::Held;
        let (packet, id, protocol, fragments, bytes) = (PacketId(1), 1, 17, 1, 8);
        let note = ReassemblyNote { what, packet, src, dst, id, protocol, fragments, bytes };
        let run = Run { lcore: LcoreId(1), tick: 5, job: JobKind::RecvFwd };
        oracles.event(Instant::from_nanos(500), run, &Event::Reassembly(note));
        oracles
    }

    fn order() -> Ordered {
        let (at, what) = (Instant::EPOCH, "route flush".to_owned());
        Ordered { number: 3, at, what, answered: None }
    }

    #[test]
    fn at_rest_nothing_is_held_and_no_answer_is_owed() {
        let idle = vec![(LcoreId(0), 0, false), (LcoreId(1), 0, false)];
        let pending = Pending { lcores: idle.clone(), orders: &[] };
        assert_eq!(pending.at_rest(&Oracles::new(&dut(2).config, Slack::default()), false), []);
        assert_eq!(pending.at_rest(&came(1), true), [], "a fragment that may stay");
        assert_eq!(pending.at_rest(&came(1), false).len(), 1);
        assert_eq!(pending.at_rest(&came(2), true).len(), 1);
        let waits = Pending { lcores: vec![(LcoreId(1), 0, true)], orders: &[] };
        assert_eq!(waits.at_rest(&came(1), true).len(), 1);
        let orders = [order()];
        let owes = Pending { lcores: idle, orders: &orders };
        assert_eq!(owes.at_rest(&came(1), true).len(), 1);
    }

    #[test]
    fn what_holds_a_run_up_is_named() {
        let (lcores, orders) = (vec![(LcoreId(1), 6, true)], [order()]);
        let told = Pending { lcores, orders: &orders }.told(&came(6)).join("\n");
        insta::assert_snapshot!(told, @r"
        packet 1, which came to queue 0 of lan, last seen as reasm_held at 0.000000500 s (lcore 1, tick 5, recv_fwd)
        packet 2, which came to queue 0 of lan, last seen as arrive at 0.000000000 s
        packet 3, which came to queue 0 of lan, last seen as arrive at 0.000000000 s
        packet 4, which came to queue 0 of lan, last seen as arrive at 0.000000000 s
        2 packets more
        lcore 1 holds 6 packets
        lcore 1 waits for answers to messages
        order 3, 0.000000000  route flush: not over
        ");
    }
}
