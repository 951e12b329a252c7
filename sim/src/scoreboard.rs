//! Which planted defects the oracles of a run find: the honest measure of what they are worth.
//!
//! A [`Course`] is a list of attempts at some scenes: each is run plain, once more with every idle
//! tick stepped, once for each call that can fail, and under some seeds. Without a defect no attempt
//! may raise an alarm, and the digest of each is noted. Then the course is run with one defect after
//! the other ([`Course::run`]) until an oracle says something. Beside that, and not mixed up with it,
//! it is noted which attempt first came to another digest: what a test with a snapshot would see,
//! if somebody had read the snapshot.
//!
//! What an oracle found is then made smaller ([`Course::smallest`]), as `lockstep shrink` does, with the
//! defect planted in each run: how little it takes to show it.
//!
//! Invariant: what a defect comes to depends on the scenes, the seeds and the code alone. Not here:
//! the defects (`dataplane::planted`), the scenes (fixtures/), the table (`examples/scoreboard.rs`), and how a case is
//! made smaller (`shrink.rs`).

mod smallest;
#[cfg(test)]
mod tests;

pub use smallest::Smallest;

use crate::fabric::HeapFabric;
use crate::fault::{Fault, FaultKind, Reach, Strike, draw};
use crate::oracle::Breach;
use crate::plan::{Pace, Plan};
use crate::run::RunError;
use crate::run::stopwatch::Stopwatch;
use crate::scenario::{Request, RequestError};
use crate::source;
use crate::trace::Digest;
use crate::trial::{Trying, Verdict, trial};
use dataplane::{Defect, Planted};
use std::time::Duration;

/// Events after which stepping every idle tick of a scene is not worth the time.
const STEPPED_MOST: u64 = 400_000;
/// How many times as many events as without the defect a run may have, and how many more.
const EVENTS_MOST: (u64, u64) = (8, 100_000);
/// The oracle that compares a run with the same run of which every idle tick was stepped.
const PACE: &str = "pace";

/// A scenario that is tried.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Its name.
    pub name: String,
    /// What it is a run of.
    pub request: Request,
    /// What is run.
    pub plan: Plan,
}

impl Scene {
    /// The scene of a request.
    ///
    /// # Errors
    /// No plan can be made of it.
    pub fn of(request: Request) -> Result<Scene, RequestError> {
        let scenario = request.plan()?;
        Ok(Scene { name: scenario.name, request, plan: scenario.plan })
    }
}

/// In what way a scene is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// As it is.
    Plain,
    /// As it is, every idle tick stepped, and compared with the plain run.
    Stepped,
    /// One call fails.
    Struck(Strike),
    /// With this seed, and the faults that are drawn from it.
    Seeded(u64),
}

impl Way {
    /// As a user would ask for it again.
    pub fn name(&self) -> String {
        match self {
            Way::Plain => "plain".to_owned(),
            Way::Stepped => "stepped".to_owned(),
            Way::Struck(strike) => strike.to_string(),
            Way::Seeded(seed) => format!("seed {seed}"),
        }
    }
}

/// One run of the course, and what it comes to without a defect.
#[derive(Clone, Debug)]
struct Attempt {
    /// The scene, as an index.
    scene: usize,
    way: Way,
    faults: Vec<Fault>,
    digest: Digest,
    events: u64,
}

impl Attempt {
    /// Events after which a run with a defect is given up.
    fn most(&self) -> u64 {
        self.events * EVENTS_MOST.0 + EVENTS_MOST.1
    }
}

/// An oracle said something although there is no defect: one of the oracle, or of the dataplane.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// The scene and the way in which it was tried.
    pub at: String,
    /// What the oracle says.
    pub breach: Breach,
}

/// Where a defect was noticed first.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// The scene and the way in which it was tried.
    pub at: String,
    /// Runs up to there.
    pub runs: u64,
    /// Seeds up to there, of the scene: none if it took none.
    pub seeds: u64,
    /// Real time up to there, for the terminal.
    pub real: Duration,
    /// The attempt, as an index.
    attempt: usize,
}

/// What became of one defect.
#[derive(Clone, Debug)]
pub struct Row {
    /// The defect.
    pub defect: Defect,
    /// What the oracles said when one of them found it first, and where.
    pub found: Option<(Vec<Breach>, Noticed)>,
    /// Where the digest first was another one.
    pub digest: Option<Noticed>,
    /// Runs in all.
    pub runs: u64,
}

impl Row {
    /// The oracles that found it, each once, in the order in which they spoke.
    pub fn oracles(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for breach in self.found.iter().flat_map(|(breaches, _)| breaches) {
            if !names.contains(&breach.oracle) {
                names.push(breach.oracle);
            }
        }
        names
    }
}

/// All attempts at all scenes.
#[derive(Debug)]
pub struct Course {
    scenes: Vec<Scene>,
    attempts: Vec<Attempt>,
    alarms: Vec<Alarm>,
}

