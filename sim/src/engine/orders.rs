//! The orders of a run, and what came of each.

use crate::control::outcome;
use dataplane::Instant;
use dataplane::control::{Answered, Data, Refused};

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
