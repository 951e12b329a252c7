//! A run once for every call that can fail: what becomes of the dataplane then.
//!
//! A first run without faults counts the calls of each kind. Then each of them fails, one a run, and
//! every run is held to the same invariants: packets are conserved, the pool is full again, the
//! books of messages agree, nothing panics, and the run comes to rest as the first one did.
//!
//! Invariant: a sweep says of a finding how to have it again, alone. Not here: how a call is made to
//! fail (`fault.rs`, `world.rs`), what a run is held to (`oracle.rs`, `trial.rs`).

use crate::fabric::Fabric;
use crate::fault::{Fault, FaultKind, Strike};
use crate::oracle::Breach;
use crate::plan::{Pace, Plan};
use crate::run::RunError;
use crate::trial::{Trying, patience, trial};
use dataplane::Instant;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is tried.
#[derive(Clone, Debug)]
pub struct Sweep<'a> {
    /// The kinds of faults.
    pub kinds: Vec<FaultKind>,
    /// Only every so manieth call of each kind, at least 1.
    pub every: u64,
    /// How idle time passes.
    pub pace: Pace,
    /// Set from outside to stop between two events.
    pub interrupted: Option<&'a AtomicBool>,
}

/// How a sweep went.
#[derive(Clone, Debug)]
pub struct Swept {
    /// Calls of each kind in the run without faults, and what was tried, in the order of
    /// [`FaultKind::ALL`]; only the kinds that were asked for.
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
    pub kind: FaultKind,
    /// Calls in the run without faults.
    pub chances: u64,
    /// Runs with one of them failing.
    pub runs: u64,
    /// Of these, runs in which something was wrong.
    pub failed: u64,
}

/// Something that is wrong when a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The call. Nothing: it is wrong without any fault.
    pub strike: Option<Strike>,
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
    let verdict = trial(plan, trying, fabric, ())?;
    swept.interrupted = verdict.is_interrupted();
    swept.note(None, verdict.breaches);
    let Some((first, ())) = verdict.ran.filter(|_| !swept.interrupted) else { return Ok(swept) };
    let tried = |kind: FaultKind| first.chances[kind.index()].div_ceil(sweep.every);
    let kinds = FaultKind::ALL.into_iter().filter(|kind| sweep.kinds.contains(kind));
    let all: u64 = kinds.clone().map(tried).sum();
    let mut plan = plan.clone();
    let patience = patience(&plan, first.end);
    swept.patience = patience;
    let trying = Trying { patience, ..trying };
    for kind in kinds {
        let chances = first.chances[kind.index()];
        let mut tally = Tally { kind, chances, runs: 0, failed: 0 };
        for run in 0..tried(kind) {
            let strike = Strike { kind, nth: 1 + run * sweep.every };
            plan.faults.push(Fault::Call(strike));
            let verdict = trial(&plan, trying, fabric, ())?;
            plan.faults.pop();
            if verdict.is_interrupted() {
                swept.interrupted = true;
                break;
            }
            tally.runs += 1;
            tally.failed += u64::from(!verdict.breaches.is_empty());
            swept.note(Some(strike), verdict.breaches);
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
    fn note(&mut self, strike: Option<Strike>, what: Vec<Breach>) {
        if !what.is_empty() {
            self.findings.push(Finding { strike, what });
        }
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fault       calls       runs     failed   what it is")?;
        for Tally { kind, chances, runs, failed } in &self.tallies {
            let (name, explain) = (kind.name(), kind.explain());
            writeln!(f, "{name:<6} {chances:>10} {runs:>10} {failed:>10}   {explain}")?;
        }
        for Finding { strike, what } in &self.findings {
            match strike {
                Some(strike) => writeln!(f, "\nwith --fault {strike}:")?,
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
