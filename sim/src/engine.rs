//! The loop of a run: what happens next, happens.
//!
//! The next event is the one with the smallest time; at one instant first what the control plane is
//! told, then what leaves the wires, then what comes over them, then the steps of the lcores in the
//! order of their numbers.
//!
//! Invariant: each pace gives the same run. Only [`Outcome::steps`] knows which it was.
//! Not here: when an idle lcore steps next (`clock.rs`, `engine/lcores.rs`), what is in a queue
//! (`world.rs`).

mod core;
mod lcores;
mod outcome;

pub use outcome::{Ended, LcoreOutcome, Outcome, QschOutcome};

use crate::capture::CaptureInfo;
use crate::fabric::{Fabric, FabricError};
use crate::ledger::check_messages;
use crate::plan::{Command, Pace, Plan, PortPlan, Source};
use crate::run::{PlanError, RunError};
use crate::source::Inputs;
use crate::trace::{Observer, Outside};
use crate::world::SimWorld;
use dataplane::world::Ring;
use dataplane::{Instant, Lcore, PortId};
use lcores::{Due, Lcores};
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
    /// Called now and then with the virtual time.
    pub progress: Option<Box<dyn FnMut(Instant) + Send>>,
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
    check(plan)?;
    let polled = polled(plan)?;
    fabric.begin(plan)?;
    let engine = Engine::new(plan, conduct, fabric, observer);
    let outcome = engine.and_then(|engine| engine.run(polled));
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
    lcores: Lcores<Lcore<F::Buf>>,
    master: usize,
    commands: std::iter::Peekable<std::slice::Iter<'a, Command>>,
    /// Only what starts before this happens.
    end: Instant,
    events: u64,
    steps: u64,
}

impl<'a, F: Fabric, O: Observer> Engine<'a, F, O> {
    fn new(
        plan: &'a Plan,
        conduct: Conduct<'a>,
        fabric: &'a mut F,
        observer: O,
    ) -> Result<Engine<'a, F, O>, RunError> {
        let inputs = Inputs::open(plan, fabric)?;
        let mut ids: Vec<_> = plan.config.lcores.iter().map(|lcore| lcore.id).collect();
        ids.sort_unstable();
        let cores = ids.iter().map(|id| Lcore::new(&plan.config, *id));
        let cores = cores.collect::<Result<Vec<_>, _>>()?;
        let master = ids.iter().position(|id| Some(*id) == plan.master()).unwrap_or(0);
        let lcores = Lcores::new(cores, &plan.costs, conduct.pace).map_err(PlanError::Free)?;
        Ok(Engine {
            plan,
            conduct,
            world: SimWorld::new(plan, fabric, observer),
            inputs,
            lcores,
            master,
            commands: plan.commands.iter().peekable(),
            end: plan.until.map_or(Instant::MAX, |until| Instant::EPOCH.saturating_add(until)),
            events: 0,
            steps: 0,
        })
    }

    fn run(mut self, polled: Vec<(PortId, CaptureInfo)>) -> Result<(Outcome, O), RunError> {
        let mut now = Instant::EPOCH;
        self.stop_if_quiet(now);
        let ended = loop {
            let (step_at, index) = self.lcores.earliest();
            let outside_at = self.next_outside();
            let at = step_at.min(outside_at);
            if at >= self.end {
                if self.plan.until.is_some() {
                    break Ended::Until;
                }
                if self.end == Instant::MAX || self.is_quiet() {
                    break Ended::Quiet;
                }
                self.end = Instant::MAX;
                continue;
            }
            if self.conduct.patience.is_some_and(|patience| at > patience) {
                self.end = now;
                break Ended::Restless;
            }
            if self.is_interrupted(at) {
                self.end = now;
                break Ended::Interrupted;
            }
            now = at;
            self.events += 1;
            if outside_at <= step_at {
                self.outside(at)?;
            } else {
                let due = self.lcores.due(index, at);
                self.step(due);
            }
        };
        if self.end == Instant::MAX {
            self.end = now;
        }
        self.lcores.advance_to(self.end);
        let (mut outcome, observer) = self.finish(ended);
        outcome.polled = polled;
        Ok((outcome, observer))
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
    fn next_outside(&mut self) -> Instant {
        let command = self.commands.peek().map_or(Instant::MAX, |command| command.at);
        command.min(self.world.next_departure()).min(self.inputs.next())
    }

    /// The first of what happens outside at `at`.
    fn outside(&mut self, at: Instant) -> Result<(), RunError> {
        if let Some(command) = self.commands.next_if(|command| command.at <= at) {
            self.world.trace.outside(at, Outside::Command(command.what));
            self.lcores.cores_mut()[self.master].order(command.what);
            self.lcores.wake(self.master, command.what.taken_by(), at);
        } else if self.world.next_departure() <= at {
            self.world.depart(at);
        } else if let Some(index) = self.inputs.happen(at, &mut self.world)? {
            let kinds = self.world.waiting_for(index);
            kinds.for_each(|kind| self.lcores.wake(index, kind, at));
        }
        self.stop_if_quiet(at);
        Ok(())
    }

    fn step(&mut self, due: Due) {
        let Due { index, at, tick, kind } = due;
        self.steps += 1;
        self.world.enter(at, index, tick, kind);
        let items = self.lcores.step(due, &mut self.world).work.items;
        let run = self.world.run();
        while self.world.woken != 0 {
            let woken = self.world.woken.trailing_zeros();
            self.world.woken &= self.world.woken - 1;
            let woken = woken as usize;
            let kinds = self.world.waiting_for(woken);
            kinds.for_each(|kind| self.lcores.wake_by(woken, kind, at, run.lcore));
        }
        self.lcores.plan(index, self.world.waiting_for(index));
        if items > 0 {
            self.world.trace.ran(at, run, items);
        }
        if items > 0 || std::mem::take(&mut self.world.ran_dry) {
            self.stop_if_quiet(at);
        }
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
            || self.next_outside() != Instant::MAX
            || !self.world.is_quiet()
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
        let held = self.lcores.cores().iter().map(Lcore::held).sum::<u64>() + self.world.held();
        let lcores = self.lcores.cores().iter().enumerate();
        let lcores = lcores.map(|(index, core)| LcoreOutcome::of(core, self.lcores.busy(index)));
        let lcores = lcores.collect();
        for core in self.lcores.cores_mut() {
            core.release(&mut self.world);
        }
        let inputs = self.inputs.totals().cloned().collect();
        let messages_waiting = self.world.waiting(Ring::Msg);
        // What was read ahead goes home before the pool is looked at.
        drop(self.inputs);
        let missing = self.world.drain();
        let backend = self.world.fabric.name();
        let chances = self.world.chances();
        let records = self.world.trace.records();
        let (observer, mut ledger, streams, messages) = self.world.trace.finish();
        ledger.held = held;
        let counters = || self.lcores.cores().iter().map(Lcore::counters);
        let mut broken = ledger.check(counters());
        broken.extend(check_messages(counters(), messages_waiting));
        broken.extend(missing);
        let counted = self.lcores.cores().iter().map(|core| (core.id(), core.counters()));
        let digests = streams.finish(counted, self.end);
        let iftraf = self.lcores.cores()[self.master].iftraf().show(self.end);
        let outcome = Outcome {
            backend,
            iftraf,
            end: self.end,
            ended,
            ledger,
            messages,
            digests,
            lcores,
            inputs,
            polled: Vec::new(),
            broken,
            chances,
            records,
            events: self.events,
            steps: self.steps,
        };
        (outcome, observer)
    }
}

