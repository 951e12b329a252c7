//! What a client is told: one line of JSON, and in it a text for people.

use super::grammar::ParseError;
use super::{tables, words};
use crate::ledger::PortTotals;
use dataplane::Instant;
use dataplane::control::{Answered, Data};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The code of a line that is no order.
pub const SYNTAX: &str = "SYNTAX";

/// A reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether it was done.
    pub ok: bool,
    /// DPVS's name of the code, `OK` when it was done; `SYNTAX` for a line that is no order.
    pub code: String,
    /// DPVS's number of the code.
    pub number: i32,
    /// What there is to say, for people: a sentence or a table.
    pub text: String,
    /// The virtual time at which the run stands, in nanoseconds.
    pub at: u64,
    /// The number of the order, as in the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
    /// The lcore at which it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lcore: Option<u8>,
    /// What was to be shown.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl Reply {
    /// It was done, and this is to be said.
    pub fn done(text: impl Into<String>, at: Instant) -> Reply {
        Reply {
            ok: true,
            code: "OK".to_owned(),
            number: 0,
            text: text.into(),
            at: at.as_nanos(),
            order: None,
            lcore: None,
            data: Value::Null,
        }
    }

    /// It was not done, by DPVS's code.
    pub fn failed(code: &str, number: i32, text: impl Into<String>, at: Instant) -> Reply {
        Reply { ok: false, code: code.to_owned(), number, ..Reply::done(text, at) }
    }

    /// The line is none that anybody understands.
    pub fn syntax(why: impl Into<String>, at: Instant) -> Reply {
        Reply::failed(SYNTAX, -1, why, at)
    }

    /// The same, with an arrow under the word that is wrong.
    pub(super) fn unread(line: &str, error: &ParseError, at: Instant) -> Reply {
        let blanks = " ".repeat(error.column - 1);
        let width = line.get(error.span.clone()).map_or(1, |word| word.chars().count().max(1));
        Reply::syntax(format!("{error}\n  {line}\n  {blanks}{}", "^".repeat(width)), at)
    }

    /// What came of an order.
    pub(super) fn answered(
        answered: &Answered,
        at: Instant,
        devices: &[String],
        ports: &[PortTotals],
    ) -> Reply {
        let outcome = &answered.outcome;
        let reply = match (outcome.refused, &answered.data) {
            (None, Data::None) => Reply::done("done", at),
            (None, data) => {
                let (text, data) = tables::shown(data, devices, ports);
                Reply { data, ..Reply::done(text, at) }
            }
            (Some(why), data) => {
                let place = outcome.at.map_or(String::new(), |at| format!("lcore {at}: "));
                let text = format!("{}: {place}{}", why.code(), words::because(why, data));
                Reply::failed(why.code(), why.number(), text, at)
            }
        };
        Reply { order: Some(outcome.order), lcore: outcome.at.map(|at| at.0), ..reply }
    }

    /// Reads a line that came over the socket.
    ///
    /// # Errors
    /// It is no reply.
    pub fn from_line(line: &str) -> Result<Reply, serde_json::Error> {
        serde_json::from_str(line)
    }

    /// The line that goes over the socket, without its end.
    pub fn to_line(&self) -> String {
        // Numbers and texts: nothing in a reply cannot be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
