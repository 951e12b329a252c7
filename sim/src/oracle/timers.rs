//! No timer is early, and a run of `timer_manage` leaves none behind that is due.
//!
//! Early: a neighbour does not leave a state by its timer before the state's lifetime is over (spec
//! 3.2), and fragments are not given up before their timeout. What begins the time is told in the
//! trace; an event that only begins it anew is not.
//!
//! Late: when `timer_manage` has run, nothing may be due by the wheel itself. And what cannot begin anew
//! without a word is not longer than it was to be, jitter and the time of a turn included
//! ([`Slack`](super::Slack)): a neighbour that is new, or old and not asked for; one that is asked for, as
//! long as it takes to ask three times; fragments. Of one that is reachable each reply may begin it anew.
//!
//! Invariant: the lifetimes are those of the spec, by the switches of the plan; after a reload, which may
//! bring others, nothing is called early any more. Not here: the wheel (`dataplane`, `timer.rs`).

use super::neighbours::{REQUESTS, Whom};
use super::{Findings, Slack};
use crate::trace::Run;
use dataplane::config::Policy;
use dataplane::event::{NeighMove, Reassembly, ReassemblyNote};
use dataplane::{Instant, LcoreId, Nanos};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The name of the oracle.
const NAME: &str = "timers";

/// A datagram of which an lcore holds fragments: who sent it, to whom, identification, protocol.
type Datagram = (LcoreId, Ipv4Addr, Ipv4Addr, u16, u8);

/// Since when everything waits that has a timer.
#[derive(Debug)]
pub(super) struct Timers {
    policy: Policy,
    slack: Slack,
    reloaded: bool,
    neighbours: BTreeMap<Whom, Instant>,
    datagrams: BTreeMap<Datagram, Instant>,
}

impl Timers {
    /// Nothing waits yet.
    pub fn new(policy: &Policy, slack: Slack) -> Timers {
        let (neighbours, datagrams) = Default::default();
        Timers { policy: policy.clone(), slack, reloaded: false, neighbours, datagrams }
    }

    /// The configuration is about to be another.
    pub fn reloaded(&mut self) {
        self.reloaded = true;
    }

    /// A neighbour's state changed.
    pub fn neighbour(&mut self, at: Instant, run: Run, moved: &NeighMove, found: &mut Findings) {
        let NeighMove { port, address, from, to, why, .. } = *moved;
        let key = Whom::new(run.lcore, port, address);
        if matches!(why, "timeout" | "expired")
            && let (Some(since), Some(state)) = (self.neighbours.get(&key), from)
        {
            let what = || format!("neighbour {address} left state {state}");
            let least = self.lifetime(state);
            self.check((at, run), (*since, least, self.most(state)), what, found);
        }
        match to {
            Some(_) => self.neighbours.insert(key, at),
            None => self.neighbours.remove(&key),
        };
    }

    /// Something became of a datagram of which there are fragments.
    pub fn datagram(&mut self, at: Instant, run: Run, note: &ReassemblyNote, found: &mut Findings) {
        let ReassemblyNote { what, src, dst, id, protocol, fragments, .. } = *note;
        let key = (run.lcore, src, dst, id, protocol);
        if what == Reassembly::Held {
            if fragments == 1 {
                self.datagrams.insert(key, at);
            }
            return;
        }
        let since = self.datagrams.remove(&key);
        if what == Reassembly::Expired
            && let Some(since) = since
        {
            let what = || format!("datagram {id} from {src} to {dst} was given up");
            // Without a sweep they stay until somebody looks.
            let timeout = self.policy.reassembly_timeout;
            let most = self.policy.reassembly_sweep.then_some(timeout);
            self.check((at, run), (since, timeout, most), what, found);
        }
    }

    /// A run of `timer_manage` ended that let timers go; the next one is due then.
    pub fn ran(&mut self, at: Instant, run: Run, next: Option<Instant>, found: &mut Findings) {
        // Without catching up, one tick a run has its turn: the others are late as DPVS's are.
        if let Some(next) = next.filter(|next| *next <= at && self.policy.timer_catch_up) {
            let Run { lcore, tick, job } = run;
            found.say(NAME, || {
                format!(
                    "a timer was due at {next} s, and {job} left it behind at {at} s (lcore {lcore}, \
                     tick {tick})"
                )
            });
        }
    }

