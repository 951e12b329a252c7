//! The loop of a run: what happens next, happens.
//!
//! The next event is the one with the smallest time; at one instant first which lcores are stalled,
//! then what the control plane is told, then what leaves the wires, then what the peers do in the order
//! of the plan, then what comes over the wires, then the steps of the lcores in the order of their
//! numbers.
//!
//! Invariant: each pace gives the same run. Only [`Outcome::steps`] knows which it was.
//! Not here: when an idle lcore steps next (`clock.rs`, `engine/lcores.rs`), what is in a queue
//! (`world.rs`).

mod begin;
mod core;
mod judge;
mod lcores;
mod orders;
mod outcome;
mod steer;

pub use orders::Ordered;
pub use outcome::{Ended, LcoreOutcome, Outcome, QschOutcome};
pub use steer::{Driver, Halt, Status, Steered, Then};

use crate::capture::CaptureInfo;
use crate::control::words;
use crate::fabric::Fabric;
use crate::fault::Fault;
use crate::ledger::check_messages;
use crate::peer::{Peers, Sent};
use crate::plan::{Pace, Plan};
use crate::run::{PlanError, RunError};
use crate::schedule::Picker;
use crate::source::Inputs;
use crate::trace::{Observer, Outside};
use crate::world::SimWorld;
use begin::{check, polled, stalls};
use dataplane::config::Checked;
use dataplane::control::{Answered, Order};
use dataplane::world::Ring;
use dataplane::{Instant, Lcore, PortId};
use lcores::{Due, Lcores};
use orders::{Orders, Told};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a run is run. It makes no difference to what happens in it.
#[derive(Default)]
pub struct Conduct<'a> {
    /// How idle time passes.
    pub pace: Pace,
    /// Set from outside to stop the run between two events.
    pub interrupted: Option<&'a AtomicBool>,
    /// When to give up a run without an end that does not come to rest.
    pub patience: Option<Instant>,
    /// When to give up any run that has not ended: after so many events.
    pub events: Option<u64>,
    /// Called now and then with the virtual time.
    pub progress: Option<Box<dyn FnMut(Instant) + Send>>,
    /// Who says how far the run goes; nothing: it runs from its first event to its last.
    pub driver: Option<&'a mut (dyn Driver + Send)>,
}

/// How many events there are between two calls of [`Conduct::progress`].
const PROGRESS: u64 = 1 << 16;

/// Runs a plan through a fabric from its first event to its last, and gives the observer back.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn run<F: Fabric, O: Observer>(
    plan: &Plan,
    conduct: Conduct<'_>,
    fabric: &mut F,
    observer: O,
) -> Result<(Outcome, O), RunError> {
    run_with(plan, conduct, None, fabric, observer)
}

/// Runs a plan in which somebody is asked before each step that finds work. Idle time is skipped.
pub(crate) fn run_picked<F: Fabric>(
    plan: &Plan,
    conduct: Conduct<'_>,
    picker: &mut Picker,
    fabric: &mut F,
) -> Result<Outcome, RunError> {
    run_with(plan, conduct, Some(picker), fabric, ()).map(|(outcome, ())| outcome)
}

fn run_with<F: Fabric, O: Observer>(
    plan: &Plan,
    conduct: Conduct<'_>,
    picker: Option<&mut Picker>,
    fabric: &mut F,
    observer: O,
) -> Result<(Outcome, O), RunError> {
    let config = check(plan)?;
    let polled = polled(plan)?;
    fabric.begin(plan)?;
    let Conduct { driver, .. } = conduct;
    let conduct = Conduct { driver: None, ..conduct };
    let outcome = Engine::new(plan, &config, conduct, fabric, observer).and_then(|mut engine| {
        engine.world.touching = picker.is_some();
        Engine { picker, ..engine }.run(polled, driver)
    });
    if outcome.is_err() {
        fabric.finish();
    }
    outcome
}

