//! An address that is given for a time is ours for that time: neither shorter, nor longer than the timers
//! of the master take to notice.
//!
//! Invariant: the time begins when the order is over. Not here: what is done when it ends (`tables.rs`
//! compares the lcores), and how late a timer may be ([`Slack`](super::Slack)).

use super::{Findings, Slack};
use crate::trace::Run;
use dataplane::control::{Order, Outcome};
use dataplane::{Event, Instant, Nanos};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The name of the oracle.
const NAME: &str = "lifetime";

/// Addresses that are given for a time.
#[derive(Debug)]
pub(super) struct Lifetimes {
    slack: Slack,
    /// Orders that are not over: which address, and for how long.
    asked: BTreeMap<u64, (Ipv4Addr, Nanos)>,
    /// Since when, and for how long.
    given: BTreeMap<Ipv4Addr, (Instant, Nanos)>,
}

impl Lifetimes {
    /// None is given yet.
    pub fn new(slack: Slack) -> Lifetimes {
        Lifetimes { slack, asked: BTreeMap::new(), given: BTreeMap::new() }
    }

    /// The control plane was told something.
    pub fn told(&mut self, number: u64, order: &Order) {
        if let Order::AddressAdd { net, valid: Some(valid), .. } = order {
            self.asked.insert(number, (net.addr(), *valid));
        }
    }

    /// Something happened on an lcore.
    pub fn event(&mut self, at: Instant, run: Run, event: &Event, found: &mut Findings) {
        match event {
            Event::Outcome(Outcome { order, refused, .. }) => {
                if let Some((address, valid)) =
                    self.asked.remove(order).filter(|_| refused.is_none())
                {
                    self.given.insert(address, (at, valid));
                }
            }
            // After that it is tried again until it is done.
            Event::AddressExpired { address, .. } => {
                let Some((since, valid)) = self.given.remove(address) else { return };
                let lasted = at.saturating_since(since);
                if lasted >= valid && self.slack.allows(lasted, valid) {
                    return;
                }
                found.say(NAME, || {
                    format!(
                        "address {address} was given for {valid} at {since} s, and is over after {lasted}: \
                         at {at} s ({run})"
                    )
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::job::JobKind;
    use dataplane::types::DeviceName;
    use dataplane::{LcoreId, PortId};
    use fixtures::BOB;

    /// What is said if an address that was given for 2 s at 1 s is over at this time.
    fn told(slack: Slack, over: u64) -> String {
        let run = Run { lcore: LcoreId(0), tick: 3, job: JobKind::TimerManage };
        let dev = DeviceName::try_new("wan").unwrap();
        let net = "192.0.2.9/24".parse().unwrap();
        let mut all = Lifetimes::new(slack);
        all.told(5, &Order::AddressAdd { dev, net, valid: Some(Nanos::from_secs(2)) });
        let outcome = Outcome { order: 5, refused: None, at: None, entries: None };
        let expired = Event::AddressExpired { port: PortId(1), address: BOB.ip, order: 6 };
        let mut found = Findings::default();
        let at = Instant::from_nanos;
        all.event(at(1_000_000_000), run, &Event::Outcome(outcome), &mut found);
        all.event(at(over), run, &expired, &mut found);
        all.event(at(over + 1), run, &expired, &mut found);
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        list.join("\n")
    }

    #[test]
    fn an_address_that_is_over_too_early_or_too_late_is_told() {
        let slack = Slack(Some(Nanos::from_millis(5)));
        assert_eq!(told(slack, 3_000_000_000), "");
        assert_eq!(told(slack, 3_005_000_000), "");
        assert_eq!(told(Slack(None), 9_000_000_000), "", "an lcore stands still");
        insta::assert_snapshot!(told(slack, 2_999_999_999), @"lifetime: address 192.0.2.9 was given for 2s at 1.000000000 s, and is over after 1999999999ns: at 2.999999999 s (lcore 0, tick 3, timer_manage)");
        insta::assert_snapshot!(told(slack, 3_005_000_001), @"lifetime: address 192.0.2.9 was given for 2s at 1.000000000 s, and is over after 2005000001ns: at 3.005000001 s (lcore 0, tick 3, timer_manage)");
    }
}