    fn check(
        &self,
        (at, run): (Instant, Run),
        (since, least, most): (Instant, Nanos, Option<Nanos>),
        what: impl FnOnce() -> String,
        found: &mut Findings,
    ) {
        let lasted = at.saturating_since(since);
        let (word, lifetime) = match most {
            _ if self.reloaded => return,
            _ if lasted < least => ("early", least),
            Some(most) if !self.slack.allows(lasted, most) => ("late", most),
            _ => return,
        };
        found.say(NAME, || {
            format!(
                "{} at {at} s, {word}: it was to be {lifetime} from {since} s on ({run})",
                what()
            )
        });
    }

    /// How long a neighbour stays in a state at most; nothing: as long as it answers.
    fn most(&self, state: &str) -> Option<Nanos> {
        let times = match state {
            "reachable" => return None,
            "none" | "probe" => 1,
            _ if self.policy.neigh_retransmit => u64::from(REQUESTS),
            _ => 1,
        };
        // Each time that it is asked again the timer is armed anew, a turn later at most.
        let again = self.slack.0.unwrap_or_default().saturating_mul(times - 1);
        let once = self.lifetime(state) + self.policy.neigh_jitter;
        Some(once.saturating_mul(times) + again)
    }

    /// How long a neighbour stays in a state at least, if only its timer takes it out.
    fn lifetime(&self, state: &str) -> Nanos {
        let again = if self.policy.neigh_retransmit { 1 } else { 3 };
        match state {
            "none" => Nanos::from_secs(2),
            "reachable" => self.policy.neigh_reachable,
            "probe" => Nanos::from_secs(30),
            _ => Nanos::from_secs(again),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::PacketId;
    use dataplane::PortId;
    use dataplane::job::JobKind;

    const RUN: Run = Run { lcore: LcoreId(1), tick: 3, job: JobKind::TimerManage };
    const BOB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

    fn at(millis: u64) -> Instant {
        Instant::EPOCH + Nanos::from_millis(millis)
    }

    fn moved(from: &'static str, to: Option<&'static str>, why: &'static str) -> NeighMove {
        let from = Some(from).filter(|from| !from.is_empty());
        NeighMove { port: PortId(1), address: BOB, from, to, why, waiting: 0 }
    }

    fn note(what: Reassembly, fragments: u32) -> ReassemblyNote {
        let (src, dst) = (BOB, Ipv4Addr::new(192, 0, 2, 1));
        let (packet, id, protocol, bytes) = (PacketId(4), 9, 17, 8);
        ReassemblyNote { what, packet, src, dst, id, protocol, fragments, bytes }
    }

    fn list(found: Findings) -> String {
        found.into_list().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_neighbour_that_goes_early_is_told_and_one_on_time_is_not() {
        for (last, breaches) in [(60_001 + 2_000, 0), (60_001 + 1_999, 1)] {
            let mut timers = Timers::new(&Policy::default(), Slack::default());
            let mut found = Findings::default();
            for (millis, moved) in [
                (1, moved("", Some("none"), "created")),
                (1, moved("none", Some("reachable"), "reply")),
                (60_001, moved("reachable", Some("probe"), "timeout")),
                (60_001, moved("probe", Some("none"), "reply")),
                (last, moved("none", None, "expired")),
            ] {
                timers.neighbour(at(millis), RUN, &moved, &mut found);
            }
            assert_eq!(found.into_list().len(), breaches);
            assert!(timers.neighbours.is_empty());
        }
        let mut timers = Timers::new(&Policy::default(), Slack::default());
        let mut found = Findings::default();
        timers.neighbour(at(1), RUN, &moved("none", Some("reachable"), "reply"), &mut found);
        let early = moved("reachable", Some("probe"), "timeout");
        timers.neighbour(at(60_000), RUN, &early, &mut found);
        insta::assert_snapshot!(list(found), @"timers: neighbour 192.0.2.9 left state reachable at 60.000000000 s, early: it was to be 60s from 0.001000000 s on (lcore 1, tick 3, timer_manage)");
    }

    #[test]
    fn fragments_that_are_given_up_early_are_told_unless_the_timeout_may_be_another_now() {
        for (reloaded, expected) in [(false, 1), (true, 0)] {
            let mut timers = Timers::new(&Policy::default(), Slack::default());
            let mut found = Findings::default();
            timers.datagram(at(1), RUN, &note(Reassembly::Held, 1), &mut found);
            timers.datagram(at(10), RUN, &note(Reassembly::Held, 2), &mut found);
            if reloaded {
                timers.reloaded();
            }
            timers.datagram(at(30_000), RUN, &note(Reassembly::Expired, 2), &mut found);
            timers.datagram(at(40_000), RUN, &note(Reassembly::Held, 1), &mut found);
            timers.datagram(at(70_000), RUN, &note(Reassembly::Expired, 1), &mut found);
            assert_eq!(found.into_list().len(), expected);
            assert!(timers.datagrams.is_empty());
        }
    }

    #[test]
    fn who_stays_longer_than_any_timer_lets_him_is_told_and_one_that_may_begin_anew_is_not() {
        let slack = Slack(Some(Nanos::from_millis(5)));
        let late = |from: &'static str, to, why, millis: u64| {
            let neigh_jitter = Nanos::from_millis(200);
            let policy = Policy { neigh_jitter, ..Policy::default() };
            let mut timers = Timers::new(&policy, slack);
            let mut found = Findings::default();
            timers.neighbour(at(0), RUN, &moved("", Some(from), "created"), &mut found);
            timers.neighbour(at(millis), RUN, &moved(from, to, why), &mut found);
            list(found)
        };
        // Jitter, and slack.
        let most = 200 + 5;
        assert_eq!(late("none", None, "expired", 2_000 + most), "");
        insta::assert_snapshot!(late("none", None, "expired", 2_000 + most + 1), @"timers: neighbour 192.0.2.9 left state none at 2.206000000 s, late: it was to be 2200ms from 0.000000000 s on (lcore 1, tick 3, timer_manage)");
        assert_eq!(late("send", Some("none"), "timeout", 3 * (1_000 + most)), "");
        insta::assert_snapshot!(late("send", Some("none"), "timeout", 3 * (1_000 + most) + 1), @"timers: neighbour 192.0.2.9 left state send at 3.616000000 s, late: it was to be 3610ms from 0.000000000 s on (lcore 1, tick 3, timer_manage)");
        assert_eq!(late("reachable", Some("probe"), "timeout", 3_600_000), "");
        assert_eq!(late("probe", Some("reachable"), "reply", 3_600_000), "", "no timer of his");

        let mut timers = Timers::new(&Policy::default(), slack);
        let mut found = Findings::default();
        timers.datagram(at(0), RUN, &note(Reassembly::Held, 1), &mut found);
        timers.datagram(at(30_006), RUN, &note(Reassembly::Expired, 1), &mut found);
        insta::assert_snapshot!(list(found), @"timers: datagram 9 from 192.0.2.9 to 192.0.2.1 was given up at 30.006000000 s, late: it was to be 30s from 0.000000000 s on (lcore 1, tick 3, timer_manage)");
    }

    #[test]
    fn a_timer_that_is_left_behind_is_told() {
        let mut timers = Timers::new(&Policy::default(), Slack::default());
        let mut found = Findings::default();
        timers.ran(at(10), RUN, None, &mut found);
        timers.ran(at(10), RUN, Some(at(11)), &mut found);
        timers.ran(at(10), RUN, Some(at(10)), &mut found);
        insta::assert_snapshot!(list(found), @"timers: a timer was due at 0.010000000 s, and timer_manage left it behind at 0.010000000 s (lcore 1, tick 3)");
    }
}
