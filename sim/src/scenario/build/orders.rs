//! What the control plane is told on the way.

use super::super::error::Mistake;
use super::super::file::{ControlTable, HelloTable, SwitchTable};
use super::super::ranges;
use super::super::value::At;
use super::{Builder, Part};
use crate::control::{Names, ParseError, Verb, parse};
use crate::plan::{Command, ReloadFile};
use dataplane::config::{IftrafConfig, LcoreConfig};
use dataplane::control::{Hello, Order, Switch, Target};
use dataplane::job::Role;
use dataplane::msg::Call;
use dataplane::{Instant, Nanos, PortId};

/// How long a caller may wait for its answers.
pub(super) const MSG_TIMEOUT: (Nanos, Nanos) = (Nanos::from_micros(1), Nanos::from_secs(60));

/// How long a slot of the history of traffic may be.
const IFTRAF_SLOT: (Nanos, Nanos) = (Nanos::from_millis(1), Nanos::from_secs(3600));

impl Builder<'_> {
    /// The greetings, in the order of the file.
    pub(super) fn hellos(&mut self, lcores: &[LcoreConfig]) -> Vec<Command> {
        let file = self.file;
        file.hello.iter().map(|table| self.hello(table, lcores)).collect()
    }

    /// Traffic statistics, and when they are switched.
    pub(super) fn iftraf(&mut self) -> (IftrafConfig, Vec<Command>) {
        let default = IftrafConfig::default();
        let Some(table) = &self.file.iftraf else { return (default, Vec::new()) };
        let config = IftrafConfig {
            on: table.on.unwrap_or(true),
            every: self.ranged(ranges::IFTRAF_EVERY, table.every.as_ref(), default.every),
            slot: self.span_of("slot", table.slot.as_ref(), IFTRAF_SLOT, default.slot),
        };
        let command = |switch: &SwitchTable| {
            let what = if switch.on { Switch::Enable } else { Switch::Disable };
            Command { at: Instant::from_nanos(switch.at.0.get()), what: Order::Iftraf(what) }
        };
        (config, table.switch.iter().map(command).collect())
    }

    /// The orders in words, in order of time: one may name a VLAN device that an earlier one adds.
    pub(super) fn controls(&mut self, lcores: &[LcoreConfig]) -> Vec<Command> {
        let file = self.file;
        let mut tables: Vec<&At<ControlTable>> = file.control.iter().collect();
        tables.sort_by_key(|table| table.value.at.value.0);
        let messages = |l: &&LcoreConfig| matches!(l.role, Role::Master | Role::Worker);
        let mut names = Names {
            devices: self.devices.iter().map(|device| device.name.clone()).collect(),
            shaped: self.devices.iter().map(|d| d.name.clone()).zip((0..).map(PortId)).collect(),
            lcores: lcores.iter().filter(messages).map(|lcore| lcore.id).collect(),
        };
        let mut commands = Vec::new();
        for table in tables {
            let at = Instant::from_nanos(table.value.at.value.0.get());
            let words = &table.value.words;
            match parse(&words.value, &names) {
                Ok(Verb::Order(what)) => {
                    if let Order::VlanAdd { name, .. } = &what {
                        names.devices.push(name.to_string());
                    }
                    commands.push(Command { at, what });
                }
                Ok(Verb::Reload(_)) => {
                    let mistake = Mistake::new(&words.span, "this is no order in a scenario", "");
                    self.mistake(mistake.help("[[reload]] with `at` and `file` does it"));
                }
                Err(error) => self.mistake(inside(words, error)),
            }
        }
        commands
    }

    /// The other configurations, and the files they are from. What is wrong with one is wrong when it is
    /// to be used.
    pub(super) fn reloads(&self, part: Part) -> (Vec<Command>, Vec<ReloadFile>) {
        let reload = |table: &At<super::super::file::ReloadTable>| {
            let at = Instant::from_nanos(table.value.at.value.0.get());
            let (file, text) = (&table.value.file.value, table.value.text.as_deref());
            let (reload, read) = super::super::reload(self.dir, file, text, self.overrides);
            (Command { at, what: Order::Reload(Box::new(reload)) }, read)
        };
        let told = self.file.reload.iter().filter(|_| part == Part::All);
        told.map(reload).unzip()
    }

    fn hello(&mut self, table: &At<HelloTable>, lcores: &[LcoreConfig]) -> Command {
        let hello = &table.value;
        let to = hello.to.value.0;
        if let Target::Lcore(id) = to {
            let mistake = match lcores.iter().find(|lcore| lcore.id == id).map(|lcore| lcore.role) {
                Some(Role::Master | Role::Worker) => None,
                Some(role) => Some(format!("lcore {id} is {role}, which takes no messages")),
                None => Some(format!("there is no lcore {id}")),
            };
            if let Some(message) = mistake {
                let expected = "expected the master, a worker, or \"workers\"";
                self.mistake(Mistake::new(&hello.to.span, message, expected));
            }
        }
        let timeout = hello.timeout.as_ref();
        let timeout = timeout.map(|at| self.span_of("timeout", Some(at), MSG_TIMEOUT, Nanos::ZERO));
        let what = Order::Hello(Hello {
            to,
            call: hello.call.map_or(Call::Sync, Call::from),
            timeout,
            count: self.ranged(ranges::HELLO_COUNT, hello.count.as_ref(), 1),
        });
        Command { at: Instant::from_nanos(hello.at.value.0.get()), what }
    }
}

/// What is wrong with an order, pointing into the text of the file if the words stand there as they
/// are, without escapes.
fn inside(words: &At<String>, error: ParseError) -> Mistake {
    let plain = words.span.len() == words.value.len() + 2;
    let (from, to) =
        (words.span.start + 1 + error.span.start, words.span.start + 1 + error.span.end);
    // At the end of the words the arrow points at the quote.
    let span = if plain { from..to.max(from + 1) } else { words.span.clone() };
    let expected = match error.expected.is_empty() {
        true => String::new(),
        false => format!("expected {}", error.expected),
    };
    Mistake::new(&span, error.message, expected).maybe_help(error.help)
}
