//! What a line on the socket does to a run that stands still.
//!
//! Beside the control plane's own verbs there are those that let time pass. An order takes as long
//! as it takes: time passes until it is over, and no longer.
//!
//! Invariant: what is recorded, given to a plan at the recorded times, makes the same run.
//! Not here: the socket (`socket.rs`).

use super::grammar::{self, Names, Verb};
use super::record::Recorded;
use super::reply::Reply;
use crate::engine::{Halt, Steered, Then};
use crate::plan::Plan;
use crate::run::RunError;
use crate::scenario::{self, Overrides, text};
use dataplane::control::Order;
use dataplane::job::Role;
use dataplane::{Instant, LcoreId, Nanos, PortId};
use std::path::PathBuf;

/// What `help` says.
const HELP: &str = "\
step [N]        let N events happen (1)
run DURATION    let so much virtual time pass, such as `run 10ms`
until TIME      let time pass until then, counted from the start of the run
status          where the run is
finish          stop steering: the run goes on to its own end
quit            end the run here
addr route neigh vlan link qsch cls stats iftraf hello reload
                the control plane: see docs/control.md";

/// Somebody who steers a run.
#[derive(Debug)]
pub struct Session {
    lcores: Vec<LcoreId>,
    /// The devices of the configuration, with their numbers.
    shaped: Vec<(String, PortId)>,
    dir: PathBuf,
    overrides: Overrides,
    recorded: Recorded,
}

impl Session {
    /// A session over a run of this plan; paths are relative to `dir`, as in its scenario.
    pub fn new(plan: &Plan, dir: PathBuf, overrides: Overrides) -> Session {
        let lcores = plan.config.lcores.iter();
        let lcores = lcores.filter(|l| matches!(l.role, Role::Master | Role::Worker));
        let mut lcores: Vec<LcoreId> = lcores.map(|l| l.id).collect();
        lcores.sort_unstable();
        let shaped = grammar::numbered(&plan.config);
        Session { lcores, shaped, dir, overrides, recorded: Recorded::default() }
    }

    /// What was given, and when.
    pub(crate) fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// Does what a line says. Returns what is to be said of it, and what becomes of the run if it
    /// is steered no longer.
    ///
    /// # Errors
    /// An input of the run cannot be read.
    pub fn line(
        &mut self,
        line: &str,
        run: &mut dyn Steered,
    ) -> Result<(Reply, Option<Then>), RunError> {
        let line = line.trim();
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let at = run.status().at;
        let rest = rest.trim();
        let halt = match verb {
            "step" => match if rest.is_empty() { Ok(1) } else { rest.parse::<u64>() } {
                Ok(events) => run.step(events)?,
                Err(_) => {
                    let why = format!("`{rest}` is no number of events: `step 100`");
                    return Ok((Reply::syntax(why, at), None));
                }
            },
            "run" | "until" => match text::duration(rest) {
                Ok(time) => {
                    let from = if verb == "run" { at } else { Instant::EPOCH };
                    let to = from.saturating_add(time);
                    if to < at {
                        let why = format!("it is {at} already: time does not run back");
                        return Ok((Reply::failed("INVAL", -1, why, at), None));
                    }
                    run.forward(to)?
                }
                Err(why) => return Ok((Reply::syntax(why, at), None)),
            },
            "status" | "help" | "quit" | "finish" if !rest.is_empty() => {
                let why = format!("`{verb}` takes nothing more");
                return Ok((Reply::syntax(why, at), None));
            }
            "status" => return Ok((status(run, None), None)),
            "help" => return Ok((Reply::done(HELP, at), None)),
            "quit" => {
                return Ok((Reply::done(format!("the run ends at {at}"), at), Some(Then::End)));
            }
            "finish" => {
                return Ok((Reply::done("the run goes on to its end", at), Some(Then::GoOn)));
            }
            _ => return self.order(line, run),
        };
        let then = (halt == Halt::Interrupted).then_some(Then::Interrupted);
        Ok((status(run, Some(halt)), then))
    }

    fn order(
        &mut self,
        line: &str,
        run: &mut dyn Steered,
    ) -> Result<(Reply, Option<Then>), RunError> {
        let (at, until) = (run.status().at, run.status().until);
        let (shaped, lcores) = (self.shaped.clone(), self.lcores.clone());
        let names = Names { devices: run.present(), shaped, lcores };
        let (order, reload) = match grammar::parse(line, &names) {
            Ok(Verb::Order(order)) => (order, None),
            Ok(Verb::Reload(file)) => {
                let (reload, read) = scenario::reload(&self.dir, &file, None, &self.overrides);
                (Order::Reload(Box::new(reload)), Some(read))
            }
            Err(error) => return Ok((Reply::unread(line, &error, at), None)),
        };
        if until.is_some_and(|until| at >= until) {
            let why = "the run is at its end (`until`): nothing happens any more";
            return Ok((Reply::failed("IDLE", -12, why, at), None));
        }
        match reload {
            Some(read) => self.recorded.reload(at, read),
            None => self.recorded.order(at, super::words::order(&order, run.devices())),
        }
        let Some(answered) = run.order(order)? else {
            let why = "the run came to its end, or was interrupted, before the order was over";
            return Ok((Reply::failed("IDLE", -12, why, run.status().at), None));
        };
        let at = run.status().at;
        Ok((Reply::answered(&answered, at, run.devices(), run.ports()), None))
    }
}

/// Where the run is.
fn status(run: &dyn Steered, halt: Option<Halt>) -> Reply {
    let status = run.status();
    let next = match (halt, status.next) {
        (Some(Halt::End), _) => "it is at its end".to_owned(),
        (Some(Halt::Interrupted), _) => "it was interrupted".to_owned(),
        (_, None) => "nothing more happens by itself".to_owned(),
        (_, Some(next)) => format!("next at {next}"),
    };
    let held = match status.held {
        0 => String::new(),
        1 => ", 1 packet held".to_owned(),
        n => format!(", {n} packets held"),
    };
    let text = format!("at {} after {} events{held}; {next}", status.at, status.events);
    let data = serde_json::json!({
        "events": status.events, "records": status.records, "held": status.held,
        "next": status.next.map(Instant::as_nanos), "until": status.until.map(Instant::as_nanos),
    });
    Reply { data, ..Reply::done(text, status.at) }
}

/// So much time, as a scenario has it: exact.
pub(super) fn exact(time: Nanos) -> String {
    format!("{}ns", time.get())
}
