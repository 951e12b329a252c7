//! What was given while a run was steered, as tables of a scenario.

use super::session::exact;
use crate::plan::ReloadFile;
use crate::scenario::until_span;
use dataplane::Instant;
use std::fmt::Write as _;

/// The orders that were given, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded(Vec<(Instant, Given)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
    Order(String),
    Reload(ReloadFile),
}

impl Recorded {
    /// An order, in its words.
    pub fn order(&mut self, at: Instant, words: String) {
        self.0.push((at, Given::Order(words)));
    }

    /// Another configuration, by its file.
    pub fn reload(&mut self, at: Instant, file: ReloadFile) {
        self.0.push((at, Given::Reload(file)));
    }

    /// The files of other configurations, in the order in which they were read.
    pub fn reloads(&self) -> impl Iterator<Item = &ReloadFile> {
        self.0.iter().filter_map(|(_, given)| match given {
            Given::Order(_) => None,
            Given::Reload(file) => Some(file),
        })
    }

    /// The scenario of the same run without anybody who steers it: it is told the same at the same
    /// times, and stops when it stopped.
    pub fn scenario(&self, text: &str, end: Instant) -> String {
        let until = format!("\"{}\"", exact(end.saturating_since(Instant::EPOCH)));
        let mut scenario = match until_span(text) {
            Some(span) => format!("{}{until}{}", &text[..span.start], &text[span.end..]),
            None => format!("until = {until}\n{text}"),
        };
        if !scenario.ends_with('\n') {
            scenario.push('\n');
        }
        if !self.0.is_empty() {
            scenario.push_str("\n# Given while the run was steered.\n");
        }
        for (at, given) in &self.0 {
            let at = exact(at.saturating_since(Instant::EPOCH));
            let (table, key, text) = match given {
                Given::Order(words) => ("control", "do", words),
                Given::Reload(read) => ("reload", "file", &read.file),
            };
            // A JSON text is a TOML text.
            let text = crate::trace::quoted(text);
            // Writing to a String cannot fail.
            let _ = writeln!(scenario, "\n[[{table}]]\nat = \"{at}\"\n{key} = {text}");
        }
        scenario
    }
}
