//! A line of text into an order: dpip's words, read from left to right.
//!
//! `OBJECT VERB ARGUMENT… [KEY VALUE]…`; keys come in any order, each once.
//!
//! Invariant: a pure function. It never panics, and what it refuses it points at: the word, its
//! column, what was expected there, and what helps.
//! Not here: whether the order can be done (`dataplane::control::Refused`).

mod objects;
mod shaping;
mod words;

use crate::scenario::did_you_mean;
use dataplane::Config;
use dataplane::control::Order;
use dataplane::device::Devices;
use dataplane::{LcoreId, PortId};
use std::fmt;
use std::ops::Range;

/// The names that an order may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The devices that there are.
    pub devices: Vec<String>,
    /// Of these, those of the configuration, which traffic control may be about, with their numbers.
    pub shaped: Vec<(String, PortId)>,
    /// The lcores that take messages: the master and the workers.
    pub lcores: Vec<LcoreId>,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// An order for the control plane.
    Order(Order),
    /// Another configuration, from this file.
    Reload(String),
}

/// A line that is no order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    /// The bytes of the line at which it points: a word, or the end.
    pub span: Range<usize>,
    /// The column of the first of them, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected there.
    pub expected: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for ParseError {
    /// `column 7: there is no device `lna`, expected `lan` or `wan`; did you mean `lan`?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)?;
        if !self.expected.is_empty() {
            write!(f, ", expected {}", self.expected)?;
        }
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Reads a line.
///
/// # Errors
/// The line is no order, or names something that is not there.
pub fn parse(line: &str, names: &Names) -> Result<Verb, ParseError> {
    let mut words = words::Words::new(line, names);
    let verb = objects::verb(&mut words)?;
    words.end()?;
    Ok(verb)
}

/// The devices of a configuration, with their numbers.
pub fn numbered(config: &Config) -> Vec<(String, PortId)> {
    Devices::new(config).iter().map(|device| (device.name.clone(), device.id)).collect()
}

/// "`a`, `b` or `c`"
fn either(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

fn meant(word: &str, known: &[&str]) -> Option<String> {
    did_you_mean(word, known)
}
