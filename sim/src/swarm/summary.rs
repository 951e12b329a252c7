//! What many units say together: how many failed and how, what was reached, and what never was.
//!
//! Invariant: the order in which lines are added makes no difference. Not here: lines (`line.rs`),
//! what there is to reach (`coverage.rs`).

use super::coverage::reachable;
use super::line::{Line, Status};
use super::seeds::grouped;
use crate::bundle::Said;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// How many failures of one kind are shown.
const SHOWN: usize = 3;

/// Columns of the lists of words.
const WIDTH: usize = 100;

/// What units say together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By scenario: what was built, its name and the digest of its input.
    scenarios: BTreeMap<(String, String, String), Tally>,
    /// What was reached.
    reached: BTreeMap<String, Reached>,
    /// What is wrong, by oracle and the first words of what it says.
    failures: BTreeMap<(String, String), Failures>,
}

/// How the units of a scenario ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub ok: u64,
    pub failed: u64,
    pub skipped: u64,
}

/// How often something was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reached {
    units: u64,
    /// The lowest seed.
    first: u64,
}

/// Units that fail in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    pub units: u64,
    /// The shortest of them: by events, then by seed.
    pub shown: Vec<Failure>,
}

/// A unit that fails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Failure {
    pub events: u64,
    pub unit: u64,
    pub scenario: String,
    pub faults: Vec<String>,
    pub breaches: Vec<Said>,
    pub again: Option<String>,
}

impl Summary {
    /// Adds a unit. Whether it reached something that none before it did.
    pub fn add(&mut self, line: &Line) -> bool {
        let Line { build, scenario, input, unit, events, .. } = line;
        let of = (build.clone(), scenario.clone(), input.clone());
        let tally = self.scenarios.entry(of).or_default();
        match line.status {
            Status::Ok => tally.ok += 1,
            Status::Fail => tally.failed += 1,
            Status::Skip => tally.skipped += 1,
        }
        let mut new = false;
        for word in &line.coverage {
            match self.reached.get_mut(word) {
                Some(reached) => {
                    reached.units += 1;
                    reached.first = reached.first.min(*unit);
                }
                None => {
                    new = true;
                    self.reached.insert(word.clone(), Reached { units: 1, first: *unit });
                }
            }
        }
        if let Some(Said { oracle, why }) = line.breaches.first() {
            let failures = self.failures.entry((oracle.clone(), first_words(why))).or_default();
            failures.units += 1;
            failures.shown.push(Failure {
                events: *events,
                unit: *unit,
                scenario: scenario.clone(),
                faults: line.faults.clone(),
                breaches: line.breaches.clone(),
                again: line.again.clone(),
            });
            failures.shown.sort_unstable();
            failures.shown.truncate(SHOWN);
        }
        new
    }

    /// Whether some unit did not hold.
    pub fn is_broken(&self) -> bool {
        self.bad() > 0
    }

    /// Units that failed or were not run.
    pub fn bad(&self) -> u64 {
        self.scenarios.values().map(|tally| tally.failed + tally.skipped).sum()
    }

    /// All units.
    pub fn units(&self) -> u64 {
        self.scenarios.values().map(Tally::units).sum()
    }

    /// The last seed that reached something that no lower one did.
    pub fn new_until(&self) -> Option<u64> {
        self.reached.values().map(|reached| reached.first).max()
    }

    /// The failures that are shown: scenario, seed and drawn faults.
    pub fn shown(&self) -> impl Iterator<Item = (&str, u64, &[String])> {
        let shown = self.failures.values().flat_map(|failures| &failures.shown);
        shown.map(|failure| (&*failure.scenario, failure.unit, &*failure.faults))
    }

    pub(super) fn scenarios(&self) -> impl Iterator<Item = (&str, &str, &Tally)> {
        self.scenarios.iter().map(|((build, name, _), tally)| (&**build, &**name, tally))
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = (&str, &str, &Failures)> {
        self.failures.iter().map(|((oracle, words), all)| (&**oracle, &**words, all))
    }

    fn write_scenarios(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "scenario                   units         ok     failed    skipped")?;
        for ((_, name, _), tally) in &self.scenarios {
            let Tally { ok, failed, skipped } = tally;
            let all = [tally.units(), *ok, *failed, *skipped].map(grouped);
            writeln!(f, "{name:<22} {:>9} {:>10} {:>10} {:>10}", all[0], all[1], all[2], all[3])?;
        }
        Ok(())
    }

    fn write_reached(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reached.is_empty() {
            return Ok(());
        }
        let units = self.units();
        let (all, some): (Vec<_>, Vec<_>) =
            self.reached.iter().partition(|(_, reached)| reached.units == units);
        if !some.is_empty() {
            writeln!(f, "\nreached                              units   first by seed")?;
        }
        for (word, Reached { units, first }) in some {
            writeln!(f, "{word:<32} {:>9} {first:>15}", grouped(*units))?;
        }
        if !all.is_empty() {
            writeln!(f, "\nreached by all units")?;
            write_by_kind(f, all.into_iter().map(|(word, _)| word.as_str()))?;
        }
        if let Some(seed) = self.new_until() {
            writeln!(f, "\nnothing new after seed {seed}")?;
        }
        let never = reachable();
        let never = never.iter().filter(|word| !self.reached.contains_key(*word));
        writeln!(f, "\nnever reached")?;
        write_by_kind(f, never.map(String::as_str))
    }

