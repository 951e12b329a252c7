//! What has a limit keeps to it inside an lcore too: no more packets wait for a neighbour than
//! `neigh_queue`, none for one whose MAC is known, and no lcore makes more ICMP errors than
//! `icmp_rate_limit` allows in any window.
//!
//! Of all windows that end now the fullest counts, as in `shaping.rs`.
//!
//! Invariant: limits are those of the start, which no reload changes; the rate of errors may be another
//! one after a reload, and nothing is said of it from then on. Not here: what the ports and the rings
//! hold (`ledger.rs`).

use super::Findings;
use crate::trace::Run;
use dataplane::config::{Config, RateLimit};
use dataplane::event::{Made, NeighMove};
use dataplane::{Event, Instant, LcoreId};
use std::collections::BTreeMap;

/// The name of the oracle.
const NAME: &str = "limits";
/// A token, times nanoseconds in a second.
const TOKEN: u64 = 1_000_000_000;
/// ICMP redirects have a limit of their own.
const REDIRECT: u8 = 5;

/// The limits, and how near each lcore is to that of errors.
#[derive(Debug)]
pub(super) struct Held {
    neigh_queue: u32,
    errors: Option<RateLimit>,
    /// Tokens above the rate, at a time.
    above: BTreeMap<LcoreId, (Instant, u64)>,
}

impl Held {
    /// The limits of a configuration.
    pub fn new(config: &Config) -> Held {
        Held {
            neigh_queue: config.limits.neigh_queue,
            errors: config.policy.icmp_rate_limit,
            above: BTreeMap::new(),
        }
    }

    /// A configuration is put in the place of another.
    pub fn reloaded(&mut self) {
        self.errors = None;
    }

    /// Something happened on an lcore.
    pub fn event(&mut self, at: Instant, run: Run, event: &Event, found: &mut Findings) {
        let wrong = match event {
            Event::Waits { address, waiting, .. } if *waiting > self.neigh_queue => {
                format!("{waiting} packets wait for {address}, of {} that may", self.neigh_queue)
            }
            Event::Neigh(NeighMove { address, from: Some(from), waiting: 1.., .. })
                if !matches!(*from, "none" | "send") =>
            {
                format!("packets waited for {address}, which was {from}")
            }
            Event::Made { what: Made::IcmpError(kind, _), .. } if *kind != REDIRECT => {
                let Some(RateLimit { per_second, burst }) = self.errors else { return };
                let (then, above) = self.above.entry(run.lcore).or_default();
                let gone = at.saturating_since(*then).get().saturating_mul(per_second.into());
                (*then, *above) = (at, above.saturating_sub(gone) + TOKEN);
                if *above <= u64::from(burst) * TOKEN {
                    return;
                }
                format!("more ICMP errors than {per_second} a second and {burst} at once")
            }
            _ => return,
        };
        found.say(NAME, || format!("{wrong}, at {at} s ({run})"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::job::JobKind;
    use dataplane::{PacketId, PortId};
    use fixtures::BOB;

    const RUN: Run = Run { lcore: LcoreId(1), tick: 3, job: JobKind::RecvFwd };

    fn told(held: &mut Held, events: &[(u64, Event)]) -> String {
        let mut found = Findings::default();
        for (nanos, event) in events {
            held.event(Instant::from_nanos(*nanos), RUN, event, &mut found);
        }
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        list.join("\n")
    }

    #[test]
    fn as_many_wait_for_a_neighbour_as_may_and_none_for_one_that_is_known() {
        let mut held = Held::new(&dut(1).config);
        let waits = |waiting| Event::Waits { packet: PacketId(9), address: BOB.ip, waiting };
        let moved = |from, waiting| {
            let (port, to, why) = (PortId(1), Some("reachable"), "reply");
            Event::Neigh(NeighMove { port, address: BOB.ip, from: Some(from), to, why, waiting })
        };
        let right = [waits(1), waits(128), moved("send", 128), moved("reachable", 0)];
        assert_eq!(told(&mut held, &right.map(|event| (5, event))), "");
        let wrong = [waits(129), moved("reachable", 1)];
        insta::assert_snapshot!(told(&mut held, &wrong.map(|event| (5, event))), @r"
        limits: 129 packets wait for 192.0.2.9, of 128 that may, at 0.000000005 s (lcore 1, tick 3, recv_fwd)
        limits: packets waited for 192.0.2.9, which was reachable, at 0.000000005 s (lcore 1, tick 3, recv_fwd)
        ");
    }

    #[test]
    fn an_error_a_nanosecond_early_is_told_and_a_redirect_is_not() {
        let mut config = dut(1).config;
        config.policy.icmp_rate_limit = Some(RateLimit { per_second: 1000, burst: 2 });
        let made = |kind| {
            let (packet, cause) = (PacketId(9), None);
            Event::Made { packet, cause, what: Made::IcmpError(kind, 0) }
        };
        let at = |last| [(0, made(3)), (0, made(11)), (0, made(5)), (last, made(3))];
        assert_eq!(told(&mut Held::new(&config), &at(1_000_000)), "");
        insta::assert_snapshot!(told(&mut Held::new(&config), &at(999_999)), @"limits: more ICMP errors than 1000 a second and 2 at once, at 0.000999999 s (lcore 1, tick 3, recv_fwd)");
        let mut held = Held::new(&config);
        held.reloaded();
        assert_eq!(told(&mut held, &at(0)), "");
    }
}
