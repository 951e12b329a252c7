//! A run once for every call that can fail, or for every place where another fault can strike: what
//! becomes of the dataplane then.
//!
//! A first run without faults shows where each kind of fault can strike. Then it does, at one place a
//! run, and every run is held to the same invariants: packets are conserved, the pool is full again, the
//! books of messages agree, nothing panics, and the run comes to rest as the first one did.
//!
//! Invariant: a sweep says of a finding how to have it again, alone. Not here: which faults there
//! are of a kind (`sweep/kinds.rs`), what a fault does (`fault.rs`), what a run is held to (`oracle.rs`, `trial.rs`).

mod kinds;

pub use kinds::Kind;

use crate::fabric::Fabric;
use crate::fault::{Fault, Reach};
use crate::oracle::Breach;
use crate::plan::{Pace, Plan};
use crate::run::RunError;
use crate::trial::{Trying, patience, trial};
use dataplane::Instant;
use kinds::Seen;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is tried.
#[derive(Clone, Debug)]
pub struct Sweep<'a> {
    /// The kinds of faults.
    pub kinds: Vec<Kind>,
    /// Only every so manieth place of each kind, at least 1.
    pub every: u64,
    /// How idle time passes.
    pub pace: Pace,
    /// Set from outside to stop between two events.
    pub interrupted: Option<&'a AtomicBool>,
}

/// How a sweep went.
#[derive(Clone, Debug)]
pub struct Swept {
    /// Places of each kind in the run without faults, and what was tried, in the order of
    /// [`Kind::all`]; only the kinds that were asked for.
    pub tallies: Vec<Tally>,
    /// What was wrong, and when.
    pub findings: Vec<Finding>,
    /// When a run without an end was given up; nothing: none has no end.
    pub patience: Option<Instant>,
    /// Whether it was interrupted: what is here is what was found before.
    pub interrupted: bool,
}

/// How it went with faults of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The kind.
    pub kind: Kind,
    /// Places in the run without faults.
    pub chances: u64,
    /// Runs in which it struck at one of them.
    pub runs: u64,
    /// Of these, runs in which something was wrong.
    pub failed: u64,
}

/// Something that is wrong when a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The fault. Nothing: it is wrong without any.
    pub fault: Option<Fault>,
    /// What is wrong.
    pub what: Vec<Breach>,
}

impl Swept {
    /// Runs with a fault.
    pub fn runs(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.runs).sum()
    }
}

/// Runs `plan` once without faults, and once for each fault of the sweep. `told` hears after each
/// run how many are done, of how many.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn sweep<F: Fabric>(
    plan: &Plan,
    sweep: &Sweep<'_>,
    fabric: &mut F,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Swept, RunError> {
    let (tallies, findings) = (Vec::new(), Vec::new());
    let mut swept = Swept { tallies, findings, patience: None, interrupted: false };
    let trying = Trying { pace: sweep.pace, interrupted: sweep.interrupted, ..Trying::default() };
    let seen = Seen::new(plan.config.ports.iter().map(|port| port.name.clone()));
    let verdict = trial(plan, trying, fabric, seen)?;
    swept.interrupted = verdict.is_interrupted();
    swept.note(None, verdict.breaches);
    let Some((first, seen)) = verdict.ran.filter(|_| !swept.interrupted) else { return Ok(swept) };
    let reach = Reach::of(plan, &first);
    let tried = |places: u64| places.div_ceil(sweep.every);
    let kinds = Kind::all().filter(|kind| sweep.kinds.contains(kind));
    let kinds: Vec<(Kind, u64)> = kinds.map(|kind| (kind, kind.places(&seen, &reach))).collect();
    let all: u64 = kinds.iter().map(|(_, places)| tried(*places)).sum();
    let mut plan = plan.clone();
    let patience = patience(&plan, first.end);
    swept.patience = patience;
    let trying = Trying { patience, ..trying };
    for (kind, chances) in kinds {
        let mut tally = Tally { kind, chances, runs: 0, failed: 0 };
        for run in 0..tried(chances) {
            let Some(fault) = kind.fault(run * sweep.every, &seen, &reach) else { break };
            plan.faults.push(fault);
            let verdict = trial(&plan, trying, fabric, ())?;
            let fault = plan.faults.pop();
            if verdict.is_interrupted() {
                swept.interrupted = true;
                break;
            }
            tally.runs += 1;
            tally.failed += u64::from(!verdict.breaches.is_empty());
            swept.note(fault, verdict.breaches);
            told(swept.runs() + tally.runs, all);
            if sweep.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                swept.interrupted = true;
                break;
            }
        }
        swept.tallies.push(tally);
        if swept.interrupted {
            break;
        }
    }
    Ok(swept)
}

impl Swept {
    fn note(&mut self, fault: Option<Fault>, what: Vec<Breach>) {
        if !what.is_empty() {
            self.findings.push(Finding { fault, what });
        }
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fault      places       runs     failed   what it is")?;
        for Tally { kind, chances, runs, failed } in &self.tallies {
            let (name, explain) = (kind.name(), kind.explain());
            writeln!(f, "{name:<6} {chances:>10} {runs:>10} {failed:>10}   {explain}")?;
        }
        for Finding { fault, what } in &self.findings {
            match fault {
                Some(fault) => writeln!(f, "\nwith --fault {fault}:")?,
                None => writeln!(f, "\nwithout any fault:")?,
            }
            what.iter().try_for_each(|what| writeln!(f, "  {what}"))?;
        }
        if self.interrupted {
            writeln!(f, "\ninterrupted: this is what was tried before")?;
        }
        Ok(())
    }
}
