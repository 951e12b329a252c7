//! The smallest case that shows a planted defect: what was found, made smaller with the defect in it.
//!
//! Invariant: the smallest case is silent without the defect; one that is not is an alarm, as any other
//! run of the course. Not here: how a case is made smaller (`shrink.rs`).

use super::{Alarm, Course, PACE, Row, Way};
use crate::bundle::{BundleError, Case};
use crate::fabric::HeapFabric;
use crate::oracle::Breach;
use crate::run::RunError;
use crate::run::stopwatch::Stopwatch;
use crate::shrink::{ShrinkError, Shrinking, Shrunk, Size, Under, shrink_under};
use crate::trial::{Trying, trial};
use dataplane::Planted;
use std::time::Duration;

/// How small a case became.
#[derive(Clone, Debug)]
pub struct Smallest {
    /// The oracle that says that it fails.
    pub oracle: &'static str,
    /// How large it is.
    pub size: Size,
    /// Runs that it took.
    pub runs: u64,
    /// Whether there were no more runs: then it may not be the smallest.
    pub stopped: bool,
    /// Real time that it took, for the terminal.
    pub real: Duration,
    /// What is said of it without the defect. There should be nothing.
    pub alarms: Vec<Alarm>,
}

impl Course {
    /// What found a defect first, made smaller in at most so many runs. Nothing: no oracle of a run
    /// found it, or the run polls a capture, and makes no case.
    ///
    /// # Errors
    /// The case cannot be run, or it does not fail as the run did.
    pub fn smallest(&self, row: &Row, runs: u64) -> Result<Option<Smallest>, ShrinkError> {
        let Some((breaches, noticed)) = &row.found else { return Ok(None) };
        let Some(oracle) = breaches.iter().map(|breach| breach.oracle).find(|name| *name != PACE)
        else {
            return Ok(None);
        };
        let attempt = &self.attempts[noticed.attempt];
        let mut request = self.scenes[attempt.scene].request.clone();
        request.overrides.faults.extend(attempt.faults.iter().cloned());
        if let Way::Seeded(seed) = attempt.way {
            request.overrides.seed = Some(seed);
        }
        let case = match Case::of(&request) {
            Ok((case, _)) => case,
            Err(BundleError::Polled(_)) => return Ok(None),
            Err(error) => unreachable!("it was run before: {error}"),
        };
        let events = attempt.most();
        let under = Under { planted: Planted::one(row.defect), events: Some(events) };
        let (watch, mut fabric) = (Stopwatch::start(), HeapFabric::new());
        let shrinking = Shrinking {
            oracle: oracle.to_owned(),
            patience: None,
            runs: Some(runs),
            interrupted: None,
            go_on: &mut |_| true,
        };
        let shrunk = shrink_under(under, &case, shrinking, &mut fabric)?;
        let real = watch.elapsed();
        let said = without_defect(&shrunk, events, &mut fabric)?;
        let at = format!("the smallest case of {}", row.defect);
        let alarms = said.into_iter().map(|breach| Alarm { at: at.clone(), breach }).collect();
        let Shrunk { after: size, runs, stopped, .. } = shrunk;
        Ok(Some(Smallest { oracle, size, runs, stopped, real, alarms }))
    }
}

/// What is said of the smallest case without the defect.
fn without_defect(
    shrunk: &Shrunk,
    events: u64,
    fabric: &mut HeapFabric,
) -> Result<Vec<Breach>, RunError> {
    let Ok(scenario) = shrunk.case.request("the smallest case").plan() else {
        unreachable!("it was run with the defect")
    };
    let trying = Trying { events: Some(events), ..Trying::default() };
    Ok(trial(&scenario.plan, trying, fabric, ())?.breaches)
}
