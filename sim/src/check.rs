//! Checks that need no expectations: the same input told in another way, and what must stay the same.
//!
//! A [`Relation`] makes other plans of a plan, or runs it in another way, and says what must not differ:
//! everything, everything but the time, or what leaves in each flow. So a capture that nobody knows
//! anything about can show a mistake. Where a relation says nothing of a plan, it says why not.
//!
//! Invariant: a relation that holds for every right dataplane is the only kind there is: what may differ
//! (timing, ARP requests of each worker) is not compared, and what was dropped for want of room is no
//! ground to compare on. Not here: what each single run is held to (`oracle.rs`).

mod epoch;
mod heard;
mod inputs;
mod lcores;
mod relations;

#[cfg(test)]
mod tests;

pub use relations::{RELATIONS, Relation};

use crate::engine::Outcome;
use crate::fabric::{Fabric, HeapFabric, Look};
use crate::oracle::Breach;
use crate::plan::{Pace, Plan};
use crate::run::RunError;
use crate::trial::{Trying, Verdict, patience, trial};
use dataplane::{Instant, Nanos};
use heard::Heard;
use std::fmt;
use std::sync::atomic::AtomicBool;

/// What carries the packets of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    /// What the first run was on.
    Same,
    /// The other fabric.
    Other,
    /// Plain memory.
    Heap,
}

/// What must stay the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stays {
    /// Every event, byte and count, at the same time: the digests.
    Everything,
    /// Every frame that leaves, so much later; and the account of all packets.
    Later(Nanos),
    /// In each flow, the packets that are forwarded, in their order.
    Forwarded,
    /// The packets that are forwarded and the answers to datagrams, in any order.
    Delivered,
}

/// One run that is compared with another.
#[derive(Clone, Debug)]
struct Case {
    /// What it is called, if its relation has several.
    name: String,
    /// What it is compared with; nothing: the first run.
    with: Option<Plan>,
    plan: Plan,
    pace: Pace,
    on: On,
    /// How buffers look, and frames lie in them.
    look: Look,
    /// Whether it takes more buffers than the first run: if there are too few, nothing is said.
    more_buffers: bool,
    /// How much later it begins.
    later: Nanos,
    stays: Stays,
}

impl Case {
    /// The same plan, run as before, in which something must stay.
    fn new(plan: Plan, stays: Stays) -> Case {
        let (name, with, later) = (String::new(), None, Nanos::ZERO);
        let (pace, on, look, more_buffers) = (Pace::Skip, On::Same, Look::default(), false);
        Case { name, with, plan, pace, on, look, more_buffers, later, stays }
    }
}

/// What the first run came to, for relations to look at.
struct Base<'a> {
    plan: &'a Plan,
    outcome: &'a Outcome,
    heard: &'a Heard,
    has_other: bool,
    /// Whether it was in plain memory.
    in_heap: bool,
}

/// What came of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// It holds, in so many cases.
    Same(usize),
    /// It says nothing of this input: why.
    Silent(String),
    /// It does not hold: in which case, and what differs first.
    Differs(String),
}

/// What came of all relations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong with the input as it is. Then nothing was compared.
    pub broken: Vec<Breach>,
    /// The relations that were tried, by name, and what came of each.
    pub came: Vec<(&'static str, Came)>,
    /// Whether it was interrupted: what is here is what was compared before.
    pub interrupted: bool,
}

/// What is checked.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// Only relations of these names; none: all.
    pub only: Vec<String>,
    /// Set from outside to stop between two events.
    pub interrupted: Option<&'a AtomicBool>,
}

impl Checked {
    /// Whether nothing is wrong and nothing differs.
    pub fn is_clean(&self) -> bool {
        let differs = |(_, came): &(_, Came)| matches!(came, Came::Differs(_));
        self.broken.is_empty() && !self.came.iter().any(differs)
    }
}

/// Runs `plan` as it is, and in other ways, and compares. `told` hears the name of each relation before
/// it is tried. The relation between two fabrics needs the `other` one.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn check<F: Fabric, G: Fabric>(
    plan: &Plan,
    asked: &Asked<'_>,
    fabric: &mut F,
    other: Option<&mut G>,
    told: &mut dyn FnMut(&str),
) -> Result<Checked, RunError> {
    let mut runs = Runs { fabric, other, patience: None, interrupted: asked.interrupted };
    let mut checked = Checked { broken: Vec::new(), came: Vec::new(), interrupted: false };
    let (outcome, heard) = match runs.run(plan, How::default())? {
        Run::Ran(outcome, heard) => (outcome, heard),
        Run::Broken(broken) => return Ok(Checked { broken, ..checked }),
        Run::Interrupted => return Ok(Checked { interrupted: true, ..checked }),
    };
    runs.patience = patience(plan, outcome.end);
    let has_other = runs.other.is_some();
    let in_heap = runs.fabric.name() == HeapFabric::new().name();
    let base = Base { plan, outcome: &outcome, heard: &heard, has_other, in_heap };
    let named = |relation: &&Relation| {
        asked.only.is_empty() || asked.only.iter().any(|name| name == relation.name)
    };
    for relation in RELATIONS.iter().filter(named) {
        told(relation.name);
        match runs.relation(relation, &base)? {
            Some(came) => checked.came.push((relation.name, came)),
            None => {
                checked.interrupted = true;
                break;
            }
        }
    }
    Ok(checked)
}

