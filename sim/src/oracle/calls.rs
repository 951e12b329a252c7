//! Messages between lcores are what they promise: none is carried out that was taken after its deadline,
//! a conversation that is over has an end for each lcore that was asked, and a multicast is sent to all
//! or to none.
//!
//! Invariant: what is kept are the conversations that are open, and the requests that were taken late
//! and are not over. Policies may be other ones after a reload, and a send that was made to fail may
//! leave a multicast with some only: of these nothing is said. Not here: how many messages there are
//! (`ledger.rs`), and how long one waits (`liveness.rs`).

use super::Findings;
use crate::trace::Run;
use dataplane::config::Config;
use dataplane::msg::{Call, Mode, MsgNote, Stage};
use dataplane::{Instant, LcoreId};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the oracle.
const NAME: &str = "calls";

/// A conversation: its caller, and the caller's number.
type Key = (LcoreId, u64);

/// What is under way.
#[derive(Debug)]
pub(super) struct Calls {
    /// Lcores that were asked and have not answered, nor were given up.
    open: BTreeMap<Key, i64>,
    /// Requests that their targets took after their deadlines.
    late: BTreeSet<(Key, LcoreId)>,
    /// Whether a request that is late is refused.
    refuses_late: bool,
    /// Whether a multicast is sent to all or to none.
    all_or_none: bool,
}

impl Calls {
    /// Nothing is under way.
    pub fn new(config: &Config) -> Calls {
        Calls {
            open: BTreeMap::new(),
            late: BTreeSet::new(),
            refuses_late: !config.policy.msg_late_execution,
            all_or_none: !config.policy.msg_partial_multicast,
        }
    }

    /// A configuration is put in the place of another.
    pub fn reloaded(&mut self) {
        (self.refuses_late, self.all_or_none) = (false, false);
    }

    /// Something was made to fail.
    pub fn failed(&mut self) {
        self.all_or_none = false;
    }

    /// Something happened to a message.
    pub fn event(&mut self, at: Instant, run: Run, note: &MsgNote, found: &mut Findings) {
        let caller = if matches!(note.stage, Stage::Answered(_)) { note.to } else { None };
        let key = (caller.unwrap_or(note.from), note.seq);
        let target = (key, run.lcore);
        let wrong = match note.stage {
            Stage::Sent => {
                *self.open.entry(key).or_default() += 1;
                if note.call == Call::Async && note.mode == Mode::Unicast {
                    self.open.remove(&key);
                }
                None
            }
            Stage::Answered(_) | Stage::TimedOut => {
                *self.open.entry(key).or_default() -= 1;
                None
            }
            Stage::Refused(_) => {
                let sent = self.open.remove(&key).filter(|_| self.all_or_none);
                sent.map(|n| format!("was sent to {n} of its lcores only"))
            }
            Stage::Done(_) => match self.open.remove(&key) {
                Some(n @ 1..) => Some(format!("is over without the answers of {n}")),
                Some(n @ ..0) => Some(format!("is over with {} answers too many", -n)),
                Some(0) | None => None,
            },
            Stage::Delivered => {
                if self.refuses_late && note.deadline.is_some_and(|deadline| deadline < at) {
                    self.late.insert(target);
                }
                None
            }
            Stage::Handled(_) => {
                let late = self.late.remove(&target) && self.refuses_late;
                late.then(|| "was carried out after its deadline".to_owned())
            }
            Stage::Dropped(_) => {
                self.late.remove(&target);
                None
            }
            Stage::Replied(_) => None,
        };
        if let Some(wrong) = wrong {
            let (from, seq) = key;
            found.say(NAME, || format!("request {seq} of lcore {from} {wrong}: at {at} s ({run})"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::job::JobKind;
    use dataplane::msg::{Code, MsgDrop, MsgType};

    fn note(stage: Stage, from: u8, to: u8) -> MsgNote {
        MsgNote {
            stage,
            kind: MsgType::Hello,
            seq: 7,
            mode: Mode::Multicast,
            call: Call::Sync,
            from: LcoreId(from),
            to: Some(LcoreId(to)),
            deadline: Some(Instant::from_nanos(100)),
            packet: None,
        }
    }

    /// What is said of these stages: when, on which lcore, and who sends to whom.
    fn told(calls: &mut Calls, notes: &[(u64, Stage, u8, u8)]) -> String {
        let mut found = Findings::default();
        for (nanos, stage, from, to) in notes {
            let on = match stage {
                Stage::Delivered | Stage::Handled(_) | Stage::Answered(_) => *to,
                _ => *from,
            };
            let run = Run { lcore: LcoreId(on), tick: 3, job: JobKind::MsgMaster };
            let note = note(*stage, *from, *to);
            calls.event(Instant::from_nanos(*nanos), run, &note, &mut found);
        }
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        list.join("\n")
    }

    #[test]
    fn a_conversation_is_over_when_each_has_answered_or_was_given_up() {
        let mut calls = Calls::new(&dut(2).config);
        let (sent, done) = (Stage::Sent, Stage::Done(Code::Ok));
        let asked = [(1, sent, 0, 1), (1, sent, 0, 2), (5, Stage::Answered(Code::Ok), 1, 0)];
        let whole = [&asked[..], &[(101, Stage::TimedOut, 0, 2), (101, done, 0, 0)]].concat();
        assert_eq!(told(&mut calls, &whole), "");
        assert!(calls.open.is_empty());
        let early = [&asked[..], &[(6, done, 0, 0)]].concat();
        insta::assert_snapshot!(told(&mut calls, &early), @"calls: request 7 of lcore 0 is over without the answers of 1: at 0.000000006 s (lcore 0, tick 3, msg_master_job)");
    }

    #[test]
    fn a_request_that_is_taken_at_its_deadline_is_carried_out_and_none_later() {
        let mut calls = Calls::new(&dut(2).config);
        let handled = Stage::Handled(Code::Ok);
        let right = [
            (100, Stage::Delivered, 0, 1),
            (101, handled, 0, 1),
            (101, Stage::Delivered, 0, 1),
            (101, Stage::Dropped(MsgDrop::Expired), 1, 0),
        ];
        assert_eq!(told(&mut calls, &right), "");
        let late = [(101, Stage::Delivered, 0, 1), (101, handled, 0, 1)];
        insta::assert_snapshot!(told(&mut calls, &late), @"calls: request 7 of lcore 0 was carried out after its deadline: at 0.000000101 s (lcore 1, tick 3, msg_master_job)");
    }

    #[test]
    fn a_multicast_that_went_to_some_is_told_unless_a_send_was_made_to_fail() {
        let mut calls = Calls::new(&dut(2).config);
        let some = [(1, Stage::Sent, 0, 1), (1, Stage::Refused(Code::Full), 0, 2)];
        insta::assert_snapshot!(told(&mut calls, &some), @"calls: request 7 of lcore 0 was sent to 1 of its lcores only: at 0.000000001 s (lcore 0, tick 3, msg_master_job)");
        calls.failed();
        assert_eq!(told(&mut calls, &some), "");
    }
}
