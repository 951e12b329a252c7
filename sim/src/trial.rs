//! A run that is tried: it may panic, and may never come to rest; what is wrong with it is a list.
//!
//! [`trial`] is what everything stands on that runs a plan to see whether it holds: the sweep over all
//! calls that can fail, and what tries plans drawn from seeds or makes them smaller.
//!
//! Invariant: after a trial the fabric is as good as new, whatever came of it. Not here: what a run is
//! held to (`oracle.rs`, `ledger.rs`), and which plans are tried.

use crate::engine::{Conduct, Ended, Outcome, run};
use crate::fabric::Fabric;
use crate::oracle::Breach;
use crate::plan::{Pace, Plan};
use crate::run::RunError;
use crate::trace::Observer;
use dataplane::{Instant, Nanos};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;

/// How long a run may take to come to rest, beyond the one without faults: in virtual time.
pub const PATIENCE: Nanos = Nanos::from_secs(3600);

/// How a plan is tried. It makes no difference to what happens in the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trying<'a> {
    /// How idle time passes.
    pub pace: Pace,
    /// When to give up a run without an end that does not come to rest; nothing: never.
    pub patience: Option<Instant>,
    /// Set from outside to stop the run between two events.
    pub interrupted: Option<&'a AtomicBool>,
    /// When to give up any run that has not ended: after so many events. A defect of the dataplane may
    /// keep it busy without an end.
    pub events: Option<u64>,
}

impl<'a> Trying<'a> {
    /// The same as the engine takes it.
    pub(crate) fn conduct(self) -> Conduct<'a> {
        let Trying { pace, patience, interrupted, events } = self;
        Conduct { pace, patience, interrupted, events, ..Conduct::default() }
    }
}

/// When to give up a run of `plan`, which without faults ended at `end`; nothing: it has an end of its
/// own.
pub(crate) fn patience(plan: &Plan, end: Instant) -> Option<Instant> {
    plan.until.is_none().then(|| end.saturating_add(PATIENCE))
}

/// What came of a trial.
#[derive(Debug)]
pub struct Verdict<O> {
    /// What the run came to, and the observer. Nothing: it panicked.
    pub ran: Option<(Outcome, O)>,
    /// What is wrong. Nothing: it holds.
    pub breaches: Vec<Breach>,
}

impl<O> Verdict<O> {
    /// What the run came to, unless it panicked.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.ran.as_ref().map(|(outcome, _)| outcome)
    }

    /// Whether the run was interrupted: then it says nothing about the plan.
    pub fn is_interrupted(&self) -> bool {
        self.outcome().is_some_and(|outcome| outcome.ended == Ended::Interrupted)
    }
}

/// Runs `plan` once, and says what is wrong with it. A panic of the dataplane, the fabric or the
/// observer is a breach of the oracle `panic`; the observer is lost then.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn trial<F: Fabric, O: Observer>(
    plan: &Plan,
    trying: Trying<'_>,
    fabric: &mut F,
    observer: O,
) -> Result<Verdict<O>, RunError> {
    let ran = match caught(|| run(plan, trying.conduct(), fabric, observer)) {
        Ok(ran) => ran?,
        Err(said) => {
            // What the run held is gone with it; the next one begins anew.
            fabric.finish();
            let breaches = vec![Breach::new("panic", said)];
            return Ok(Verdict { ran: None, breaches });
        }
    };
    let mut breaches = ran.0.broken.clone();
    if ran.0.ended == Ended::Restless {
        let holds = match ran.0.pending.as_slice() {
            [] => "nothing is held, and something is still to come".to_owned(),
            pending => pending.join("; "),
        };
        let why = format!("given up at {} s, not at rest: {holds}", ran.0.end);
        breaches.push(Breach::new("rest", why));
    }
    Ok(Verdict { ran: Some(ran), breaches })
}

/// Does what may panic: the panic is given back in words.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| message(&*panic).to_owned())
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}
