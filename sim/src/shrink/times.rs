//! Times made short and round, all of a case together: frames, orders, and the end.
//!
//! Invariant: the order of what happens stays, and what was at one time stays at one time.

use crate::bundle::Case;
use crate::scenario::text;
use dataplane::{Instant, Nanos};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// All times of a case, in order, in nanoseconds.
pub(super) fn moments(case: &Case) -> Vec<u64> {
    let frames = case.inputs.iter().flat_map(|input| &input.frames);
    let mut all: BTreeSet<u64> = frames.map(|(at, _)| at.as_nanos()).collect();
    let mut tables = case.tables.clone();
    each_time(&mut tables, &mut |time| {
        all.insert(time);
        time
    });
    all.into_iter().collect()
}

/// The time from each moment to the one before it; of the first, from the start.
pub(super) fn gaps(moments: &[u64]) -> Vec<u64> {
    let before = [0].into_iter().chain(moments.iter().copied());
    moments.iter().zip(before).map(|(at, before)| at - before).collect()
}

/// The case with other gaps between its moments.
pub(super) fn with_gaps(case: &Case, moments: &[u64], gaps: &[u64]) -> Case {
    let mut at = 0u64;
    let new: Vec<u64> = gaps
        .iter()
        .map(|gap| {
            at = at.saturating_add(*gap);
            at
        })
        .collect();
    let mut moved = |time: u64| moments.binary_search(&time).map_or(time, |index| new[index]);
    let mut case = case.clone();
    for (at, _) in case.inputs.iter_mut().flat_map(|input| &mut input.frames) {
        *at = Instant::from_nanos(moved(at.as_nanos()));
    }
    each_time(&mut case.tables, &mut moved);
    case
}

/// Simpler gaps in the place of this one, the simplest first: powers of ten from a microsecond on,
/// then itself with one digit, less or more.
pub(super) fn simpler(gap: u64) -> Vec<u64> {
    let powers = (3..20).map(|exponent| 10u64.pow(exponent)).take_while(|power| *power < gap);
    let mut simpler: Vec<u64> = powers.collect();
    let digit = 10u64.pow(gap.max(1).ilog10());
    let down = gap / digit * digit;
    for round in [down, down.saturating_add(digit)] {
        if shorter(round, gap) && !simpler.contains(&round) {
            simpler.push(round);
        }
    }
    simpler
}

/// Whether a gap is written with less, or the same with less time.
fn shorter(new: u64, old: u64) -> bool {
    let len = |gap: u64| Nanos::new(gap).to_string().len();
    (len(new), new) < (len(old), old)
}

/// Calls `time` with each time of a scenario, in nanoseconds, and puts what it says in its place.
fn each_time(tables: &mut Table, time: &mut dyn FnMut(u64) -> u64) {
    for (key, value) in tables.iter_mut() {
        match (key.as_str(), value) {
            ("until" | "at", Value::String(text)) => place(text, time),
            ("show_tc", Value::Array(list)) => {
                for value in list {
                    if let Value::String(text) = value {
                        place(text, time);
                    }
                }
            }
            (_, Value::Array(list)) => {
                let tables = list.iter_mut().filter_map(Value::as_table_mut);
                tables.for_each(|table| each_time(table, time));
            }
            (_, Value::Table(table)) => each_time(table, time),
            _ => {}
        }
    }
}

fn place(text: &mut String, time: &mut dyn FnMut(u64) -> u64) {
    if let Ok(was) = text::duration(text) {
        let is = time(was.get());
        if is != was.get() {
            *text = Nanos::new(is).to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::CaseInput;

    #[test]
    fn all_times_move_together() {
        let text = "until = \"9s\"\nshow_tc = [\"1.5ms\"]\n[[control]]\nat = \"3ms\"\n\
                    [iftraf]\nswitch = [{ at = \"9s\" }]\n";
        let frames = [1_500_000, 3_000_000].map(|at| (Instant::from_nanos(at), vec![0]));
        let case = Case {
            tables: toml::from_str(text).unwrap(),
            inputs: vec![CaseInput { port: "lan".to_owned(), frames: frames.to_vec() }],
            faults: vec![],
            asked: vec![],
        };
        let at = moments(&case);
        assert_eq!(at, [1_500_000, 3_000_000, 9_000_000_000]);
        assert_eq!(gaps(&at), [1_500_000, 1_500_000, 8_997_000_000]);
        let moved = with_gaps(&case, &at, &[0, 7, 1_000_000]);
        assert_eq!(moments(&moved), [0, 7, 1_000_007]);
        assert_eq!(moved.inputs[0].frames[1].0.as_nanos(), 7);
        assert_eq!(moved.tables["show_tc"][0].as_str(), Some("0s"));
        assert_eq!(moved.tables["iftraf"]["switch"][0]["at"].as_str(), Some("1000007ns"));
        assert_eq!(with_gaps(&case, &at, &gaps(&at)), case);
    }

    #[test]
    fn simpler_gaps_get_simpler_and_come_to_an_end() {
        assert_eq!(simpler(0), [0; 0]);
        assert_eq!(simpler(1_000), [0; 0]);
        assert_eq!(simpler(2_345), [1_000, 2_000, 3_000]);
        assert_eq!(simpler(95_000), [1_000, 10_000, 90_000]);
        assert_eq!(simpler(99_999), [1_000, 10_000, 90_000, 100_000]);
        for start in [1, 999, 1_039_052_960, u64::MAX] {
            let mut gap = start;
            for _ in 0..100 {
                gap = simpler(gap).last().copied().unwrap_or(gap);
            }
            assert_eq!(simpler(gap), [0; 0], "{start}");
        }
    }
}
