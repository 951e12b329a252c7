//! A run whose time stands still until somebody says how far it goes.
//!
//! A [`Driver`] is handed the run before its first event, and says event by event or by time how
//! far it goes, and what the control plane is told. When it lets go, the run ends there or goes on
//! by itself.
//!
//! Invariant: a steered run is the same as one whose plan has the same orders at the same times and
//! ends at the same time: an order that is given between two events of one instant is given a
//! nanosecond after it, since at an instant the orders come first.

use super::orders::Told;
use super::{Ended, Engine};
use crate::fabric::Fabric;
use crate::ledger::PortTotals;
use crate::plan::Command;
use crate::run::RunError;
use crate::trace::Observer;
use dataplane::control::{Answered, Order};
use dataplane::{Instant, Lcore, Nanos};
use std::sync::atomic::Ordering;

/// Who says how far a run goes.
pub trait Driver {
    /// Steers the run until it is through with it.
    ///
    /// # Errors
    /// An input of the run cannot be read.
    fn drive(&mut self, run: &mut dyn Steered) -> Result<Then, RunError>;
}

/// What becomes of a run that is steered no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It ends where it is.
    End,
    /// It goes on to its own end.
    GoOn,
    /// It was interrupted.
    Interrupted,
}

/// Why a run stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It is as far as it was told to go.
    Reached,
    /// Nothing will happen any more by itself.
    Quiet,
    /// It is at the time at which the plan says that it stops.
    End,
    /// It was interrupted.
    Interrupted,
}

/// Where a steered run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// When an order would be given now.
    pub at: Instant,
    /// Events that were handled. It depends on the pace.
    pub events: u64,
    /// Records of the trace.
    pub records: u64,
    /// Packets that wait somewhere in the box.
    pub held: u64,
    /// When the next thing happens, if any does.
    pub next: Option<Instant>,
    /// When the plan says that it stops.
    pub until: Option<Instant>,
}

/// A run that stands still.
pub trait Steered {
    /// Where it is.
    fn status(&self) -> Status;
    /// Lets everything happen that happens before `to`.
    ///
    /// # Errors
    /// An input cannot be read.
    fn forward(&mut self, to: Instant) -> Result<Halt, RunError>;
    /// Lets so many events happen.
    ///
    /// # Errors
    /// An input cannot be read.
    fn step(&mut self, events: u64) -> Result<Halt, RunError>;
    /// Gives an order now, and lets happen what happens until it is over. Nothing, if the run came
    /// to its end or was interrupted before.
    ///
    /// # Errors
    /// An input cannot be read.
    fn order(&mut self, what: Order) -> Result<Option<Answered>, RunError>;
    /// The names of all devices that there ever were, by number.
    fn devices(&self) -> &[String];
    /// The names of the devices that there are.
    fn present(&self) -> Vec<String>;
    /// What passed the physical ports.
    fn ports(&self) -> &[PortTotals];
}

impl<F: Fabric, O: Observer> Engine<'_, F, O> {
    /// Hands the run to its driver. Returns how it ended, if it is not to go on by itself.
    pub(super) fn steer(
        &mut self,
        driver: &mut (dyn Driver + Send),
    ) -> Result<Option<Ended>, RunError> {
        let ended = match driver.drive(self)? {
            Then::GoOn => {
                self.stop_if_quiet(self.now);
                return Ok(None);
            }
            Then::End => Ended::Until,
            Then::Interrupted => Ended::Interrupted,
        };
        // What else happens at this very instant still does.
        let end = self.give_at().min(self.end);
        while self.next().0 < end {
            self.happen()?;
        }
        self.end = end;
        Ok(Some(ended))
    }

    /// When an order would be given: now, or a nanosecond later if something has happened now.
    fn give_at(&self) -> Instant {
        match self.last == Some(self.now) {
            true => self.now.saturating_add(Nanos::new(1)),
            false => self.now,
        }
    }

    fn halt(&self) -> Option<Halt> {
        if self.conduct.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Some(Halt::Interrupted);
        }
        match self.next().0 {
            at if at >= self.end && self.end != Instant::MAX => Some(Halt::End),
            Instant::MAX => Some(Halt::Quiet),
            _ => None,
        }
    }
}

impl<F: Fabric, O: Observer> Steered for Engine<'_, F, O> {
    fn status(&self) -> Status {
        let (next, _) = self.next();
        let cores = self.lcores.cores();
        Status {
            at: self.give_at(),
            events: self.events,
            records: self.world.trace.records(),
            held: cores.iter().map(Lcore::held).sum::<u64>() + self.world.held(),
            next: (next != Instant::MAX).then_some(next),
            until: self.plan.until.map(|until| Instant::EPOCH.saturating_add(until)),
        }
    }

    fn forward(&mut self, to: Instant) -> Result<Halt, RunError> {
        let to = to.min(self.end);
        loop {
            match self.halt() {
                Some(Halt::Interrupted) => return Ok(Halt::Interrupted),
                halt if self.next().0 >= to => {
                    self.now = self.now.max(to);
                    let quiet = halt == Some(Halt::Quiet);
                    return Ok(match () {
                        () if to == self.end => Halt::End,
                        () if quiet => Halt::Quiet,
                        () => Halt::Reached,
                    });
                }
                _ => self.happen()?,
            }
        }
    }

    fn step(&mut self, events: u64) -> Result<Halt, RunError> {
        for _ in 0..events {
            if let Some(halt) = self.halt() {
                return Ok(halt);
            }
            self.happen()?;
        }
        Ok(Halt::Reached)
    }

    fn order(&mut self, what: Order) -> Result<Option<Answered>, RunError> {
        let at = self.give_at();
        if at >= self.end {
            return Ok(None);
        }
        let place = self.commands.partition_point(|told| told.command.at <= at);
        let told = Told { command: Command { at, what }, live: true, fault: None };
        self.commands.insert(place, told);
        loop {
            if let Some(answered) = self.live_answer.take() {
                return Ok(Some(answered));
            }
            if self.halt().is_some() {
                return Ok(None);
            }
            self.happen()?;
        }
    }

    fn devices(&self) -> &[String] {
        self.world.trace.devices()
    }

    fn present(&self) -> Vec<String> {
        let master = &self.lcores.cores()[self.master];
        master.devices().iter().map(|device| device.name.clone()).collect()
    }

    fn ports(&self) -> &[PortTotals] {
        &self.world.trace.ledger().ports
    }
}