struct Engine<'a, F: Fabric, O> {
    plan: &'a Plan,
    conduct: Conduct<'a>,
    world: SimWorld<'a, F, O>,
    inputs: Inputs<'a, F>,
    peers: Peers,
    lcores: Lcores<Lcore<F::Buf>>,
    master: usize,
    /// What the control plane is still to be told, in order of time.
    commands: VecDeque<Told>,
    /// The stalls of lcores that are still to be told, in order of time.
    stalls: VecDeque<(Instant, Fault)>,
    /// Who may push a step back before it runs.
    picker: Option<&'a mut Picker>,
    orders: Orders,
    /// The order whose answer somebody waits for, and the answer.
    live: Option<u64>,
    live_answer: Option<Answered>,
    /// Everything before this has happened.
    now: Instant,
    /// When the last event happened.
    last: Option<Instant>,
    /// Only what starts before this happens.
    end: Instant,
    /// Whether something has happened since it was last asked whether all is quiet.
    settled: bool,
    events: u64,
    steps: u64,
}

impl<'a, F: Fabric, O: Observer> Engine<'a, F, O> {
    fn new(
        plan: &'a Plan,
        config: &Checked<'_>,
        conduct: Conduct<'a>,
        fabric: &'a mut F,
        observer: O,
    ) -> Result<Engine<'a, F, O>, RunError> {
        let inputs = Inputs::open(plan, fabric)?;
        let mut ids: Vec<_> = plan.config.lcores.iter().map(|lcore| lcore.id).collect();
        ids.sort_unstable();
        let cores = ids.iter().map(|id| Lcore::of(config, *id));
        let cores = cores.collect::<Result<Vec<_>, _>>()?;
        let master = ids.iter().position(|id| Some(*id) == plan.master()).unwrap_or(0);
        let lcores = Lcores::new(cores, &plan.costs, conduct.pace, &plan.faults);
        let lcores = lcores.map_err(PlanError::Free)?;
        Ok(Engine {
            plan,
            conduct,
            world: SimWorld::new(plan, config, fabric, observer),
            inputs,
            peers: Peers::new(plan),
            lcores,
            master,
            commands: orders::told(plan),
            stalls: stalls(&plan.faults),
            picker: None,
            orders: Orders::default(),
            live: None,
            live_answer: None,
            now: Instant::EPOCH,
            last: None,
            end: plan.until.map_or(Instant::MAX, |until| Instant::EPOCH.saturating_add(until)),
            settled: false,
            events: 0,
            steps: 0,
        })
    }

    fn run(
        mut self,
        polled: Vec<(PortId, CaptureInfo)>,
        driver: Option<&mut (dyn Driver + Send)>,
    ) -> Result<(Outcome, O), RunError> {
        let was_steered = driver.is_some();
        let steered = match driver {
            Some(driver) => self.steer(driver)?,
            None => {
                self.stop_if_quiet(self.now);
                None
            }
        };
        let ended = match steered {
            Some(ended) => ended,
            None => self.run_on()?,
        };
        // Somebody said when: the same run from a plan is told the time.
        let ended = if was_steered && ended == Ended::Quiet { Ended::Until } else { ended };
        if self.end == Instant::MAX {
            self.end = self.now;
        }
        self.lcores.advance_to(self.end);
        let (mut outcome, observer) = self.finish(ended);
        outcome.polled = polled;
        Ok((outcome, observer))
    }

    fn run_on(&mut self) -> Result<Ended, RunError> {
        loop {
            let next = self.next();
            let (at, _) = next;
            if at >= self.end {
                if self.plan.until.is_some() {
                    return Ok(Ended::Until);
                }
                if self.end == Instant::MAX || self.is_quiet() {
                    return Ok(Ended::Quiet);
                }
                self.end = Instant::MAX;
                continue;
            }
            let tired = self.conduct.events.is_some_and(|events| self.events >= events);
            if tired || self.conduct.patience.is_some_and(|patience| at > patience) {
                self.end = self.now;
                return Ok(Ended::Restless);
            }
            if self.is_interrupted(at) {
                self.end = self.now;
                return Ok(Ended::Interrupted);
            }
            self.happens(next)?;
            if std::mem::take(&mut self.settled) {
                self.stop_if_quiet(self.now);
            }
        }
    }

    /// When something next happens, and the lcore that steps then, if it is not outside.
    fn next(&self) -> (Instant, Option<usize>) {
        let (step_at, index) = self.lcores.earliest();
        let outside_at = self.next_outside().min(self.next_stall());
        match outside_at <= step_at {
            true => (outside_at, None),
            false => (step_at, Some(index)),
        }
    }

    /// Lets the next thing happen.
    fn happen(&mut self) -> Result<(), RunError> {
        let next = self.next();
        self.happens(next)
    }

    /// Lets happen what [`Engine::next`] told.
    #[inline]
    fn happens(&mut self, (at, index): (Instant, Option<usize>)) -> Result<(), RunError> {
        (self.now, self.last) = (at, Some(at));
        self.events += 1;
        match index {
            None => self.outside(at)?,
            Some(index) if self.is_pushed_back(index, at) => {}
            Some(index) => {
                let due = self.lcores.due(index, at);
                self.step(due);
            }
        }
        Ok(())
    }

    /// Whether whoever is asked lets the lcore stall instead of running its step.
    fn is_pushed_back(&mut self, index: usize, at: Instant) -> bool {
        let core = &self.lcores.cores()[index];
        let Some(picker) = self.picker.as_mut().filter(|_| core.position().tick > 0) else {
            return false;
        };
        let lasts = picker.asked(at, core.id(), self.lcores.others(index));
        if let Some(lasts) = lasts {
            self.lcores.stall(index, at, lasts, self.world.waiting_for(index));
        }
        lasts.is_some()
    }

    fn is_interrupted(&mut self, at: Instant) -> bool {
        if self.events % PROGRESS == PROGRESS - 1
            && let Some(progress) = &mut self.conduct.progress
        {
            progress(at);
        }
        self.conduct.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// When something next happens outside the lcores.
    fn next_outside(&self) -> Instant {
        self.next_given().min(self.peers.next())
    }

    /// The same without the peers.
    fn next_given(&self) -> Instant {
        let command = self.commands.front().map_or(Instant::MAX, |told| told.command.at);
        command.min(self.world.next_departure()).min(self.inputs.next())
    }

    /// When the next stall of an lcore is to be told. Nothing waits for it.
    fn next_stall(&self) -> Instant {
        self.stalls.front().map_or(Instant::MAX, |(at, _)| *at)
    }

    /// The first of what happens outside at `at`.
    fn outside(&mut self, at: Instant) -> Result<(), RunError> {
        if let Some((_, stall)) = self.stalls.pop_front_if(|(told_at, _)| *told_at <= at) {
            self.world.trace.outside(at, Outside::Fault(stall));
            return Ok(());
        }
        if let Some(told) = self.commands.pop_front_if(|told| told.command.at <= at) {
            if let Some(fault) = told.fault {
                self.world.trace.outside(at, Outside::Fault(fault));
            }
            self.tell(at, told.command.what, told.live);
        } else if self.world.next_departure() <= at {
            self.world.depart(at);
            self.reach_peers();
        } else if self.peers.next() <= at {
            let (inputs, world) = (&mut self.inputs, &mut self.world);
            self.peers.happen(at, &mut |sent| match sent {
                Sent::Frame(port, frame) => inputs.sent(at, port, frame, world),
                Sent::Lost(fault) => world.trace.outside(at, Outside::Fault(fault)),
            });
        } else if let Some(index) = self.inputs.happen(at, &mut self.world)? {
            let kinds = self.world.waiting_for(index);
            kinds.for_each(|kind| self.lcores.wake(index, kind, at));
        }
        self.settled = true;
        Ok(())
    }

    /// What has just left the ports is on its way to the peers.
    fn reach_peers(&mut self) {
        let SimWorld { left, trace, .. } = &mut self.world;
        for (at, port, frame) in left.drain(..) {
            let lost = &mut |fault| trace.outside(at, Outside::Fault(fault));
            self.peers.hear(at, port, &frame, lost);
        }
    }

    /// Tells the control plane to do something.
    fn tell(&mut self, at: Instant, what: Order, live: bool) {
        let job = what.taken_by();
        let order = self.lcores.cores_mut()[self.master].order(what.clone());
        if live {
            self.live = Some(order);
        }
        let in_words = words(&what, self.world.trace.devices());
        self.orders.told(order, at, in_words);
        self.world.trace.outside(at, Outside::Command { order, what });
        self.lcores.wake(self.master, job, at);
    }

    /// Takes what the control plane has answered.
    fn hear(&mut self, at: Instant) {
        while let Some(answered) = self.lcores.cores_mut()[self.master].answered() {
            if self.live == Some(answered.outcome.order) {
                self.live = None;
                self.live_answer = Some(answered.clone());
            }
            self.orders.over(at, answered);
        }
    }

    fn step(&mut self, due: Due) {
        let Due { index, at, tick, kind } = due;
        self.steps += 1;
        self.world.enter(at, index, tick, kind);
        let (stepped, fault) = self.lcores.step(due, &mut self.world);
        let items = stepped.work.items;
        if let Some(fault) = fault {
            self.world.trace.outside(at, Outside::Fault(fault));
        }
        self.reach_peers();
        let run = self.world.run();
        if let Some(picker) = &mut self.picker {
            picker.touched(at, run.lcore, kind, &self.world.touched);
        }
        while self.world.woken != 0 {
            let woken = self.world.woken.trailing_zeros();
            self.world.woken &= self.world.woken - 1;
            let woken = woken as usize;
            let kinds = self.world.waiting_for(woken);
            kinds.for_each(|kind| self.lcores.wake_by(woken, kind, at, run.lcore));
        }
        self.lcores.plan(index, self.world.waiting_for(index));
        if items > 0 {
            self.judge_timers(at, index, run);
            self.world.trace.ran(at, run, items);
        }
        if items > 0 && index == self.master {
            self.hear(at);
        }
        self.settled |= items > 0 || std::mem::take(&mut self.world.ran_dry);
    }

    /// Without a time to stop, a run stops when nothing is to come any more.
    fn stop_if_quiet(&mut self, now: Instant) {
        if self.plan.until.is_none() && self.is_quiet() {
            // What happens at this very instant still does.
            self.end = Instant::from_nanos(now.as_nanos().saturating_add(1));
        }
    }

    /// Whether nothing comes from outside any more, nobody waits for an answer, and nobody holds a
    /// packet that a timer would move.
    fn is_quiet(&mut self) -> bool {
        // As long as there is input, this is the only question.
        if self.inputs.next() != Instant::MAX
            || self.next_given() != Instant::MAX
            || !self.world.is_quiet()
            || !self.peers.is_quiet()
        {
            return false;
        }
        let cores = self.lcores.cores();
        let holds = cores.iter().any(|core| core.held() > 0);
        let waits = cores.iter().any(Lcore::waits_for_answers);
        let (now, later) = self.lcores.wanted();
        !(now || waits || holds && later)
    }

    fn finish(mut self, ended: Ended) -> (Outcome, O) {
        let (judged, pending) = self.judge(ended);
        let held = self.lcores.cores().iter().map(Lcore::held).sum::<u64>() + self.world.held();
        let lcores = self.lcores.cores().iter().enumerate();
        let lcores = lcores.map(|(index, core)| LcoreOutcome::of(core, &self.lcores, index));
        let lcores = lcores.collect();
        self.world.trace.oracles.closing();
        for core in self.lcores.cores_mut() {
            core.release(&mut self.world);
        }
        let inputs = self.inputs.totals().cloned().collect();
        let messages_waiting = self.world.waiting(|ring| ring == Ring::Msg);
        // What was read ahead goes home before the pool is looked at.
        drop(self.inputs);
        let missing = self.world.drain();
        let backend = self.world.fabric.name();
        let chances = self.world.chances();
        let records = self.world.trace.records();
        let devices = self.world.trace.devices().to_vec();
        let asked: Vec<_> = self.world.trace.asked().collect();
        let (observer, mut ledger, streams, messages, breaches) = self.world.trace.finish();
        ledger.held = held;
        let counters = || self.lcores.cores().iter().map(Lcore::counters);
        let mut broken = ledger.check(counters());
        broken.extend(check_messages(counters(), messages_waiting));
        broken.extend(missing);
        broken.extend(asked);
        broken.extend(breaches);
        broken.extend(judged);
        let (peers, wrong) = self.peers.finish();
        broken.extend(wrong);
        let counted = self.lcores.cores().iter().map(|core| (core.id(), core.counters()));
        let digests = streams.finish(counted, self.end);
        let now = self.lcores.skew(self.master).local(self.end);
        let iftraf = self.lcores.cores()[self.master].iftraf().show(now);
        let outcome = Outcome {
            backend,
            iftraf,
            end: self.end,
            ended,
            ledger,
            messages,
            digests,
            orders: self.orders.into_list(),
            devices,
            lcores,
            inputs,
            peers,
            polled: Vec::new(),
            broken,
            pending,
            chances,
            records,
            events: self.events,
            steps: self.steps,
        };
        (outcome, observer)
    }
}

#[cfg(test)]
pub(crate) mod tests;