/// The captures that pcap ports poll. They are walked through here, so that no poll can fail.
fn polled(plan: &Plan) -> Result<Vec<(PortId, CaptureInfo)>, RunError> {
    let mut polled = Vec::new();
    for (id, port) in (0..).zip(&plan.ports) {
        if let PortPlan::Pcap { rx: Some(path) } = port {
            let info = CaptureInfo::scan(path)?;
            if let Some(why) = info.libpcap {
                return Err(FabricError::NotPollable { path: path.clone(), why }.into());
            }
            polled.push((PortId(id), info));
        }
    }
    Ok(polled)
}

/// Whether the plan can be run at all.
fn check(plan: &Plan) -> Result<(), RunError> {
    plan.config.check()?;
    let ports = plan.config.ports.len();
    if plan.ports.len() != ports {
        return Err(PlanError::Ports { ports, plans: plan.ports.len() }.into());
    }
    for (config, port) in plan.config.ports.iter().zip(&plan.ports) {
        let endless = matches!(port, PortPlan::Null { rx_frame_len: Some(_) });
        if endless && config.rx_queues > 0 && plan.until.is_none() {
            return Err(PlanError::Endless(config.name.clone()).into());
        }
    }
    for input in &plan.inputs {
        let port = input.port;
        match plan.ports.get(port.index()) {
            None => return Err(PlanError::NoPort { port: port.0, ports }.into()),
            Some(PortPlan::Ring(_)) => {}
            Some(PortPlan::Pcap { .. } | PortPlan::Null { .. }) => {
                let name = plan.config.ports[port.index()].name.clone();
                return Err(PlanError::NoWire(name).into());
            }
        }
        if let Source::Frames(frames) = &input.source
            && !frames.is_sorted_by_key(|(at, _)| *at)
        {
            return Err(PlanError::Order("the frames of an input").into());
        }
    }
    if !plan.commands.is_sorted_by_key(|command| command.at) {
        return Err(PlanError::Order("the commands").into());
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