impl Course {
    /// The course of these scenes, of every so manieth call of each kind (1: each) and so many seeds,
    /// which is run once without a defect.
    ///
    /// # Errors
    /// A plan cannot be run, or an input cannot be read.
    pub fn new(mut scenes: Vec<Scene>, every: usize, seeds: u64) -> Result<Course, RunError> {
        for scene in &mut scenes {
            source::in_memory(&mut scene.plan)?;
        }
        let mut course = Course { scenes, attempts: Vec::new(), alarms: Vec::new() };
        let mut reaches = Vec::new();
        let mut fabric = HeapFabric::new();
        for scene in 0..course.scenes.len() {
            let plain = course.add(scene, Way::Plain, Vec::new(), &mut fabric)?;
            reaches.push(plain.outcome().map(|ran| Reach::of(&course.scenes[scene].plan, ran)));
        }
        for scene in 0..course.scenes.len() {
            course.add(scene, Way::Stepped, Vec::new(), &mut fabric)?;
        }
        for (scene, reach) in reaches.iter().enumerate() {
            let calls = |kind: FaultKind| reach.as_ref().map_or(0, |r| r.calls[kind.index()]);
            for kind in FaultKind::ALL {
                for nth in (1..=calls(kind)).step_by(every) {
                    let strike = Strike { kind, nth };
                    let faults = vec![Fault::Call(strike)];
                    course.add(scene, Way::Struck(strike), faults, &mut fabric)?;
                }
            }
        }
        for seed in 0..seeds {
            for (scene, reach) in reaches.iter().enumerate() {
                let faults = reach.as_ref().map_or(Vec::new(), |reach| draw(seed, reach));
                course.add(scene, Way::Seeded(seed), faults, &mut fabric)?;
            }
        }
        Ok(course)
    }

    /// Runs in the course.
    pub fn runs(&self) -> usize {
        self.attempts.len()
    }

    /// What was said without a defect. There should be nothing.
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// Makes an attempt without a defect, and adds it to the course.
    fn add(
        &mut self,
        scene: usize,
        way: Way,
        faults: Vec<Fault>,
        fabric: &mut HeapFabric,
    ) -> Result<Verdict<()>, RunError> {
        let stepped = way == Way::Stepped;
        let mut attempt = Attempt { scene, way, faults, digest: Digest::default(), events: 0 };
        let most = stepped.then_some(STEPPED_MOST);
        let verdict = self.attempt(&attempt, Planted::default(), most, fabric)?;
        let (mut breaches, ran) = (verdict.breaches.clone(), verdict.outcome());
        if let Some(outcome) = ran {
            if stepped && outcome.events >= STEPPED_MOST {
                return Ok(verdict);
            }
            (attempt.digest, attempt.events) = (outcome.digests.trace, outcome.events);
        }
        let plain = self.plain_of(scene);
        breaches.extend(plain.filter(|_| stepped).and_then(|plain| pace(plain, attempt.digest)));
        let at = self.name(&attempt);
        self.alarms.extend(breaches.into_iter().map(|breach| Alarm { at: at.clone(), breach }));
        self.attempts.push(attempt);
        Ok(verdict)
    }

    /// Runs the course with a defect, until an oracle has found it and no plain run is left that might
    /// come to another digest.
    ///
    /// # Errors
    /// A plan cannot be run, or an input cannot be read.
    pub fn run(&self, defect: Defect) -> Result<Row, RunError> {
        let watch = Stopwatch::start();
        let mut row = Row { defect, found: None, digest: None, runs: 0 };
        let mut plain = vec![None; self.scenes.len()];
        let mut fabric = HeapFabric::new();
        for (index, attempt) in self.attempts.iter().enumerate() {
            let over = row.found.is_some() && (row.digest.is_some() || attempt.way != Way::Plain);
            if over {
                break;
            }
            let most = Some(attempt.most());
            let verdict = self.attempt(attempt, Planted::one(defect), most, &mut fabric)?;
            row.runs += 1;
            let digest = verdict.outcome().map(|outcome| outcome.digests.trace);
            let mut breaches = verdict.breaches;
            match attempt.way {
                Way::Plain => plain[attempt.scene] = digest,
                Way::Stepped => breaches.extend(
                    plain[attempt.scene]
                        .zip(digest)
                        .and_then(|(plain, stepped)| pace(plain, stepped)),
                ),
                Way::Struck(_) | Way::Seeded(_) => {}
            }
            let here = || Noticed {
                at: self.name(attempt),
                runs: row.runs,
                seeds: if let Way::Seeded(seed) = attempt.way { seed + 1 } else { 0 },
                real: watch.elapsed(),
                attempt: index,
            };
            if row.found.is_none() && !breaches.is_empty() {
                row.found = Some((breaches, here()));
            }
            if row.digest.is_none() && digest != Some(attempt.digest) {
                row.digest = Some(here());
            }
        }
        Ok(row)
    }

    fn attempt(
        &self,
        attempt: &Attempt,
        planted: Planted,
        events: Option<u64>,
        fabric: &mut HeapFabric,
    ) -> Result<Verdict<()>, RunError> {
        let mut plan = self.scenes[attempt.scene].plan.clone();
        plan.config.planted = planted;
        plan.faults.extend(attempt.faults.iter().cloned());
        if let Way::Seeded(seed) = attempt.way {
            plan.reseed(seed);
        }
        let pace = if attempt.way == Way::Stepped { Pace::Step } else { Pace::Skip };
        let trying = Trying { pace, events, ..Trying::default() };
        trial(&plan, trying, fabric, ())
    }

    /// The digest of the plain run of a scene without a defect.
    fn plain_of(&self, scene: usize) -> Option<Digest> {
        let plain = |attempt: &&Attempt| attempt.scene == scene && attempt.way == Way::Plain;
        self.attempts.iter().find(plain).map(|attempt| attempt.digest)
    }

    fn name(&self, attempt: &Attempt) -> String {
        format!("{} {}", self.scenes[attempt.scene].name, attempt.way.name())
    }
}

fn pace(plain: Digest, stepped: Digest) -> Option<Breach> {
    let why = format!("skipping idle ticks gives {plain}, stepping them {stepped}");
    (plain != stepped).then(|| Breach::new(PACE, why))
}
