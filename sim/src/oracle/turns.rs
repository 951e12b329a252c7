//! Workers take turns in sending for the master, which has no transmit queue: what each was asked to
//! send differs by one at most (spec 2.5).
//!
//! Invariant: a request that found its ring full was a turn too. Not here: whether it was carried out
//! (`calls.rs`).

use super::Findings;
use crate::trace::Run;
use dataplane::config::Config;
use dataplane::msg::{MsgNote, MsgType, Stage};
use dataplane::{Instant, LcoreId};
use std::collections::BTreeMap;

/// The name of the oracle.
const NAME: &str = "turns";

/// How often it was each worker's turn.
#[derive(Debug)]
pub(super) struct Turns(BTreeMap<LcoreId, u64>);

impl Turns {
    /// It was nobody's turn yet.
    pub fn new(config: &Config) -> Turns {
        Turns(config.workers().map(|worker| (worker, 0)).collect())
    }

    /// Something happened to a message.
    pub fn event(&mut self, at: Instant, run: Run, note: &MsgNote, found: &mut Findings) {
        let asked = matches!(note.stage, Stage::Sent | Stage::Refused(_));
        let to = note.to.filter(|_| asked && note.kind == MsgType::MasterXmit);
        let Some(turn) = to.and_then(|to| self.0.get_mut(&to)) else { return };
        *turn += 1;
        let (turn, least) = (*turn, self.0.values().copied().min().unwrap_or(0));
        if turn > least + 1 {
            let to = note.to.unwrap_or(run.lcore);
            found.say(NAME, || {
                format!(
                    "lcore {to} is to send for the master {turn} times, and another is {least} \
                     times: at {at} s ({run})"
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::job::JobKind;
    use dataplane::msg::{Call, Code, Mode};

    fn told(turns: &[(u8, Stage)]) -> String {
        let config = dut(2).config;
        let workers: Vec<_> = config.workers().collect();
        let mut all = Turns::new(&config);
        let mut found = Findings::default();
        for (seq, (worker, stage)) in (1..).zip(turns) {
            let (kind, mode, call) = (MsgType::MasterXmit, Mode::Unicast, Call::Async);
            let (from, to) = (LcoreId(0), Some(workers[usize::from(*worker)]));
            let (stage, deadline, packet) = (*stage, None, None);
            let note = MsgNote { stage, kind, seq, mode, call, from, to, deadline, packet };
            let run = Run { lcore: from, tick: 3, job: JobKind::KniMaster };
            all.event(Instant::EPOCH, run, &note, &mut found);
        }
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        list.join("\n")
    }

    #[test]
    fn one_worker_that_sends_all_is_told_and_turns_are_not() {
        let sent = |worker| (worker, Stage::Sent);
        let full = |worker| (worker, Stage::Refused(Code::Full));
        assert_eq!(told(&[sent(0), full(1), sent(0), (0, Stage::Delivered), sent(1)]), "");
        insta::assert_snapshot!(told(&[sent(0), sent(0)]), @"turns: lcore 1 is to send for the master 2 times, and another is 0 times: at 0.000000000 s (lcore 0, tick 3, kni_master_proc)");
    }
}
