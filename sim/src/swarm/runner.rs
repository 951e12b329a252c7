//! One unit after the other, by one worker or by several.
//!
//! Units are in the order of their seeds, and of one seed in the order of the scenarios. With several
//! workers the first takes the first unit, the second the second and so on, in turn; what they come to
//! is taken from them in the same turn.
//!
//! Invariant: lines come in the order of units, whatever the number of workers; only behind an
//! interruption some may be missing. Not here: files (`results.rs`), clocks (`run.rs`).

use super::line::Line;
use super::seeds::{Seeds, Shard};
use super::summary::Summary;
use super::{Scene, Stage};
use crate::fabric::{Fabric, HeapFabric};
use crate::fault::Fault;
use crate::plan::Pace;
use crate::run::RunError;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Units that a worker may be ahead.
const AHEAD: usize = 256;

/// What is to be tried.
#[derive(Clone, Copy)]
pub struct Swarm<'a> {
    /// The scenarios, in the order of their names.
    pub scenes: &'a [Scene],
    /// The seeds.
    pub seeds: Seeds,
    /// Which of them.
    pub shard: Shard,
    /// Units that are not tried, because it is known what they come to: scene and seed.
    pub known: &'a BTreeSet<(usize, u64)>,
    /// How idle time passes.
    pub pace: Pace,
    /// What the lines say was built.
    pub build: &'a str,
    /// Stop when so many seeds in a row reach nothing new.
    pub until_stable: Option<u64>,
    /// Set from outside to stop between two events.
    pub interrupted: &'a AtomicBool,
    /// The command that has a unit again: of the scene, under this seed, with these drawn faults.
    pub again: &'a (dyn Fn(usize, u64, &[Fault]) -> String + Sync),
}

/// Why a swarm stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// All units were tried.
    Through,
    /// Whoever hears of the lines had enough.
    Enough,
    /// So many seeds in a row reached nothing new.
    Stable,
    /// It was interrupted.
    Interrupted,
}

/// How a swarm went.
#[derive(Clone, Debug)]
pub struct Swarmed {
    /// What the units say together, those that were known before included.
    pub summary: Summary,
    /// Units that were tried.
    pub tried: u64,
    /// Why it stopped.
    pub stopped: Stopped,
}

/// What hears of each line. It says whether to go on, or why not.
pub type Told<'a, E> = &'a mut dyn FnMut(&Line, &Summary) -> Result<bool, E>;

/// Tries all units in order. `before` is what known units say together.
///
/// # Errors
/// A plan cannot be run, or `told` does not want to go on.
pub fn swarm<F: Fabric, E: From<RunError>>(
    swarm: &Swarm<'_>,
    before: Summary,
    fabric: &mut F,
    told: Told<'_, E>,
) -> Result<Swarmed, E> {
    let mut taker = Taker::new(swarm, before, told);
    let mut worker = Worker::new(swarm, 0, 1);
    while let Some(line) = worker.next(fabric, swarm.interrupted)? {
        if !taker.take(&line)? {
            break;
        }
    }
    Ok(taker.finish())
}

/// The same in memory, with several workers at a time. It comes to the same.
///
/// # Errors
/// As for [`swarm`].
pub fn swarm_in_parallel<E: From<RunError>>(
    swarm: &Swarm<'_>,
    before: Summary,
    workers: usize,
    told: Told<'_, E>,
) -> Result<Swarmed, E> {
    let mut taker = Taker::new(swarm, before, told);
    // Set once it is known that no more lines are wanted.
    let over = AtomicBool::new(false);
    let done = thread::scope(|scope| {
        let over = &over;
        let start = |index| {
            let (sender, receiver) = sync_channel(AHEAD);
            scope.spawn(move || work(swarm, index, workers, over, &sender));
            receiver
        };
        let receivers: Vec<_> = (0..workers).map(start).collect();
        let done = taker.take_in_turn(&receivers);
        over.store(true, Ordering::Relaxed);
        done
    });
    done?;
    Ok(taker.finish())
}

type Sent = Result<Line, RunError>;

/// What one worker does, until nobody wants more of it.
fn work(
    swarm: &Swarm<'_>,
    index: usize,
    workers: usize,
    over: &AtomicBool,
    sender: &SyncSender<Sent>,
) {
    let mut fabric = HeapFabric::new();
    let mut worker = Worker::new(swarm, index, workers);
    while !over.load(Ordering::Relaxed) {
        let next = worker.next(&mut fabric, swarm.interrupted).transpose();
        let Some(next) = next else { return };
        let failed = next.is_err();
        if sender.send(next).is_err() || failed {
            return;
        }
    }
}

