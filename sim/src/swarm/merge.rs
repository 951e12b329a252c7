//! Results of many shards, put together: the set of all their lines.
//!
//! A unit is known by what was built, its seed and its scenario ([`Key`]). It comes to the same
//! wherever it is run, so two lines about one unit are equal, and there is one of them here. Where
//! they differ, something but the plan decided a run, and both stay.
//!
//! Invariant: a merge is the union of sets, so it makes no difference in which order, in how many steps
//! or how often files are merged; and what a merge writes can be merged again. Not here: reading
//! files (`line.rs`), what the lines say together (`summary.rs`).

use super::line::{Key, Line};
use std::collections::BTreeMap;

/// Lines, each once, in the order of their keys.
///
/// They are kept as texts: millions of them fit in memory so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged(BTreeMap<Key, Vec<Box<str>>>);

impl Merged {
    /// Puts a line in.
    pub fn add(&mut self, line: &Line) {
        let texts = self.0.entry(line.key()).or_default();
        for text in &mut *texts {
            let there: Line = match serde_json::from_str(text) {
                Ok(there) => there,
                Err(_) => unreachable!("only lines are put in"),
            };
            // Names of files may differ: whose stay does not depend on who came first.
            let again = there.again.clone().min(line.again.clone());
            let line = Line { again: again.clone(), ..line.clone() };
            if line == (Line { again, ..there }) {
                *text = line.text().into();
                return;
            }
        }
        texts.push(line.text().into());
        texts.sort_unstable();
    }

    /// The lines, as they are written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.values().flatten().map(|text| &**text)
    }

    /// The lines.
    pub fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.texts().filter_map(|text| serde_json::from_str(text).ok())
    }

    /// The lines about a unit.
    pub fn about(&self, key: &Key) -> impl Iterator<Item = Line> + '_ {
        let texts = self.0.get(key).into_iter().flatten();
        texts.filter_map(|text| serde_json::from_str(text).ok())
    }

    /// Units.
    pub fn units(&self) -> usize {
        self.0.len()
    }

    /// The units that did not come to the same everywhere.
    pub fn differing(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(|(_, texts)| texts.len() > 1).map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::{Status, tests::line};
    use super::*;
    use proptest::prelude::*;

    fn merged<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Merged {
        let mut merged = Merged::default();
        lines.into_iter().for_each(|line| merged.add(line));
        merged
    }

    fn text(merged: &Merged) -> String {
        merged.texts().collect()
    }

    /// Lines about few units, so that many are about the same.
    fn lines() -> impl Strategy<Value = Vec<Line>> {
        let one = (0u64..4, 0u8..3, 0u8..2, 0u8..3, proptest::bool::ANY);
        let one = one.prop_map(|(unit, scenario, build, again, other)| {
            let mut line = line(unit, if unit == 3 { Status::Fail } else { Status::Ok });
            line.scenario = format!("s{scenario}");
            line.build = format!("b{build}");
            line.again = (again > 0).then(|| format!("again {again}"));
            line.events += u64::from(other);
            line
        });
        proptest::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn the_order_and_the_number_of_merges_make_no_difference(
            a in lines(), b in lines(), c in lines()
        ) {
            let all = merged(a.iter().chain(&b).chain(&c));
            prop_assert_eq!(&all, &merged(c.iter().chain(&b).chain(a.iter().rev())));
            // A merge of merges.
            let left: Vec<Line> = merged(a.iter().chain(&b)).lines().collect();
            let right: Vec<Line> = merged(b.iter().chain(&c)).lines().collect();
            prop_assert_eq!(&all, &merged(left.iter().chain(&c)));
            prop_assert_eq!(&all, &merged(a.iter().chain(&right)));
            // And of what is the same.
            let again: Vec<Line> = all.lines().collect();
            prop_assert_eq!(&all, &merged(again.iter().chain(&again).chain(&a)));
            let differ = |key: &Key| {
                let all = a.iter().chain(&b).chain(&c).filter(|line| line.key() == *key);
                let mut events: Vec<u64> = all.map(|line| line.events).collect();
                events.dedup();
                events.len() > 1
            };
            prop_assert!(all.differing().all(differ));
        }
    }

    #[test]
    fn lines_stand_in_the_order_of_seed_and_scenario() {
        let mut other = line(2, Status::Ok);
        other.scenario = "a".to_owned();
        let merged = merged(&[line(10, Status::Ok), line(2, Status::Ok), other]);
        let keys: Vec<_> = merged.lines().map(|line| (line.unit, line.scenario)).collect();
        let router = "router".to_owned();
        assert_eq!(keys, [(2, "a".to_owned()), (2, router.clone()), (10, router)]);
    }

    #[test]
    fn a_unit_that_came_to_something_else_is_named_and_both_stay() {
        let (one, mut other) = (line(2, Status::Ok), line(2, Status::Ok));
        other.trace = Some("0123456789abcdef".to_owned());
        let merged = merged(&[line(1, Status::Ok), one.clone(), other.clone(), one.clone()]);
        assert_eq!(merged.differing().collect::<Vec<_>>(), [&one.key()]);
        assert_eq!(merged.units(), 2);
        assert_eq!(text(&merged), [line(1, Status::Ok), one, other].map(|l| l.text()).concat());
    }

    #[test]
    fn names_of_files_make_no_difference() {
        let (one, mut other) = (line(2, Status::Fail), line(2, Status::Fail));
        other.again = Some("lockstep run a/router.toml --seed 2".to_owned());
        let merged = merged(&[one, other.clone()]);
        assert_eq!(merged.differing().count(), 0);
        assert_eq!(text(&merged), other.text());
    }
}