    fn write_failures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((oracle, words), Failures { units, shown }) in &self.failures {
            let units = match units {
                1 => "1 unit".to_owned(),
                units => format!("{} units", grouped(*units)),
            };
            writeln!(f, "\n{oracle}: {words} … in {units}; with the fewest events:")?;
            for Failure { events, unit, scenario, breaches, again, .. } in shown {
                writeln!(f, "  {scenario}, seed {unit}, {} events", grouped(*events))?;
                breaches.iter().try_for_each(|Said { oracle, why }| {
                    let mut lines = why.lines();
                    writeln!(f, "    {oracle}: {}", lines.next().unwrap_or_default())?;
                    lines.try_for_each(|line| writeln!(f, "      {line}"))
                })?;
                if let Some(again) = again {
                    writeln!(f, "    have it again: {again}")?;
                }
            }
        }
        Ok(())
    }
}

impl Tally {
    pub(super) fn units(&self) -> u64 {
        self.ok + self.failed + self.skipped
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_scenarios(f)?;
        self.write_reached(f)?;
        self.write_failures(f)
    }
}

/// What two failures of one kind have in common: the first words, numbers aside.
fn first_words(why: &str) -> String {
    let mut words = Vec::new();
    for word in why.split_whitespace().take(6) {
        let number = word.contains(|c: char| c.is_ascii_digit());
        words.push(if number { "N" } else { word.trim_end_matches([':', ',', ';']) });
        if word.ends_with([':', ';']) {
            break;
        }
    }
    words.join(" ")
}

/// A line, or a few, for each kind of word.
fn write_by_kind<'a>(
    f: &mut fmt::Formatter<'_>,
    words: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    let mut by_kind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for word in words {
        let (kind, name) = word.split_once(':').unwrap_or((word, ""));
        by_kind.entry(kind).or_default().push(name);
    }
    by_kind.iter().try_for_each(|(kind, names)| f.write_str(&wrapped(kind, names)))
}

/// `  drop: a, b, c`, in lines of a hundred columns.
fn wrapped(kind: &str, names: &[&str]) -> String {
    let mut text = format!("  {kind}:");
    let mut column = text.len();
    for (index, name) in names.iter().enumerate() {
        let comma = if index + 1 < names.len() { "," } else { "" };
        if column + 1 + name.len() + comma.len() > WIDTH {
            text.push_str("\n   ");
            column = 3;
        }
        let _ = write!(text, " {name}{comma}");
        column += 1 + name.len() + comma.len();
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::super::line::tests::line;
    use super::*;

    fn units() -> Vec<Line> {
        let mut lines: Vec<Line> = (0..6).map(|unit| line(unit, Status::Ok)).collect();
        lines.extend((6..12).map(|unit| line(unit, Status::Fail)));
        lines[3].coverage.push("fault:alloc".to_owned());
        lines[11].events = 3;
        lines[10].breaches =
            vec![Said { oracle: "panic".to_owned(), why: "the path never turns back".to_owned() }];
        lines[9].status = Status::Skip;
        lines
    }

    #[test]
    fn many_lines_are_told_on_a_page() {
        let mut summary = Summary::default();
        let new: Vec<bool> = units().iter().map(|line| summary.add(line)).collect();
        assert_eq!(new, [vec![true, false, false, true], vec![false; 8]].concat());
        assert_eq!((summary.units(), summary.bad(), summary.new_until()), (12, 6, Some(3)));
        let text = summary.to_string();
        let (before, after) = text.split_once("\nnever reached\n").unwrap();
        let (never, after) = after.split_once("\n\n").unwrap();
        assert!(never.contains("drop: arp_hardware, arp_not_ours, "), "{never}");
        assert!(!never.contains("ttl_exceeded"), "{never}");
        assert!(never.lines().all(|line| line.len() <= WIDTH), "{never}");
        insta::assert_snapshot!(format!("{before}\n---\n{after}"), @r"
        scenario                   units         ok     failed    skipped
        router                        12          6          5          1

        reached                              units   first by seed
        fault:alloc                              1               3

        reached by all units
          counter: made
          drop: ttl_exceeded

        nothing new after seed 3

        ---
        packets: not conserved … in 5 units; with the fewest events:
          router, seed 11, 3 events
            packets: not conserved: in 3
            have it again: lockstep run router.toml --seed 11
          router, seed 6, 106 events
            packets: not conserved: in 3
            have it again: lockstep run router.toml --seed 6
          router, seed 7, 107 events
            packets: not conserved: in 3
            have it again: lockstep run router.toml --seed 7

        panic: the path never turns back … in 1 unit; with the fewest events:
          router, seed 10, 110 events
            panic: the path never turns back
            have it again: lockstep run router.toml --seed 10
        ");
    }

    #[test]
    fn the_order_of_lines_makes_no_difference() {
        let (mut one, mut other) = (Summary::default(), Summary::default());
        units().iter().for_each(|line| _ = one.add(line));
        units().iter().rev().for_each(|line| _ = other.add(line));
        assert_eq!(one, other);
    }

    #[test]
    fn failures_are_of_one_kind_if_they_begin_alike() {
        for (why, expected) in [
            ("not conserved: in 3 + made 0 ≠ out 0", "not conserved"),
            ("4 were sent, but 3 taken, and 0 wait", "N were sent but N taken"),
            ("", ""),
        ] {
            assert_eq!(first_words(why), expected);
        }
    }
}
