//! What the control plane is told on the way.

use super::super::error::Fault;
use super::super::file::{HelloTable, SwitchTable};
use super::super::ranges;
use super::super::value::At;
use super::Builder;
use crate::plan::Command;
use dataplane::config::{IftrafConfig, LcoreConfig};
use dataplane::control::{Hello, Order, Switch, Target};
use dataplane::job::Role;
use dataplane::msg::Call;
use dataplane::{Instant, Nanos};

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

    fn hello(&mut self, table: &At<HelloTable>, lcores: &[LcoreConfig]) -> Command {
        let hello = &table.value;
        let to = hello.to.value.0;
        if let Target::Lcore(id) = to {
            let fault = match lcores.iter().find(|lcore| lcore.id == id).map(|lcore| lcore.role) {
                Some(Role::Master | Role::Worker) => None,
                Some(role) => Some(format!("lcore {id} is {role}, which takes no messages")),
                None => Some(format!("there is no lcore {id}")),
            };
            if let Some(message) = fault {
                let expected = "expected the master, a worker, or \"workers\"";
                self.fault(Fault::new(&hello.to.span, message, expected));
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