/// The fabrics, and how runs are tried on them.
struct Runs<'a, F, G> {
    fabric: &'a mut F,
    other: Option<&'a mut G>,
    patience: Option<Instant>,
    interrupted: Option<&'a AtomicBool>,
}

/// How a plan is run.
#[derive(Clone, Copy, Debug)]
struct How {
    pace: Pace,
    on: On,
    look: Look,
    later: Nanos,
}

impl Default for How {
    /// As the first run.
    fn default() -> How {
        How { pace: Pace::Skip, on: On::Same, look: Look::default(), later: Nanos::ZERO }
    }
}

/// How a run went.
enum Run {
    Ran(Box<Outcome>, Heard),
    Broken(Vec<Breach>),
    Interrupted,
}

impl<F: Fabric, G: Fabric> Runs<'_, F, G> {
    fn run(&mut self, plan: &Plan, how: How) -> Result<Run, RunError> {
        let How { pace, on, look, later } = how;
        let patience = self.patience.map(|patience| patience.saturating_add(later));
        let interrupted = self.interrupted;
        let trying = Trying { pace, patience, interrupted, ..Trying::default() };
        let heard = Heard::default();
        let verdict = match (on, &mut self.other) {
            (On::Heap, _) => looking(look, plan, trying, &mut HeapFabric::new(), heard)?,
            (On::Other, Some(other)) => looking(look, plan, trying, *other, heard)?,
            (On::Same, _) | (On::Other, None) => looking(look, plan, trying, self.fabric, heard)?,
        };
        if verdict.is_interrupted() {
            return Ok(Run::Interrupted);
        }
        Ok(match verdict.ran {
            Some((outcome, heard)) if verdict.breaches.is_empty() => {
                Run::Ran(Box::new(outcome), heard)
            }
            _ => Run::Broken(verdict.breaches),
        })
    }

    /// What comes of a relation; nothing: it was interrupted.
    fn relation(&mut self, relation: &Relation, base: &Base<'_>) -> Result<Option<Came>, RunError> {
        let cases = match (relation.cases)(base)? {
            Ok(cases) => cases,
            Err(why) => return Ok(Some(Came::Silent(why))),
        };
        let n = cases.len();
        for case in cases {
            let Case { name, with, plan, pace, on, look, more_buffers, later, stays } = case;
            let label = if name.is_empty() { String::new() } else { format!("{name}: ") };
            let with = match &with {
                None => None,
                Some(with) => match self.run(with, How { later, ..How::default() })? {
                    Run::Ran(outcome, heard) => Some((outcome, heard)),
                    Run::Broken(broken) => return Ok(Some(breached(&label, &broken))),
                    Run::Interrupted => return Ok(None),
                },
            };
            let one = with.as_ref().map_or((base.outcome, base.heard), |(o, h)| (&**o, h));
            let (outcome, heard) = match self.run(&plan, How { pace, on, look, later })? {
                Run::Ran(outcome, heard) => (outcome, heard),
                Run::Broken(broken) => return Ok(Some(breached(&label, &broken))),
                Run::Interrupted => return Ok(None),
            };
            if more_buffers && let Some(what) = heard::lacked_buffers(&outcome, &heard) {
                return Ok(Some(Came::Silent(format!("{label}it takes more buffers: {what}"))));
            }
            let pair = [(one.0, one.1), (&*outcome, &heard)];
            match heard::compare(stays, pair) {
                Ok(None) => {}
                Ok(Some(differs)) => return Ok(Some(Came::Differs(format!("{label}{differs}")))),
                Err(why) => return Ok(Some(Came::Silent(format!("{label}{why}")))),
            }
        }
        Ok(Some(Came::Same(n)))
    }
}

/// Tries a plan on a fabric in which buffers look so, this once.
fn looking<F: Fabric>(
    look: Look,
    plan: &Plan,
    trying: Trying<'_>,
    fabric: &mut F,
    heard: Heard,
) -> Result<Verdict<Heard>, RunError> {
    fabric.look(look);
    let verdict = trial(plan, trying, fabric, heard);
    fabric.look(Look::default());
    verdict
}

fn breached(label: &str, broken: &[Breach]) -> Came {
    let told: Vec<_> = broken.iter().map(ToString::to_string).collect();
    Came::Differs(format!("{label}a run that is wrong in itself\n  {}", told.join("\n  ")))
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for breach in &self.broken {
            writeln!(f, "the run is wrong as it is: {breach}")?;
        }
        for (name, came) in &self.came {
            let word = match came {
                Came::Same(1) => "same".to_owned(),
                Came::Same(n) => format!("same, {n} times"),
                Came::Silent(why) => format!("says nothing here: {why}"),
                Came::Differs(_) => "DIFFERS".to_owned(),
            };
            writeln!(f, "{name:<12}{word}")?;
        }
        for (name, came) in &self.came {
            if let Came::Differs(what) = came {
                let keeps = RELATIONS.iter().find(|relation| relation.name == *name);
                let keeps = keeps.map_or("", |relation| relation.keeps);
                writeln!(f, "\n{name}: {keeps}\n{what}")?;
            }
        }
        if self.interrupted {
            writeln!(f, "\ninterrupted: this is what was compared before")?;
        }
        Ok(())
    }
}
