//! The orders of a run, and what came of each.

use crate::control::outcome;
use crate::fault::Fault;
use crate::plan::{Command, Plan};
use dataplane::Instant;
use dataplane::control::{Answered, Data, Refused};
use std::collections::VecDeque;

/// What the control plane is still to be told.
#[derive(Debug)]
pub(super) struct Told {
    pub command: Command,
    /// Whether somebody who steers the run waits for the answer.
    pub live: bool,
    /// Why it is told at this time, if that is not its own.
    pub fault: Option<Fault>,
}

/// What the control plane is told in a plan, in order of time; at one time in the plan's order.
pub(super) fn told(plan: &Plan) -> VecDeque<Told> {
    let told = |command: &Command| Told { command: command.clone(), live: false, fault: None };
    let mut all: Vec<Told> = plan.commands.iter().map(told).collect();
    for fault in &plan.faults {
        if let Fault::Order { nth, at } = fault
            && let Some(told) =
                usize::try_from(nth.saturating_sub(1)).ok().and_then(|n| all.get_mut(n))
        {
            (told.command.at, told.fault) = (*at, Some(fault.clone()));
        }
    }
    all.sort_by_key(|told| told.command.at);
    all.into()
}

/// An order, from when it was given until it was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// Its number, from 1.
    pub number: u64,
    /// When the master was told it; for one that the master gave itself, when it was over.
    pub at: Instant,
    /// What it was, in words.
    pub what: String,
    /// When it was over, and what came of it. Nothing when the run ended before.
    pub answered: Option<(Instant, Answered)>,
}

impl Ordered {
    /// Why it was not done.
    pub fn refused(&self) -> Option<Refused> {
        self.answered.as_ref()?.1.outcome.refused
    }

    /// `1.000000000  route add 10.0.0.0/8 via 192.0.2.9: done in 4us`
    pub fn line(&self) -> String {
        let what = &self.what;
        let came = match &self.answered {
            None => "not over".to_owned(),
            Some((at, answered)) => {
                let took = at.saturating_since(self.at);
                format!("{} after {took}", outcome(answered))
            }
        };
        format!("{}  {what}: {came}", self.at)
    }
}

/// All orders, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Orders(Vec<Ordered>);

impl Orders {
    /// The master was told something.
    pub fn told(&mut self, number: u64, at: Instant, what: String) {
        self.0.push(Ordered { number, at, what, answered: None });
    }

    /// An order is over. What was to be shown is kept only for who asks for it now.
    pub fn over(&mut self, at: Instant, mut answered: Answered) {
        if !matches!(answered.data, Data::Text(_)) {
            answered.data = Data::None;
        }
        let number = answered.outcome.order;
        let answered = Some((at, answered));
        match self.0.iter_mut().rev().find(|order| order.number == number) {
            Some(order) => order.answered = answered,
            // The master gave it itself.
            None => {
                let what = "the lifetime of an address is over".to_owned();
                self.0.push(Ordered { number, at, what, answered });
            }
        }
    }

    /// All of them, in the order in which they were told.
    pub fn list(&self) -> &[Ordered] {
        &self.0
    }

    /// All of them, in the order of their numbers.
    pub fn into_list(mut self) -> Vec<Ordered> {
        self.0.sort_by_key(|order| order.number);
        self.0
    }
}
