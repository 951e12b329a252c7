//! A run once for every call that can fail: what becomes of the dataplane then.
//!
//! A first run without faults counts the calls of each kind. Then each of them fails, one a run, and
//! every run is held to the same invariants: packets are conserved, the pool is full again, the
//! books of messages agree, nothing panics, and the run comes to rest as the first one did.
//!
//! Invariant: a sweep says of a finding how to have it again, alone. Not here: how a call is made to
//! fail (`fault.rs`, `world.rs`), what a run is held to (`engine.rs`, `ledger.rs`).

use crate::engine::{Conduct, Ended, Outcome, run};
use crate::fabric::Fabric;
use crate::fault::{Fault, FaultKind, Strike};
use crate::plan::{Pace, Plan};
use crate::run::RunError;
use dataplane::{Instant, Nanos};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// How long a run may take to come to rest, beyond the first one: in virtual time.
pub const PATIENCE: Nanos = Nanos::from_secs(3600);

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
    /// What is wrong, a sentence each.
    pub what: Vec<String>,
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
    let mut swept = Swept { tallies: Vec::new(), findings: Vec::new(), interrupted: false };
    let (first, what) = once(plan, sweep, None, fabric)?;
    swept.note(None, what);
    let Some(first) = first else { return Ok(swept) };
    if first.ended == Ended::Interrupted {
        swept.interrupted = true;
        return Ok(swept);
    }
    let tried = |kind: FaultKind| first.chances[kind.index()].div_ceil(sweep.every);
    let kinds = FaultKind::ALL.into_iter().filter(|kind| sweep.kinds.contains(kind));
    let all: u64 = kinds.clone().map(tried).sum();
    let mut plan = plan.clone();
    let patience = plan.until.is_none().then(|| first.end.saturating_add(PATIENCE));
    for kind in kinds {
        let chances = first.chances[kind.index()];
        let mut tally = Tally { kind, chances, runs: 0, failed: 0 };
        for run in 0..tried(kind) {
            let strike = Strike { kind, nth: 1 + run * sweep.every };
            plan.faults.push(Fault::Call(strike));
            let (outcome, mut what) = once(&plan, sweep, patience, fabric)?;
            plan.faults.pop();
            match outcome.map(|outcome| outcome.ended) {
                Some(Ended::Interrupted) => {
                    swept.interrupted = true;
                    break;
                }
                _ if sweep.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) => {
                    swept.interrupted = true;
                }
                Some(Ended::Restless) => what.push(format!(
                    "it does not come to rest, and {PATIENCE} later than without the fault it \
                     is given up"
                )),
                Some(Ended::Until | Ended::Quiet) | None => {}
            }
            tally.runs += 1;
            tally.failed += u64::from(!what.is_empty());
            swept.note(Some(strike), what);
            told(swept.runs() + tally.runs, all);
        }
        swept.tallies.push(tally);
        if swept.interrupted {
            break;
        }
    }
    Ok(swept)
}

impl Swept {
    fn note(&mut self, strike: Option<Strike>, what: Vec<String>) {
        if !what.is_empty() {
            self.findings.push(Finding { strike, what });
        }
    }
}

/// One run, and what is wrong with it. No outcome: it panicked.
fn once<F: Fabric>(
    plan: &Plan,
    sweep: &Sweep<'_>,
    patience: Option<Instant>,
    fabric: &mut F,
) -> Result<(Option<Outcome>, Vec<String>), RunError> {
    let (pace, interrupted) = (sweep.pace, sweep.interrupted);
    let conduct = Conduct { pace, interrupted, patience, progress: None, driver: None };
    match catch_unwind(AssertUnwindSafe(|| run(plan, conduct, fabric, ()))) {
        Ok(ran) => {
            let (outcome, ()) = ran?;
            let broken = outcome.broken.clone();
            Ok((Some(outcome), broken))
        }
        Err(panic) => {
            // What the run held is gone with it; the next one begins anew.
            fabric.finish();
            Ok((None, vec![format!("it panics: {}", message(&*panic))]))
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
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