/// Tries every so manieth unit.
struct Worker<'a> {
    swarm: &'a Swarm<'a>,
    stages: Vec<Stage<'a>>,
    units: Box<dyn Iterator<Item = (usize, u64)> + 'a>,
}

impl<'a> Worker<'a> {
    fn new(swarm: &'a Swarm<'a>, index: usize, workers: usize) -> Worker<'a> {
        let scenes = swarm.scenes.len();
        let units = swarm.shard.seeds(swarm.seeds);
        let units = units.flat_map(move |seed| (0..scenes).map(move |scene| (scene, seed)));
        let units = units.filter(|unit| !swarm.known.contains(unit));
        let units = units.skip(index).step_by(workers.max(1));
        let stages = swarm.scenes.iter().map(Stage::new).collect();
        Worker { swarm, stages, units: Box::new(units) }
    }

    /// Tries the next unit. Nothing: there is none, or it was interrupted.
    fn next<F: Fabric>(
        &mut self,
        fabric: &mut F,
        interrupted: &AtomicBool,
    ) -> Result<Option<Line>, RunError> {
        let Some((scene, seed)) = self.units.next() else { return Ok(None) };
        if interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let tried = self.stages[scene].unit(seed, self.swarm.pace, interrupted, fabric)?;
        Ok(tried.map(|mut tried| {
            self.swarm.build.clone_into(&mut tried.line.build);
            if !tried.line.breaches.is_empty() {
                tried.line.again = Some((self.swarm.again)(scene, seed, &tried.faults));
            }
            tried.line
        }))
    }
}

/// Takes lines in the order of units.
struct Taker<'a, 'b, E> {
    swarm: &'a Swarm<'a>,
    told: Told<'b, E>,
    summary: Summary,
    tried: u64,
    /// The seed of the last line, and seeds in a row up to it that reached nothing new.
    seed: Option<u64>,
    old: u64,
    stopped: Option<Stopped>,
}

impl<'a, 'b, E: From<RunError>> Taker<'a, 'b, E> {
    fn new(swarm: &'a Swarm<'a>, before: Summary, told: Told<'b, E>) -> Taker<'a, 'b, E> {
        // What is known counts as if it had just been tried.
        let since = before.new_until().map_or(0, |seed| seed.saturating_add(1));
        let later = swarm.known.iter().map(|(_, seed)| *seed).filter(|seed| *seed >= since);
        let old = later.collect::<BTreeSet<_>>().len() as u64;
        let (seed, tried, stopped) = (None, 0, None);
        Taker { swarm, told, summary: before, tried, seed, old, stopped }
    }

    /// Takes a line, and says whether the next one is wanted.
    fn take(&mut self, line: &Line) -> Result<bool, E> {
        let seed = Some(line.unit);
        if self.seed != seed {
            if self.swarm.until_stable.is_some_and(|k| self.old >= k) {
                self.stopped = Some(Stopped::Stable);
                return Ok(false);
            }
            (self.seed, self.old) = (seed, self.old + 1);
        }
        self.tried += 1;
        if self.summary.add(line) {
            self.old = 0;
        }
        let go_on = (self.told)(line, &self.summary)?;
        if !go_on {
            self.stopped = Some(Stopped::Enough);
        }
        Ok(go_on)
    }

    /// Takes lines from all workers in turn. What they have behind an interruption is taken too.
    fn take_in_turn(&mut self, receivers: &[Receiver<Sent>]) -> Result<(), E> {
        for receiver in receivers.iter().cycle() {
            match receiver.recv() {
                Ok(line) => {
                    if !self.take(&line?)? {
                        return Ok(());
                    }
                }
                // A worker that is through is through with its last unit; those behind have none.
                Err(_) => break,
            }
        }
        if self.swarm.interrupted.load(Ordering::Relaxed) {
            let mut rest = Vec::new();
            for receiver in receivers {
                rest.extend(receiver.iter().flatten());
            }
            rest.sort_by_key(Line::key);
            for line in &rest {
                if !self.take(line)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Swarmed {
        let interrupted = self.swarm.interrupted.load(Ordering::Relaxed);
        let otherwise = if interrupted { Stopped::Interrupted } else { Stopped::Through };
        let stopped = match self.stopped {
            Some(stopped) if !interrupted => stopped,
            _ => otherwise,
        };
        Swarmed { summary: self.summary, tried: self.tried, stopped }
    }
}
