//! The frames that peers lost by chance, as faults that name them.
//!
//! Invariant: a case of which they are spelled out loses the same frames in its run, by no chance. Not
//! here: what is lost (`peer/losses.rs`).

use super::Case;
use crate::fault::Fault;
use crate::trace::{Observer, Outside, Record, What};
use toml::{Table, Value};

/// The frames between peers and their ports that were lost in a run, also in one that panics later.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<Fault>);

impl Observer for Losses {
    const FRAMES: bool = false;

    fn event(&mut self, record: &Record) {
        if let What::Outside(Outside::Fault(fault @ Fault::Peer { .. })) = &record.what {
            self.0.push(fault.clone());
        }
    }
}

impl Losses {
    /// The case that names what was lost by chance in its run. Nothing: nothing is left to chance in it.
    pub fn spelled_out(self, case: &Case) -> Option<Case> {
        let by_chance = |peer: &Table| peer.contains_key("loss");
        let mut tables = case.tables.clone();
        let Some(Value::Array(peers)) = tables.get_mut("peer") else { return None };
        let mut peers: Vec<_> = peers.iter_mut().filter_map(Value::as_table_mut).collect();
        if !peers.iter().any(|peer| by_chance(peer)) {
            return None;
        }
        peers.iter_mut().for_each(|peer| drop(peer.remove("loss")));
        let of_peers = |fault: &&Fault| matches!(fault, Fault::Peer { .. });
        let mut faults: Vec<_> = case.faults.iter().filter(|f| !of_peers(f)).cloned().collect();
        faults.extend(in_rows(self.0));
        let (inputs, asked) = (case.inputs.clone(), case.asked.clone());
        Some(Case { tables, inputs, faults, asked })
    }
}

/// The same losses: those that follow each other in a row.
fn in_rows(mut lost: Vec<Fault>) -> Vec<Fault> {
    lost.sort();
    let mut rows: Vec<Fault> = Vec::new();
    for fault in lost {
        if let Fault::Peer { peer, way, first, last } = &fault
            && let Some(Fault::Peer { peer: of, way: there, last: end, .. }) = rows.last_mut()
            && (&*of, &*there, *end + 1) == (peer, way, *first)
        {
            *end = *last;
        } else {
            rows.push(fault);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_that_follow_each_other_are_one_row() {
        let words =
            ["mute:bob:3", "deaf:bob:4", "mute:bob:2", "mute:bob:5", "mute:al:3", "mute:al:4"];
        let rows = in_rows(words.map(|word| word.parse().unwrap()).to_vec());
        let rows: Vec<_> = rows.iter().map(ToString::to_string).collect();
        assert_eq!(rows, ["mute:al:3-4", "mute:bob:2-3", "mute:bob:5", "deaf:bob:4"]);
    }
}
