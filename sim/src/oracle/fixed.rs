//! A static neighbour of the configuration keeps its MAC until there is an order: no reply gives it
//! another one.
//!
//! Invariant: from the first order on that may change anything, nothing is said. Not here: neighbours
//! that are learnt (`timers.rs`, `limits.rs`).

use super::Findings;
use crate::trace::Run;
use dataplane::control::Order;
use dataplane::{Config, Event, Instant, Mac, PortId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The name of the oracle.
const NAME: &str = "fixed";

/// The static neighbours.
#[derive(Debug)]
pub(super) struct Fixed(BTreeMap<(PortId, Ipv4Addr), Mac>);

impl Fixed {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Fixed {
        let all = config.neighbours.iter();
        Fixed(all.map(|neigh| ((neigh.dev, neigh.address), neigh.mac)).collect())
    }

    /// The control plane was told something.
    pub fn told(&mut self, order: &Order) {
        if !matches!(order, Order::Show(_) | Order::ShowTc | Order::Hello(_)) {
            self.0.clear();
        }
    }

    /// Something happened on an lcore.
    pub fn event(&self, at: Instant, run: Run, event: &Event, found: &mut Findings) {
        let Event::NeighMac { port, address, mac } = event else { return };
        let fixed = self.0.get(&(*port, *address)).filter(|fixed| *fixed != mac);
        if let Some(fixed) = fixed {
            found.say(NAME, || {
                format!(
                    "static neighbour {address} at {fixed} is at {mac} now, and nobody ordered it: at \
                     {at} s ({run})"
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::LcoreId;
    use dataplane::config::NeighConfig;
    use dataplane::control::Show;
    use dataplane::job::JobKind;
    use fixtures::{BOB, GW};

    #[test]
    fn a_static_neighbour_that_is_somewhere_else_is_told_until_there_is_an_order() {
        let mut config = dut(1).config;
        let (dev, address) = (PortId(1), BOB.ip);
        config.neighbours.push(NeighConfig { dev, address, mac: Mac(BOB.mac) });
        let mut fixed = Fixed::new(&config);
        let mut found = Findings::default();
        let run = Run { lcore: LcoreId(1), tick: 3, job: JobKind::RecvFwd };
        let mut told = |fixed: &Fixed, address, mac| {
            let event = Event::NeighMac { port: dev, address, mac: Mac(mac) };
            fixed.event(Instant::from_nanos(5), run, &event, &mut found);
        };
        told(&fixed, BOB.ip, BOB.mac);
        told(&fixed, GW.ip, BOB.mac);
        fixed.told(&Order::Show(Show::Links(None)));
        told(&fixed, BOB.ip, GW.mac);
        fixed.told(&Order::RouteFlush(None));
        told(&fixed, BOB.ip, GW.mac);
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        assert_eq!(
            list,
            ["fixed: static neighbour 192.0.2.9 at 02:00:00:00:00:0b is at \
                           02:00:00:00:00:0c now, and nobody ordered it: at 0.000000005 s (lcore 1, \
                           tick 3, recv_fwd)"]
        );
    }
}
